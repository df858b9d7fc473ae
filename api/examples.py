"""Examples of the OpenAPI document. A test holds each against its schema."""

from typing import Any

import orjson

Values = dict[str, Any]
JOB_ID = "0199c1e8-7a3b-7c21-9f00-2f6d8c1f1a55"
HOUSE = {
    "longitude": -122.23,
    "latitude": 37.88,
    "housing_median_age": 41.0,
    "total_rooms": 880.0,
    "total_bedrooms": 129.0,
    "population": 322.0,
    "households": 126.0,
    "median_income": 8.3252,
}
PRICE = {"value": 412345.6, "low": 351000.0, "high": 474000.0}
MODEL = {"name": "housing", "version": 3}
TIMES = {"created_at": "2026-11-20T10:00:00.000Z", "finished_at": "2026-11-20T10:00:00.031Z"}
JOB = {
    "id": JOB_ID,
    "name": None,
    "metadata": {"order": "7"},
    "status": "succeeded",
    "model": MODEL,
    "records": {"total": 1, "succeeded": 1, "failed": 0},
    "progress": 1.0,
    "input": HOUSE,
    "output": PRICE,
    "error": None,
    "warnings": {},
    "ahead": 0,
    "eta_seconds": None,
    **TIMES,
    "started_at": "2026-11-20T10:00:00.012Z",
    "urls": {
        "self": f"/jobs/{JOB_ID}",
        **{part: f"/jobs/{JOB_ID}/{part}" for part in ("results", "errors", "events", "cancel", "retry")},
    },
}
EVENT = f"id: 3\nevent: job\ndata: {orjson.dumps(JOB).decode()}\n\n"
PREDICTION = {
    "id": f"{JOB_ID}.0",
    "job": JOB_ID,
    "record": 0,
    "model": MODEL,
    "status": "succeeded",
    "input": HOUSE,
    "output": PRICE,
    "error": None,
    **TIMES,
}
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
REGISTERED = {
    "task": "regression",
    "framework": "scikit-learn 1.9.1",
    "metrics": {"mae": 31250.0},
    "training": {"rows": 20640},
    "slice_records": 10_000,
    "artifact": "housing-9f86d081.joblib",
    "sha256": SHA256,
}
VERSION = {
    "ref": "housing:3",
    "model": "housing",
    "version": 3,
    "aliases": ["champion"],
    "is_active": True,
    "failure": None,
    "checked_at": "2026-11-20T09:00:00.000Z",
    "inputs": list(HOUSE),
    "outputs": list(PRICE),
    "created_at": "2026-11-20T08:59:58.000Z",
    **REGISTERED,
}
NEW_VERSION = {
    "model": "housing",
    **REGISTERED,
    "signature": {"inputs": [{"type": "number", "name": name} for name in HOUSE], "outputs": list(PRICE)},
    "example": HOUSE,
}
USER = {
    "id": 7,
    "email": "ada@example.org",
    "username": "ada",
    "is_admin": False,
    "is_active": True,
    "created_at": "2026-11-20T08:00:00.000Z",
}
KEY = {
    "id": 12,
    "name": "laptop",
    "prefix": "sk_1f3a5c7e",
    "created_at": "2026-11-20T08:00:00.000Z",
    "last_used_at": None,
    "revoked_at": None,
}
WAITING = {"waiting": 0, "running": 1, "records_waiting": 0, "oldest_seconds": None}
WORKER = {
    "name": "celery@worker-1",
    "lanes": ["single", "bulk"],
    "slots": 2,
    "records_per_second": 61000.0,
    "seen_at": "2026-11-20T10:00:00.000Z",
}
FINE = {"status": "ok", "detail": "reachable"}
REHEARSAL = {
    "model": MODEL,
    "records": {"total": 2, "valid": 1, "invalid": 1},
    "errors": [
        {"record": 1, "line": 3, "column": "latitude", "code": "type", "detail": "must be a number", "raw": "north"}
    ],
    "warnings": {},
    "estimated_seconds": 0.1,
}
# By the names of their schemas.
BY_SCHEMA: dict[str, Any] = {
    "Record": HOUSE,
    "AnyRecord": HOUSE,
    "Envelope": {"model": "housing@champion", "input": HOUSE, "metadata": {"order": "7"}},
    "Job": JOB,
    "JobPage": {"items": [JOB], "next": JOB_ID},
    "Rehearsal": REHEARSAL,
    "Prediction": PREDICTION,
    "PredictionPage": {"items": [PREDICTION], "next": PREDICTION["id"]},
    "VersionAnswer": VERSION,
    "Versions": {"items": [VERSION]},
    "NewVersion": NEW_VERSION,
    "VersionChange": {"is_active": False},
    "AliasAnswer": {"model": "housing", "alias": "champion", "version": 3, "ref": "housing:3", "revision": 2},
    "AliasMove": {"version": 3},
    "UserAnswer": USER,
    "UserPage": {"items": [USER], "next": None},
    "NewUser": {"email": "ada@example.org", "username": "ada"},
    "UserChange": {"is_active": False},
    "KeyAnswer": KEY,
    "KeyPage": {"items": [KEY]},
    "NewKey": {"name": "laptop"},
    "NewKeyAnswer": {**KEY, "key": "sk_1f3a5c7e_..."},
    "State": {"status": "ok"},
    "Readiness": FINE,
    "Health": {"status": "ok", "database": FINE, "redis": FINE, "workers": FINE, "models": FINE},
    "Queue": {
        "lanes": [{"lane": "single", **WAITING}, {"lane": "bulk", **WAITING}],
        "workers": [WORKER],
        "flower": "http://127.0.0.1:5555",
    },
    "Routes": {"service": "Scoreline", "version": "0.1.0", "docs": "/docs", "routes": ["/predict"]},
}
# By the ids of operations whose answer has no schema of its own.
BY_OPERATION: dict[str, Any] = {
    "ping": "pong",
    "metrics": 'scoreline_jobs_accepted_total{lane="single",model="housing"} 12.0\n',
    "read_schema": {
        "type": "object",
        "properties": {"median_income": {"type": "number"}},
        "additionalProperties": True,
    },
    "read_example": HOUSE,
}

TEXT: Values = {"type": "string"}
BINARY: Values = {"type": "string", "format": "binary"}
ROWS: Values = {"type": "array", "items": {"type": "object"}}
CSV = ",".join(["id", *HOUSE]) + "\n" + ",".join(["a-1", *map(str, HOUSE.values())]) + "\n"
LINE = orjson.dumps({"id": "a-1", **HOUSE}).decode() + "\n"
RESULT = {"record": 0, **PRICE, "error": None, "id": "a-1"}
# What is uploaded, and what comes back, by their types.
FILES: Values = {
    "text/csv": {"schema": TEXT, "example": CSV},
    "application/x-ndjson": {"schema": TEXT, "example": LINE},
    "application/json": {"schema": {"$ref": "#/components/schemas/Table"}},
    "application/vnd.apache.parquet": {"schema": BINARY},
}
FORM: Values = {
    "schema": {"type": "object", "properties": {"file": BINARY}, "required": ["file"], "additionalProperties": False},
    "encoding": {"file": {"contentType": "text/csv, application/x-ndjson, application/vnd.apache.parquet"}},
}
TABLE: Values = {
    "title": "Table",
    "description": "Records as objects, or as rows below the names of their columns",
    "oneOf": [
        {
            "type": "object",
            "required": ["records"],
            "properties": {"records": {"type": "array", "items": {"type": "object"}}},
            "additionalProperties": False,
        },
        {
            "type": "object",
            "required": ["columns", "data"],
            "properties": {
                "columns": {"type": "array", "items": TEXT},
                "data": {"type": "array", "items": {"type": "array"}},
            },
            "additionalProperties": False,
        },
    ],
    "examples": [{"records": [HOUSE]}, {"columns": list(HOUSE), "data": [list(HOUSE.values())]}],
}
RESULTS: dict[str, Values] = {
    "csv": {"schema": TEXT, "example": "record,value,low,high,error,id\n0,412345.6,351000,474000,,a-1\n"},
    "ndjson": {"schema": TEXT, "example": orjson.dumps(RESULT).decode() + "\n"},
    "parquet": {"schema": BINARY},
    "json": {"schema": ROWS, "example": [RESULT]},
}
