"""`scoreline models` and `promote`, as a person uses them."""

import json
from collections.abc import Iterator

import pytest

from cli.servers import Postgres, Valkey
from tests import constants
from tests.client.conftest import run
from tests.conftest import Service, copy_database, environment, redis_url, serving


@pytest.fixture(scope="module")
def shop(
    template: str, running: tuple[Postgres, Valkey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    url, folder = copy_database(template), tmp_path_factory.mktemp("shop")
    with environment(DATABASE_URL=url, MODELS_URL=str(folder / "models")):
        constants.publish(1)
        constants.publish(2)
    with serving(url, redis_url(running[1], 7), folder / "models", folder) as service:
        yield service


@pytest.fixture
def admin(shop: Service) -> dict[str, str]:
    with shop.admin() as client:
        return {"SCORELINE_URL": shop.url, "SCORELINE_API_KEY": client.headers["x-api-key"]}


def test_models(admin: dict[str, str]) -> None:
    said = run("models", "housing", env=admin).stdout.splitlines()
    assert said[0].split()[:3] == ["version", "aliases", "state"]
    assert said[1].split()[:3] == ["housing:2", "ready", "regression"]
    assert said[2].split()[:4] == ["housing:1", "champion", "ready", "regression"]
    assert "scikit-learn 1." in said[1]
    assert [one["ref"] for one in json.loads(run("models", "--json", env=admin).stdout)["items"]][:1] == ["housing:2"]
    nope = run("models", "nope", env=admin)
    assert (nope.returncode, 'no model "nope"' in nope.stderr) == (1, True)


def test_promote_and_back(admin: dict[str, str]) -> None:
    there = run("promote", "housing:2", "champion", env=admin)
    assert there.stdout.splitlines()[0] == "housing@champion is housing:2 from now on", there.stderr
    back = there.stdout.splitlines()[1].removeprefix("to go back: scoreline ")
    assert back == "promote housing:1 champion"
    assert run(*back.split(), env=admin).returncode == 0
    again = run("promote", "housing:1", "champion", env=admin)
    assert again.stdout == "housing@champion is housing:1 already\n"
    new = run("promote", "housing:2", "candidate", "--json", env=admin)
    assert json.loads(new.stdout)["revision"] == 1


def test_a_version_that_was_registered_this_moment_is_waited_for(shop: Service, admin: dict[str, str]) -> None:
    with environment(**shop.env):
        wanted = constants.body(3)
    with shop.admin() as client:
        made = client.post("/models", json=wanted).json()
    done = run("promote", made["ref"], "third", env=admin)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_failed_is_said_with_the_reason(shop: Service, admin: dict[str, str]) -> None:
    with environment(**shop.env):
        wanted = constants.body(4, model="broken", sha256="0" * 64)
    with shop.admin() as client:
        client.post("/models", json=wanted)
    done = run("promote", "broken:1", "other", env=admin)
    assert (done.returncode, "is not the registered artefact" in done.stderr) == (1, True)
    listed = run("models", "broken", env=admin)
    assert "failed" in listed.stdout
    assert "broken:1 cannot be served: " in listed.stderr


@pytest.mark.parametrize(("ref", "code"), [("housing", 2), ("housing@champion", 2), ("housing:99", 1)])
def test_what_cannot_be_promoted(admin: dict[str, str], ref: str, code: int) -> None:
    assert run("promote", ref, "champion", env=admin).returncode == code


def test_others_may_not(shop: Service) -> None:
    with shop.user() as client:
        env = {"SCORELINE_URL": shop.url, "SCORELINE_API_KEY": client.headers["x-api-key"]}
    done = run("promote", "housing:2", "champion", env=env)
    assert (done.returncode, "only an administrator" in done.stderr) == (1, True)
