"""Tables whose rows change all the time are vacuumed when a fiftieth of them has, and not a fifth."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OFTEN = {
    # A slice is written three times. Its index of what waits must not fill up with what has been claimed.
    "slices": "autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05",
    "jobs": "autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05",
    "requests": "autovacuum_vacuum_scale_factor = 0.05",
    # A few rows, each written once a second: a page or two for good, if they are vacuumed every other minute.
    "workers": "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100, fillfactor = 50",
}


def upgrade() -> None:
    for table, settings in OFTEN.items():
        op.execute(f"ALTER TABLE {table} SET ({settings})")


def downgrade() -> None:
    for table, settings in OFTEN.items():
        names = ", ".join(setting.split(" = ")[0] for setting in settings.split(", "))
        op.execute(f"ALTER TABLE {table} RESET ({names})")
