"""jobs.warnings: what was accepted but is worth a second look, counted by feature."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default is kept in the catalogue: no row of a full table is rewritten.
    op.add_column("jobs", sa.Column("warnings", JSONB, server_default=sa.text("'{}'"), nullable=False))


def downgrade() -> None:
    op.drop_column("jobs", "warnings")
