"""Who sends a request, by the key in its headers."""

import asyncio
import logging
import time
from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from shared import keys
from shared.db import statement
from shared.errors import Forbidden, Unauthorized
from shared.keys import Caller
from shared.logs import USER

# How long a key is believed without asking the database: the longest that a revoked one can still be used.
BELIEVED_SECONDS = 1.0
MOST_BELIEVED = 10_000
NOTED_SECONDS = 60.0

log = logging.getLogger(__name__)


class Callers:
    """Looks keys up, each at most once a second however many requests carry it, and notes once a minute which ones."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[float, asyncio.Task[Caller | None]]] = {}
        self.used: dict[int, float] = {}
        self.noting: asyncio.Task[None] | None = None

    async def __call__(self, secret: str) -> Caller | None:
        if not keys.WRITTEN.fullmatch(secret):
            return None
        until, lookup = self.known.get(secret, (0.0, None))
        if lookup is None or time.monotonic() > until or (lookup.done() and lookup.exception()):
            if len(self.known) > MOST_BELIEVED:
                self.known.clear()
            lookup = asyncio.create_task(asyncio.to_thread(look_up, secret))
            self.known[secret] = (time.monotonic() + BELIEVED_SECONDS, lookup)
        found = lookup.result() if lookup.done() else await asyncio.shield(lookup)
        if found is not None:
            self.used[found.key_id] = time.monotonic()
        return found

    def start(self) -> None:
        self.noting = asyncio.create_task(self.note_for_ever())

    async def stop(self) -> None:
        """Notes what was used since the last time."""
        if self.noting is not None:
            self.noting.cancel()
        await self.note()

    async def note_for_ever(self) -> None:
        while True:
            await asyncio.sleep(NOTED_SECONDS)
            await self.note()

    async def note(self) -> None:
        used, self.used = self.used, {}
        if used:
            now = time.monotonic()
            await asyncio.to_thread(note, {key: now - at for key, at in used.items()})


def look_up(secret: str) -> Caller | None:
    with statement() as session:
        return keys.whose(session, secret)


def note(used: dict[int, float]) -> None:
    try:
        with statement() as session:
            keys.note_use(session, used)
    except Exception as error:  # whatever it is, the next minute is noted all the same
        log.warning("when %d keys were last used is not noted: %s", len(used), error)


def secret_in(request: Request) -> str:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    if secret := request.headers.get("x-api-key", "").strip():
        return secret
    raise Unauthorized("send your key as the header Authorization: Bearer sk_...")


async def known(request: Request) -> Caller:
    """The user whose key the request carries, whatever limits there are."""
    found: Caller | None = await request.app.state.scoreline.callers(secret_in(request))
    if found is None:
        raise Unauthorized("this key is not known or was revoked; ask an administrator for a new one")
    USER.set(found.user_id)
    return found


async def caller(request: Request) -> Caller:
    """The same, unless it has sent too many requests."""
    found = await known(request)
    limits = request.app.state.scoreline.limits
    request.scope["quotas"] = partial(limits.headers, found.user_id)  # for the answer, when it is made
    limits.request(found.user_id)
    return found


Calling = Annotated[Caller, Depends(caller)]


async def administrator(caller: Calling) -> Caller:
    """The same, if it is an administrator."""
    if not caller.is_admin:
        raise Forbidden("only an administrator may do that; use the key of one")
    return caller


Administering = Annotated[Caller, Depends(administrator)]
