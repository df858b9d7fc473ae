"""The HTTP API: `uvicorn api.main:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from api import bulk, health, jobs, metrics, models, openapi, pages, predict, predictions, problems, results, users
from api.requests import RequestIds
from api.state import State
from shared.logs import configure
from shared.settings import settings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    configure()
    async with State() as app.state.scoreline:
        yield
    metrics.leave()


def make_app() -> FastAPI:
    app = FastAPI(
        title="Scoreline", version=version("scoreline-server"), lifespan=lifespan, redoc_url=None, openapi_url=None
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
    app.include_router(pages.root)
    app.mount("/console", pages.files)
    problems.handle_all(app)
    if settings().cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings().cors_origins, allow_methods=["*"], allow_headers=["*"]
        )
    openapi.describe(app)
    app.state.paths = list(openapi.written(app)["paths"])
    return app


app = RequestIds(make_app())  # outside everything, so that an answer to a bug has an id, too
