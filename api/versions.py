"""What administrators send about versions: read by the letter, and refused with the place of each fault."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Self, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.json_schema import models_json_schema

from api import bodies
from shared.errors import Invalid
from shared.registry import NAME
from shared.settings import settings
from shared.signature import OUTPUTS, Signature

Values = dict[str, Any]
Body = TypeVar("Body", bound=BaseModel)
# A plain name: it can lead to no other folder, and is no hidden file.
FILE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$"
MOST_NUMBER = 999_999_999
MOST_BYTES = 2 << 20  # of a whole registration: GET /models gives metrics and training to everybody who asks
TYPES = ("number", "category", "boolean", "date")
RULES = {
    "/model": "must be a name of 1 to 64 small letters, digits, - and _, such as housing",
    "/artifact": "must be the plain name of a file in MODELS_URL: letters, digits, points, - and _, and no folder",
    "/sha256": "must be the 64 hexadecimal digits, in small letters, that sha256sum says of the file",
    "/framework": "must be scikit-learn and its version, such as scikit-learn 1.9.1; workers run nothing else",
}


class NewVersion(BaseModel):
    """A version to register. Its artefact is in MODELS_URL already: nothing that could be run comes over HTTP."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[str, StringConstraints(pattern=f"^{NAME}$")] = Field(examples=["housing"])
    task: Literal["regression", "classification", "clustering"]
    artifact: Annotated[str, StringConstraints(pattern=FILE)] = Field(
        description="the name of a file in MODELS_URL", examples=["housing-3f1c.joblib"]
    )
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    framework: Annotated[str, StringConstraints(pattern=r"^scikit-learn \d+\.\d+(\.\d+)?\w*$")] = Field(
        description="what the artefact was made with", examples=["scikit-learn 1.9.1"]
    )
    signature: Signature
    example: Values = Field(description="a record that works: it is scored before the version is served")
    example_output: Values | None = Field(None, description="what it must give; else what it gives first is kept")
    metrics: Values = {}
    training: Values = {}
    slice_records: int | None = Field(None, ge=1, le=100_000, description="at the most; a worker measures it")

    @model_validator(mode="after")
    def outputs_of_the_task(self) -> Self:
        """The outputs that workers give for this task, in their order."""
        wanted = OUTPUTS[self.task]
        if self.signature.outputs != wanted:
            raise ValueError(f"the outputs of {self.task} are {', '.join(wanted)}, in this order")
        if self.task == "classification" and not self.signature.labels:
            raise ValueError("a classification names its classes as the labels of its signature")
        if self.example_output is not None and set(self.example_output) != set(wanted):
            raise ValueError(f"example_output must have {', '.join(wanted)}, and nothing else")
        return self

    def fields(self) -> Values:
        """What its row is made of."""
        written = self.model_dump(mode="json", exclude={"model"})
        return written | {
            "slice_records": min(self.slice_records or settings().slice_records, settings().slice_records)
        }


class AliasMove(BaseModel):
    """Which version the alias is to mean."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, le=MOST_NUMBER)


class VersionChange(BaseModel):
    """Whether the version may be named; made active, one that failed is checked again."""

    model_config = ConfigDict(extra="forbid")

    is_active: bool


async def read(request: Request, kind: type[Body]) -> Body:
    """The JSON body, valid; or Invalid with every place that is not."""
    body, value = await bodies.json_of(request, MOST_BYTES)
    if any("\0" in text for text in texts(value)):
        raise Invalid("the body has a NUL character, which no text here may have")
    try:
        return kind.model_validate_json(body, strict=True)
    except ValidationError as error:
        problems = [as_problem(one) for one in error.errors(include_url=False, include_input=False)[:100]]
        first = f"{problems[0]['pointer'] or 'the body'}: {problems[0]['detail']}"
        more = f"; and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise Invalid(first + more, problems) from None


async def new_version(request: Request) -> NewVersion:
    """What is to be registered; its example is a valid record of its own signature."""
    new = await read(request, NewVersion)
    try:
        new.signature.check_record(new.example, new.model)
    except Invalid as error:
        at = [{**one, "pointer": f"/example{one['pointer']}"} for one in error.errors]
        raise Invalid(f"the example does not fit the signature: {error.detail}", at) from None
    return new


def as_problem(error: Any) -> Values:
    """With a JSON Pointer to the place; what is wrong is said without what pydantic puts before it."""
    place, said = pointer(error["loc"]), re.sub(r"^Value error, ", "", error["msg"])
    detail = RULES[place] if error["type"] == "string_pattern_mismatch" and place in RULES else said
    return {"pointer": place, "code": error["type"], "detail": detail}


def pointer(place: Sequence[int | str]) -> str:
    """Without the type of a feature, which pydantic names after the number of the input."""
    pairs = zip([None, *place], place, strict=False)
    parts = [str(part) for before, part in pairs if not (isinstance(before, int) and part in TYPES)]
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def texts(value: Any) -> Iterator[str]:
    """Every text in it, names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from texts(member)


def schema_of(kind: type[BaseModel]) -> Values:
    """For OpenAPI, since the body is read here and not by the framework."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


SCHEMAS: Values = models_json_schema(
    [(kind, "validation") for kind in (NewVersion, AliasMove, VersionChange)],
    ref_template="#/components/schemas/{model}",
)[1]["$defs"]
