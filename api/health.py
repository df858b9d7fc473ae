"""How the service is."""

from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from api.answers import Time
from api.callers import Calling
from api.openapi_headers import Documented
from shared import health
from shared.db import transaction
from shared.errors import DatabaseAway
from shared.settings import settings

router = APIRouter(tags=["health"])


class State(BaseModel):
    status: Literal["ok", "degraded", "down"]


class Readiness(State):
    detail: str


class Lane(BaseModel):
    lane: str
    waiting: int
    running: int
    records_waiting: int
    oldest_seconds: float | None


class Worker(BaseModel):
    name: str
    lanes: list[str]
    slots: int
    records_per_second: float
    seen_at: Time


class Queue(BaseModel):
    lanes: list[Lane]
    workers: list[Worker]
    flower: str | None


class Health(State):
    """`degraded`: requests are accepted, and something keeps them from being scored for now."""

    database: Readiness
    redis: Readiness
    workers: Readiness
    models: Readiness


def down(kind: type[BaseModel]) -> Documented:
    return {503: {"model": kind, "description": "The database is away or not migrated; the body says so"}}


@router.get("/ping", response_class=PlainTextResponse)
async def ping() -> str:
    """Answers `pong`."""
    return "pong"


@router.get("/health/live", name="health_live")
async def live() -> State:
    """Whether the process runs."""
    return State(status="ok")


@router.get("/health/ready", name="health_ready", responses=down(Readiness))
def ready(response: Response) -> Readiness:
    """Whether requests can be accepted: the database is reachable and migrated."""
    found = database()
    response.status_code = 200 if found.status == "ok" else 503
    return found


@router.get("/health", name="health", responses=down(Health))
def whole(response: Response) -> Health:
    """The state of every part."""
    found = database()
    if found.status != "ok":
        response.status_code = 503
        unknown = Readiness(status="down", detail="not known while the database is away")
        return Health(status="down", database=found, redis=redis(), workers=unknown, models=unknown)
    parts = {"redis": redis(), "workers": workers(), "models": models()}
    fine = all(part.status == "ok" for part in parts.values())
    return Health(status="ok" if fine else "degraded", database=found, **parts)


@router.get("/queue", tags=["queue"])
def queue(_: Calling) -> Queue:
    """What waits and runs in each lane, who works on it, and where Flower shows the tasks, if that is known."""
    with transaction() as session:
        lanes, alive = health.lanes(session), health.workers(session)
    found = {"lanes": lanes, "workers": alive, "flower": settings().flower_url or None}
    return Queue.model_validate(found, from_attributes=True)


def database() -> Readiness:
    try:
        with transaction() as session:
            migrated = health.is_migrated(session)
    except DatabaseAway as error:
        return Readiness(status="down", detail=error.detail)
    if migrated:
        return Readiness(status="ok", detail="reachable and migrated")
    return Readiness(status="down", detail="the migrations are missing; run alembic upgrade head")


def redis() -> Readiness:
    if health.redis_answers():
        return Readiness(status="ok", detail="reachable")
    return Readiness(status="degraded", detail="not reachable; jobs are accepted and scored once it is back")


def workers() -> Readiness:
    with transaction() as session:
        alive = health.workers(session)
    if alive:
        return Readiness(status="ok", detail=f"{len(alive)} alive with {sum(one.slots for one in alive)} processes")
    return Readiness(status="degraded", detail="none is alive; start one with celery -A worker.app worker")


def models() -> Readiness:
    with transaction() as session:
        found = health.models(session)
    if not found["champions"]:
        return Readiness(status="degraded", detail="there is none yet; run scoreline train housing")
    failing = [f"{ref}: {failure}" for ref, failure in found["failing"].items()]
    served = ", ".join(found["champions"].values())
    return Readiness(status="degraded" if failing else "ok", detail="; ".join([f"serving {served}", *failing]))
