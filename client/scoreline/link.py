"""What the client does, apart from how its requests travel.

All of it is written once, as coroutines over a Link. Where the Link makes the caller wait, they never have to wait for
an event loop, and `blocking` runs them to their end on the spot, also where a loop runs already, as in a notebook.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from threading import Event, Thread
from typing import Any, ParamSpec, Protocol, TypeVar

from scoreline.answers import Answer
from scoreline.errors import ScorelineError
from scoreline.uploads import Upload

Asked = ParamSpec("Asked")
Found = TypeVar("Found")
FINE = (200, 201, 202, 204)
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Request:
    """What is asked; `seconds` is how long an answer may take, `repeats` whether it may be asked twice without harm."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    upload: Upload | None = None
    seconds: float | None = None
    fine: tuple[int, ...] = FINE
    repeats: bool = True


class Link(Protocol):
    async def ask(self, request: Request) -> Answer:
        """The JSON of an answer; Refused when it is a problem, Unreachable when none comes."""

    def stream(self, path: str, params: Mapping[str, str]) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """An answer that is read as it comes."""

    async def sleep(self, seconds: float) -> None: ...

    async def aside(self, call: Callable[[], Found]) -> Found:
        """What a call returns that takes a while by itself."""

    def beside(self, look: Callable[[], Awaitable[object]]) -> AbstractAsyncContextManager[None]:
        """Has it look again and again while something else is done."""


def finished(running: Coroutine[Any, Any, Found]) -> Found:
    """What the coroutine returns, which waits for nothing but its own work."""
    try:
        running.send(None)
    except StopIteration as end:
        found: Found = end.value
        return found
    raise RuntimeError("a coroutine over a blocking link waits for an event loop")


def blocking(call: Callable[Asked, Coroutine[Any, Any, Found]]) -> Callable[Asked, Found]:
    """The same for those who wait."""

    @wraps(call)
    def called(*args: Asked.args, **kwargs: Asked.kwargs) -> Found:
        return finished(call(*args, **kwargs))

    return called


def iterating(call: Callable[Asked, AsyncGenerator[Found, None]]) -> Callable[Asked, Iterator[Found]]:
    """The same one by one; who stops before the end leaves nothing open."""

    @wraps(call)
    def called(*args: Asked.args, **kwargs: Asked.kwargs) -> Iterator[Found]:
        items = call(*args, **kwargs)
        try:
            while True:
                yield finished(next_of(items))
        except StopAsyncIteration:
            return
        finally:
            finished(ended(items))

    return called


async def next_of(items: AsyncGenerator[Found, None]) -> Found:
    return await anext(items)


async def ended(items: AsyncGenerator[Any, None]) -> None:
    await items.aclose()


@contextmanager
def looking(look: Callable[[], object]) -> Iterator[None]:
    """Has a thread look again and again while something else is done."""
    ended = Event()

    def again() -> None:
        while not ended.wait(LOOK_SECONDS):
            with suppress(ScorelineError, RuntimeError):  # whoever waits will say it; a closed client
                look()

    thread = Thread(target=again, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(LOOK_SECONDS)
