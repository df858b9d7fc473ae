"""Users and keys over HTTP: made, changed, closed."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from shared import db
from tests.api.test_predict import assert_problem
from tests.conftest import HOUSE, Service, environment, eventually


@pytest.fixture
def admin(service: Service) -> Iterator[httpx.Client]:
    with service.admin() as client:
        yield client


def make(admin: httpx.Client, name: str, **fields: Any) -> Any:
    answer = admin.post("/users", json={"email": f"{name}@example.org", "username": name, **fields})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/users/{answer.json()['id']}"
    return answer.json()


def opened(admin: httpx.Client, user: int) -> dict[str, str]:
    """Headers with a new key of the user."""
    answer = admin.post(f"/users/{user}/keys", json={"name": "laptop"})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    return {"Authorization": f"Bearer {answer.json()['key']}"}


def me(admin: httpx.Client, headers: dict[str, str]) -> httpx.Response:
    return httpx.get(f"{admin.base_url}/users/me", headers=headers)


def test_a_user_from_the_first_day_to_the_last(admin: httpx.Client) -> None:
    user = make(admin, "Ada")
    assert (user["email"], user["username"], user["is_admin"], user["is_active"]) == (
        "ada@example.org",
        "Ada",
        False,
        True,
    )
    assert admin.get(f"/users/{user['id']}").json() == user
    headers = opened(admin, user["id"])
    assert me(admin, headers).json() == user
    changed = admin.put(f"/users/{user['id']}", json={"username": "ada.l"}).json()
    assert changed == user | {"username": "ada.l"}
    assert admin.delete(f"/users/{user['id']}").status_code == 204
    eventually(lambda: me(admin, headers).status_code == 401, seconds=5)
    assert_problem(admin.get(f"/users/{user['id']}"), 404, "not_found")


@pytest.mark.parametrize(
    ("fields", "field"), [({"email": "GRACE@Example.org"}, "email"), ({"username": "gRACE"}, "username")]
)
def test_a_name_is_taken_whatever_its_case(admin: httpx.Client, fields: dict[str, str], field: str) -> None:
    if admin.get("/users", params={"limit": 1000}).text.count('"grace"') == 0:
        make(admin, "grace")
    refused = admin.post("/users", json={"email": "new@example.org", "username": "new"} | fields)
    assert_problem(refused, 409, "taken")
    assert refused.json()["errors"][0]["pointer"] == f"/{field}"
    before = make(admin, f"other-{field}")
    assert_problem(admin.put(f"/users/{before['id']}", json=fields), 409, "taken")
    assert admin.get(f"/users/{before['id']}").json() == before


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "no address"},
        {"email": "a@b"},
        {"email": "a\u0000@example.org"},
        {"username": ""},
        {"username": "a b"},
        {"username": "a\u0000"},
        {"username": "x" * 65},
        {"is_admin": "perhaps"},
        {"role": "root"},
    ],
)
def test_bad_users_are_refused(admin: httpx.Client, fields: dict[str, Any]) -> None:
    assert_problem(admin.post("/users", json={"email": "x@example.org", "username": "x"} | fields), 422, "invalid")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"email": "x@example.org", "email": "y@example.org", "username": "x"}', 400),
        (b'{"email": "x@example.org", "username": "\\ud800"}', 400),
        (b'{"email": NaN, "username": "x"}', 400),
        (b"", 400),
        (b"[1]", 422),
        (b"[" * 100_000, 400),
        (b'{"email": 1' + b"0" * 5000 + b"}", 400),
        (b'{"email": 1e999}', 400),
        (b"\xef\xbb\xbf{}", 400),
        ("{}".encode("utf-16"), 400),
        (b'{"email": "x@example.org", "username": "' + b"x" * (1 << 20) + b'"}', 413),
    ],
)
def test_bodies_that_are_none(admin: httpx.Client, body: bytes, status: int) -> None:
    answer = admin.post("/users", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert admin.post("/users", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415


@pytest.mark.parametrize("depth", [100, 500, 900, 950, 1000, 1024])
def test_however_deep_it_is_no_body(admin: httpx.Client, depth: int) -> None:
    for body in (b"[" * depth + b"]" * depth, b'{"email": ' * depth + b"1" + b"}" * depth):
        answer = admin.post("/users", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), answer.text


def test_a_closed_user_is_out_within_a_second(admin: httpx.Client) -> None:
    user = make(admin, "carl")
    headers = [opened(admin, user["id"]) for _ in range(2)]
    assert [me(admin, each).status_code for each in headers] == [200, 200]
    admin.put(f"/users/{user['id']}", json={"is_active": False})
    eventually(lambda: [me(admin, each).status_code for each in headers] == [401, 401], seconds=5)
    admin.put(f"/users/{user['id']}", json={"is_active": True})
    eventually(lambda: [me(admin, each).status_code for each in headers] == [200, 200], seconds=5)


def test_keys_are_listed_without_their_secret_and_revoked(admin: httpx.Client) -> None:
    user = make(admin, "dora")
    first, second = opened(admin, user["id"]), opened(admin, user["id"])
    listed = admin.get(f"/users/{user['id']}/keys").json()["items"]
    assert [key["name"] for key in listed] == ["laptop", "laptop"]
    secrets = [each["Authorization"].removeprefix("Bearer ") for each in (second, first)]
    assert [key["prefix"] for key in listed] == [secret[:11] for secret in secrets]
    assert not any(secret[12:] in str(listed) for secret in secrets)
    assert admin.delete(f"/users/{user['id']}/keys/{listed[0]['prefix']}").status_code == 204
    eventually(lambda: me(admin, second).status_code == 401, seconds=5)
    assert me(admin, first).status_code == 200
    assert httpx.delete(f"{admin.base_url}/users/me/keys/{listed[1]['id']}", headers=first).status_code == 204
    assert_problem(admin.delete(f"/users/{user['id']}/keys/sk_nothing"), 404, "not_found")
    assert [key["revoked_at"] is None for key in admin.get(f"/users/{user['id']}/keys").json()["items"]] == [False] * 2


def test_who_is_no_admin_may_not_become_one(service: Service, http: httpx.Client) -> None:
    for change in ({"is_admin": True}, {"is_active": False}):
        assert_problem(http.put("/users/me", json=change), 403, "forbidden")
    assert http.put("/users/me", json={"username": "new.name"}).json()["username"] == "new.name"


def test_somebody_always_administers(database: str) -> None:
    from shared import users
    from shared.errors import Conflict

    with db.transaction() as session:
        one = users.create(session, "a@example.org", "a", is_admin=True).id
        users.create(session, "b@example.org", "b", is_admin=True, is_active=False)
    for change in ({"is_admin": False}, {"is_active": False}):
        with pytest.raises(Conflict, match="the only active admin"), db.transaction() as session:
            users.change(session, one, **change)
    with pytest.raises(Conflict, match="the only active admin"):
        users.delete(one)


def test_a_user_with_jobs_that_run_stays(admin: httpx.Client, service: Service) -> None:
    user = make(admin, "emmy")
    headers = opened(admin, user["id"])
    job = httpx.post(f"{admin.base_url}/predict", json=HOUSE, headers=headers | {"Prefer": "wait=30"}).json()
    with environment(**service.env), db.transaction() as session:
        session.execute(
            text("UPDATE jobs SET status = 'pending', finished_at = NULL WHERE id = :id"), {"id": job["id"]}
        )
    assert_problem(admin.delete(f"/users/{user['id']}"), 409, "conflict")
    with environment(**service.env), db.transaction() as session:
        session.execute(
            text("UPDATE jobs SET status = 'succeeded', finished_at = now() WHERE id = :id"), {"id": job["id"]}
        )
    assert admin.delete(f"/users/{user['id']}").status_code == 204
    with environment(**service.env), db.transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM slices WHERE job_id = :id"), {"id": job["id"]}) == 0


def test_pages_of_users(admin: httpx.Client) -> None:
    for name in ("page1", "page2", "page3"):
        make(admin, name)
    seen, address = [], "/users?limit=2"
    while address:
        answer = admin.get(address)
        seen += [user["id"] for user in answer.json()["items"]]
        address = answer.links["next"]["url"] if answer.json()["next"] else ""
    assert seen == sorted(set(seen))
    assert len(seen) >= 4


def test_what_only_an_admin_changes_leaves_a_line_without_a_secret(admin: httpx.Client, service: Service) -> None:
    before = len(service.log("api"))
    user = make(admin, "greta")
    headers = opened(admin, user["id"])
    key = admin.get(f"/users/{user['id']}/keys").json()["items"][0]
    admin.put(f"/users/{user['id']}", json={"email": "secret.address@example.org"})
    admin.delete(f"/users/{user['id']}/keys/{key['prefix']}")
    admin.post("/users", json={"email": "greta@example.org", "username": "Greta"})  # taken: nothing was changed
    admin.delete(f"/users/{user['id']}")
    log = service.log("api")[before:]
    me = admin.get("/users/me").json()
    lines = [line.partition("audit: ")[2] for line in log.splitlines() if "audit: " in line]
    assert [line.partition(" by ")[0] for line in lines] == [
        "user.create",
        "key.create",
        "user.change",
        "key.revoke",
        "user.delete",
    ]
    assert all(f"by {me['username']} (user {me['id']}, key " in line for line in lines)
    assert f": key {key['prefix']} of user {user['id']} [request_id " in lines[1]
    assert headers["Authorization"][-43:] not in log
    assert admin.headers["X-API-Key"][-43:] not in log
    assert "secret.address" not in log


@pytest.mark.parametrize(
    "user", ["0", "-1", "1e3", "99999999", str(2**63), str(2**64), "%00", "%ff", "me%20", "\u0661"]
)
def test_users_that_are_none(admin: httpx.Client, user: str) -> None:
    for answer in (
        admin.get(f"/users/{user}"),
        admin.put(f"/users/{user}", json={"is_active": False}),
        admin.delete(f"/users/{user}"),
        admin.get(f"/users/{user}/keys"),
        admin.post(f"/users/{user}/keys", json={"name": "x"}),
        admin.delete(f"/users/{user}/keys/1"),
        admin.delete(f"/users/me/keys/sk_{user}"),
    ):
        assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize("query", ["after=-1", f"after={2**63}", "after=x", "after=%00", "limit=0", f"limit={2**64}"])
def test_pages_that_are_none(admin: httpx.Client, query: str) -> None:
    assert_problem(admin.get(f"/users?{query}"), 422, "invalid")


@pytest.mark.parametrize("name", ["", "x" * 101, "two\nlines", "a\u0000", "\u001b[2J", "\u009b2J", 1, None])
def test_names_of_keys_that_are_none(admin: httpx.Client, name: Any) -> None:
    assert_problem(admin.post("/users/me/keys", json={"name": name}), 422, "invalid")


def test_a_user_has_so_many_keys_and_no_more(http: httpx.Client) -> None:
    made = [http.post("/users/me/keys", json={"name": str(number)}).status_code for number in range(100)]
    assert made == [201] * 99 + [409]
