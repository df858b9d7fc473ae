"""Old and new code run side by side during an upgrade, so a migration only adds. The lint sees what does not."""

from textwrap import indent
from types import ModuleType

import pytest
from alembic.script import Script, ScriptDirectory

from tests.conftest import ROOT
from tests.migrations.additive import faults

MIGRATIONS = list(ScriptDirectory(str(ROOT / "migrations")).walk_revisions())
BAD = {
    "op.drop_table('keys')": "drops",
    "op.drop_column('jobs', 'name')": "drops",
    "op.drop_constraint('jobs_known_lane', 'jobs')": "drops",
    "op.drop_index('slices_lease_idx', 'slices')": "drops",
    "op.alter_column('jobs', 'lane', server_default=None)": "drops",
    "op.rename_table('keys', 'secrets')": "renames",
    "op.alter_column('jobs', 'name', new_column_name='title')": "renames",
    "op.alter_column('jobs', 'total', type_=sa.BigInteger)": "changes a type",
    "op.alter_column('jobs', 'name', nullable=False)": "forbids null",
    "op.add_column('jobs', sa.Column('note', sa.Text, nullable=False))": "NOT NULL without a server default",
    "op.add_column('jobs', sa.Column('cost', sa.Numeric(10, 2), nullable=False))": "NOT NULL without a server default",
    "op.create_check_constraint('short', 'jobs', 'length(name) < 9')": "constrains",
    "op.create_unique_constraint('once', 'jobs', ['name'])": "constrains",
    "op.create_index('i', 'jobs', ['name'])": "without CONCURRENTLY",
    "op.create_index('i', 'jobs', ['name'], unique=True, postgresql_concurrently=True)": "constrains",
    "with op.batch_alter_table('jobs') as jobs: jobs.drop_column('name')": "drops",
    "op.execute('ALTER TABLE jobs\\n  DROP name')": "drops",
    "op.execute('drop view predictions')": "drops",
    "op.execute(sa.text('UPDATE jobs SET name = NULL; ALTER TABLE jobs RENAME name TO title'))": "renames",
    "op.execute('ALTER TABLE jobs ALTER total SET DATA TYPE bigint')": "changes a type",
    "op.execute('ALTER TABLE jobs ADD a int, ADD b numeric(9, 2) NOT NULL, ADD c int DEFAULT 1')": "NOT NULL without",
    "op.execute('DO $$ BEGIN ALTER TABLE jobs DROP name; END $$')": "drops",
    "op.execute('CREATE INDEX IF NOT EXISTS i ON jobs (name)')": "without CONCURRENTLY",
}
GOOD = [
    "op.add_column('jobs', sa.Column('note', sa.Text))",
    "op.add_column('jobs', sa.Column('note', sa.Text, server_default='', nullable=False))",
    "op.add_column('jobs', sa.Column('user', sa.BigInteger, sa.ForeignKey('users.id')))",
    "op.alter_column('jobs', 'name', nullable=True)",
    "with op.get_context().autocommit_block(): op.create_index('i', 'jobs', ['name'], postgresql_concurrently=True)",
    "op.create_table('notes', sa.Column('id', sa.Integer, primary_key=True), sa.Column('text', sa.Text, index=True))",
    "op.create_table('notes', sa.Column('text', sa.Text))\nop.create_unique_constraint('once', 'notes', ['text'])",
    "op.execute('CREATE TABLE notes (text text NOT NULL); CREATE UNIQUE INDEX i ON notes (text)')",
    "op.execute(\"UPDATE jobs SET name = 'DROP TABLE jobs; it''s only text' -- and not RENAME\")",
    "op.execute('CREATE OR REPLACE VIEW predictions AS SELECT 1')",
]


def made_up(body: str, **names: object) -> ModuleType:
    module = ModuleType("made_up")
    exec(f"import sqlalchemy as sa\nfrom alembic import op\ndef upgrade():\n{indent(body, '    ')}", module.__dict__)
    module.__dict__.update(names)
    return module


@pytest.mark.parametrize("script", MIGRATIONS, ids=lambda script: script.revision)
def test_every_migration_only_adds(script: Script) -> None:
    assert list(faults(script.module)) == []


@pytest.mark.parametrize("body", BAD)
def test_what_old_code_would_not_survive_is_seen(body: str) -> None:
    assert any(BAD[body] in fault for fault in faults(made_up(body)))


@pytest.mark.parametrize("body", GOOD)
def test_what_only_adds_is_let_through(body: str) -> None:
    assert list(faults(made_up(body))) == []


def test_what_no_release_uses_any_more_may_go() -> None:
    body = "op.drop_column('jobs', 'name')\nop.rename_table('keys', 'secrets')"
    assert list(faults(made_up(body, unused_since="0.2"))) == []
    [fault] = faults(made_up("pass", unused_since="a while ago"))
    assert "not a release" in fault


def test_no_excuse_for_a_lock() -> None:
    [fault] = faults(made_up("op.create_index('i', 'jobs', ['name'])", unused_since="0.2"))
    assert "without CONCURRENTLY" in fault
