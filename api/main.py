"""The HTTP API: `uvicorn api.main:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from api import (
    bulk,
    docs,
    health,
    jobs,
    metrics,
    models,
    openapi,
    pages,
    predict,
    predictions,
    problems,
    results,
    users,
)
from api.requests import Requests
from api.state import State
from shared.logs import configure
from shared.settings import settings

# What a page of another origin may read of an answer beside its body.
EXPOSED = (
    "Content-Disposition",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with State() as app.state.scoreline:
        yield
    metrics.leave()


def make_app() -> FastAPI:
    app = FastAPI(
        title="Scoreline",
        version=version("scoreline-server"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # where to is taken from the Host that a client sends
        generate_unique_id_function=lambda route: route.name,
    )
    for part in (
        predict.router,
        bulk.router,
        jobs.router,
        results.router,
        predictions.router,
        models.router,
        users.router,
        health.router,
        metrics.router,
    ):
        app.include_router(part)
        app.include_router(part, prefix="/api/v1", include_in_schema=False)
    app.include_router(docs.router)
    app.include_router(pages.root)
    app.mount("/console", pages.files)
    problems.handle_all(app)
    if settings().cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings().cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=EXPOSED,
        )
    openapi.describe(app)
    app.state.paths = list(openapi.written(app)["paths"])
    return app


configure()  # before the server says anything
app = Requests(make_app())  # outside everything, so that an answer to a bug has an id, too
