"""What a model says of one record."""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn


class Output(Mapping[str, Any]):
    """By task: `value`, `low`, `high`; or `label`, `confidence`, `probabilities`; or `label`, `distance`.

    The same as a mapping, so that `dict(output)` and `{**house, **output}` are rows of a table.
    """

    value: float
    low: float
    high: float
    label: Any
    confidence: float
    probabilities: dict[str, float]
    distance: float

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f'there is no "{name}" in it; there is {", ".join(self)}')

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("an output does not change")

    def __getitem__(self, name: str) -> Any:
        return self.__dict__[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __len__(self) -> int:
        return len(self.__dict__)

    def __repr__(self) -> str:
        return f"Output({', '.join(f'{name}={value!r}' for name, value in self.items())})"
