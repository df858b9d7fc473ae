"""`make fuzz`: a service on servers of its own, asked thousands of times what it must not stumble over."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import mean

import psutil
from schemathesis import GenerationMode

from cli.servers import servers
from tests.conftest import HOUSE, Service, environment, eventually, migrate, redis_url, serving, train_housing
from tests.fuzz import books
from tests.fuzz.files import Sender
from tests.fuzz.hostile import FORGED, Attacker
from tests.fuzz.surface import Surface
from tests.fuzz.tally import MOST_NAMED, Tally

ROUNDS = 24
HOSTILE_SHARE = 0.4
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
GROWTH, GROWTH_MEGABYTES = 1.05, 16
# What would have most of this answered with 429 is raised here: limits of users are tested elsewhere.
SETTINGS = {"REQUESTS_PER_MINUTE": "0", "RECORDS_PER_DAY": "0", "RECORDS_WAITING": "0"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, started(Path(folder)) as service:
        return 0 if Run(service, options.seed).whole(options.requests, options.files) else 1


@contextmanager
def started(folder: Path) -> Iterator[Service]:
    with servers(folder / "servers") as (postgres, valkey):
        migrate(postgres.url)
        models = folder / "models"
        models.mkdir()
        with environment(DATABASE_URL=postgres.url, MODELS_URL=str(models)):
            train_housing()
        with serving(postgres.url, redis_url(valkey, 2), models, folder, **SETTINGS) as service:
            yield service


class Run:
    """Rounds of the same mix; memory is read after each."""

    def __init__(self, service: Service, seed: int) -> None:
        self.service, self.seed, self.tally = service, seed, Tally()
        self.user, self.admin, self.victim, self.sends = service.user(), service.admin(), service.user(), service.user()
        self.victim_id = str(self.victim.get("/users/me").json()["id"])
        self.before = books.rows(service.env)
        self.sender = Sender(self.sends, self.tally)
        key = self.user.headers["X-API-Key"]
        document = self.user.get("/openapi.json").json()
        self.surfaces = [
            Surface(service.url, self.admin.headers["X-API-Key"], self.tally, self.fill),
            Surface(service.url, key, self.tally, self.fill),
        ]
        self.attacker = Attacker(service.port, key, document, self.tally, self.new_job())
        self.memory: list[dict[str, float]] = []

    def fill(self, label: str) -> Mapping[str, str]:
        """Nobody erases or closes the user whose key is in use; every second time a thing is there."""
        if label in ("DELETE /users/{user_id}", "PUT /users/{user_id}"):
            return {"user_id": self.victim_id}
        if label.startswith("DELETE /users/{user_id}/keys"):
            return {"key": "sk_00000000"}
        if "/jobs/{job_id}" in label and self.tally.total % 2:
            return {"job_id": self.new_job()}
        return {}

    def new_job(self) -> str:
        """A job of the ordinary user."""
        answer = self.user.post("/predict", json=HOUSE)
        self.tally.note_made("POST", "/predict", answer.status_code, False)
        return str(answer.json()["id"])

    def whole(self, requests: int, files: int) -> bool:
        self.memory.append(self.resident())
        began = time.monotonic()
        for number in range(ROUNDS):
            self.round(number, -(-requests // ROUNDS), -(-files // ROUNDS))
            self.memory.append(self.resident())
            print(
                f"round {number + 1} of {ROUNDS}: {self.tally.total:,} answers, {time.monotonic() - began:.0f} s, ",
                end="",
            )
            print(f"{len(self.tally.wrong)} wrong, {self.told(self.memory[-1])}", flush=True)
        self.settle()
        return self.verdict()

    def round(self, number: int, requests: int, files: int) -> None:
        """The document's requests in this thread, the others in two more."""
        chance = self.seed * 1000 + number
        hostile = int(requests * HOSTILE_SHARE)
        with ThreadPoolExecutor(2) as pool:
            others = [
                pool.submit(self.sender.send, files, Random(chance)),
                pool.submit(self.attacker.attack, hostile, Random(chance)),
            ]
            surface = self.surfaces[number % 2]
            each = max(1, (requests - hostile) // (len(surface.operations) * len(MODES)))
            for label in surface.operations:
                for mode in MODES:
                    surface.ask(label, mode, each, chance)
            for other in others:
                other.result()
        rest = requests * (number + 1) - self.tally.count("document") - self.tally.count("hostile")
        self.attacker.attack(rest, Random(chance + 1))  # for operations that take fewer: what has no parameters is one

    def resident(self) -> dict[str, float]:
        """Megabytes of the API and of the worker with its processes, shared pages counted once.

        Without the process that checks a new version, which is there for a second.
        """
        found = {}
        for name, process in self.service.processes.items():
            one = psutil.Process(process.pid)
            found[name] = sum(map(size_of, [one, *one.children(recursive=True)])) / 2**20
        return found

    def told(self, memory: dict[str, float]) -> str:
        return ", ".join(f"{name} {size:.0f} MB" for name, size in sorted(memory.items()))

    def settle(self) -> None:
        """Waits until everything that was accepted is finished."""
        eventually(lambda: not books.unfinished(self.service.env), 120)
        eventually(lambda: not books.hints(self.service.env), 30)

    def verdict(self) -> bool:
        after = books.rows(self.service.env)
        for table in ("jobs", "users", "versions"):
            said, found = self.tally.made[table], after[table] - self.before[table]
            if said != found:
                self.tally.blame(f"{table}: the answers say {said:+}, the database {found:+}")
        if lost := books.astray(self.service.env):
            self.tally.blame(f"{lost} jobs or slices without the other")
        self.judge_memory()
        self.judge_logs()
        return self.report()

    def judge_memory(self) -> None:
        """The last quarter beside the second; the first still warms up."""
        quarter = len(self.memory) // 4
        for name in self.memory[0]:
            second = mean(one[name] for one in self.memory[quarter : 2 * quarter])
            last = mean(one[name] for one in self.memory[-quarter:])
            print(f"memory of the {name}: {self.memory[0][name]:.0f} MB at the start, ", end="")
            print(f"{second:.0f} in the second quarter, {last:.0f} in the last")
            if last > max(second * GROWTH, second + GROWTH_MEGABYTES):
                self.tally.blame(f"the memory of the {name} grows: {second:.0f} MB, then {last:.0f}")

    def judge_logs(self) -> None:
        for name in self.service.processes:
            for line in self.service.log(name).splitlines():
                if "Traceback" in line or line.startswith(FORGED):
                    self.tally.blame(f"log of the {name}: {line[:300]}")

    def report(self) -> bool:
        for source, counts in self.tally.answers.items():
            told = ", ".join(f"{status or 'closed'}: {count:,}" for status, count in sorted(counts.items()))
            print(f"{source}: {counts.total():,} ({told})")
        for words in self.tally.wrong[:MOST_NAMED]:
            print(f"RED {words}")
        print(f"{len(self.tally.wrong)} wrong" if self.tally.wrong else "ok: nothing wrong")
        return not self.tally.wrong


def size_of(process: psutil.Process) -> int:
    """Its bytes, of shared pages its part."""
    try:
        return 0 if "worker.checking" in process.cmdline() else int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0


if __name__ == "__main__":
    sys.exit(main())
