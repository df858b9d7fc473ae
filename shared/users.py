"""Who may call the service. Email and username are unique whatever their case; somebody always administers."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.db import transaction
from shared.errors import Conflict, NotFound
from shared.tables import Key, User

ERASED_AT_ONCE = 100


class Taken(Conflict):
    code = "taken"


def create(session: Session, email: str, username: str, *, is_admin: bool = False, is_active: bool = True) -> User:
    user = User(email=email.lower(), username=username, is_admin=is_admin, is_active=is_active)
    session.add(user)
    write(session, email, username)
    return user


def write(session: Session, email: str, username: str) -> None:
    """Sends what was changed; Taken when another user has the name."""
    try:
        session.flush()
    except IntegrityError as error:
        field, value = taken(error, email, username)
        detail = f'the {field} "{value[:100]}" is taken; choose another'
        raise Taken(detail, [{"pointer": f"/{field}", "code": Taken.code, "detail": detail}]) from error


def taken(error: IntegrityError, email: str, username: str) -> tuple[str, str]:
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    if constraint == "users_email_key":
        return "email", email
    if constraint == "users_username_key":
        return "username", username
    raise error


def find(session: Session, user: int) -> User:
    found = session.get(User, user)
    if found is None:
        raise no_such_user(user)
    return found


def no_such_user(user: object) -> NotFound:
    return NotFound(f'there is no user "{str(user)[:100]}" that you may see; GET /users/me is you')


def page(
    session: Session, limit: int, after: int = 0, username: str | None = None, prefix: str | None = None
) -> Sequence[User]:
    """The users in order of their creation, from the one behind `after` on; of that name, or with that key."""
    wanted = select(User).where(User.id > after)
    if username is not None:
        wanted = wanted.where(func.lower(User.username) == username.lower())
    if prefix is not None:
        wanted = wanted.where(User.id == select(Key.user_id).where(Key.prefix == prefix).scalar_subquery())
    return session.scalars(wanted.order_by(User.id).limit(limit)).all()


def change(session: Session, user: int, **fields: Any) -> User:
    """The user with these fields set, and the others as they were."""
    keep_an_admin(session, user, fields.get("is_admin", True) and fields.get("is_active", True))
    found = find(session, user)
    for name, value in fields.items():
        setattr(found, name, value.lower() if name == "email" else value)
    write(session, found.email, found.username)
    return found


ADMINS = text("SELECT id FROM users WHERE is_admin AND is_active ORDER BY id FOR UPDATE")


def keep_an_admin(session: Session, user: int, stays: bool) -> None:
    """Conflict if nobody would administer the service any more. Who asks at the same time waits for the answer."""
    if not stays and list(session.scalars(ADMINS)) == [user]:
        raise Conflict("this is the only active admin; make another user admin first")


UNFINISHED = text("SELECT count(*) FROM jobs WHERE user_id = :user AND finished_at IS NULL")
ERASE = text("""
DELETE FROM jobs WHERE id IN (
    SELECT id FROM jobs WHERE user_id = :user AND finished_at IS NOT NULL LIMIT :most)
""")


def delete(user: int) -> None:
    """Erases a user with keys and finished jobs, the jobs in steps so that no transaction is long."""
    while erase_some(user):
        pass
    with transaction() as session:
        keep_an_admin(session, user, stays=False)
        session.delete(find(session, user))
        try:
            session.flush()
        except IntegrityError as error:
            raise Conflict("a job of this user was accepted this very moment; deactivate the user first") from error


def erase_some(user: int) -> int:
    """How many finished jobs were erased; Conflict while others run."""
    with transaction() as session:
        keep_an_admin(session, user, stays=False)
        find(session, user)
        if running := session.scalar(UNFINISHED, {"user": user}):
            raise Conflict(f"{running:,} jobs of this user are not finished; cancel them, or wait, then delete again")
        erased = session.execute(ERASE, {"user": user, "most": ERASED_AT_ONCE})
        return erased.rowcount  # type: ignore[attr-defined, no-any-return]
