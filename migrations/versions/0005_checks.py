"""versions.example_output and checked_at: what a version says of its example, and when it was first seen to say so."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Versions that are there have neither, so the next worker that starts checks them.
    op.add_column("versions", sa.Column("example_output", sa.JSON, nullable=True))
    op.add_column("versions", sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("versions", "checked_at")
    op.drop_column("versions", "example_output")
