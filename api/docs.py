"""The page /docs: Swagger UI from files of this service, so that its policy allows nothing from elsewhere."""

from importlib.metadata import distribution
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse

from shared.errors import NotFound

router = APIRouter(prefix="/docs", include_in_schema=False)
# Swagger UI draws its arrows as data: images.
POLICY = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Scoreline</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="/docs/favicon.png">
</head>
<body>
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#page", deepLinking: true})\n'
# The package is not imported: it would make an application of its own.
FOLDER = Path(str(distribution("fastapi-offline").locate_file("fastapi_offline/static")))
FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon.png")
KEPT = {"Cache-Control": "public, max-age=86400"}


@router.get("")
async def docs() -> HTMLResponse:
    """Every route, to be read and to be tried."""
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})


@router.get("/{name}")
async def part(name: str) -> Response:
    """What the page is made of."""
    if name == "start.js":
        return Response(START, media_type="text/javascript", headers=KEPT)
    if name not in FILES:
        raise NotFound("there is no such page; /docs is the one there is")
    return FileResponse(FOLDER / name, headers=KEPT)
