"""Users and keys."""

from collections.abc import AsyncGenerator
from typing import Any

from scoreline.answers import Answer
from scoreline.errors import Refused
from scoreline.service import Service, address, given

PAGE = 1000


async def me(service: Service[Any]) -> Answer:
    """The user whose key this is."""
    return await service.ask("GET", "/users/me")


async def users(
    service: Service[Any], username: str | None = None, key: str | None = None
) -> AsyncGenerator[Answer, None]:
    """The users, oldest first; or the one of that name, or whose key has that prefix."""
    page = await service.ask("GET", "/users", params=given(username=username, key=key, limit=PAGE))
    while True:
        for found in page["items"]:
            yield found
        if page["next"] is None:
            return
        page = await service.ask("GET", "/users", params={"limit": PAGE, "after": page["next"]})


async def user(service: Service[Any], username: str) -> Answer:
    """The user of that name; others than yourself are for administrators."""
    mine = await me(service)
    if mine["username"].lower() == username.lower():
        return mine
    async for found in users(service, username=username):
        return found
    raise missing(f'there is no user "{username}"; scoreline users lists them')


async def add_user(service: Service[Any], email: str, username: str, is_admin: bool = False) -> Answer:
    """A new user, who can do nothing without a key."""
    body = {"email": email, "username": username, "is_admin": is_admin}
    return await service.ask("POST", "/users", json=body, repeats=False)


async def keys(service: Service[Any], username: str | None = None) -> list[Answer]:
    """Your keys, or those of the user named, newest first, never with the secret."""
    owner = (await user(service, username))["id"] if username else "me"
    found: list[Answer] = (await service.ask("GET", address("users", owner, "keys")))["items"]
    return found


async def add_key(service: Service[Any], username: str, name: str) -> Answer:
    """A new key of the user; its `key` is shown this once."""
    owner = await user(service, username)
    return await service.ask("POST", address("users", owner["id"], "keys"), json={"name": name}, repeats=False)


async def revoke(service: Service[Any], prefix: str) -> Answer:
    """The user whose key this was; it is closed within a second. One of others is for administrators."""
    owner = await owner_of(service, prefix)
    await service.ask("DELETE", address("users", owner["id"], "keys", prefix))
    return owner


async def owner_of(service: Service[Any], prefix: str) -> Answer:
    mine = await me(service)
    if not mine["is_admin"]:
        return mine
    async for found in users(service, key=prefix):
        return found
    raise missing(f'there is no key "{prefix}"; scoreline keys --user USERNAME lists them')


def missing(detail: str) -> Refused:
    return Refused({"status": 404, "code": "not_found", "detail": detail})
