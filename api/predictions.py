"""The log of scored records."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from api import answers, parameters
from api.answers import Prediction, PredictionPage
from api.callers import Calling
from api.jobs import Filter, Limit, link_next
from api.openapi_headers import with_headers
from api.problems import documented
from shared import lookup
from shared.db import transaction
from shared.errors import NotFound

After = Annotated[
    str | None,
    Query(description="`next` of the page before", json_schema_extra={"pattern": r"^[0-9a-f-]{36}\.\d{1,9}$"}),
]

router = APIRouter(prefix="/predictions", tags=["predictions"])


@router.get("", responses=documented(NotFound) | with_headers(200, "Link"))
def list_predictions(
    request: Request,
    response: Response,
    caller: Calling,
    model: Filter = None,
    job: UUID | None = None,
    limit: Limit = 50,
    after: After = None,
) -> PredictionPage:
    """Your scored records: those of the newest job first, within a job in the order of submission."""
    name, number = parameters.model_filter(model)
    cursor = None if after is None else parameters.cursor(after)
    with transaction() as session:
        rows = lookup.predictions_page(session, caller.user_id, limit + 1, cursor, job, name, number)
    items = [answers.prediction(row) for row in rows[:limit]]
    following = items[-1].id if len(rows) > limit else None
    response.headers.update(link_next(request, following))
    return PredictionPage(items=items, next=following)


@router.get("/{prediction_id}", responses=documented(NotFound))
def read_prediction(
    prediction_id: Annotated[str, Path(description="`JOB.RECORD`, such as `0199c1e8-….0`")], caller: Calling
) -> Prediction:
    """One scored record."""
    job, record = parameters.record_id(prediction_id)
    with transaction() as session:
        row = lookup.prediction(session, caller.user_id, job, record)
    if row is None:
        raise NotFound(f'there is no scored record "{prediction_id[:100]}" of yours; is its job finished?')
    return answers.prediction(row)
