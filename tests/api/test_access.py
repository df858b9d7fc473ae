"""Who may use which route. Every route of the OpenAPI document has its row here; one without fails the test."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import HOUSE, Service

# open: to everybody; key: to any user; own: to the owner of the job, others do not find it;
# self: to the user and to admins, others do not find it; admin: to admins.
TABLE = {
    "GET /": "open",
    "GET /ping": "open",
    "GET /health": "open",
    "GET /health/live": "open",
    "GET /health/ready": "open",
    "GET /metrics": "key",
    "GET /queue": "key",
    "POST /predict": "key",
    "POST /predict/{model}": "key",
    "POST /predictions": "key",
    "GET /predictions": "key",
    "GET /predictions/{prediction_id}": "own",
    "POST /jobs": "key",
    "GET /jobs": "key",
    "GET /jobs/{job_id}": "own",
    "DELETE /jobs/{job_id}": "own",
    "GET /jobs/{job_id}/results": "own",
    "HEAD /jobs/{job_id}/results": "own",
    "GET /jobs/{job_id}/errors": "own",
    "HEAD /jobs/{job_id}/errors": "own",
    "GET /jobs/{job_id}/events": "own",
    "POST /jobs/{job_id}/cancel": "own",
    "POST /jobs/{job_id}/retry": "own",
    "GET /models": "key",
    "GET /models/{model}": "key",
    "GET /models/{ref}/schema": "key",
    "GET /models/{ref}/example": "key",
    "GET /models/{model}/versions/{number}": "key",
    "GET /models/{model}/aliases/{alias}": "key",
    "POST /models": "admin",
    "PATCH /models/{model}/versions/{number}": "admin",
    "PUT /models/{model}/aliases/{alias}": "admin",
    "POST /users": "admin",
    "GET /users": "admin",
    "GET /users/{user_id}": "self",
    "PUT /users/{user_id}": "self",
    "DELETE /users/{user_id}": "self",
    "POST /users/{user_id}/keys": "self",
    "GET /users/{user_id}/keys": "self",
    "DELETE /users/{user_id}/keys/{key}": "self",
}
BODIES: dict[str, Any] = {
    "/users": {"email": "no address"},
    "/users/{user_id}/keys": {"name": "door"},
    "/predict": HOUSE,
}
ERASING = ("DELETE /jobs/{job_id}", "DELETE /users/{user_id}")  # the job and the user that the other rows need


class Door:
    """The service, a user with a job, another user, and an admin."""

    def __init__(self, service: Service) -> None:
        self.url = service.url
        self.owner, self.stranger, self.admin = service.user(), service.user(), service.admin()
        self.job = self.owner.post("/predict", json=HOUSE, headers={"Prefer": "wait=30"}).json()["id"]
        self.owner_id = self.owner.get("/users/me").json()["id"]
        key = self.owner.post("/users/me/keys", json={"name": "gone"}).json()
        self.owner.delete(f"/users/me/keys/{key['id']}")
        self.revoked, self.prefix = key["key"], key["prefix"]

    def ask(self, route: str, headers: dict[str, str]) -> int:
        method, path = route.split(" ")
        filled = path.replace("{job_id}", self.job).replace("{prediction_id}", f"{self.job}.0")
        filled = filled.replace("{user_id}", str(self.owner_id)).replace("{key}", self.prefix)
        filled = filled.replace("{model}", "housing").replace("{ref}", "housing")
        filled = filled.replace("{alias}", "champion").replace("{number}", "1")
        body = BODIES.get(path, {}) if method in ("POST", "PUT", "PATCH") else None
        return httpx.request(method, self.url + filled, headers=headers, json=body, timeout=30).status_code


@pytest.fixture(scope="module")
def door(service: Service) -> Iterator[Door]:
    door = Door(service)
    yield door
    for client in (door.owner, door.stranger, door.admin):
        client.close()


def keyed(client: httpx.Client) -> dict[str, str]:
    return {"X-API-Key": client.headers["X-API-Key"]}


def test_every_route_has_a_row(door: Door) -> None:
    paths = httpx.get(f"{door.url}/openapi.json").json()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert routes == set(TABLE)


@pytest.mark.parametrize("route", [route for route, kind in TABLE.items() if kind != "open"])
def test_without_a_key_that_opens(door: Door, route: str) -> None:
    wrong = [{}, {"X-API-Key": "sk_00000000_" + "A" * 43}, {"X-API-Key": door.revoked}, {"Authorization": "Basic YTpi"}]
    assert [door.ask(route, headers) for headers in wrong] == [401] * 4


@pytest.mark.parametrize("route", [route for route, kind in TABLE.items() if kind == "open"])
def test_what_is_open(door: Door, route: str) -> None:
    assert door.ask(route, {}) == door.ask(route, {"X-API-Key": "sk_wrong"}) == 200


@pytest.mark.parametrize("route", [route for route, kind in TABLE.items() if kind in ("own", "self")])
def test_what_is_somebody_elses_is_not_there(door: Door, route: str) -> None:
    assert door.ask(route, keyed(door.stranger)) == 404
    if TABLE[route] == "own":
        assert door.ask(route, keyed(door.admin)) == 404


@pytest.mark.parametrize("route", [route for route, kind in TABLE.items() if kind in ("own", "self")])
def test_what_is_ones_own(door: Door, route: str) -> None:
    if route not in ERASING:
        assert door.ask(route, keyed(door.owner)) not in (401, 403, 404)
        if TABLE[route] == "self":
            assert door.ask(route, keyed(door.admin)) < 300


@pytest.mark.parametrize("route", [route for route, kind in TABLE.items() if kind == "admin"])
def test_what_only_an_admin_may(door: Door, route: str) -> None:
    assert door.ask(route, keyed(door.owner)) == 403
    assert door.ask(route, keyed(door.admin)) not in (401, 403, 404)


@pytest.mark.parametrize("route", [route for route, kind in TABLE.items() if kind == "key"])
def test_what_any_user_may(door: Door, route: str) -> None:
    assert door.ask(route, keyed(door.stranger)) not in (401, 403, 404)
    assert door.ask(route, keyed(door.admin)) not in (401, 403, 404)


def test_lists_hold_nothing_of_others(door: Door, http: httpx.Client) -> None:
    """Also behind a cursor that names somebody else's job."""
    for address in ("/jobs", "/predictions", f"/jobs?after={door.job}", f"/predictions?after={door.job}.0"):
        assert http.get(address).json()["items"] == []
    assert http.get(f"/predictions?job={door.job}").json()["items"] == []
