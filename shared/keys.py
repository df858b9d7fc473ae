"""The secrets that say who one is. Each is shown once and kept as a hash."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db import Prepared, Runs, to_json
from shared.errors import Invalid, NotFound
from shared.tables import Key

WRITTEN = re.compile(r"sk_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")
NAMED = re.compile(r"sk_[0-9a-f]{8}|[0-9]{1,19}")
HASHED = re.compile(r"sk_[0-9a-f]{8}:[0-9a-f]{64}")


@dataclass(frozen=True)
class Caller:
    """Who sent a request."""

    user_id: int
    username: str
    is_admin: bool
    key_id: int


def issue(session: Session, user_id: int, name: str) -> str:
    """A new key of this user: the whole secret, which nobody can read again."""
    return add(session, user_id, name)[1]


def add(session: Session, user_id: int, name: str) -> tuple[Key, str]:
    """The same with what is kept of it."""
    prefix = "sk_" + secrets.token_hex(4)
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    key = Key(user_id=user_id, name=name, prefix=prefix, secret_sha256=digest(secret))
    session.add(key)
    session.flush()
    return key, secret


def of_user(session: Session, user_id: int) -> Sequence[Key]:
    """The keys of a user, newest first, with the ones that were revoked."""
    return session.scalars(select(Key).where(Key.user_id == user_id).order_by(Key.id.desc())).all()


def count(session: Session, user_id: int) -> int:
    """How many keys of a user are not revoked."""
    open_ones = select(func.count()).where(Key.user_id == user_id, Key.revoked_at.is_(None))
    return session.scalar(open_ones) or 0


REVOKE = text("""
UPDATE keys SET revoked_at = coalesce(revoked_at, clock_timestamp())
WHERE user_id = :user AND (prefix = :key OR id::text = :key)
""")


def revoke(session: Session, user_id: int, key: str) -> None:
    """Closes a key, by its id or its prefix, for good; twice is once."""
    known = NAMED.fullmatch(key) and session.execute(REVOKE, {"user": user_id, "key": key})
    if not known or not known.rowcount:  # type: ignore[attr-defined]
        # No more of it is said than a prefix has: it may be the key itself.
        raise NotFound(f'there is no key "{key[:11]}" of this user; GET /users/{user_id}/keys has their prefixes')


USED = text("""
UPDATE keys SET last_used_at = clock_timestamp() - used.ago * interval '1 second'
FROM json_to_recordset(:used) AS used (id bigint, ago float8)
WHERE keys.id = used.id
  AND coalesce(last_used_at, '-infinity') < clock_timestamp() - used.ago * interval '1 second'
""")


def note_use(session: Runs, used: Mapping[int, float]) -> None:
    """Remembers when keys were last used, told as seconds that passed since."""
    session.execute(USED, {"used": to_json([{"id": key, "ago": ago} for key, ago in sorted(used.items())])})


def adopt(session: Session, user_id: int, name: str, hashed: str) -> None:
    """Lets a key that was made elsewhere open the door, by its `prefix:sha256`; one that is known is left as it is."""
    if not HASHED.fullmatch(hashed):
        raise Invalid("a key's hash is its prefix, a colon and the sha256 of the whole key in hexadecimal")
    prefix, _, digest = hashed.partition(":")
    key = insert(Key).values(user_id=user_id, name=name, prefix=prefix, secret_sha256=digest)
    session.execute(key.on_conflict_do_nothing(index_elements=[Key.prefix]))


WHOSE = Prepared(
    "whose",
    """
SELECT users.id, username, is_admin, keys.id AS key_id, secret_sha256 FROM keys JOIN users ON users.id = user_id
WHERE prefix = :prefix AND revoked_at IS NULL AND is_active
""",
    prefix="text",
)


def whose(session: Runs, secret: str) -> Caller | None:
    """The active user of a key that is not revoked."""
    if not WRITTEN.fullmatch(secret):
        return None
    found = WHOSE(session, prefix=secret[:11])
    if not found or not compare_digest(found[0].secret_sha256, digest(secret)):
        return None
    row = found[0]
    return Caller(row.id, row.username, row.is_admin, row.key_id)


def digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
