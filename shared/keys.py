"""Users and the secrets that say who they are. A secret is shown once and kept as a hash."""

import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db import Runs
from shared.errors import Invalid
from shared.tables import Key, User

WRITTEN = re.compile(r"sk_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")
HASHED = re.compile(r"sk_[0-9a-f]{8}:[0-9a-f]{64}")


@dataclass(frozen=True)
class Caller:
    """Who sent a request."""

    user_id: int
    username: str
    is_admin: bool


def create_user(session: Session, email: str, username: str, *, is_admin: bool = False) -> User:
    user = User(email=email.casefold(), username=username, is_admin=is_admin)
    session.add(user)
    session.flush()
    return user


def issue(session: Session, user_id: int, name: str) -> str:
    """A new key of this user: the whole secret, which nobody can read again."""
    prefix = "sk_" + secrets.token_hex(4)
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    session.add(Key(user_id=user_id, name=name, prefix=prefix, secret_sha256=digest(secret)))
    session.flush()
    return secret


def adopt(session: Session, user_id: int, name: str, hashed: str) -> None:
    """Lets a key that was made elsewhere open the door, by its `prefix:sha256`; one that is known is left as it is."""
    if not HASHED.fullmatch(hashed):
        raise Invalid("a key's hash is its prefix, a colon and the sha256 of the whole key in hexadecimal")
    prefix, _, digest = hashed.partition(":")
    key = insert(Key).values(user_id=user_id, name=name, prefix=prefix, secret_sha256=digest)
    session.execute(key.on_conflict_do_nothing(index_elements=[Key.prefix]))


def whose(session: Runs, secret: str) -> Caller | None:
    """The active user of a key that is not revoked."""
    if not WRITTEN.fullmatch(secret):
        return None
    row = session.execute(
        select(User.id, User.username, User.is_admin, Key.secret_sha256)
        .join(Key, Key.user_id == User.id)
        .where(Key.prefix == secret[:11], Key.revoked_at.is_(None), User.is_active)
    ).first()
    if row is None or not compare_digest(row.secret_sha256, digest(secret)):
        return None
    return Caller(row.id, row.username, row.is_admin)


def digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
