"""`scoreline users` and `keys`, as an administrator uses them."""

import json
import re

import httpx
import pytest

from tests.client.conftest import run
from tests.conftest import Service, eventually, numbers

Env = dict[str, str]


@pytest.fixture
def admin(service: Service) -> Env:
    with service.admin() as client:
        return {"SCORELINE_URL": service.url, "SCORELINE_API_KEY": client.headers["x-api-key"]}


@pytest.fixture
def name() -> str:
    return f"Person{next(numbers)}"


def test_a_user_gets_a_key_and_loses_it(admin: Env, name: str) -> None:
    added = run("users", "add", f"{name}@example.org", name, env=admin)
    assert added.stdout == f"{name} is there, user; a key: scoreline keys add {name} NAME\n", added.stderr
    made = run("keys", "add", name.upper(), "[bold]laptop", env=admin)
    key = made.stdout.strip()
    assert re.fullmatch(r"sk_[0-9a-f]{8}_[\w-]{43}", key), made.stderr
    assert made.stderr.endswith(f"scoreline keys revoke {key[:11]}\n")
    assert key[12:] not in made.stderr
    theirs = admin | {"SCORELINE_API_KEY": key}
    listed = run("keys", env=theirs).stdout
    assert listed.splitlines()[1].split()[:2] == [key[:11], "[bold]laptop"]
    assert listed == run("keys", "--user", name, env=admin).stdout
    assert json.loads(run("keys", "--json", env=theirs).stdout)["items"][0]["prefix"] == key[:11]
    assert key[12:] not in listed
    done = run("keys", "revoke", key[:11], env=admin)
    assert done.stdout == f"{key[:11]} of {name} opens nothing any more\n", done.stderr
    asked = {"X-API-Key": key}
    eventually(lambda: httpx.get(f"{admin['SCORELINE_URL']}/users/me", headers=asked).status_code == 401, seconds=5)


def test_users(admin: Env, name: str) -> None:
    made = json.loads(run("users", "add", f"{name}@example.org", name, "--admin", "--json", env=admin).stdout)
    assert made["is_admin"]
    said = run("users", env=admin).stdout.splitlines()
    assert said[0].split() == ["id", "username", "email", "role", "state", "created"]
    [line] = [line.split() for line in said if f" {name} " in line]
    assert line[:5] == [str(made["id"]), name, f"{name.lower()}@example.org", "admin", "active"]
    assert made in json.loads(run("users", "--json", env=admin).stdout)["items"]


def test_one_closes_a_key_of_ones_own(env: Env) -> None:
    me = httpx.get(f"{env['SCORELINE_URL']}/users/me", headers={"X-API-Key": env["SCORELINE_API_KEY"]}).json()
    spare = run("keys", "add", me["username"], "spare", env=env).stdout.strip()
    assert run("keys", "revoke", spare[:11], env=env).returncode == 0
    assert "spare" in run("keys", env=env).stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("users", "add", "no address", "x"), 1, "/email"),
        (("users", "add", "x@example.org", "a b"), 1, "/username: must have 1 to 64 letters"),
        (("users", "add", "x@example.org"), 2, "Missing argument"),
        (("keys", "add", "nobody", "laptop"), 1, 'there is no user "nobody"'),
        (("keys", "add", "no body", "laptop"), 1, "username"),
        (("keys", "revoke", "sk_00000000"), 1, 'there is no key "sk_00000000"'),
        (("keys", "revoke", "sk_00000000_" + "A" * 43), 2, "give the prefix"),
    ],
)
def test_what_is_refused(admin: Env, words: tuple[str, ...], code: int, said: str) -> None:
    done = run(*words, env=admin)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("users",),
        ("users", "add", "x@example.org", "x"),
        ("keys", "--user", "admin"),
        ("keys", "add", "admin", "mine"),
        ("keys", "revoke", "sk_00000000"),
    ],
)
def test_who_is_no_administrator_is_told_so(env: Env, words: tuple[str, ...]) -> None:
    done = run(*words, env=env)
    assert done.returncode == 1
    assert "only an administrator" in done.stderr or "there is no key" in done.stderr


def test_a_name_that_is_taken(admin: Env, name: str) -> None:
    assert run("users", "add", f"{name}@example.org", name, env=admin).returncode == 0
    again = run("users", "add", f"other-{name}@example.org", name.lower(), env=admin)
    assert (again.returncode, f'the username "{name.lower()}" is taken' in again.stderr) == (1, True)
