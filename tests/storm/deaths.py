"""Where a process of the API can be told to die, by a file with the name of the place."""

import functools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

BEFORE_COMMIT, BEFORE_HINT, BEFORE_REPLY = "before-commit", "before-hint", "before-reply"


class Deaths:
    """The file is taken away first, so that of several processes one dies, and once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def here(self, place: str) -> None:
        try:
            (self.folder / place).unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    def before(self, function: Callable[..., Any], place: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*arguments: Any) -> Any:
            self.here(place)
            return function(*arguments)

        return wrapped

    def after(self, function: Callable[..., Any], place: str, if_so: Callable[..., bool]) -> Callable[..., Any]:
        """Where what the function was given is so."""

        @functools.wraps(function)
        def wrapped(*arguments: Any) -> Any:
            answer = function(*arguments)
            if if_so(*arguments):
                self.here(place)
            return answer

        return wrapped
