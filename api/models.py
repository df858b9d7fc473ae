"""The models that can be asked for."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from sqlalchemy.orm import Session

from api import answers
from api.answers import Values, Versions
from api.callers import Calling
from api.problems import documented
from shared import registry
from shared.db import transaction
from shared.errors import Conflict, DatabaseAway, NotFound, Unauthorized
from shared.registry import Ref, Served
from shared.tables import Version

router = APIRouter(prefix="/models", tags=["models"])
Reference = Annotated[str, Path(description="`housing`, `housing:3` or `housing@champion`")]
REFUSALS = documented(Unauthorized, NotFound, Conflict, DatabaseAway)


@router.get("", responses=documented(Unauthorized, DatabaseAway))
def list_models(_: Calling) -> Versions:
    """All versions of all models, each model's newest first."""
    return versions()


@router.get("/{model}", responses=documented(Unauthorized, NotFound, DatabaseAway))
def read_model(model: str, _: Calling) -> Versions:
    """The versions of one model, newest first."""
    found = versions(Ref.parse(model).model)
    if not found.items:
        raise NotFound(f'there is no model "{model[:100]}"; GET /models lists what there is')
    return found


@router.get("/{ref}/schema", responses=REFUSALS)
def read_schema(ref: Reference, _: Calling) -> Values:
    """The JSON Schema of a record."""
    with transaction() as session:
        served = registry.find(session, ref)
    return served.signature.json_schema(served.ref)


@router.get("/{ref}/example", responses=REFUSALS)
def read_example(ref: Reference, _: Calling) -> Values:
    """A record that works."""
    with transaction() as session:
        return example_of(session, registry.find(session, ref))


def versions(model: str | None = None) -> Versions:
    with transaction() as session:
        found = registry.catalogue(session, model)
    return Versions(items=[answers.version(version, aliases) for version, aliases in found])


def default_model() -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Schema and example of the default model, if there is one yet."""
    with transaction() as session:
        try:
            served = registry.find(session, registry.DEFAULT_MODEL)
        except (NotFound, Conflict):
            return None
        return served.signature.json_schema(served.ref), example_of(session, served)


def example_of(session: Session, served: Served) -> Values:
    """In the signature's order, which the database does not keep."""
    example = session.get_one(Version, served.id).example
    return {name: example[name] for name in served.signature.names}
