"""Redis that is dead, frozen, empty, full; and hints that nobody sent so."""

import shutil
from collections.abc import Iterator
from random import Random
from typing import Any

from shared.queue import TASK
from shared.tables import Lane
from tests.storm.faults.fault import Part, fault
from tests.storm.fleet import Fleet
from tests.storm.program import freeze, thaw

LONG_SECONDS = 65  # kombu by then tries every 30 s


def kill(fleet: Fleet) -> None:
    fleet.valkey.process.kill()
    fleet.valkey.process.wait()


@fault("Redis is killed", Part.REDIS, seconds=6, no_redis=True)
def killed(fleet: Fleet, _: Random) -> Iterator[None]:
    kill(fleet)
    yield
    fleet.valkey.start()


@fault("Redis is away for over a minute", Part.REDIS, seconds=LONG_SECONDS, within=35, no_redis=True)
def long_away(fleet: Fleet, _: Random) -> Iterator[None]:
    kill(fleet)
    yield
    fleet.valkey.start()


@fault("Redis is frozen", Part.REDIS, seconds=12, no_redis=True)
def frozen(fleet: Fleet, _: Random) -> Iterator[None]:
    freeze(fleet.valkey.process.pid)
    yield
    thaw(fleet.valkey.process.pid)


@fault("Redis comes back empty", Part.REDIS, seconds=2, no_redis=True)
def emptied(fleet: Fleet, _: Random) -> Iterator[None]:
    kill(fleet)
    shutil.rmtree(fleet.valkey.folder / "appendonlydir")
    yield
    fleet.valkey.start()


@fault("Redis is flushed", Part.REDIS)
def flushed(fleet: Fleet, _: Random) -> Iterator[None]:
    with fleet.redis() as link:
        link.flushall()
    yield


@fault("Redis is flushed while there are three relays", Part.REDIS)
def flushed_with_three_relays(fleet: Fleet, _: Random) -> Iterator[None]:
    since = fleet.clock()
    fleet.start_worker("w9")
    fleet.wait_for_worker("w9", since)
    with fleet.redis() as link:
        for _round in range(20):
            link.flushall()
    yield
    fleet.drop("w9")


@fault("Redis is full", Part.REDIS, seconds=5)
def full(fleet: Fleet, _: Random) -> Iterator[None]:
    with fleet.redis() as link:
        link.config_set("maxmemory", "1")
    yield
    with fleet.redis() as link:
        link.config_set("maxmemory", "0")


@fault("every connection to Redis is half-open", Part.REDIS, seconds=8, no_redis=True)
def half_open(fleet: Fleet, _: Random) -> Iterator[None]:
    fleet.to_redis.half_open()
    yield
    fleet.to_redis.flow()


@fault("hints come five times, shuffled", Part.REDIS, seconds=1)
def doubled(fleet: Fleet, chance: Random) -> Iterator[None]:
    """While the workers stand still, and nobody's lease ends, real ones pile up."""
    for name in fleet.workers:
        fleet.programs[name].freeze()
    yield
    with fleet.redis() as link:
        for lane in Lane:
            hints = link.lrange(lane, 0, -1) * 5
            chance.shuffle(hints)
            if hints:
                link.lpush(lane, *hints)
    for name in fleet.workers:
        fleet.programs[name].thaw()


@fault("hints are forged", Part.REDIS)
def forged(fleet: Fleet, chance: Random) -> Iterator[None]:
    """Lanes and tasks that there are not, arguments that make no sense, and what is no message at all."""
    forgeries: list[tuple[str, list[Any]]] = [
        (TASK, ["express"]),
        (TASK, []),
        (TASK, [7, {}, None]),
        ("slices.erase", ["single"]),
    ]
    for task, arguments in forgeries:
        send(fleet, task, arguments, chance.choice([*Lane]))
    with fleet.redis() as link:
        for junk in (
            b"",
            b"{}",
            b"not a message",
            bytes(range(256)),
            b'{"body": "x", "headers": {}, "properties": {}}',
        ):
            link.lpush(chance.choice([*Lane]), junk)
    yield


def send(fleet: Fleet, task: str, arguments: list[Any], lane: Lane) -> None:
    from celery import Celery

    with Celery(broker=fleet.valkey.url, set_as_current=False) as app:
        app.conf.task_ignore_result = True
        app.send_task(task, args=arguments, queue=lane)
