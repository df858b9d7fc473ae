"""The versions of the models, and the aliases that point at them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db import Runs, to_json
from shared.errors import (
    Conflict,
    Invalid,
    NotChecked,
    NotFound,
    NotServed,
    PreconditionFailed,
    ScorelineError,
)
from shared.signature import Signature
from shared.tables import Alias, Version

DEFAULT_MODEL = "housing"
CHAMPION = "champion"
# A single waits at the most for the slice that is being scored, so a slice takes about this long.
SLICE_SECONDS = 0.1
NAME = r"[a-z0-9][a-z0-9_-]{0,63}"
# The same without names, as JSON Schema has it.
REFERENCE = rf"{NAME}(:[1-9]\d{{0,8}}|@{NAME})?"
REF = re.compile(rf"(?P<model>{NAME})(?::(?P<number>[1-9]\d{{0,8}})|@(?P<alias>{NAME}))?")
LONGEST_FAILURE = 500


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
    session.refresh(version)  # with what the database set, for who reads it after the transaction
    session.execute(insert(Alias).values(model=model, alias=CHAMPION, version_id=version.id).on_conflict_do_nothing())
    return version


class Pointer(NamedTuple):
    """Where an alias points; `revision` counts its moves."""

    model: str
    alias: str
    number: int
    revision: int


def pointer(session: Runs, model: str, alias: str) -> Pointer:
    query = select(Alias.model, Alias.alias, Version.number, Alias.revision).join(Version)
    row = session.execute(query.where(Alias.model == model, Alias.alias == alias)).first()
    if row is None:
        raise NotFound(f"there is no {model[:64]}@{alias[:64]}; GET /models lists what there is")
    return Pointer(*row)


# A second move to the same version is none. Nobody removes an alias, so one that is seen here is there to be moved.
MOVE = text("""
INSERT INTO aliases (model, alias, version_id)
SELECT :model, :alias, :version
WHERE CAST(:revisions AS int[]) IS NULL OR EXISTS (SELECT FROM aliases WHERE model = :model AND alias = :alias)
ON CONFLICT (model, alias) DO UPDATE SET version_id = excluded.version_id,
    revision = aliases.revision + (aliases.version_id <> excluded.version_id)::int
WHERE NOT :only_new AND (CAST(:revisions AS int[]) IS NULL OR aliases.revision = ANY(:revisions))
RETURNING xmax = 0 AS is_new
""")


def move(
    session: Session,
    model: str,
    alias: str,
    number: int,
    revisions: list[int] | None = None,
    only_new: bool = False,
) -> bool:
    """Has an alias mean this version from the next accepted request on. Whether the alias is new.

    With `revisions` only if it is at one of these; with `only_new` only if there is none. Else PreconditionFailed.
    """
    version = require(session, model, number, lock="share")
    check_servable(version)
    terms = {
        "model": model,
        "alias": alias_name(alias),
        "version": version.id,
        "revisions": revisions,
        "only_new": only_new,
    }
    is_new = session.scalar(MOVE, terms)
    if is_new is None:
        raise moved_meanwhile(session, model, alias)
    return bool(is_new)


def model_name(written: str) -> str:
    if not re.fullmatch(NAME, written):
        raise NotFound(f'"{written[:100]}" is not the name of a model; GET /models lists what there is')
    return written


def alias_name(written: str) -> str:
    if not re.fullmatch(NAME, written):
        raise Invalid("an alias has 1 to 64 small letters, digits, - and _, and begins with a letter or a digit")
    return written


def existing(session: Runs, model: str, alias: str) -> Pointer:
    """Where the alias points, for whoever wants to move one that is there."""
    try:
        return pointer(session, model, alias)
    except NotFound as error:
        raise PreconditionFailed(f"{error.detail}; send the request without If-Match to make it") from error


def moved_meanwhile(session: Runs, model: str, alias: str) -> PreconditionFailed:
    now = existing(session, model, alias)
    return PreconditionFailed(
        f'{model}@{alias} means {model}:{now.number} now and its ETag is "{now.revision}"; read it again, then decide'
    )


def point(session: Session, version: Version, alias: str) -> None:
    """Moves an alias, or makes it, so that it means this version from the next accepted request on."""
    move(session, version.model, alias, version.number)


def require(session: Session, model: str, number: int, lock: str | None = None) -> Version:
    """The version, locked against changes if that is asked for: `share` with others who only look, or `update`."""
    query = select(Version).where(Version.model == model, Version.number == number)
    if lock:
        query = query.with_for_update(read=lock == "share").execution_options(populate_existing=True)
    version = session.scalar(query)
    if version is None:
        raise NotFound(f"there is no {model[:64]}:{number}; GET /models lists what there is")
    return version


def check_servable(version: Version) -> None:
    """Raises what keeps an alias from being moved onto this version."""
    ref, again = ref_of(version), f"PATCH /models/{version.model}/versions/{version.number} with is_active true"
    if version.failure:
        raise NotServed(
            f"{ref} cannot be served: {version.failure}. Put that right, then have it checked again by {again}"
        )
    if not version.is_active:
        raise NotServed(f"{ref} is not active; {again} makes it so")
    if version.checked_at is None:
        raise NotChecked(
            f"no worker has checked {ref} yet; try again in a moment, and look at /health if it stays like that"
        )


def ref_of(version: Version) -> str:
    return f"{version.model}:{version.number}"


def activate(session: Session, model: str, number: int, is_active: bool) -> Version:
    """Lets a version be named, or not. Made active, also when it is, one that failed is checked anew."""
    version = require(session, model, number, lock="update")
    if not is_active and not version.failure and (pointing := aliases_of(session, version)):
        names = ", ".join(f"{model}@{alias}" for alias in pointing)
        raise Conflict(f"{names} means {ref_of(version)}, so nobody could use it any more; move it elsewhere first")
    version.is_active = is_active
    if is_active and version.failure:
        version.failure = version.checked_at = None
    session.flush()
    return version


def aliases_of(session: Session, version: Version) -> list[str]:
    return list(session.scalars(select(Alias.alias).where(Alias.version_id == version.id).order_by(Alias.alias)))


CONFIRM = text("""
UPDATE versions SET checked_at = clock_timestamp(), slice_records = least(slice_records, :slice_records),
    example_output = coalesce(example_output, CAST(:example_output AS json))
WHERE id = :version AND checked_at IS NULL AND failure IS NULL
""")


def confirm(session: Runs, version_id: int, example_output: Mapping[str, Any], slice_records: int) -> None:
    """Notes that the version passed the load gate, and what was measured there; who is first says it for all."""
    terms = {"version": version_id, "example_output": to_json(dict(example_output)), "slice_records": slice_records}
    session.execute(CONFIRM, terms)


FAIL = text("UPDATE versions SET failure = :failure WHERE id = :version AND failure IS NULL")


def fail(session: Runs, version_id: int, failure: str) -> None:
    """Notes why no worker may load the version, so that nothing more is accepted for it."""
    session.execute(FAIL, {"version": version_id, "failure": failure[:LONGEST_FAILURE]})


# Every process of every worker asks this once a second.
WANTED = text("""
SELECT versions.id FROM versions
LEFT JOIN LATERAL (
    SELECT max((alias = 'champion')::int) AS is_champion FROM aliases WHERE version_id = versions.id
) AS pointing ON true
WHERE is_active AND failure IS NULL AND checked_at IS NOT NULL AND (is_champion IS NOT NULL OR NOT EXISTS (
    SELECT FROM versions AS newer
    WHERE newer.model = versions.model AND newer.number > versions.number AND newer.is_active AND newer.failure IS NULL
))
ORDER BY is_champion DESC NULLS LAST, versions.id DESC
""")
UNCHECKED = text("""
SELECT id FROM versions WHERE checked_at IS NULL AND is_active AND failure IS NULL ORDER BY id DESC
""")


def wanted(session: Runs) -> list[int]:
    """What a worker keeps ready: the versions that aliases point at, champions first, and each model's newest."""
    return list(session.scalars(WANTED))


def unchecked(session: Runs) -> list[int]:
    """The versions that nobody has sent through the load gate yet, newest first."""
    return list(session.scalars(UNCHECKED))


def catalogue(session: Session, model: str | None = None) -> list[tuple[Version, list[str]]]:
    """The versions, newest first within a model, each with the aliases that point at it."""
    query = select(Version).order_by(Version.model, Version.number.desc())
    versions = session.scalars(query if model is None else query.where(Version.model == model)).all()
    pointing: dict[int, list[str]] = {}
    for alias in session.scalars(select(Alias).order_by(Alias.alias)):
        pointing.setdefault(alias.version_id, []).append(alias.alias)
    return [(version, pointing.get(version.id, [])) for version in versions]
