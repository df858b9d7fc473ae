"""What docker-compose.yml and the images promise, as far as it can be read off them; `make compose-test` runs them."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import env
from shared import keys
from shared.settings import Settings
from tests.conftest import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
LOCKS = sorted((ROOT / "deploy" / "images").glob("*.lock"))
DOCKERFILES = {name: (ROOT / name).read_text() for name in ("Dockerfile.api", "Dockerfile.worker")}


def secrets_of(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))


def test_every_setting_is_passed_on() -> None:
    wanted = {name.upper() for name in Settings.model_fields} - {"MODELS_URL"}  # which the image sets
    for name in ("migrate", "api", "worker"):
        assert wanted <= set(SERVICES[name]["environment"]), name


def test_only_four_services_can_be_reached_and_only_from_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"api", "flower", "jupyter", "postgres"}
    assert all(port.startswith("${BIND:-127.0.0.1}:") for ports in published.values() for port in ports)


def test_what_is_behind_a_password() -> None:
    environment = {name: SERVICES[name]["environment"] for name in ("flower", "postgres", "redis")}
    assert environment["flower"]["FLOWER_BASIC_AUTH"].startswith("${FLOWER_BASIC_AUTH:?")
    assert environment["postgres"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert "POSTGRES_HOST_AUTH_METHOD" not in TEXT
    assert environment["redis"]["REDISCLI_AUTH"].startswith("${REDIS_PASSWORD:?")
    assert "requirepass $$REDISCLI_AUTH" in SERVICES["redis"]["command"][-1]
    assert all(":${REDIS_PASSWORD:?" in url for url in re.findall(r"redis://\S*", TEXT))


def test_the_profiles() -> None:
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == {
        "jupyter": ["jupyter"],
        "prometheus": ["monitoring"],
    }


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_bounded_and_watched(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["init"] is True
    if name != "migrate":
        assert service["restart"] == "unless-stopped"
        dockerfile = DOCKERFILES[service["build"]["dockerfile"]] if name in OURS else ""
        assert "test" in service.get("healthcheck", {}) or "HEALTHCHECK" in dockerfile


@pytest.mark.parametrize("name", OURS)
def test_our_containers_are_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["tmpfs"] == ["/tmp"]


def test_everything_waits_for_the_tables() -> None:
    for name in ("api", "worker"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert all("condition" in how for service in SERVICES.values() for how in service.get("depends_on", {}).values())


def test_no_check_needs_what_the_images_lack() -> None:
    for text in (TEXT, *DOCKERFILES.values()):
        assert not re.search(r"\b(curl|wget|ps)\b", re.sub(r"#.*|docker compose ps", "", text))


def test_a_missing_secret_stops_the_start_with_its_name() -> None:
    """And what is no secret has a value without being set."""
    used = dict(re.findall(r"\$\{([A-Z_]+):([-?])", TEXT))
    assert {name for name, how in used.items() if how == "?"} == set(secrets_of(env.text())) - {"SCORELINE_URL"}
    assert not re.search(r"(?<!\$)\$[A-Z]|\$\{[A-Z_]+\}", TEXT)


def test_make_env_writes_once_for_its_owner_only(tmp_path: Path) -> None:
    written = [make_env(tmp_path) for _ in range(2)]
    assert written[0] == written[1]
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert all(secrets_of(written[0]).values())


def make_env(folder: Path) -> str:
    command = [sys.executable, "-m", "cli.env", folder / ".env"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=os.environ)
    return (folder / ".env").read_text()


def test_secrets_are_random_and_fit_into_an_address() -> None:
    one, other = secrets_of(env.text()), secrets_of(env.text())
    same = {name for name in one if one[name] == other[name]}
    assert same == {"SCORELINE_URL"}
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "READER_PASSWORD"):
        assert re.fullmatch(r"[0-9a-f]{48}", one[name])


def test_the_key_is_one_and_its_hash_belongs_to_it() -> None:
    found = secrets_of(env.text())
    key = found["SCORELINE_API_KEY"]
    assert keys.WRITTEN.fullmatch(key)
    assert keys.HASHED.fullmatch(found["ADMIN_KEY_HASH"])
    assert found["ADMIN_KEY_HASH"] == f"{key[:11]}:{keys.digest(key)}"


def test_make_has_both_targets() -> None:
    for target in ("env", "compose-test"):
        plan = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True)
        assert "-m" in plan.stdout, plan.stderr


def versions(path: Path) -> set[str]:
    return set(re.findall(r"^([a-z0-9][^ \\]*==[^ \\]+)", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", LOCKS, ids=[path.stem for path in LOCKS])
def test_the_images_have_the_versions_that_are_tested(path: Path) -> None:
    tested = {version.partition("==")[0]: version for version in versions(ROOT / "requirements.lock")}
    for version in versions(path):
        name = version.partition("==")[0]
        assert name not in tested or version in versions(ROOT / "requirements.lock"), name
    if path.stem != "jupyter":
        assert {version.partition("==")[0] for version in versions(path)} <= set(tested)
    assert "--hash=sha256:" in path.read_text()


def test_each_image_has_what_its_side_needs() -> None:
    api, worker = (ROOT / "deploy" / "images" / f"{side}.lock" for side in ("api", "worker"))
    names = {path.stem: {version.partition("==")[0] for version in versions(path)} for path in (api, worker)}
    assert not names["api"] & {"scikit-learn", "scipy", "pandas", "joblib", "alembic", "flower"}
    assert not names["worker"] & {"fastapi", "starlette", "uvicorn"}
    assert {"fastapi", "uvicorn"} <= names["api"]
    assert {"scikit-learn", "pandas", "alembic", "flower", "httpx"} <= names["worker"]


@pytest.mark.parametrize("text", DOCKERFILES.values(), ids=DOCKERFILES)
def test_dependencies_are_held_against_their_hashes_and_code_comes_after(text: str) -> None:
    assert "PIP_REQUIRE_HASHES=1" in text
    assert "PIP_ONLY_BINARY=:all:" in text
    assert text.index(".lock") < text.index("COPY pyproject.toml") < text.index("COPY shared")
    assert text.count("USER scoreline") > text.count("USER root")
    assert "# syntax" not in text
