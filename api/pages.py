"""The console: the page at `/` and its files, which need no key; what they show, they ask the API for with one."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel
from starlette.staticfiles import StaticFiles

from api.answers import Json

FILES = Path(__file__).parent / "console"
# Nothing from elsewhere, and no script or style but those in the files; the page is shown in no other page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",  # kept, and asked after by its ETag each time: an upgrade is seen at once
}

root = APIRouter(tags=["health"])


class Routes(BaseModel):
    """What the service is, and where to go from here."""

    service: str
    version: str
    docs: str
    routes: list[str]


HTML = {"schema": {"type": "string"}, "example": "<!doctype html>"}
PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": HTML}, "description": "Console or routes"}}


@root.get("/", response_model=Routes, responses=PAGE)
async def console(request: Request) -> Response:
    """The console; for who would rather have JSON, the name, the version, and where to go from here."""
    if not wants_json(request.headers.get("accept", "")):
        return FileResponse(FILES / "index.html", headers={**HEADERS, "Vary": "Accept"})
    found = Routes(
        service="Scoreline", version=version("scoreline-server"), docs="/docs", routes=request.app.state.paths
    )
    return Json(found.model_dump(), headers={"Vary": "Accept"})


def wants_json(accept: str) -> bool:
    return "application/json" in accept.lower() and "text/html" not in accept.lower()


class Files(StaticFiles):
    """The files of the console."""

    def file_response(self, *given: Any, **named: Any) -> Response:
        response = super().file_response(*given, **named)
        response.headers.update(HEADERS)
        return response


files = Files(directory=FILES)
