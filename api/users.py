"""Users and their keys: an admin sees and does everything, others themselves."""

import re
from typing import Annotated, ClassVar

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import EmailStr, Field, StringConstraints

from api import answers, audit
from api.answers import KeyPage, NewKeyAnswer, UserAnswer, UserPage
from api.bodies import Sent, schema_of, schemas_of, sent
from api.callers import Administering, Calling
from api.jobs import link_next
from api.openapi_headers import with_headers
from api.problems import documented
from shared import keys, users
from shared.db import transaction
from shared.errors import Conflict, Forbidden, NotFound
from shared.keys import Caller

router = APIRouter(prefix="/users", tags=["users"])
USERNAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
Username = Annotated[str, StringConstraints(pattern=USERNAME)]
KeyName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,100}$")]
NAMES = {"/username": "must have 1 to 64 letters, digits, points, - and _ of ASCII, and begin with a letter or a digit"}
PREFIX = r"^sk_[0-9a-f]{8}$"
MOST_KEYS = 100
LARGEST = 2**63 - 1
Limit = Annotated[int, Query(ge=1, le=1000)]
Who = Annotated[str, Path(description="the user's id, or `me`", json_schema_extra={"pattern": r"^(me|[1-9]\d{0,17})$"})]
Which = Annotated[
    str,
    Path(
        description="the key's id, or its prefix `sk_12345678`",
        json_schema_extra={"pattern": r"^([1-9]\d{0,17}|sk_[0-9a-f]{8})$"},
    ),
]


class NewUser(Sent):
    """A user to be made."""

    RULES: ClassVar[dict[str, str]] = NAMES
    email: EmailStr
    username: Username
    is_admin: bool = False
    is_active: bool = True


class UserChange(Sent):
    """What is to be changed of a user; what is left out stays."""

    RULES: ClassVar[dict[str, str]] = NAMES
    email: EmailStr | None = None
    username: Username | None = None
    is_admin: bool | None = None
    is_active: bool | None = None


class NewKey(Sent):
    """A key to be made; its name says where it is used."""

    RULES: ClassVar[dict[str, str]] = {"/name": "must have 1 to 100 printable characters, such as laptop"}
    name: KeyName = Field(examples=["laptop"])


@router.post(
    "",
    status_code=201,
    responses=documented(Forbidden, Conflict) | with_headers(201, "Location"),
    openapi_extra=schema_of(NewUser),
)
def create_user(caller: Administering, wanted: Annotated[NewUser, sent(NewUser)], response: Response) -> UserAnswer:
    """Makes a user, who can do nothing without a key."""
    with transaction() as session:
        user = users.create(session, **wanted.model_dump())
        audit.note(session, caller, "user.create", f"user {user.id}")
        response.headers["Location"] = f"/users/{user.id}"
        return answers.user(user)


@router.get("", responses=documented(Forbidden) | with_headers(200, "Link"))
def list_users(
    request: Request,
    response: Response,
    _: Administering,
    limit: Limit = 50,
    after: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    username: Annotated[str | None, Query(pattern=USERNAME)] = None,
    key: Annotated[str | None, Query(pattern=PREFIX, description="the prefix of a key: the user who has it")] = None,
) -> UserPage:
    """All users, the oldest first."""
    with transaction() as session:
        found = [answers.user(user) for user in users.page(session, limit + 1, after, username, key)]
    following = str(found[limit - 1].id) if len(found) > limit else None
    response.headers.update(link_next(request, following))
    return UserPage(items=found[:limit], next=following)


@router.get("/{user_id}", responses=documented(NotFound))
def read_user(user_id: Who, caller: Calling) -> UserAnswer:
    """One user; `me` is who asks."""
    with transaction() as session:
        return answers.user(users.find(session, meant(user_id, caller)))


@router.put("/{user_id}", responses=documented(Forbidden, NotFound, Conflict), openapi_extra=schema_of(UserChange))
def change_user(user_id: Who, caller: Calling, wanted: Annotated[UserChange, sent(UserChange)]) -> UserAnswer:
    """Changes what is sent. With `is_active` false every key of the user is closed at once."""
    fields = wanted.model_dump(exclude_none=True)
    if not caller.is_admin and fields.keys() & {"is_admin", "is_active"}:
        raise Forbidden("only an admin may change is_admin and is_active")
    with transaction() as session:
        user = users.change(session, meant(user_id, caller), **fields)
        audit.note(session, caller, "user.change", f"user {user.id}: {', '.join(fields) or 'nothing'}")
        return answers.user(user)


@router.delete("/{user_id}", status_code=204, responses=documented(NotFound, Conflict))
def delete_user(user_id: Who, caller: Calling) -> None:
    """Erases a user with keys and finished jobs; 409 while others of the jobs run."""
    user = meant(user_id, caller)
    users.delete(user)
    audit.log_now(caller, "user.delete", f"user {user}")


@router.post(
    "/{user_id}/keys",
    status_code=201,
    responses=documented(NotFound, Conflict) | with_headers(201, "Location", "Cache-Control"),
    openapi_extra=schema_of(NewKey),
)
def create_key(
    user_id: Who, caller: Calling, wanted: Annotated[NewKey, sent(NewKey)], response: Response
) -> NewKeyAnswer:
    """Makes a key. The answer is the only place that ever shows it."""
    with transaction() as session:
        user = users.find(session, meant(user_id, caller)).id
        if keys.count(session, user) >= MOST_KEYS:
            raise Conflict(f"a user may have {MOST_KEYS} keys that are not revoked; revoke one first")
        key, secret = keys.add(session, user, wanted.name)
        audit.note(session, caller, "key.create", f"key {key.prefix} of user {user}")
        response.headers["Location"] = f"/users/{user}/keys/{key.id}"
        response.headers["Cache-Control"] = "no-store"
        return NewKeyAnswer(**answers.key(key).model_dump(), key=secret)


@router.get("/{user_id}/keys", responses=documented(NotFound))
def list_keys(user_id: Who, caller: Calling) -> KeyPage:
    """The keys of a user, newest first, also those that were revoked; never what they open with."""
    with transaction() as session:
        user = users.find(session, meant(user_id, caller)).id
        return KeyPage(items=[answers.key(key) for key in keys.of_user(session, user)])


@router.delete("/{user_id}/keys/{key}", status_code=204, responses=documented(NotFound))
def revoke_key(user_id: Who, key: Which, caller: Calling) -> None:
    """Closes a key, within a second everywhere."""
    with transaction() as session:
        user = users.find(session, meant(user_id, caller)).id
        keys.revoke(session, user, key)
        audit.note(session, caller, "key.revoke", f"key {key} of user {user}")


def meant(written: str, caller: Caller) -> int:
    """The id, if the caller may see that user; somebody else is not there."""
    user = caller.user_id if written == "me" else int(written) if re.fullmatch(r"[1-9][0-9]{0,17}", written) else 0
    if user == caller.user_id or (user and caller.is_admin):
        return user
    raise users.no_such_user(written)


SCHEMAS = schemas_of(NewUser, UserChange, NewKey)
