"""The OpenAPI document: typed by the default model as it is now, with an example that works."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import problems, users, versions
from api.answers import Json
from api.models import default_model
from shared.errors import DatabaseAway, ScorelineError, Stalled, TooMuch

OPEN = ("/", "/ping", "/health", "/health/live", "/health/ready")
ANY_RECORD: dict[str, Any] = {
    "type": "object",
    "title": "Record",
    "description": "The features of one record; GET /models/{ref}/schema has their names and limits",
}
KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer sk_..."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def describe(app: FastAPI) -> None:
    """Serves the document, typed anew whenever the champion has moved; not in the event loop, which must not wait."""
    static: dict[str, Any] = {}

    def document() -> dict[str, Any]:
        if not static:
            static.update(written(app))
        components = static["components"]
        return {**static, "components": {**components, "schemas": {**components["schemas"], **schemas()}}}

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> Json:
        return Json(document())


def written(app: FastAPI) -> dict[str, Any]:
    """All but what depends on the model."""
    found = get_openapi(
        title=app.title, version=app.version, routes=app.routes, summary="Predictions that are never lost"
    )
    found.setdefault("components", {})["securitySchemes"] = KEYS
    for path, operations in found["paths"].items():
        for operation in operations.values():
            operation["security"] = [] if path in OPEN else [{name: []} for name in KEYS]
            operation["responses"] |= everywhere(operation)
    return found


def everywhere(operation: Mapping[str, Any]) -> dict[str, Any]:
    """What a route answers for the service as a whole."""
    kinds: list[type[ScorelineError]] = [TooMuch] if operation["security"] else []
    kinds += [Stalled] if "requestBody" in operation else []
    return {str(status): said for status, said in problems.documented(*kinds).items()}


def schemas() -> dict[str, Any]:
    record = typed_record()
    envelope = {
        "type": "object",
        "title": "Envelope",
        "required": ["input"],
        "properties": {
            "model": {"type": "string", "examples": ["housing", "housing:3", "housing@champion"]},
            "input": ANY_RECORD,
            "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
    if "example" in record:
        envelope["example"] = {"model": "housing", "input": record["example"]}
    named = {"Record": record, "AnyRecord": ANY_RECORD, "Envelope": envelope, "Problem_": problems.SCHEMA}
    return {**named, **versions.SCHEMAS, **users.SCHEMAS}


def typed_record() -> dict[str, Any]:
    try:
        found = default_model()
    except DatabaseAway:
        found = None
    if found is None:
        return ANY_RECORD
    schema, example = found
    return {**{name: part for name, part in schema.items() if name != "$schema"}, "example": example}
