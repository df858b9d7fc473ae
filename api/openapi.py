"""The OpenAPI document: typed by the default model as it is now, with an example that works."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import problems
from api.models import default_model
from shared.errors import DatabaseAway

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
    """Has the application document itself anew at each reading, since the champion may move."""

    def document() -> dict[str, Any]:
        written = get_openapi(
            title=app.title, version=app.version, routes=app.routes, summary="Predictions that are never lost"
        )
        components = written.setdefault("components", {})
        components["securitySchemes"] = KEYS
        components.setdefault("schemas", {}).update(schemas())
        for path, operations in written["paths"].items():
            for operation in operations.values():
                operation["security"] = [] if path in OPEN else [{name: []} for name in KEYS]
        return written

    app.openapi = document  # type: ignore[method-assign]


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
    return {"Record": record, "AnyRecord": ANY_RECORD, "Envelope": envelope, "Problem_": problems.SCHEMA}


def typed_record() -> dict[str, Any]:
    try:
        found = default_model()
    except DatabaseAway:
        found = None
    if found is None:
        return ANY_RECORD
    schema, example = found
    return {**{name: part for name, part in schema.items() if name != "$schema"}, "example": example}
