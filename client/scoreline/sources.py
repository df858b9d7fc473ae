"""What is to be scored, as a file that can be sent, and sent again."""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scoreline.errors import Unusable
from scoreline.frames import kind_of


@contextmanager
def file_of(source: Any) -> Iterator[Path]:
    """The file itself; or one that is there meanwhile, with the frame or the dicts."""
    if isinstance(source, str | Path):
        yield Path(source)
        return
    with TemporaryDirectory(prefix="scoreline-") as folder:
        if kind := kind_of(source):
            yield kind.write(source, list(source.columns), Path(folder))
        else:
            yield write_records(source, Path(folder, "records.ndjson"))


def write_records(records: Any, path: Path) -> Path:
    with open(path, "w", encoding="utf-8") as file:
        for record in records:
            if not isinstance(record, Mapping):
                raise Unusable(f"records are dicts of features, not {type(record).__name__}")
            file.write(json.dumps(plain_record(record), allow_nan=False) + "\n")
    return path


def plain_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """With values that JSON has: rows of a frame hold numbers of NumPy, and NaN where there is nothing."""
    return {str(name): plain(record[name]) for name in record.keys()}  # noqa: SIM118 (a Series iterates its values)


def plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return None if value != value else value.isoformat()  # NaT is not itself, either
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value
