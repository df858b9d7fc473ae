"""Brings the database to the tables of shared/tables.py, one runner at a time."""

import sys
import time

from alembic import context
from sqlalchemy import Connection, text

from shared.db import make_engine
from shared.tables import Table

# Any number of starting containers may ask at once; the first migrates, the others find it done.
LOCK = 5_318_008
MIGRATION_SECONDS = 3600
PAUSE_SECONDS = 0.2


def run() -> None:
    with make_engine(0, statement_seconds=MIGRATION_SECONDS).connect() as connection:
        wait_until_alone(connection)
        context.configure(connection=connection, target_metadata=Table.metadata, transaction_per_migration=True)
        if is_of_later_release():
            sys.stderr.write("a later release has migrated this database; what it added is left as it is\n")
            return
        with context.begin_transaction():
            context.run_migrations()


def is_of_later_release() -> bool:
    """Whether this code does not know the newest migration. It works on these tables, too: migrations only add."""
    return (context.get_context().get_current_revision() or "") > str(context.get_head_revision())


def wait_until_alone(connection: Connection) -> None:
    """Asks until the lock is free: CREATE INDEX CONCURRENTLY would wait for whoever waits inside a statement."""
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
        connection.rollback()
        time.sleep(PAUSE_SECONDS)
    connection.commit()


run()
