"""How to take each guard out of the service, in this process alone. Production code has no switch for it.

Where a guard is a part of a statement, that part must be found: a guard that was renamed is not one that was removed.
"""

from collections.abc import Callable, Iterable
from typing import Any

from shared.jobs import Claimed

GUARDS: dict[str, Callable[[], None]] = {}


def guard(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def note(take_out: Callable[[], None]) -> Callable[[], None]:
        GUARDS[name] = take_out
        return take_out

    return note


def swap(place: Any, name: str, new: object) -> None:
    """What goes by this name, which it must, is something else from now on."""
    if not hasattr(place, name):
        raise LookupError(f"{place} has no {name} any more")
    setattr(place, name, new)


def without(sql: str, part: str) -> str:
    if part not in sql:
        raise LookupError(f"{part!r} is not in the statement any more: {sql}")
    return sql.replace(part, "")


@guard("the relay sends lost hints again")
def no_hints_again() -> None:
    from worker import relay

    swap(relay, "send_again", lambda lane, wanted: None)


@guard("the relay takes back what the dead held")
def no_rescue() -> None:
    from worker.relay import Relay

    swap(Relay, "may_rescue", lambda self: False)


@guard("a finish names its attempt")
def no_attempt() -> None:
    from shared import jobs

    jobs.FINISH.prepare = without(jobs.FINISH.prepare, " AND slices.attempt = done.attempt")


@guard("a rescue looks at the lease again under the lock")
def no_second_look() -> None:
    """Reads who is dead, and takes back a second later: the race that the guard is against, made wide."""
    from sqlalchemy import text

    from shared import jobs

    dead = text("SELECT id FROM slices WHERE status = 'running' AND lease_until < clock_timestamp()")
    take = text("""
        UPDATE slices SET status = 'pending', lease_until = NULL, worker = NULL, crashes = crashes + 1
        WHERE id = ANY(:ids) AND status = 'running'""")
    rescue = jobs.rescue

    def rescue_late(session: Any) -> Any:
        if ids := list(session.scalars(dead)):
            session.execute(text("SELECT pg_sleep(1)"))
            session.execute(take, {"ids": ids})
        return rescue(session)

    swap(jobs, "rescue", rescue_late)


@guard("nothing is rescued before the database was read for a lease")
def no_patience() -> None:
    from worker.relay import Relay

    swap(Relay, "may_rescue", lambda self: True)


@guard("a worker gives up on a silent Redis")
def no_socket_timeout() -> None:
    from worker.app import app

    options = app.conf.broker_transport_options
    for name in "socket_timeout", "health_check_interval":
        del options[name]


@guard("leases are renewed")
def no_renewal() -> None:
    from shared import jobs

    def renew(session: Any, held: Iterable[Claimed], lease_seconds: float) -> set[int]:
        return {claimed.id for claimed in held}

    swap(jobs, "renew", renew)


@guard("results outlast an outage of the database")
def no_second_try() -> None:
    from worker import tasks

    swap(tasks, "FINISH_TRIES", 1)


@guard("a key stands for one job")
def no_idempotency() -> None:
    from shared import idempotency

    def remember(session: Any, uses: Iterable[idempotency.Use]) -> Any:
        return [use.job_id for use in uses]

    swap(idempotency, "remember", remember)


@guard("a commit is on disk before its answer")
def no_durable_commit() -> None:
    from shared import db

    original = db.connect_arguments

    def connect_arguments(*arguments: Any) -> dict[str, Any]:
        found = original(*arguments)
        options = without(found["options"], "-c synchronous_commit=on")
        return {**found, "options": f"{options} -c synchronous_commit=off"}

    swap(db, "connect_arguments", connect_arguments)


@guard("a silent database is given up")
def no_watchdog() -> None:
    from shared import watchdog

    swap(watchdog, "watch", lambda: None)


@guard("a slice that killed its worker is scored apart")
def no_isolation() -> None:
    from worker import models, scoring, tasks

    swap(tasks, "isolated", lambda held: scoring.score(models.load(held[0].version_id), held))


@guard("who stops in order gives back what he has in hand")
def no_giving_back() -> None:
    from worker.relay import Relay

    swap(Relay, "leave", lambda self: None)
