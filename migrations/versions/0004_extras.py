"""jobs.extras: the columns that a file brought beyond the features, in its order, with their types."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("extras", sa.JSON, nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "extras")
