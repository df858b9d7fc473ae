"""The versions of models and their aliases."""

from typing import Any

from scoreline.answers import Answer
from scoreline.errors import Refused
from scoreline.service import Service, address

NOT_THERE = 404


async def models(service: Service[Any], name: str | None = None) -> list[Answer]:
    """The versions of all models, or of one, each with its metrics and the aliases that point at it."""
    found: list[Answer] = (await service.ask("GET", address("models", *([name] if name else []))))["items"]
    return found


async def alias(service: Service[Any], model: str, alias: str) -> Answer | None:
    """Where an alias points, with the `revision` that counts its moves; None if there is none."""
    try:
        return await service.ask("GET", address("models", model, "aliases", alias))
    except Refused as error:
        if error.status == NOT_THERE:
            return None
        raise


async def promote(service: Service[Any], ref: str, alias: str = "champion", revision: int | None = None) -> Answer:
    """Has the alias mean the version that `ref` names, such as housing:3, for every request from now on.

    With `revision` only if it was not moved since; 0 is for an alias that is not there yet. A version that was
    registered this moment is waited for, until a worker has checked it.
    """
    model, _, number = ref.partition(":")
    if not number.isdecimal():
        raise Refused({"detail": f'"{ref}" names no version; write it like housing:3'})
    condition = {"If-None-Match": "*"} if revision == 0 else {"If-Match": f'"{revision}"'}
    headers = {} if revision is None else condition
    body = {"version": int(number)}
    return await service.ask("PUT", address("models", model, "aliases", alias), json=body, headers=headers)


async def queue(service: Service[Any]) -> Answer:
    """What waits and runs in each lane, and the workers that are alive."""
    return await service.ask("GET", "/queue")


async def health(service: Service[Any]) -> Answer:
    """How each part of the service is; also when it is not well."""
    return await service.ask("GET", "/health", fine=(200, 503))
