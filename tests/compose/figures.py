"""What scaling and restarts cost, in containers: `python -m tests.compose.figures`, about five minutes.

Scoring a million records with one process and with two; restarting the workers one by one, and then the API, while
singles are sent and a bulk job runs.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable

from tests.compose.run import ROOT, body, docker, say
from tests.compose.stack import Stack, eventually, need_docker

RECORDS = 1_000_000
TRIES = 3
LOAD_SECONDS, SENDERS = 25, 8
LOAD = (ROOT / "tests" / "compose" / "load.py").read_text()
Sent = tuple[float, float, str]


def main() -> None:
    need_docker()
    stack = Stack()
    try:
        stack.compose("build")
        stack.compose("up", "--detach", "--wait")
        compare_processes(stack)
        restart_workers(stack)
        for _ in range(TRIES):
            restart_api(stack)
    finally:
        stack.remove()


def compare_processes(stack: Stack) -> None:
    upload = body(RECORDS)
    seconds = {processes: scoring_seconds(stack, upload, processes) for processes in (1, 2)}
    for processes, found in seconds.items():
        say(f"{processes} processes score {RECORDS:,} records in " + ", ".join(f"{one:.2f} s" for one in found))
    say(f"two take {min(seconds[2]) / min(seconds[1]):.2f} of the time of one")


def scoring_seconds(stack: Stack, upload: bytes, processes: int) -> list[float]:
    """From the first claim to the last result, by the database's clock."""
    stack.set(WORKER_PROCESSES=str(processes))
    stack.compose("up", "--detach", "--wait")
    eventually(lambda: [worker["slots"] for worker in stack.json("/queue")["workers"]] == [processes], 60)
    found = []
    for _ in range(TRIES):
        job = stack.json("/jobs", upload, "text/csv")["id"]
        eventually(lambda job=job: stack.json(f"/jobs/{job}?wait=60")["finished_at"], 120)  # type: ignore[misc]
        [[seconds]] = stack.rows(f"SELECT extract(epoch FROM finished_at - started_at) FROM jobs WHERE id = '{job}'")
        found.append(float(seconds))
    return found


def restart_workers(stack: Stack) -> None:
    """One by one, as a rolling restart does."""
    stack.compose("up", "--detach", "--wait", "--scale", "worker=2")

    def restart() -> None:
        for worker in stack.compose("ps", "--quiet", "worker").split():
            began = time.monotonic()
            docker("restart", worker)
            say(f"a worker was restarted within {time.monotonic() - began:.1f} s")
            eventually(lambda: len(stack.json("/queue")["workers"]) == 2, 60)

    sent, bulk = under_load(stack, restart)
    slowest = max(end - begin for begin, end, _ in sent)
    say(f"while the workers were restarted: {outcomes(sent)}, slowest {slowest:.1f} s; bulk {bulk}")


def restart_api(stack: Stack) -> None:
    times: list[float] = []

    def restart() -> None:
        times.append(time.time())
        stack.compose("restart", "api")

    before = singles(stack)
    sent, bulk = under_load(stack, restart)
    refused = [begin for begin, _, outcome in sent if outcome == "refused"]
    back = min(begin for begin, _, outcome in sent if outcome == "succeeded" and begin > max(refused, default=0))
    say(f"while the API was restarted: {outcomes(sent)}")
    answered = [outcome for _, _, outcome in sent if outcome != "refused" and not outcome.startswith("broken")]
    say(f"jobs that were stored and not answered: {singles(stack) - before - len(answered)}")
    say(f"refused for {back - min(refused):.2f} s, from {min(refused) - times[0]:.2f} s after the command; bulk {bulk}")


def singles(stack: Stack) -> int:
    return int(stack.rows("SELECT count(*) FROM jobs WHERE lane = 'single'")[0][0])


def under_load(stack: Stack, change: Callable[[], None]) -> tuple[list[Sent], str]:
    """What became of the singles that were sent meanwhile, and of a bulk job that was running."""
    job = stack.json("/jobs", body(RECORDS), "text/csv")["id"]
    key = f"SCORELINE_API_KEY={stack.values['SCORELINE_API_KEY']}"
    words = ("run", "--rm", "-T", "--no-deps", "--env", key, "migrate", "python", "-c", LOAD)
    load = stack.start(*words, "http://api:8000", str(LOAD_SECONDS), str(SENDERS))
    time.sleep(5)
    changer = threading.Thread(target=change)
    changer.start()
    said = stack.finish(load)
    changer.join()
    bulk = eventually(lambda: (now := stack.json(f"/jobs/{job}?wait=30"))["finished_at"] and now, 120)
    return json.loads(said), f"{bulk['status']} with {bulk['records']}"


def outcomes(sent: list[Sent]) -> str:
    return ", ".join(f"{count:,} {outcome}" for outcome, count in Counter(outcome for _, _, outcome in sent).items())


if __name__ == "__main__":
    main()
