"""The versions of the models, and the aliases that point at them."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db import Runs, to_json
from shared.errors import Conflict, NotFound, ScorelineError
from shared.signature import Signature
from shared.tables import Alias, Version

DEFAULT_MODEL = "housing"
CHAMPION = "champion"
# A single waits at the most for the slice that is being scored, so a slice takes about this long.
SLICE_SECONDS = 0.1
REF = re.compile(
    r"(?P<model>[a-z0-9][a-z0-9_-]{0,63})(?::(?P<number>[1-9]\d{0,8})|@(?P<alias>[a-z0-9][a-z0-9_-]{0,63}))?"
)


class Ref(NamedTuple):
    """`housing:3` by its number, `housing@champion` by its alias; a bare `housing` means the champion."""

    model: str
    number: int | None
    alias: str | None

    @classmethod
    def parse(cls, written: str) -> "Ref":
        match = REF.fullmatch(written)
        if match is None:
            raise NotFound(f'"{written[:100]}" is not a model; write housing, housing:3 or housing@champion')
        number = match["number"]
        return (
            cls(match["model"], int(number), None) if number else cls(match["model"], None, match["alias"] or CHAMPION)
        )

    def __str__(self) -> str:
        return f"{self.model}:{self.number}" if self.number else f"{self.model}@{self.alias}"


class Served(NamedTuple):
    """What is needed to accept a record for a version."""

    id: int
    model: str
    number: int
    signature: Signature
    slice_records: int

    @property
    def ref(self) -> str:
        return f"{self.model}:{self.number}"


# A version never changes what it takes, so its signature is parsed once a process.
_signatures: dict[int, Signature] = {}


def signature_of(version_id: int, written: dict[str, Any]) -> Signature:
    if version_id not in _signatures:
        _signatures[version_id] = Signature.model_validate(written)
    return _signatures[version_id]


def signatures(session: Runs, versions: set[int]) -> dict[int, Signature]:
    """The signatures of these versions, from memory as far as they are known."""
    if missing := versions - _signatures.keys():
        rows = session.execute(select(Version.id, Version.signature).where(Version.id.in_(missing)))
        for version_id, written in rows:
            signature_of(version_id, written)
    return {version: _signatures[version] for version in versions}


# Every batch of requests asks this, so it is one statement and reads no signature that is known.
NAMED = text("""
SELECT ref.written, versions.id, versions.model, versions.number, is_active, failure, slice_records
FROM json_to_recordset(:refs) AS ref (written text, model text, number int, alias text)
LEFT JOIN aliases ON aliases.model = ref.model AND aliases.alias = ref.alias
JOIN versions ON versions.id = aliases.version_id OR (versions.model = ref.model AND versions.number = ref.number)
""")


def resolve(session: Runs, refs: Iterable[str]) -> dict[str, Served | ScorelineError]:
    """For each ref the version that it means now, or what is wrong with it."""
    found: dict[str, Served | ScorelineError] = {}
    parsed: dict[str, Ref] = {}
    for written in set(refs):
        try:
            parsed[written] = Ref.parse(written)
        except NotFound as error:
            found[written] = error
    rows = named_versions(session, parsed)
    for written, ref in parsed.items():
        found[written] = as_served(session, ref, rows.get(written))
    return found


def find(session: Runs, ref: str) -> Served:
    """The version that a ref means now."""
    served = resolve(session, [ref])[ref]
    if isinstance(served, ScorelineError):
        raise served
    return served


def named_versions(session: Runs, parsed: dict[str, Ref]) -> dict[str, Any]:
    if not parsed:
        return {}
    refs = [{"written": written, **ref._asdict()} for written, ref in parsed.items()]
    return {row.written: row for row in session.execute(NAMED, {"refs": to_json(refs)})}


def as_served(session: Runs, ref: Ref, row: Any) -> Served | ScorelineError:
    if row is None:
        return NotFound(f"there is no {ref}; GET /models lists what there is")
    if row.failure or not row.is_active:
        why = f"cannot be served: {row.failure}" if row.failure else "is not active"
        return Conflict(f"{row.model}:{row.number} {why}; name another version")
    return Served(row.id, row.model, row.number, signatures(session, {row.id})[row.id], row.slice_records)


def register(session: Session, model: str, **fields: Any) -> Version:
    """The model's next version. The first one becomes champion by itself."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('versions ' || :model))"), {"model": model})
    number = session.scalar(select(func.coalesce(func.max(Version.number), 0) + 1).where(Version.model == model))
    version = Version(model=model, number=number, **fields)
    session.add(version)
    session.flush()
    session.execute(insert(Alias).values(model=model, alias=CHAMPION, version_id=version.id).on_conflict_do_nothing())
    return version


def point(session: Session, version: Version, alias: str) -> None:
    """Moves an alias, or makes it, so that it means this version from the next accepted request on."""
    session.execute(
        insert(Alias)
        .values(model=version.model, alias=alias, version_id=version.id)
        .on_conflict_do_update(
            index_elements=[Alias.model, Alias.alias], set_={"version_id": version.id, "revision": Alias.revision + 1}
        )
    )


def catalogue(session: Session, model: str | None = None) -> list[tuple[Version, list[str]]]:
    """The versions, newest first within a model, each with the aliases that point at it."""
    query = select(Version).order_by(Version.model, Version.number.desc())
    versions = session.scalars(query if model is None else query.where(Version.model == model)).all()
    pointing: dict[int, list[str]] = {}
    for alias in session.scalars(select(Alias).order_by(Alias.alias)):
        pointing.setdefault(alias.version_id, []).append(alias.alias)
    return [(version, pointing.get(version.id, [])) for version in versions]
