"""One record in, its output out."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from scoreline.errors import Failed
from scoreline.job import AnyJob
from scoreline.jobs import LONGEST_WAIT, wait
from scoreline.output import Output
from scoreline.service import DEFAULT_MODEL, Service, address, as_query
from scoreline.sources import plain_record


async def predict(
    service: Service[Any],
    record: Mapping[str, Any] | None = None,
    /,
    *,
    model: str = DEFAULT_MODEL,
    metadata: dict[str, str] | None = None,
    timeout: float = 60,
    **features: Any,
) -> Output:
    """The output for one record, given by its features or as a dict; NotFinished after `timeout` seconds.

    A feature that is called like an option goes into the dict.
    """
    seconds = max(1, min(int(timeout), LONGEST_WAIT))
    answer = await service.ask(
        "POST",
        address("predict", model),
        params=as_query(metadata),
        headers={"Prefer": f"wait={seconds}", "Idempotency-Key": uuid4().hex},
        json=plain_record(record if record is not None else {}) | plain_record(features),
        seconds=seconds + service.timeout,
    )
    job = AnyJob(service, answer)
    if not job.is_finished:
        await wait(job, max(0, timeout - seconds))
    return output_of(job)


def output_of(job: AnyJob) -> Output:
    """The output of a finished job of one record."""
    if job.output is None:
        problem = job.error or {"code": job.status, "detail": f"the job {job.id} is {job.status}"}
        raise Failed(problem["detail"], problem["code"], job.id)
    return job.output
