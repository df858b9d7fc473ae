"""What the API counts for Prometheus."""

from prometheus_client import Counter, Histogram
from starlette.types import Scope

from shared.tables import Lane

# What clients make up must not become a label: each value is a series that Prometheus keeps.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)

REQUESTS = Counter("scoreline_requests_total", "Requests that were answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "scoreline_request_seconds",
    "From a request to the beginning of its answer, what it asked to wait for included.",
    ["method", "route"],
    buckets=SECONDS,
)
JOBS = Counter("scoreline_jobs_accepted_total", "Jobs that were promised to be scored.", ["lane", "model"])
RECORDS = Counter("scoreline_records_accepted_total", "Records of the accepted jobs.", ["lane", "model"])
REFUSED = Counter(
    "scoreline_records_refused_total", "Records of the accepted jobs that are not valid for the model.", ["model"]
)


def request(scope: Scope, status: int, seconds: float) -> None:
    """Counts a request by the template of its route, which is `/jobs/{job_id}` whatever the id."""
    method = scope["method"] if scope["method"] in METHODS else "other"
    route = getattr(scope.get("route"), "path", "none")
    REQUESTS.labels(method, route, status).inc()
    REQUEST_SECONDS.labels(method, route).observe(seconds)


def accepted(lane: Lane, model: str, jobs: int, records: int, refused: int = 0) -> None:
    """Counts what was stored, once that is durable."""
    JOBS.labels(lane, model).inc(jobs)
    RECORDS.labels(lane, model).inc(records)
    if refused:
        REFUSED.labels(model).inc(refused)
