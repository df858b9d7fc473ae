"""The models that can be asked for: their versions, and the aliases that point at them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from sqlalchemy.orm import Session

from api import answers, audit, parameters
from api.answers import AliasAnswer, Values, VersionAnswer, Versions
from api.bodies import schema_of, sent
from api.callers import Administering, Calling
from api.jobs import IF_NONE_MATCH, UNCHANGED
from api.openapi_headers import with_headers
from api.problems import documented
from api.versions import AliasMove, NewVersion, VersionChange, new_version
from shared import registry
from shared.db import transaction
from shared.errors import Conflict, Forbidden, NotFound, PreconditionFailed
from shared.registry import Ref, Served
from shared.tables import Version

router = APIRouter(prefix="/models", tags=["models"])
Reference = Annotated[
    str,
    Path(
        description="`housing`, `housing:3` or `housing@champion`",
        json_schema_extra={"pattern": f"^{registry.REFERENCE}$"},
    ),
]
Name = Annotated[str, Path(json_schema_extra={"pattern": f"^{registry.NAME}$"})]
Number = Annotated[str, Path(json_schema_extra={"pattern": r"^[1-9]\d{0,8}$"})]
REFUSALS = documented(NotFound, Conflict)
HEADERS: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "header", "schema": {"type": "string"}, "description": description}
        for name, description in (
            ("If-Match", "the ETag of the alias: moved only if nobody else has done so meanwhile"),
            ("If-None-Match", "`*`: made only if there is no such alias yet"),
        )
    ]
}
NEW = with_headers(201, "Location", "ETag", model=AliasAnswer, description="The alias is new")


@router.get("")
def list_models(_: Calling) -> Versions:
    """All versions of all models, each model's newest first."""
    return versions()


@router.post(
    "",
    status_code=201,
    responses=documented(Forbidden) | with_headers(201, "Location"),
    openapi_extra=schema_of(NewVersion),
)
def register_version(
    caller: Administering, new: Annotated[NewVersion, Depends(new_version)], response: Response
) -> VersionAnswer:
    """Registers an artefact in MODELS_URL as the next version; a worker checks it before an alias may point at it."""
    with transaction() as session:
        version = registry.register(session, new.model, **new.fields())
        ref = registry.ref_of(version)
        audit.note(session, caller, "version.register", f"{ref}, sha256 {version.sha256}")
        response.headers["Location"] = f"/models/{version.model}/versions/{version.number}"
        return answers.version(version, registry.aliases_of(session, version))


@router.get("/{model}", responses=documented(NotFound))
def read_model(model: Reference, _: Calling) -> Versions:
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


@router.get("/{model}/versions/{number}", responses=documented(NotFound))
def read_version(model: Name, number: Number, _: Calling) -> VersionAnswer:
    """One version."""
    with transaction() as session:
        found = registry.require(session, *numbered(model, number))
        return answers.version(found, registry.aliases_of(session, found))


@router.patch(
    "/{model}/versions/{number}",
    responses=documented(Forbidden, NotFound, Conflict),
    openapi_extra=schema_of(VersionChange),
)
def change_version(
    model: Name, number: Number, caller: Administering, change: Annotated[VersionChange, sent(VersionChange)]
) -> VersionAnswer:
    """Lets a version be named, or not. Made active, one that failed is checked again."""
    with transaction() as session:
        version = registry.activate(session, *numbered(model, number), change.is_active)
        audit.note(session, caller, "version.change", f"{registry.ref_of(version)}: is_active {version.is_active}")
        return answers.version(version, registry.aliases_of(session, version))


@router.get(
    "/{model}/aliases/{alias}",
    response_model=AliasAnswer,
    responses=documented(NotFound) | with_headers(200, "ETag") | UNCHANGED,
    openapi_extra=IF_NONE_MATCH,
)
def read_alias(model: Name, alias: Name, request: Request, response: Response, _: Calling) -> Any:
    """Where the alias points, and the ETag to move it with."""
    ref = Ref.parse(f"{model}@{alias}")
    with transaction() as session:
        found = registry.pointer(session, ref.model, ref.alias or "")
    etag, known = f'"{found.revision}"', parameters.known_etags(request)
    if etag in known or "*" in known:
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return answers.alias(found)


@router.put(
    "/{model}/aliases/{alias}",
    responses=documented(Forbidden, NotFound, Conflict, PreconditionFailed) | with_headers(200, "ETag") | NEW,
    openapi_extra=schema_of(AliasMove) | HEADERS,
)
def move_alias(
    model: Name,
    alias: Name,
    caller: Administering,
    move: Annotated[AliasMove, sent(AliasMove)],
    request: Request,
    response: Response,
) -> AliasAnswer:
    """Moves an alias, or makes it: the next accepted request that names it gets this version."""
    model, alias = registry.model_name(model), registry.alias_name(alias)
    with transaction() as session:
        is_new = moved(session, model, alias, move.version, request)
        found = registry.pointer(session, model, alias)
        audit.note(session, caller, "alias.move", f"{model}@{alias} is {answers.alias(found).ref}")
    response.headers["ETag"] = f'"{found.revision}"'
    if is_new:
        response.status_code, response.headers["Location"] = 201, f"/models/{model}/aliases/{alias}"
    return answers.alias(found)


def moved(session: Session, model: str, alias: str, number: int, request: Request) -> bool:
    """Whether the alias is new; the conditions are those of the request."""
    if request.headers.get("if-match", "").strip() == "*":
        registry.existing(session, model, alias)
    only_new = "*" in parameters.known_etags(request)
    return registry.move(session, model, alias, number, parameters.revisions(request), only_new)


def numbered(model: str, number: str) -> tuple[str, int]:
    """As in `housing:3`, and refused like that."""
    ref = Ref.parse(f"{model}:{number}")
    return ref.model, ref.number or 0


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
