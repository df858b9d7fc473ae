"""The OpenAPI document: typed by the default model as it is now, with an example that works."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import examples, refusals, users, versions
from api.answers import Json
from api.models import default_model
from api.openapi_headers import HEADERS, referred
from api.parameters import LONGEST_NAME, LONGEST_VALUE, MOST_METADATA
from shared.errors import DatabaseAway
from shared.registry import DEFAULT_MODEL, REFERENCE

Values = dict[str, Any]

OPEN = ("/", "/ping", "/health", "/health/live", "/health/ready")
DESCRIPTION = """Submit one record, or a file of millions; poll the job, or wait on it; fetch the results.

Every error is `application/problem+json`. 4xx: nothing was written. An address or a method that is not listed here gets
404 or 405 in the same form. All routes but `/` stand once more under `/api/v1`."""
TAGS = [
    {"name": "predict", "description": "One record"},
    {"name": "jobs", "description": "Files of records, and every job"},
    {"name": "results", "description": "What became of the records of a job"},
    {"name": "predictions", "description": "The log of scored records"},
    {"name": "models", "description": "Versions and aliases; changes are for administrators"},
    {"name": "users", "description": "Users and their keys"},
    {"name": "queue", "description": "What waits, and who works"},
    {"name": "health", "description": "How the service is"},
]
ANY_RECORD: Values = {
    "type": "object",
    "title": "Record",
    "description": "The features of one record; GET /models/{ref}/schema has their names and limits",
}
ENVELOPE: Values = {
    "type": "object",
    "title": "Envelope",
    "required": ["input"],
    "additionalProperties": False,
    "properties": {
        "model": {
            "type": "string",
            "pattern": f"^{REFERENCE}$",
            "default": DEFAULT_MODEL,
            "examples": ["housing", "housing:3", "housing@champion"],
        },
        "input": {"$ref": "#/components/schemas/AnyRecord"},
        "metadata": {
            "type": "object",
            "maxProperties": MOST_METADATA,
            "propertyNames": {"minLength": 1, "maxLength": LONGEST_NAME},
            "additionalProperties": {"type": "string", "maxLength": LONGEST_VALUE},
        },
    },
}
KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer sk_..."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def describe(app: FastAPI) -> None:
    """Serves the document, typed anew whenever the champion has moved; not in the event loop, which must not wait."""
    static: Values = {}

    def document() -> Values:
        if not static:
            static.update(written(app))
        components = static["components"]
        return {**static, "components": {**components, "schemas": {**components["schemas"], **schemas()}}}

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> Json:
        return Json(document())


def written(app: FastAPI) -> Values:
    """All but what depends on the model."""
    found = get_openapi(
        title=app.title,
        version=app.version,
        routes=app.routes,
        summary="Predictions that are never lost",
        description=DESCRIPTION,
        tags=TAGS,
    )
    components = found.setdefault("components", {})
    components |= {"securitySchemes": KEYS, "headers": HEADERS, "responses": refusals.responses()}
    components["schemas"] = known(components.get("schemas", {}))
    for path, operations in found["paths"].items():
        for operation in operations.values():
            complete(operation, path in OPEN)
    return found


def known(schemas: Values) -> Values:
    """With an example of each, and without the framework's own error."""
    own = {name: schema for name, schema in schemas.items() if name not in ("HTTPValidationError", "ValidationError")}
    others = {"Problem": refusals.PROBLEM, "Table": examples.TABLE, **versions.SCHEMAS, **users.SCHEMAS}
    return {name: exemplified(name, schema) for name, schema in (own | others).items()}


def exemplified(name: str, schema: Values) -> Values:
    return {**schema, "examples": [examples.BY_SCHEMA[name]]} if name in examples.BY_SCHEMA else schema


def complete(operation: Values, is_open: bool) -> None:
    """Says who may ask, and everything that may come back."""
    operation["security"] = [] if is_open else [{name: []} for name in KEYS]
    for answer in operation["responses"].values():
        answer["headers"] = {**answer.get("headers", {}), **referred("X-Request-ID")}
    refusals.document(operation, is_open)
    if (example := examples.BY_OPERATION.get(operation["operationId"])) is not None:
        for content in operation["responses"]["200"]["content"].values():
            content["example"] = example


def schemas() -> Values:
    """What depends on the model."""
    record = typed_record()
    envelope = {**ENVELOPE, "example": {"model": "housing", "input": record["example"]}}
    return {"Record": record, "AnyRecord": exemplified("AnyRecord", ANY_RECORD), "Envelope": envelope}


def typed_record() -> Values:
    try:
        found = default_model()
    except DatabaseAway:
        found = None
    if found is None:
        return {**ANY_RECORD, "example": examples.HOUSE}
    schema, example = found
    return {**{name: part for name, part in schema.items() if name != "$schema"}, "example": example}
