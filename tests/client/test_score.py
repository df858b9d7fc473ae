"""A file in, a file out, as a person does it: the real program, the real service."""

import csv
import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet
import pytest
from scoreline import Client, ScorelineError, patience
from scoreline.commands import main
from scoreline.commands.progress import Lines
from scoreline.job import AnyJob
from scoreline.sinks import Sink

from cli.servers import free_port
from tests.client.conftest import run
from tests.client.proxy import Proxy
from tests.conftest import HOUSE, ROOT, Service, eventually

NAMES = list(HOUSE)
JOB = r"[0-9a-f]{8}-[0-9a-f-]{27}"
Record = dict[str, Any]
Env = dict[str, str]


def houses(count: int, **changes: Any) -> list[Record]:
    return [{"id": number, **HOUSE, **changes} for number in range(count)]


def as_csv(records: list[Record], delimiter: str = ",") -> bytes:
    lines = [records[0].keys(), *(record.values() for record in records)]
    return "".join(delimiter.join(map(str, line)) + "\n" for line in lines).encode()


def as_parquet(records: list[Record]) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pylist(records), sink)
    return sink.getvalue()


WRITERS: dict[str, Callable[[list[Record]], bytes]] = {
    "csv": as_csv,
    "tsv": lambda records: as_csv(records, "\t"),
    "ndjson": lambda records: "\n".join(map(json.dumps, records)).encode(),
    "jsonl": lambda records: "\n".join(map(json.dumps, records)).encode(),
    "json": lambda records: json.dumps({"records": records}).encode(),
    "parquet": as_parquet,
}
READERS: dict[str, Callable[[bytes], list[Record]]] = {
    "csv": lambda data: list(csv.DictReader(io.StringIO(data.decode()))),
    "ndjson": lambda data: [json.loads(line) for line in data.splitlines()],
    "jsonl": lambda data: [json.loads(line) for line in data.splitlines()],
    "json": json.loads,
    "parquet": lambda data: pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist(),
}


def written(path: Path, records: list[Record]) -> Path:
    extension = path.name.removesuffix(".gz").rpartition(".")[2]
    data = WRITERS[extension](records)
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


def read(path: Path) -> list[Record]:
    extension = path.name.removesuffix(".gz").rpartition(".")[2]
    data = path.read_bytes()
    return READERS[extension](gzip.decompress(data) if path.name.endswith(".gz") else data)


def many(path: Path, count: int) -> Path:
    header, house = as_csv(houses(1)).splitlines(keepends=True)
    path.write_bytes(header + house * count)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in which no command leaves a temporary file."""
    yield tmp_path
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".scoreline-")]


@pytest.mark.parametrize(
    ("source", "out", "expected"),
    [
        ("houses.csv", None, "houses.scored.csv"),
        ("houses.TSV.gz", None, "houses.scored.csv.gz"),
        ("houses.jsonl", None, "houses.scored.jsonl"),
        ("houses.ndjson.gz", "out.parquet", "out.parquet"),
        ("houses.parquet", "out.csv.gz", "out.csv.gz"),
        ("houses.json", "out.json", "out.json"),
        ("houses.parquet.gz", "out.ndjson", "out.ndjson"),
    ],
)
def test_a_file_in_a_file_out(env: Env, folder: Path, source: str, out: str | None, expected: str) -> None:
    written(folder / source.replace("TSV", "tsv"), houses(3)).rename(folder / source)
    done = run("score", source, *(("-o", out) if out else ()), env=env, folder=folder)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    found = read(folder / expected)
    assert [int(row["record"]) for row in found] == [int(row["id"]) for row in found] == [0, 1, 2]
    assert all(float(row["low"]) <= float(row["value"]) <= float(row["high"]) for row in found)
    first, last = done.stderr.splitlines()
    assert re.fullmatch(rf"job {JOB}: 3 records for housing:1; Ctrl-C leaves it .*", first)
    assert re.fullmatch(rf"3 records, 0 failed, [\d.]+ s, [\d,]+ records?/s: (.*/)?{re.escape(expected)}", last)


def test_many_slices_come_whole_and_in_order(env: Env, folder: Path) -> None:
    many(folder / "houses.csv", 25_000)
    assert run("score", "houses.csv", env=env, folder=folder).returncode == 0
    assert [int(row["record"]) for row in read(folder / "houses.scored.csv")] == list(range(25_000))


def test_failed_records_are_told_with_line_and_column(env: Env, folder: Path) -> None:
    (folder / "houses.scored.csv").write_text("of yesterday")
    (folder / "houses.scored.csv").chmod(0o640)
    written(folder / "houses.csv", [*houses(2), *houses(7, latitude="far")])
    done = run("score", "houses.csv", env=env, folder=folder)
    assert done.returncode == 3
    assert "9 records, 7 failed" in done.stderr
    assert '\n  line 4, column latitude: "latitude" must be a number, not "far"\n' in done.stderr
    assert done.stderr.count("  line ") == 5
    assert re.search(rf"and 2 more: scoreline results {JOB} --errors", done.stderr)
    assert [bool(row["error"]) for row in read(folder / "houses.scored.csv")] == [False] * 2 + [True] * 7
    assert (folder / "houses.scored.csv").stat().st_mode & 0o777 == 0o640


def test_reject_leaves_everything_as_it_was(env: Env, folder: Path, http: httpx.Client) -> None:
    (folder / "houses.scored.csv").write_text("of yesterday")
    written(folder / "houses.csv", [*houses(2), *houses(12, latitude="far")])
    done = run("score", "houses.csv", "--on-error", "reject", env=env, folder=folder)
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert said[0] == "scoreline: 12 of 14 records are not valid; nothing was stored"
    assert said[1] == '  line 4, column latitude: "latitude" must be a number, not "far"'
    assert said[11:] == ["  and 2 more"]
    assert (folder / "houses.scored.csv").read_text() == "of yesterday"
    assert http.get("/jobs").json()["items"] == []


def test_through_a_pipe(env: Env, folder: Path) -> None:
    done = run("score", "-", "-o", "-", env=env, stdin=as_csv(houses(2)).decode(), folder=folder)
    assert done.returncode == 0
    assert [row["id"] for row in csv.DictReader(io.StringIO(done.stdout))] == ["0", "1"]
    assert "2 records, 0 failed" in done.stderr


@pytest.mark.parametrize(("options", "expected"), [((), "'=1+1"), (("--raw",), "=1+1")])
def test_a_formula_is_not_run_by_who_opens_the_results(
    env: Env, folder: Path, options: tuple[str, ...], expected: str
) -> None:
    written(folder / "houses.csv", houses(1, note="=1+1"))
    assert run("score", "houses.csv", *options, env=env, folder=folder).returncode == 0
    assert read(folder / "houses.scored.csv")[0]["note"] == expected


def test_detach_and_come_back(env: Env, folder: Path, http: httpx.Client) -> None:
    written(folder / "houses.csv", [*houses(2), *houses(1, latitude="far")])
    words = ("--detach", "--name", "spring", "--meta", "town=Oakland", "-o", "out of it.csv")
    left = run("score", "houses.csv", *words, env=env, folder=folder)
    assert left.returncode == 0
    job = left.stdout.strip()
    assert f"scoreline results {job} -o 'out of it.csv'" in left.stderr
    with ThreadPoolExecutor(2) as pool:
        to_file = pool.submit(run, "results", job, "-o", "out.csv.gz", env=env, folder=folder)
        errors = pool.submit(run, "results", job, "--errors", "--format", "ndjson", env=env, folder=folder)
    assert to_file.result().returncode == 3
    assert "3 records, 1 failed: out.csv.gz" in to_file.result().stderr
    assert [bool(row["error"]) for row in read(folder / "out.csv.gz")] == [False, False, True]
    [error] = map(json.loads, errors.result().stdout.splitlines())
    assert (errors.result().returncode, error["line"]) == (0, 4)
    found = http.get(f"/jobs/{job}").json()
    assert (found["name"], found["metadata"]) == ("spring", {"town": "Oakland"})


def test_jobs_that_nobody_has(env: Env, folder: Path) -> None:
    for command in ("cancel", "results"):
        unknown = run(command, "0199c1e8-0000-7000-8000-000000000000", env=env, folder=folder)
        assert (unknown.returncode, unknown.stdout) == (1, "")
        [line] = unknown.stderr.splitlines()
        assert "there is no job" in line


def start(*words: str, env: Env, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "scoreline.commands", *words]
    return subprocess.Popen(command, env=os.environ | env, cwd=folder, stderr=subprocess.PIPE, text=True)


class Terminal:
    """A program whose stderr is a terminal, and what it has written there."""

    def __init__(self, *words: str, env: Env, folder: Path) -> None:
        self.screen, inner = os.openpty()
        self.said = ""
        command = [sys.executable, "-m", "scoreline.commands", *words]
        self.process = subprocess.Popen(command, env=os.environ | env | {"TERM": "xterm"}, cwd=folder, stderr=inner)
        os.close(inner)

    def read_until(self, wanted: str) -> None:
        while wanted not in self.said:
            self.said += os.read(self.screen, 4096).decode()

    def end(self) -> int:
        try:
            while more := os.read(self.screen, 4096):
                self.said += more.decode()
        except OSError:  # how Linux says that the other side is closed
            os.close(self.screen)
        return self.process.wait(10)


def test_leaving_canceling_and_trying_again(env: Env, service: Service, folder: Path, http: httpx.Client) -> None:
    """While the worker is stopped, so that the jobs wait."""
    for name in ("left", "canceled", "kept"):
        written(folder / f"{name}.csv", houses(3))
        (folder / f"{name}.scored.csv").write_text("of yesterday")
    worker = service.processes["worker"]
    worker.send_signal(signal.SIGSTOP)
    try:
        left = Terminal("score", "left.csv", "--name", "left", env=env, folder=folder)
        canceled, kept = (
            start("score", f"{name}.csv", "--name", name, env=env, folder=folder) for name in ("canceled", "kept")
        )
        left.read_until("waiting")
        eventually(lambda: len(http.get("/jobs").json()["items"]) == 3)
        ids = {job["name"]: job["id"] for job in http.get("/jobs").json()["items"]}

        left.process.send_signal(signal.SIGINT)
        assert left.end() == 130
        assert "0 of 3 records" in left.said
        assert f"scoreline results {ids['left']} -o left.scored.csv" in left.said

        said = run("cancel", ids["canceled"], env=env, folder=folder).stdout
        assert said == f"{ids['canceled']} is canceled: 0 of 3 records are scored\n"
        assert "canceled when 0 were scored" in canceled.communicate(timeout=10)[1]
        assert canceled.returncode == 1
        for name in ids:
            assert (folder / f"{name}.scored.csv").read_text() == "of yesterday"

        again = run("retry", ids["canceled"], "--json", env=env, folder=folder)
        assert json.loads(again.stdout)["status"] == "pending"
        assert json.loads(run("jobs", ids["left"], env=env).stdout)["status"] == "pending"
    finally:
        worker.send_signal(signal.SIGCONT)
    assert "3 records, 0 failed" in kept.communicate(timeout=30)[1]
    for name in ("left", "canceled"):
        assert run("results", ids[name], "-o", f"{name}.scored.csv", env=env, folder=folder).returncode == 0
    for name in ids:
        assert [row["error"] for row in read(folder / f"{name}.scored.csv")] == [""] * 3
    nothing = run("retry", ids["left"], env=env, folder=folder)
    assert nothing.returncode == 1
    assert "there is nothing to try again; a record refused" in nothing.stderr


def test_a_bar_on_a_terminal(env: Env, folder: Path) -> None:
    written(folder / "houses.csv", houses(3))
    terminal = Terminal("score", "houses.csv", env=env, folder=folder)
    assert terminal.end() == 0
    assert "\x1b[?25l" in terminal.said, "rich hides the cursor while it draws"
    assert "3 records, 0 failed" in terminal.said


def test_lines_elsewhere(http: httpx.Client, capsys: pytest.CaptureFixture[str]) -> None:
    job = http.post("/predict", json=HOUSE, headers={"Prefer": "wait=20"}).json()
    lines = Lines(every=0)
    lines.sent(12_000_000, 80_000_000)
    lines.scored(AnyJob(Client(), job | {"status": "running", "eta_seconds": 7.0}))
    sending, scoring = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"sending: 12\.0 of 80\.0 MB, [\d,.]+ MB/s", sending)
    assert re.fullmatch(r"scoring: 1 of 1 record, [\d,]+ records?/s, about 7 s left", scoring)


def test_interrupted_while_it_is_sent(env: Env, folder: Path, http: httpx.Client, service: Service) -> None:
    many(folder / "houses.csv", 200_000)  # more than the buffers on the way hold
    with Proxy(service.port, held_after=200_000) as proxy:
        program = start("score", "houses.csv", env=env | {"SCORELINE_URL": proxy.url}, folder=folder)
        proxy.held.wait(10)
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=10)[1] == "nothing was submitted\n"
        assert program.returncode == 130
    assert http.get("/jobs").json()["items"] == []
    assert [path.name for path in folder.iterdir()] == ["houses.csv"]


@pytest.fixture
def key(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a client in this process, that tries again sooner than a person's."""
    monkeypatch.setattr(patience, "DELAYS", (0.05,) * 3)
    return str(http.headers["x-api-key"])


def test_an_upload_that_breaks_is_one_job(service: Service, http: httpx.Client, key: str, folder: Path) -> None:
    """Once in its middle, and once when only the answer is missing."""
    path = many(folder / "houses.csv", 10_000)
    sent: list[tuple[int, int]] = []
    cuts = [("up", 200_000), ("down", 0)]
    with Proxy(service.port, cuts) as proxy, Client(proxy.url, key) as client:
        job = client.submit(path, progress=lambda *parts: sent.append(parts))
        assert proxy.connections == 3
    assert sent[-1] == (path.stat().st_size,) * 2
    assert [one["id"] for one in http.get("/jobs").json()["items"]] == [job.id]


def test_a_download_that_breaks_begins_again(service: Service, key: str, folder: Path) -> None:
    path = many(folder / "houses.csv", 10_000)
    with Client(service.url, key) as client:
        submitted = client.submit(path).answer
        client.made(submitted).wait().results(folder / "whole.csv.gz")
    for follow, cuts in ((True, [("down", 200_000)]), (False, [("down", 200_000), ("down", 1000)])):
        with Proxy(service.port, cuts=cuts) as proxy, Client(proxy.url, key) as client:
            client.made(submitted).results(folder / "out.csv.gz", follow=follow)
        assert (folder / "out.csv.gz").read_bytes() == (folder / "whole.csv.gz").read_bytes()
    with (
        Proxy(service.port, cuts=[("down", 200_000)]) as proxy,
        Client(proxy.url, key) as client,
        open(folder / "pipe.csv", "wb") as file,
        pytest.raises(ScorelineError, match="is written already"),
    ):
        client.made(submitted).results(Sink(file, rewinds=False))


def test_a_full_disk(service: Service, key: str, folder: Path) -> None:
    with Client(service.url, key) as client:
        job = client.submit(many(folder / "houses.csv", 3))
        with pytest.raises(ScorelineError, match="No space left"):
            job.results("/dev/full", "csv")


def test_no_service(folder: Path) -> None:
    written(folder / "houses.csv", houses(1))
    away = {"SCORELINE_URL": f"http://127.0.0.1:{free_port()}", "SCORELINE_API_KEY": "sk"}
    done = run("score", "houses.csv", env=away, folder=folder)
    assert done.returncode == 4
    assert "nothing was submitted" in done.stderr
    assert "scoreline up" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["houses.csv"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("score missing.csv", 'there is no file "missing.csv"'),
        ("score empty.csv", '"empty.csv" is empty'),
        ("score folder", '"folder" is a folder'),
        ("score pipe.csv", '"pipe.csv" is a pipe'),
        ("score houses.xlsx", "must end in .csv, .tsv, .ndjson, .jsonl, .json or .parquet, with .gz behind it"),
        ("score houses.csv -o out.xlsx", "must end in .csv, .ndjson, .jsonl, .json or .parquet"),
        ("score houses.csv -o houses.csv", '"houses.csv" is the file with the records'),
        ("score houses.csv -o there/out.csv", "there is no folder"),
        ("score houses.csv --meta town", '"town" is not KEY=VALUE'),
        ("score houses.csv --on-error ignore", "'ignore' is not one of"),
        ("results 0199c1e8-0000-7000-8000-000000000000 -o out.xlsx", "must end in"),
    ],
)
def test_wrong_use(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    """In this process, as no service is asked."""
    for name, content in (("houses.csv", as_csv(houses(1))), ("houses.xlsx", b"x"), ("empty.csv", b"")):
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe.csv")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["scoreline", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_readme(env: Env, folder: Path) -> None:
    """To the letter, in a folder that looks like the project's."""
    [commands] = re.findall(r"```sh\n(\.venv/bin/scoreline score.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (folder / "data").symlink_to(ROOT / "data")
    (folder / ".venv").symlink_to(Path(sys.prefix))
    done = subprocess.run(["sh", "-ec", commands], env=os.environ | env, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "10,000 records, 0 failed" in done.stderr
