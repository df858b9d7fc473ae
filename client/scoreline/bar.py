"""How far a frame has come: a bar of tqdm, in a notebook one of its own kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from scoreline.job import AnyJob

FIRST_SHORTENED = 1_000  # tqdm writes 3 as 3.00 when it shortens


class Display(Protocol):
    def sent(self, size: int, total: int) -> None: ...

    def scored(self, job: "AnyJob") -> None: ...


class Bar:
    """Has the id of the job in it from the beginning, so that `resume` is possible whatever becomes of this program."""

    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def sent(self, size: int, total: int) -> None:
        said = f"sending, {size / total:.0%}" if size < total else "sent, being stored"
        self.bar.set_description_str(said, refresh=size == total)
        self.bar.update(0)  # drawn ten times a second at the most

    def scored(self, job: "AnyJob") -> None:
        self.bar.set_description_str(f"job {job.id}", refresh=False)
        if self.bar.total != job.records.total:
            self.bar.reset(job.records.total)
        self.bar.update(job.settled - self.bar.n)
        self.bar.refresh()


class Silence:
    def sent(self, size: int, total: int) -> None:
        pass

    def scored(self, job: "AnyJob") -> None:
        pass


@contextmanager
def display(is_wanted: bool, total: int | None) -> Iterator[Display]:
    if not is_wanted:
        yield Silence()
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, unit=" records", unit_scale=total is None or total >= FIRST_SHORTENED) as bar:
        yield Bar(bar)
