"""Up, down and up again, also with rows in the tables."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from sqlalchemy import create_engine, text

from shared.settings import with_driver
from shared.tables import REVISION
from tests.conftest import ROOT, copy_database, migrate


def alembic(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"DATABASE_URL": url}
    command = [sys.executable, "-m", "alembic", *words]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)


def test_the_tables_are_those_of_the_code(template: str) -> None:
    checked = alembic(template, "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_code_knows_the_newest_migration(template: str) -> None:
    assert alembic(template, "heads").stdout.split()[0] == REVISION


def test_down_to_nothing_and_up_again(template: str) -> None:
    url = copy_database(template)
    migrate(url, "downgrade", "base")
    with create_engine(with_driver(url)).connect() as connection:
        left = connection.scalars(
            text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')")
        )
        assert set(left) == {"alembic_version"}
    migrate(url)
    assert alembic(url, "check").returncode == 0


def test_a_column_joins_a_table_full_of_rows(template: str) -> None:
    url = copy_database(template)
    migrate(url, "downgrade", "0002")
    engine = create_engine(with_driver(url))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO users (email, username) VALUES ('a@example.org', 'a')"))
        connection.execute(
            text("""INSERT INTO versions
            (model, number, task, framework, signature, example, metrics, training, slice_records, artifact, sha256)
            VALUES ('m', 1, 'regression', 'f', '{}', '{}', '{}', '{}', 1, 'a', 's')""")
        )
        connection.execute(
            text("""INSERT INTO jobs (id, user_id, version_id, lane, total)
            SELECT gen_random_uuid(), users.id, versions.id, 'single', 1
            FROM users, versions, generate_series(1, 50000)""")
        )
        before = connection.scalar(text("SELECT pg_relation_filenode('jobs')"))
    migrate(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM jobs WHERE warnings = '{}'")) == 50_000
        assert connection.scalar(text("SELECT pg_relation_filenode('jobs')")) == before, "the table was rewritten"
    engine.dispose()


INDEX = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None
def upgrade():
    with op.get_context().autocommit_block():
        op.execute("SELECT pg_sleep(2)")
        op.create_index("jobs_name_idx", "jobs", ["name"], postgresql_concurrently=True)
"""


def test_an_index_is_built_concurrently_while_others_wait_to_migrate(template: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    shutil.copy(ROOT / "alembic.ini", tmp_path)
    (tmp_path / "migrations" / "versions" / "9999_index.py").write_text(INDEX.format(head=REVISION))
    env = os.environ | {"DATABASE_URL": copy_database(template)}
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    runners = [subprocess.Popen(command, cwd=tmp_path, env=env) for _ in range(2)]
    assert [runner.wait(60) for runner in runners] == [0, 0]


def test_the_release_before_takes_the_tables_as_they_are(template: str) -> None:
    """Else nobody could go back to its images, whose first act is to migrate."""
    url = copy_database(template)
    engine = create_engine(with_driver(url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    done = alembic(url, "upgrade", "head")
    assert (done.returncode, "a later release has migrated" in done.stderr) == (0, True)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
    engine.dispose()
