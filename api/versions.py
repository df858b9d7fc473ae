"""What administrators send about versions: read by the letter, and refused with the place of each fault."""

from typing import Annotated, Any, ClassVar, Literal, Self

from fastapi import Request
from pydantic import Field, StringConstraints, model_validator

from api.bodies import Sent, read, schemas_of
from shared.errors import Invalid
from shared.registry import NAME
from shared.settings import settings
from shared.signature import OUTPUTS, Signature

Values = dict[str, Any]
# A plain name: it can lead to no other folder, and is no hidden file.
FILE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$"
MOST_NUMBER = 999_999_999
MOST_BYTES = 2 << 20  # of a whole registration: GET /models gives metrics and training to everybody who asks


class NewVersion(Sent):
    """A version to register. Its artefact is in MODELS_URL already: nothing that could be run comes over HTTP."""

    RULES: ClassVar[dict[str, str]] = {
        "/model": "must be a name of 1 to 64 small letters, digits, - and _, such as housing",
        "/artifact": "must be the plain name of a file in MODELS_URL: letters, digits, points, - and _, and no folder",
        "/sha256": "must be the 64 hexadecimal digits, in small letters, that sha256sum says of the file",
        "/framework": "must be scikit-learn and its version, such as scikit-learn 1.9.1; workers run nothing else",
    }
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
    metrics: Values = Field(default_factory=dict)
    training: Values = Field(default_factory=dict)
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


class AliasMove(Sent):
    """Which version the alias is to mean."""

    version: int = Field(ge=1, le=MOST_NUMBER)


class VersionChange(Sent):
    """Whether the version may be named; made active, one that failed is checked again."""

    is_active: bool


async def new_version(request: Request) -> NewVersion:
    """What is to be registered; its example is a valid record of its own signature."""
    new = await read(request, NewVersion, MOST_BYTES)
    try:
        new.signature.check_record(new.example, new.model)
    except Invalid as error:
        at = [{**one, "pointer": f"/example{one['pointer']}"} for one in error.errors]
        raise Invalid(f"the example does not fit the signature: {error.detail}", at) from None
    return new


SCHEMAS = schemas_of(NewVersion, AliasMove, VersionChange)
