"""What a file holds, as its name says."""

from dataclasses import dataclass
from pathlib import Path

from scoreline.errors import Unusable

PACKED = ".gz"
TYPES = {
    "csv": "text/csv",
    "tsv": "text/csv",  # the service sees for itself what parts the cells
    "ndjson": "application/x-ndjson",
    "jsonl": "application/x-ndjson",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
FORMATS = {"csv": "csv", "ndjson": "ndjson", "jsonl": "ndjson", "json": "json", "parquet": "parquet"}


@dataclass(frozen=True)
class Named:
    """`houses.csv.gz`: stem `houses`, extension `csv`, packed."""

    stem: str
    extension: str
    is_packed: bool


def named(path: Path) -> Named:
    name, is_packed = path.name, path.name.lower().endswith(PACKED)
    if is_packed:
        name = name[: -len(PACKED)]
    stem, _, extension = name.rpartition(".")
    return Named(stem, extension.lower(), is_packed)


def upload_headers(path: Path) -> dict[str, str]:
    """Content-Type and, for a packed file, Content-Encoding: it is sent as it lies on the disk."""
    found = named(path)
    if found.extension not in TYPES:
        raise Unusable(f'the name "{path}" does not say what the file holds; {endings(TYPES)}')
    packed = {"Content-Encoding": "gzip"} if found.is_packed else {}
    return {"Content-Type": TYPES[found.extension]} | packed


def result_format(path: Path) -> str:
    """What the service calls the format in which the results go to this file."""
    extension = named(path).extension
    if extension not in FORMATS:
        raise Unusable(f'the name "{path}" does not say what to write; {endings(FORMATS)}')
    return FORMATS[extension]


def endings(known: dict[str, str]) -> str:
    *most, last = [f".{extension}" for extension in known]
    return f"it must end in {', '.join(most)} or {last}, with {PACKED} behind it if it is packed"


def scored_beside(path: Path) -> Path:
    """`houses.scored.csv` for `houses.csv`; packed where that is packed."""
    found = named(path)
    extension = "csv" if found.extension == "tsv" else found.extension
    return path.with_name(f"{found.stem}.scored.{extension}{PACKED if found.is_packed else ''}")
