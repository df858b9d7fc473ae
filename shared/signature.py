"""What a version takes and gives: the one place that knows which input is valid."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Feature(BaseModel):
    """One input. `minimum` and `maximum` are limits; `seen` is the range of the training data."""

    model_config = ConfigDict(frozen=True)

    name: str
    type: Literal["number"] = "number"
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    seen: tuple[float, float] | None = None
    description: str = ""


class Signature(BaseModel):
    """The inputs in the order in which they are stored, and the names of the outputs in theirs."""

    model_config = ConfigDict(frozen=True)

    inputs: tuple[Feature, ...]
    outputs: tuple[str, ...]
