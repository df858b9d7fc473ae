"""The registry over HTTP: registering, aliases, and who may do that."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.servers import Postgres, Valkey
from shared import db
from shared.tables import Version
from tests import constants
from tests.conftest import HOUSE, Service, copy_database, environment, eventually, redis_url, serving

Answer = dict[str, Any]


@pytest.fixture(scope="module")
def served(
    template: str, running: tuple[Postgres, Valkey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service of this module's own, with housing:1 that says 1 and housing:2 that says 2."""
    url, folder = copy_database(template), tmp_path_factory.mktemp("registry")
    with environment(DATABASE_URL=url, MODELS_URL=str(folder / "models")):
        constants.publish(1)
        constants.publish(2)
    with serving(url, redis_url(running[1], 5), folder / "models", folder) as service:
        yield service


@pytest.fixture
def admin(served: Service) -> Iterator[httpx.Client]:
    with served.admin() as client:
        yield client


@pytest.fixture
def user(served: Service) -> Iterator[httpx.Client]:
    with served.user() as client:
        yield client


def body(served: Service, value: float, **more: Any) -> Answer:
    with environment(**served.env):
        return constants.body(value, **more)


def settled(admin: httpx.Client, version: Answer) -> Answer:
    """The version once a worker has checked it, or has found that it may not be loaded."""
    address = f"/models/{version['model']}/versions/{version['version']}"
    eventually(lambda: (found := admin.get(address).json())["checked_at"] or found["failure"])
    return dict(admin.get(address).json())


def point(admin: httpx.Client, alias: str, version: int, **headers: str) -> httpx.Response:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return admin.put(f"/models/housing/aliases/{alias}", json={"version": version}, headers=headers)


def value_of(client: httpx.Client, ref: str) -> tuple[int, float]:
    job = client.post(f"/predict/{ref}", json=HOUSE, headers={"Prefer": "wait=20"}).json()
    return job["model"]["version"], job["output"]["value"]


def test_a_version_is_registered_checked_and_served(served: Service, admin: httpx.Client) -> None:
    response = admin.post("/models", json=body(served, 7))
    made = response.json()
    assert response.status_code == 201, made
    assert response.headers["location"] == f"/models/housing/versions/{made['version']}"
    assert made["aliases"] == []
    early = point(admin, "seven", made["version"])
    if early.status_code == 409:  # no worker can be as quick as that
        assert (early.json()["code"], early.headers["retry-after"]) == ("not_checked", "1")
        assert "no worker has checked" in early.json()["detail"]
    found = settled(admin, made)
    assert (found["failure"], found["slice_records"]) == (None, 10_000)
    assert admin.get(response.headers["location"]).json() == found
    assert point(admin, "seven", made["version"]).status_code == 201
    assert value_of(admin, "housing@seven") == (made["version"], 7)


def test_the_first_version_of_a_model_is_its_champion(served: Service, admin: httpx.Client) -> None:
    made = admin.post("/models", json=body(served, 3, model="cottages", slice_records=20)).json()
    assert (made["ref"], made["aliases"], made["slice_records"]) == ("cottages:1", ["champion"], 20)
    assert value_of(admin, "cottages") == (1, 3)
    assert settled(admin, made)["slice_records"] == 20


def test_a_version_that_does_not_pass_the_gate(served: Service, admin: httpx.Client) -> None:
    """What else may be wrong, tests/worker/test_gate.py has."""
    why = 'its example gives {"value":4'
    made = admin.post("/models", json=body(served, 4, example_output={"value": 5, "low": 5, "high": 5})).json()
    found = settled(admin, made)
    assert why in found["failure"]
    refused = point(admin, "four", made["version"])
    assert (refused.status_code, refused.json()["code"]) == (409, "version_not_served")
    assert why in refused.json()["detail"]
    named = admin.post(f"/predict/{made['ref']}", json=HOUSE)
    assert (named.status_code, why in named.json()["detail"]) == (409, True)
    assert made["ref"] in admin.get("/health").json()["models"]["detail"]


def test_a_version_that_was_put_right_is_checked_again(served: Service, admin: httpx.Client) -> None:
    wanted = body(served, 6)
    artefact = Path(served.env["MODELS_URL"]) / wanted["artifact"]
    content = artefact.read_bytes()
    artefact.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    made = admin.post("/models", json=wanted).json()
    assert "sha256" in settled(admin, made)["failure"]
    artefact.write_bytes(content)
    again = admin.patch(f"/models/housing/versions/{made['version']}", json={"is_active": True})
    assert (again.status_code, again.json()["failure"], again.json()["checked_at"]) == (200, None, None)
    assert settled(admin, made)["failure"] is None
    assert value_of(admin, made["ref"]) == (made["version"], 6)


def test_an_alias_moves_only_under_its_etag(admin: httpx.Client) -> None:
    first = point(admin, "guarded", 1, if_none_match="*")
    assert (first.status_code, first.headers["etag"]) == (201, '"1"')
    assert first.headers["location"] == "/models/housing/aliases/guarded"
    assert point(admin, "guarded", 2, if_none_match="*").status_code == 412
    read = admin.get("/models/housing/aliases/guarded")
    assert read.json() == {"model": "housing", "alias": "guarded", "version": 1, "ref": "housing:1", "revision": 1}
    assert admin.get(read.url.path, headers={"If-None-Match": read.headers["etag"]}).status_code == 304
    moved = point(admin, "guarded", 2, if_match=read.headers["etag"])
    assert (moved.status_code, moved.headers["etag"], moved.json()["version"]) == (200, '"2"', 2)
    stale = point(admin, "guarded", 1, if_match=read.headers["etag"])
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert 'housing@guarded means housing:2 now and its ETag is "2"' in stale.json()["detail"]
    assert point(admin, "guarded", 2).headers["etag"] == '"2"', "no move is none"
    assert point(admin, "guarded", 1, if_match='"7", "2"').status_code == 200
    assert point(admin, "guarded", 2, if_match="*").status_code == 200
    for wrong in ('W/"4"', '"99999999999999999999"', "4", ""):
        assert point(admin, "guarded", 1, if_match=wrong).status_code == 412, wrong
    for condition in ("*", '"1"'):
        assert point(admin, "nowhere", 1, if_match=condition).status_code == 412
    assert admin.get("/models/housing/aliases/nowhere").status_code == 404


def test_of_two_who_move_it_at_once_one_is_told(admin: httpx.Client) -> None:
    etag = point(admin, "contested", 1).headers["etag"]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: point(admin, "contested", 2, if_match=etag).status_code, range(8)))
    assert sorted(answers) == [200] + [412] * 7


def test_what_an_alias_points_at_stays_active(admin: httpx.Client) -> None:
    assert point(admin, "kept", 2).status_code == 201
    refused = admin.patch("/models/housing/versions/2", json={"is_active": False})
    assert (refused.status_code, "housing@kept" in refused.json()["detail"]) == (409, True)


def test_an_inactive_version_is_neither_named_nor_pointed_at(served: Service, admin: httpx.Client) -> None:
    with environment(**served.env):
        number = constants.publish(8).number
    off = admin.patch(f"/models/housing/versions/{number}", json={"is_active": False})
    assert (off.status_code, off.json()["is_active"]) == (200, False)
    assert admin.post(f"/predict/housing:{number}", json=HOUSE).status_code == 409
    refused = point(admin, "eight", number)
    assert (refused.status_code, "is not active" in refused.json()["detail"]) == (409, True)
    on = admin.patch(f"/models/housing/versions/{number}", json={"is_active": True}).json()
    assert on["is_active"]
    assert on["checked_at"], "what passed is not checked again"
    assert value_of(admin, f"housing:{number}") == (number, 8)


def test_only_administrators_change_anything(user: httpx.Client) -> None:
    for method, path, sent in (
        ("POST", "/models", {}),
        ("PUT", "/models/housing/aliases/champion", {"version": 2}),
        ("PATCH", "/models/housing/versions/2", {"is_active": False}),
    ):
        refused = user.request(method, path, json=sent)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert user.request(method, path, json=sent, headers={"X-API-Key": "sk_no"}).status_code == 401
    assert user.get("/models/housing/aliases/champion").status_code == 200
    assert user.get("/models/housing/versions/1").json()["ref"] == "housing:1"


BAD: list[tuple[Any, str]] = [
    ({"model": "Housing"}, "/model"),
    ({"model": "housing:3"}, "/model"),
    ({"task": "ranking"}, "/task"),
    ({"artifact": "../secret.joblib"}, "/artifact"),
    ({"artifact": "a/b.joblib"}, "/artifact"),
    ({"artifact": ".."}, "/artifact"),
    ({"artifact": "a.joblib\n"}, "/artifact"),
    ({"artifact": "s3://bucket/a"}, "/artifact"),
    ({"sha256": "ABC"}, "/sha256"),
    ({"framework": "xgboost 3.0"}, "/framework"),
    ({"example": {**HOUSE, "latitude": "north"}}, "/example/latitude"),
    ({"example": {}}, "/example/longitude"),
    ({"task": "clustering"}, ""),
    ({"example_output": {"value": 1}}, ""),
    ({"slice_records": 0}, "/slice_records"),
    ({"slice_records": 2**63}, "/slice_records"),
    ({"metrics": [1]}, "/metrics"),
    ({"content": "gASV"}, "/content"),
    ({"signature": {"inputs": [], "outputs": ["value", "low", "high"]}}, "/signature/inputs"),
    ({"signature": {"inputs": [{"name": "x", "type": "text"}], "outputs": []}}, "/signature/inputs/0"),
    (
        {"signature": {"inputs": [{"name": "x", "type": "number", "minimum": "0"}], "outputs": []}},
        "/signature/inputs/0/minimum",
    ),
]


@pytest.mark.parametrize(("change", "place"), BAD)
def test_what_cannot_be_registered(served: Service, admin: httpx.Client, change: Answer, place: str) -> None:
    before = len(admin.get("/models").json()["items"])
    refused = admin.post("/models", json=body(served, 9) | change)
    assert refused.status_code == 422, refused.text
    assert place in [one["pointer"] for one in refused.json()["errors"]], refused.text
    assert len(admin.get("/models").json()["items"]) == before


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 422), (b'{"model": NaN}', 400), (b'{"model": 1, "model": 2}', 400)],
)
def test_what_is_no_body(admin: httpx.Client, content: bytes, status: int) -> None:
    for method, path in (
        ("POST", "/models"),
        ("PUT", "/models/housing/aliases/x"),
        ("PATCH", "/models/housing/versions/1"),
    ):
        assert admin.request(method, path, content=content).status_code == status


def test_nothing_that_is_sent_is_a_fault_of_the_service(served: Service, admin: httpx.Client) -> None:
    for metrics in ({"a\0": 1}, {"a": ["\0"]}):
        assert admin.post("/models", json=body(served, 9, metrics=metrics)).status_code == 422
    for version in (0, -1, 2**31, 2**63, 2**70, 1.5, "1", None, True):
        assert point(admin, "x", version).status_code == 422, version  # type: ignore[arg-type]
    for path in ("/models/housing/aliases/X", "/models/housing/aliases/%00", "/models/housing/aliases/a%2Fb"):
        assert admin.put(path, json={"version": 1}).status_code in (404, 422)
        assert admin.get(path).status_code == 404
    for path in ("/models/nope/aliases/x", "/models/%00/aliases/x", "/models/housing:1/aliases/x"):
        assert admin.put(path, json={"version": 1}).status_code == 404
    for number in ("0", "x", "99", "9999999999", "%00", "-1"):
        assert admin.patch(f"/models/housing/versions/{number}", json={"is_active": True}).status_code == 404
        assert admin.get(f"/models/housing/versions/{number}").status_code == 404
    assert point(admin, "x", 99).status_code == 404
    for sent in ({}, {"is_active": "yes"}, {"is_active": 1}, {"is_active": True, "failure": None}):
        assert admin.patch("/models/housing/versions/1", json=sent).status_code == 422


def test_the_document_describes_it(admin: httpx.Client) -> None:
    document = admin.get("/openapi.json").json()
    routes = {path: set(methods) for path, methods in document["paths"].items() if path.startswith("/models")}
    assert routes["/models"] == {"get", "post"}
    assert routes["/models/{model}/aliases/{alias}"] == {"get", "put"}
    assert routes["/models/{model}/versions/{number}"] == {"get", "patch"}
    move = document["paths"]["/models/{model}/aliases/{alias}"]["put"]
    assert {"200", "201", "401", "403", "404", "409", "412", "422", "503"} <= move["responses"].keys()
    assert "If-Match" in [one["name"] for one in move["parameters"]]
    named = document["components"]["schemas"]
    references = {part.split('"')[0] for part in str(document).replace("'", '"').split("#/components/schemas/")[1:]}
    assert references <= named.keys()


def test_a_move_that_never_was_is_not_stored(served: Service, admin: httpx.Client) -> None:
    """What is refused leaves the alias, and its revision, as they were."""
    point(admin, "still", 1)
    assert point(admin, "still", 99).status_code == 404
    assert point(admin, "still", 2, if_match='"9"').status_code == 412
    assert admin.get("/models/housing/aliases/still").json()["revision"] == 1
    with environment(**served.env), db.transaction() as session:
        assert session.query(Version).filter_by(model="housing", number=1).one().is_active


def test_what_changes_predictions_leaves_a_line(served: Service, admin: httpx.Client) -> None:
    before = len(served.log("api"))
    point(admin, "audited", 1)
    point(admin, "audited", 99)  # there is none: nothing was changed
    wanted = body(served, 8, model="audited")
    admin.post("/models", json=wanted)
    admin.patch("/models/audited/versions/1", json={"is_active": True})
    me = admin.get("/users/me").json()
    said = [line.partition("audit: ")[2] for line in served.log("api")[before:].splitlines() if "audit: " in line]
    assert [re.sub(r"key \d+", "key N", line.partition(" [")[0]) for line in said] == [
        f"{action} by {me['username']} (user {me['id']}, key N): {what}"
        for action, what in (
            ("alias.move", "housing@audited is housing:1"),
            ("version.register", f"audited:1, sha256 {wanted['sha256']}"),
            ("version.change", "audited:1: is_active True"),
        )
    ]
