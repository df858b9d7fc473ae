"""The client as a program uses it, on both kinds of links."""

import asyncio
import inspect
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from scoreline import AsyncClient, AsyncJob, Client, Failed, Job, NotFinished, Output, Refused, Unreachable, patience
from scoreline.predictions import output_of

from cli.servers import free_port
from tests.client.proxy import Proxy
from tests.conftest import HOUSE, Service

House = dict[str, Any]


@pytest.fixture
def key(http: httpx.Client) -> str:
    return str(http.headers["x-api-key"])


@pytest.fixture
def client(service: Service, key: str) -> Iterator[Client]:
    with Client(service.url, key) as client:
        yield client


def test_predict(client: Client, price: float) -> None:
    output = client.predict(**HOUSE)
    assert output.value == price
    assert output.low < output.value < output.high
    assert repr(output) == f"Output(value={price!r}, low={output.low!r}, high={output.high!r})"
    assert output == client.predict(HOUSE, model="housing:1", metadata={"town": "Oakland"}) == dict(output)
    with pytest.raises(AttributeError, match="there is value, low, high"):
        _ = output.label
    [job] = client.jobs(metadata={"town": "Oakland"})
    assert (job.model, job.output, job.input) == ("housing:1", output, HOUSE)


def test_a_refusal_has_all_that_the_service_said(client: Client) -> None:
    with pytest.raises(Refused) as refused:
        client.predict({"median_incme": 8.3} | dict.fromkeys(list(HOUSE)[:-1], 1))
    error = refused.value
    assert (error.status, error.code) == (422, "invalid")
    assert [one["pointer"] for one in error.errors] == ["/median_incme", "/median_income"]
    assert 'did you mean "median_income"?' in str(error)
    assert error.request_id


def test_a_prediction_whose_answer_is_lost_is_asked_for_again(
    service: Service, client: Client, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice, and it is one job."""
    monkeypatch.setattr(patience, "DELAYS", (0.05,) * 3)
    with Proxy(service.port, [("down", 0), ("down", 100)]) as proxy, Client(proxy.url, key) as cut:
        assert cut.predict(HOUSE) == client.predict(HOUSE)
        assert proxy.connections == 3
    assert len(list(client.jobs())) == 2


class Busy:
    """A link whose service has no time for so many requests; and the seconds that were slept."""

    def __init__(self, status: int, times: int, retry_after: float) -> None:
        self.status, self.times, self.retry_after = status, times, retry_after
        self.slept: list[float] = []

    async def ask(self) -> str:
        if len(self.slept) < self.times:
            raise Refused({"status": self.status}, self.retry_after)
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.mark.parametrize("status", [429, 503])
def test_patience_with_a_service_that_is_busy(status: int) -> None:
    """Never sooner than it says, and at random behind that, more and more."""
    runs = [Busy(status, 5, retry_after=3) for _ in range(50)]
    assert all(asyncio.run(patience.patiently(link, link.ask)) == "done" for link in runs)
    for place, delay in enumerate(patience.DELAYS[:5]):
        waits = [link.slept[place] - 3 for link in runs]
        assert 0 <= min(waits) < delay / 4
        assert delay * 3 / 4 < max(waits) <= delay


def test_what_is_not_waited_for() -> None:
    for link in (Busy(503, 1, retry_after=3600), Busy(409, 1, retry_after=0)):
        with pytest.raises(Refused):
            asyncio.run(patience.patiently(link, link.ask))
        assert link.slept == []
    with Client(f"http://127.0.0.1:{free_port()}") as away, pytest.raises(Unreachable, match="is the service running"):
        away.queue()


@pytest.mark.parametrize(
    "error",
    [
        Refused({"status": 422, "detail": "two are wrong", "errors": [{"line": 3, "detail": "far"}]}, 1),
        Failed("it divides by zero", "model", "0199c1e8"),
        NotFinished("0199c1e8"),
        Unreachable("no answer"),
    ],
)
def test_errors_come_whole_from_other_processes(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), vars(copy)) == (str(error), vars(error))


def test_a_job(client: Client, tmp_path: Path) -> None:
    with pytest.raises(NotFinished) as late:
        client.submit([HOUSE] * 3).wait(timeout=0)
    job = client.job(late.value.job).wait()
    assert (job.status, job.records, job.progress) == ("succeeded", (3, 3, 0), 1.0)
    assert job.finished_at
    assert job.created_at <= job.finished_at
    assert list(job.results()["record"]) == [line["record"] for line in job.stream()] == [0, 1, 2]
    job.results(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().count("\n") == 4
    with pytest.raises(Refused, match="nothing to try again"):
        job.retry()
    assert job.cancel().status == "succeeded"
    job.delete()
    with pytest.raises(Refused, match="there is no job"):
        job.refresh()


def test_pages_are_gone_through(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoreline.jobs.PAGE", 2)
    made = [client.submit([HOUSE, HOUSE]).id for _ in range(5)]
    assert [job.id for job in client.jobs()] == made[::-1]
    assert [job.id for job in client.jobs(limit=3)] == made[:1:-1]


def test_a_prediction_that_failed_says_why(client: Client) -> None:
    answer = client.submit([HOUSE]).wait().answer | {"output": None, "status": "failed"}
    for error, said in (({"code": "model", "detail": "it divides by zero"}, "divides by zero"), (None, "is failed")):
        with pytest.raises(Failed, match=said) as failed:
            output_of(client.made(answer | {"error": error}))
        assert failed.value.job == answer["id"]


def test_in_an_event_loop(service: Service, key: str, price: float, tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncClient(service.url, key) as client:
            outputs = await asyncio.gather(*(client.predict(HOUSE) for _ in range(5)))
            assert [output.value for output in outputs] == [price] * 5
            job = await client.submit([HOUSE, HOUSE | {"latitude": "far"}])
            assert [line["value"] async for line in job.stream()] == [price, None]
            await job.results(tmp_path / "out.ndjson")
            assert (await job.errors())[0]["record"] == 1
            assert [found.id async for found in client.jobs(limit=1)] == [(await job.wait()).id]
            with pytest.raises(Refused, match="nothing to try again"):
                await job.retry()
            await (await job.cancel()).delete()
            assert (await client.schema("housing"))["required"]
            assert (await client.models("housing"))[0]["ref"] == "housing:1"
            assert [lane["lane"] for lane in (await client.queue())["lanes"]] == ["single", "bulk"]
            with pytest.raises(Refused):
                await client.job(job.id)

    asyncio.run(main())
    assert (tmp_path / "out.ndjson").read_text().count("\n") == 2


def test_a_client_that_waits_works_where_a_loop_runs(client: Client, price: float) -> None:
    """As in every notebook."""

    async def cell() -> Output:
        return client.predict(HOUSE)

    assert asyncio.run(cell()).value == price


@pytest.mark.parametrize(("waiting", "other"), [(Client, AsyncClient), (Job, AsyncJob)])
def test_both_have_the_same_methods(waiting: type, other: type) -> None:
    one, two = ({name for name in vars(kind) if not name.startswith("_")} for kind in (waiting, other))
    assert one == two
    for name in one - {"job_type", "close"}:
        assert inspect.signature(getattr(waiting, name)) == inspect.signature(getattr(other, name))
