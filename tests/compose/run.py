"""`make compose-test`: builds and runs the service in containers, kills one of three workers, and loses nothing."""

import csv
import subprocess
import time
from itertools import cycle, islice

from tests.compose.stack import ROOT, Stack, eventually, need_docker

RECORDS = 100_000
SLICE_RECORDS = 500
WORKER_CORES = 0.3
HOUSE = b"""{"longitude": -122.23, "latitude": 37.88, "housing_median_age": 41, "total_rooms": 880,
    "total_bedrooms": 129, "population": 322, "households": 126, "median_income": 8.3252}"""
began = time.monotonic()


def say(words: str) -> None:
    print(f"[{time.monotonic() - began:6.1f} s] {words}", flush=True)


def main() -> None:
    need_docker()
    stack = Stack(SLICE_RECORDS=str(SLICE_RECORDS))
    try:
        run(stack)
    except BaseException:
        print(stack.compose("logs", "--tail=20", "--no-color"))
        raise
    finally:
        stack.remove()
        say("removed with its volumes")


def run(stack: Stack) -> None:
    stack.compose("build")
    say("images built")
    comes_up(stack)
    survives_a_kill(stack)
    survives_scaling_down(stack)


def comes_up(stack: Stack) -> None:
    """One worker answers first; then there are three, without anything else being touched."""
    started = time.monotonic()
    up = stack.start("up", "--detach", "--wait")
    job = eventually(lambda: stack.answer("/predict", HOUSE, Prefer="wait=10") or up.poll(), 120)
    if not isinstance(job, dict):
        stack.finish(up)
    assert job["status"] == "succeeded", job
    say(f"the first prediction was answered {time.monotonic() - started:.1f} s after docker compose up")
    stack.finish(up)
    say(f"everything is healthy {time.monotonic() - started:.1f} s after docker compose up")
    scale(stack, 3)


def scale(stack: Stack, workers: int) -> None:
    stack.compose("up", "--detach", "--wait", "--no-recreate", "--scale", f"worker={workers}")
    eventually(lambda: len(stack.json("/queue")["workers"]) == workers, 30)
    seen = eventually(lambda: (found := stack.flower_workers()) and len(found) >= workers and found, 30)
    say(f"{workers} workers; Flower has seen {len(seen)}")


def survives_a_kill(stack: Stack) -> None:
    slow_down(stack)
    job = submit(stack)
    eventually(lambda: stack.json(f"/jobs/{job}")["progress"] >= 0.2, 60)
    victim = eventually(lambda: frozen_with_work(stack, job), 60)
    docker("kill", victim)
    say(f"killed the worker {victim} when {stack.json(f'/jobs/{job}')['progress']:.0%} were scored")
    check_complete(stack, job)
    name = "split_part(worker, '/', 1)"
    workers = stack.rows(f"SELECT {name}, count(*) FROM slices WHERE job_id = '{job}' GROUP BY 1 ORDER BY 1")
    say("slices by worker: " + ", ".join(f"{name} {count}" for name, count in workers))
    assert len(workers) == 3, workers
    [[again]] = stack.rows(f"SELECT count(*) FROM slices WHERE job_id = '{job}' AND crashes > 0")
    say(f"slices that it took with it, and that another scored: {again}")
    assert int(again) > 0


def slow_down(stack: Stack) -> None:
    """Has 100,000 records take the workers some seconds, so that there is a middle on any machine."""
    docker("update", f"--cpus={WORKER_CORES}", *stack.compose("ps", "--quiet", "worker").split())


def frozen_with_work(stack: Stack, job: str) -> str | None:
    """The container, known by its host name, of a worker that holds a slice and cannot finish it any more."""
    running = f"SELECT split_part(worker, '/', 1) FROM slices WHERE job_id = '{job}' AND status = 'running' LIMIT 1"
    names = [row[0].removeprefix("celery@") for row in stack.rows(running)]
    for name in names:
        docker("pause", name)
        if [f"celery@{name}"] in stack.rows(running.replace(" LIMIT 1", "")):
            return name
        docker("unpause", name)
    return None


def docker(*words: str) -> None:
    subprocess.run(["docker", *words], check=True, capture_output=True)


def survives_scaling_down(stack: Stack) -> None:
    scale(stack, 3)
    slow_down(stack)
    job = submit(stack)
    progress = eventually(lambda: (now := stack.json(f"/jobs/{job}")["progress"]) >= 0.1 and now, 60)
    say(f"scaling down to one when {progress:.0%} are scored")
    scale(stack, 1)
    check_complete(stack, job)
    counts = "count(*) FILTER (WHERE crashes > 0), count(*) FILTER (WHERE attempt > 1)"
    [[crashed, again]] = stack.rows(f"SELECT {counts} FROM slices WHERE job_id = '{job}'")
    say(f"slices given back by those that left: {again}; taken for dead: {crashed}")
    assert crashed == "0"


def submit(stack: Stack) -> str:
    """The id of a bulk job of 100,000 records."""
    return str(stack.json("/jobs", body(RECORDS), "text/csv")["id"])


def body(records: int) -> bytes:
    """The sample, as often as it takes."""
    header, *lines = (ROOT / "data" / "housing_sample.csv").read_text().splitlines()
    return "\n".join([header, *islice(cycle(lines), records)]).encode()


def check_complete(stack: Stack, job: str) -> None:
    found = eventually(lambda: (now := stack.json(f"/jobs/{job}?wait=30"))["finished_at"] and now, 180)
    assert found["records"] == {"total": RECORDS, "succeeded": RECORDS, "failed": 0}, found
    check_rows(list(csv.DictReader(stack.get(f"/jobs/{job}/results?format=csv").decode().splitlines())))
    say(f"{RECORDS:,} results, each once, no error")


def check_rows(rows: list[dict[str, str]]) -> None:
    assert [int(row["record"]) for row in rows] == list(range(RECORDS))
    assert all(float(row["low"]) <= float(row["value"]) <= float(row["high"]) and not row["error"] for row in rows)


if __name__ == "__main__":
    main()
