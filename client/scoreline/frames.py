"""Frames of pandas and polars, of which neither is imported unless a frame of it is given."""

import sys
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol

from scoreline.answers import Answer
from scoreline.errors import Unusable


class Kind(Protocol):
    def write(self, frame: Any, names: Sequence[str], folder: Path) -> Path:
        """A file in the folder, with these columns of the frame."""

    def join(self, frame: Any, path: Path) -> Any:
        """The results in the file as a frame of the same kind with the same index."""


def kind_of(source: Any) -> Kind | None:
    """How to treat it, if it is a frame."""
    if is_frame(source, "pandas"):
        from scoreline import pandas_frames

        return pandas_frames
    if is_frame(source, "polars"):
        from scoreline import polars_frames

        return polars_frames
    return None


def is_frame(source: Any, module: str) -> bool:
    """Without importing what nobody has imported who has a frame of it."""
    frame = getattr(sys.modules.get(module), "DataFrame", None)
    return frame is not None and isinstance(source, frame)


def features_in(frame: Any, schema: Answer) -> list[str]:
    """The columns that the model needs, so that no others are sent; Unusable where one is missing."""
    columns = list(frame.columns)
    others = [str(name) for name in columns if name not in schema["properties"]]
    missing = [name for name in schema["required"] if name not in columns]
    if missing:
        raise Unusable("; ".join(f'the frame has no column "{name}"{hint(name, others)}' for name in missing))
    return once([name for name in schema["properties"] if name in columns], columns)


def hint(name: str, others: list[str]) -> str:
    near = get_close_matches(name, others, n=1)
    return f', which the model needs; rename "{near[0]}"?' if near else ", which the model needs"


def once(names: list[str], columns: Sequence[Any]) -> list[str]:
    """The names; Unusable where one has two columns."""
    count = Counter(columns)
    if double := next((name for name in names if count[name] > 1), None):
        raise Unusable(f'the frame has more than one column "{double}"')
    return names
