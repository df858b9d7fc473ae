"""Blocks of records: parsed and checked in whole columns, so that memory grows with a block and not with the file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.errors import Invalid
from shared.registry import Served
from shared.signature import Matrix, Problem

RECORDS = 50_000
RAW_CHARACTERS = 200


@dataclass(frozen=True)
class Block:
    """Records that follow each other. A record with a problem keeps its place, and never reaches the model."""

    matrix: Matrix
    problems: dict[int, list[Problem]]
    extras: Any

    @property
    def size(self) -> int:
        return len(self.matrix)


def require(names: Sequence[str], version: Served, place: Mapping[str, Any] | None = None) -> None:
    """Invalid if a column is there twice, or one is missing that the version needs."""
    for name in names:
        if names.count(name) > 1:
            raise table_error("duplicate_column", name, f'the column "{name[:100]}" is there twice; keep one', place)
    for feature in version.signature.inputs:
        if feature.name not in names and not feature.nullable:
            near = [name for name in names if version.signature.nearest(name) == feature.name]
            hint = f'; is "{near[0][:100]}" meant to be it?' if near else ""
            detail = f'the column "{feature.name}" is missing; {version.ref} needs it{hint}'
            raise table_error("missing_column", feature.name, detail, place)


def table_error(code: str, column: str, detail: str, place: Mapping[str, Any] | None) -> Invalid:
    return Invalid(detail, [{"code": code, "column": column[:100], "detail": detail, **(place or {})}])
