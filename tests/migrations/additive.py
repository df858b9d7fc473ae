"""The lint of migrations: after each, the code of the release before must still work, and while it runs, too."""

import io
import re
from collections.abc import Iterator
from types import ModuleType

from alembic.migration import MigrationContext
from alembic.operations import Operations

CONSTRAINT = "(?:CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)"
BREAKS = {
    "drops what old code may use": re.compile(r"\bDROP\b(?! NOT NULL)", re.I),
    "renames what old code may use": re.compile(r"\bRENAME\b", re.I),
    "changes a type": re.compile(r"\bALTER TABLE .*\bTYPE\b", re.I),
    "forbids null where old code may write it": re.compile(r"\bSET NOT NULL\b", re.I),
    "adds a column that old code does not fill: NOT NULL without a server default": re.compile(
        rf"\bALTER TABLE .*\bADD (?!{CONSTRAINT}\b)(?=[^,]*\bNOT NULL\b)(?![^,]*\b(?:DEFAULT|GENERATED)\b)", re.I
    ),
}
CONSTRAINS = re.compile(rf"\bALTER TABLE .*\bADD {CONSTRAINT}\b|\bCREATE UNIQUE INDEX\b", re.I)
LOCKS = re.compile(r"\bCREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY\b)", re.I)
CREATED = re.compile(r"\bCREATE TABLE (?:IF NOT EXISTS )?([\w.]+)", re.I)
ADDED = re.compile(r"\bADD (?:COLUMN )?(?:IF NOT EXISTS )?(\w+)", re.I)
CONCERNED = re.compile(r"\b(?:(?:ALTER|DROP) TABLE|ON) (?:IF EXISTS )?(?:ONLY )?([\w.]+)", re.I)
RELEASE = re.compile(r"\d+(\.\d+)+")


class Written(io.StringIO):
    """What Alembic would send, a write for each time."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def write(self, text: str) -> int:
        self.texts.append(text)
        return len(text)


def statements(migration: ModuleType) -> list[str]:
    """The SQL of upgrade(), which runs without a database: of each operation, and what it would execute."""
    written = Written()
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written})
    with Operations.context(context):
        migration.upgrade()
    return [statement for text in written.texts for statement in plain(text).split("; ")]


def plain(sql: str) -> str:
    """Without comments, strings, quotes and precisions, with single spaces."""
    sql = re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", "''", sql, flags=re.S)
    return " ".join(re.sub(r'\([\d, ]+\)|"', "", sql).split()) + " "


def faults(migration: ModuleType) -> Iterator[str]:
    """What must not be done while old code runs, unless a release that no longer needs it is named; none is best."""
    unused_since = getattr(migration, "unused_since", None)
    if unused_since is not None and not RELEASE.fullmatch(str(unused_since)):
        yield f"unused_since is {unused_since!r}, and not a release such as 0.2"
    tables: set[str] = set()
    columns: set[str] = set()
    for statement in statements(migration):
        tables.update(CREATED.findall(statement))
        concerned = CONCERNED.search(statement)
        if concerned and concerned[1] in tables:
            continue
        if LOCKS.search(statement):
            yield f"locks a table while its index is built, without CONCURRENTLY: {statement}"
        if not unused_since:
            yield from (f"{fault}: {statement}" for fault in breaks(statement, columns))
        columns.update(ADDED.findall(statement))


def breaks(statement: str, new_columns: set[str]) -> Iterator[str]:
    yield from (fault for fault, pattern in BREAKS.items() if pattern.search(statement))
    if CONSTRAINS.search(statement) and not new_columns & set(re.findall(r"\w+", statement)):
        yield "constrains what old code may write"
