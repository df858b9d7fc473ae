"""What came back, and what was wrong with it."""

import threading
from collections import Counter
from dataclasses import dataclass, field

MOST_NAMED = 60


@dataclass
class Tally:
    """Counts answers by their status; `made` counts what the service said that it stored."""

    answers: dict[str, Counter[int]] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, source: str, status: int) -> None:
        with self.lock:
            self.answers.setdefault(source, Counter())[status] += 1
        if status >= 500 and status != 503:
            self.blame(f"{source}: {status}")

    def note_made(self, method: str, path: str, status: int, is_replay: bool) -> None:
        """Path as the document has it."""
        if is_replay or not 200 <= status < 300:
            return
        things = {
            "POST /predict": "jobs",
            "POST /predict/{model}": "jobs",
            "POST /predictions": "jobs",
            "POST /jobs": "jobs" if status == 202 else "",
            "POST /users": "users",
            "POST /users/{user_id}/keys": "keys",
            "POST /models": "versions",
        }
        gone = {"DELETE /jobs/{job_id}": "jobs", "DELETE /users/{user_id}": "users"}
        with self.lock:
            self.made[things.get(f"{method} {path}", "")] += 1
            self.made[gone.get(f"{method} {path}", "")] -= 1

    def blame(self, words: str) -> None:
        self.wrong.append(words)

    def count(self, source: str) -> int:
        return self.answers.get(source, Counter()).total()

    @property
    def total(self) -> int:
        return sum(counts.total() for counts in self.answers.values())
