"""The command line as a person uses it: the real program against the real service."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from scoreline.commands import scoreline

from docs.reference import commands
from tests.client.conftest import run

House = dict[str, Any]


def test_predict_from_words(env: dict[str, str], house: House) -> None:
    done = run("predict", *[f"{name}={value}" for name, value in house.items()], env=env)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {"value", "low", "high"}


@pytest.mark.parametrize("words", [("-",), ("--json", "-"), ("-", "--model", "housing:1")])
def test_predict_from_the_input(env: dict[str, str], house: House, words: tuple[str, ...]) -> None:
    done = run("predict", *words, env=env, stdin=json.dumps(house))
    assert json.loads(done.stdout)["value"] > 0


def test_what_the_service_refuses_is_said_in_full(env: dict[str, str], house: House) -> None:
    del house["median_income"]
    done = run("predict", "-", env=env, stdin=json.dumps(house | {"median_incme": 8}))
    assert done.returncode == 1
    assert 'did you mean "median_income"?' in done.stderr
    assert '"median_income" is missing' in done.stderr


@pytest.mark.parametrize("words", [(), ("median_income",), ("a=1", "--json", "-"), ("--nonsense",), ("-",)])
def test_wrong_use(env: dict[str, str], words: tuple[str, ...]) -> None:
    assert run("predict", *words, env=env, stdin="[1]").returncode == 2


def test_jobs(env: dict[str, str], http: httpx.Client, house: House) -> None:
    job = http.post("/predict", json=house, headers={"Prefer": "wait=20"}).json()
    assert json.loads(run("jobs", job["id"], env=env).stdout)["output"] == job["output"]
    assert [one["id"] for one in json.loads(run("jobs", "--json", env=env).stdout)["items"]] == [job["id"]]
    assert job["id"] in run("jobs", env=env).stdout
    unknown = run("jobs", "0199c1e8-0000-7000-8000-000000000000", env=env)
    assert (unknown.returncode, "there is no job" in unknown.stderr) == (1, True)


def test_the_local_service_is_found_from_a_folder_below(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".scoreline").mkdir()
    (tmp_path / ".scoreline" / "local.env").write_text("".join(f"{name}={value}\n" for name, value in env.items()))
    below = tmp_path / "notebooks"
    below.mkdir()
    assert run("doctor", env={}, folder=below).returncode == 0


def test_jobs_are_readable_on_80_columns(env: dict[str, str], http: httpx.Client, house: House) -> None:
    http.post("/predict", json=house, headers={"Prefer": "wait=20"})
    assert max(map(len, run("jobs", env=env).stdout.splitlines())) <= 80


def test_the_console_is_opened_signed_in(env: dict[str, str], tmp_path: Path) -> None:
    """By a browser that only writes down where it was sent."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path / "opened"}\n')
    browser.chmod(0o755)
    done = run("console", env=env | {"BROWSER": f"{browser} %s"})
    assert (done.returncode, done.stdout) == (0, f"{env['SCORELINE_URL']}/\n"), done.stderr
    assert (tmp_path / "opened").read_text() == f"{env['SCORELINE_URL']}/#key={env['SCORELINE_API_KEY']}\n"
    refused = run("console", env=env | {"BROWSER": f"{browser} %s", "SCORELINE_API_KEY": "sk_wrong"})
    assert (refused.returncode, refused.stdout) == (1, "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion(env: dict[str, str], shell: str) -> None:
    """The script, and then what the shell asks for with it."""
    assert "_SCORELINE_COMPLETE" in run("completion", shell, env=env).stdout
    begun = {"COMP_WORDS": "scoreline predict --model ", "COMP_CWORD": "" if shell == "fish" else "3"}
    words = begun | {"_SCORELINE_COMPLETE": f"{shell}_complete"}
    program = [str(Path(sys.executable).with_name("scoreline"))]
    said = subprocess.run(program, env=os.environ | env | words, capture_output=True, text=True).stdout
    assert "housing@champion" in said
    assert "housing:1" in said


def test_colours_only_where_somebody_sees_them(env: dict[str, str]) -> None:
    assert "\x1b" not in run("jobs", "--json", env=env).stdout
    for colours, wanted in (({}, True), ({"NO_COLOR": "1"}, False)):
        screen, inner = os.openpty()
        words = [sys.executable, "-m", "scoreline.commands", "jobs", "--json"]
        subprocess.run(words, env=os.environ | env | {"TERM": "xterm-256color"} | colours, stdout=inner, check=True)
        assert (b"\x1b[1;34m" in os.read(screen, 4096)) == wanted
        os.close(screen)
        os.close(inner)


def test_no_parquet_for_a_terminal(env: dict[str, str]) -> None:
    screen, inner = os.openpty()
    words = [sys.executable, "-m", "scoreline.commands", "results", "0199c1e8", "--format", "parquet"]
    assert subprocess.run(words, env=os.environ | env, stdout=inner, stderr=subprocess.DEVNULL).returncode == 2
    os.close(screen)
    os.close(inner)


def test_the_help_of_each_command_has_an_example() -> None:
    for words, command in commands(scoreline, "scoreline"):
        assert f"\n  {words}" in command.get_help(click.Context(command)), words


def test_each_listing_is_also_json() -> None:
    found = dict(commands(scoreline, "scoreline"))
    for name in ("jobs", "models", "users", "keys", "doctor"):
        assert "as_json" in [one.name for one in found[f"scoreline {name}"].params]
