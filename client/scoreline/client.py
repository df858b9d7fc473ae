"""The client: each of its methods is an operation, written once and told there."""

from types import TracebackType
from typing import Self

from scoreline.job import AsyncJob, Job
from scoreline.jobs import job, jobs
from scoreline.link import blocking, iterating
from scoreline.models import alias, health, models, promote, queue
from scoreline.predictions import predict
from scoreline.scoring import score
from scoreline.service import Service
from scoreline.submission import schema, submit
from scoreline.users import add_key, add_user, keys, me, revoke, user, users

Kind = type[BaseException]


class Client(Service[Job]):
    """Speaks to one service: the one named here, in SCORELINE_URL and SCORELINE_API_KEY, or run by `scoreline up`.

    `timeout` is how many seconds the service may be silent before an attempt counts as failed.
    """

    job_type = Job

    def __init__(self, url: str | None = None, api_key: str | None = None, timeout: float = 30) -> None:
        from scoreline.links import Blocking  # HTTPX takes 0.1 s to import

        super().__init__(url, api_key, timeout)
        self.link: Blocking = Blocking(self.url, self.headers, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Kind | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.link.http.close()

    predict = blocking(predict)
    score = blocking(score)
    submit = blocking(submit)
    job = blocking(job)
    jobs = iterating(jobs)
    models = blocking(models)
    schema = blocking(schema)
    alias = blocking(alias)
    promote = blocking(promote)
    queue = blocking(queue)
    health = blocking(health)
    me = blocking(me)
    users = iterating(users)
    user = blocking(user)
    add_user = blocking(add_user)
    keys = blocking(keys)
    add_key = blocking(add_key)
    revoke = blocking(revoke)


class AsyncClient(Service[AsyncJob]):
    """The same in an event loop: what a Client returns is awaited here, and `jobs` and `users` are gone through by
    `async for`."""

    job_type = AsyncJob

    def __init__(self, url: str | None = None, api_key: str | None = None, timeout: float = 30) -> None:
        from scoreline.links import Concurrent

        super().__init__(url, api_key, timeout)
        self.link: Concurrent = Concurrent(self.url, self.headers, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: Kind | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        await self.link.http.aclose()

    predict = predict
    score = score
    submit = submit
    job = job
    jobs = jobs
    models = models
    schema = schema
    alias = alias
    promote = promote
    queue = queue
    health = health
    me = me
    users = users
    user = user
    add_user = add_user
    keys = keys
    add_key = add_key
    revoke = revoke
