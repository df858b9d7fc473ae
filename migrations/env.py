"""Brings the database to the tables of shared/tables.py, one runner at a time."""

from alembic import context
from sqlalchemy import text

from shared.db import make_engine
from shared.tables import Table

# Any number of starting containers may ask at once; the first migrates, the others find it done.
LOCK = 5_318_008
MIGRATION_SECONDS = 3600


def run() -> None:
    with make_engine(0, statement_seconds=MIGRATION_SECONDS).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        connection.commit()
        context.configure(connection=connection, target_metadata=Table.metadata, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


run()
