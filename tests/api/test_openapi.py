"""The OpenAPI document: whole enough to make clients from."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from api.examples import BY_SCHEMA
from tests.conftest import Service

Document = dict[str, Any]
BINARY = {"type": "string", "format": "binary"}


@pytest.fixture(scope="module")
def document(service: Service) -> Document:
    found: Document = httpx.get(f"{service.url}/openapi.json").json()
    return found


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def resolved(document: Document, part: Document) -> Document:
    if "$ref" not in part:
        return part
    found = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def test_it_is_one(document: Document) -> None:
    validate(document)


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(document: Document) -> None:
    found = dict(operations(document))
    ids = [operation["operationId"] for operation in found.values()]
    assert len(set(ids)) == len(ids)
    assert all(name.isidentifier() and len(name) < 30 for name in ids)
    for address, operation in found.items():
        assert operation["summary"], address
        assert operation["description"], address
        assert operation["tags"][0] in {tag["name"] for tag in document["tags"]}


def contents(document: Document) -> Iterator[tuple[str, Document]]:
    """Each type of body, of requests and of answers."""
    for address, operation in operations(document):
        answers = {status: resolved(document, answer) for status, answer in operation["responses"].items()}
        for name, part in [("request", operation.get("requestBody", {})), *answers.items()]:
            for kind, content in part.get("content", {}).items():
                yield f"{address} {name} {kind}", content


def test_every_body_has_an_example(document: Document) -> None:
    """But for Parquet, and files in forms: what is binary has none."""
    for place, content in contents(document):
        schema = resolved(document, content["schema"])
        if schema != BINARY and "multipart" not in place:
            assert {"example", "examples"} & {*content, *schema}, place


def test_every_example_is_what_its_schema_says(document: Document) -> None:
    named = document["components"]["schemas"]
    assert set(BY_SCHEMA) <= set(named)
    for place, content in [*contents(document), *((name, {"schema": schema}) for name, schema in named.items())]:
        schema = resolved(document, content["schema"])
        examples = [part[name] for part in (content, schema) for name in ("example",) if name in part]
        checker = Draft202012Validator({**content["schema"], "components": document["components"]})
        for example in [*examples, *schema.get("examples", [])]:
            assert not [error.message for error in checker.iter_errors(example)], place


def test_every_error_is_one_problem(document: Document) -> None:
    for address, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status >= "400" and not (status == "503" and "/health" in address):
                assert answer == {"$ref": f"#/components/responses/Problem{status}"}, address
    for answer in document["components"]["responses"].values():
        assert answer["content"].keys() == {"application/problem+json"}
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_operation_names_the_errors_of_its_kind(document: Document) -> None:
    for address, operation in operations(document):
        expected = {"401", "429", "503"} if operation["security"] else set()
        expected |= {"400", "408", "413", "415", "422"} if "requestBody" in operation else set()
        expected |= {"404"} if "{" in address else set()
        assert expected <= operation["responses"].keys(), address


def test_methods_that_are_not_in_it_are_refused(service: Service, http: httpx.Client, document: Document) -> None:
    for path, known in document["paths"].items():
        for method in {"get", "post", "put", "patch", "delete"} - known.keys():
            answer = http.request(method, re.sub(r"{\w+}", "1", path))
            assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), f"{method} {path}"
            assert answer.headers["allow"], f"{method} {path}"


def test_headers_are_named_where_they_are_sent(document: Document) -> None:
    answers = document["paths"]["/predict"]["post"]["responses"]
    assert answers["202"]["headers"].keys() == {"Location", "Retry-After", "Idempotent-Replayed", "X-Request-ID"}
    assert "Preference-Applied" in answers["200"]["headers"]
    assert document["components"]["responses"]["Problem429"]["headers"].keys() >= {"Retry-After", "RateLimit"}
    assert "ETag" in document["paths"]["/jobs/{job_id}"]["get"]["responses"]["200"]["headers"]
    assert "Link" in document["paths"]["/jobs"]["get"]["responses"]["200"]["headers"]
