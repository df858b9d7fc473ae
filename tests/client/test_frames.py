"""A frame in, a frame out, over the real service."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
from scoreline import AsyncClient, Client, Refused, Unusable, pandas_frames, patience

from tests.client.proxy import Proxy
from tests.conftest import HOUSE, ROOT, Service, eventually

Env = dict[str, str]


@pytest.fixture
def client(service: Service, http: httpx.Client) -> Iterator[Client]:
    with Client(service.url, http.headers["x-api-key"]) as client:
        yield client


def houses(count: int, **columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame([HOUSE] * count)
    frame["median_income"] = [1.0 + place for place in range(count)]
    return frame.assign(**columns)


def prices(client: Client, frame: pd.DataFrame) -> list[float]:
    """What singles say of the rows."""
    return [client.predict({name: row[name] for name in HOUSE}).value for _, row in frame.iterrows()]


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([7, 7, 3], name="twice"),
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["town", "house"]),
        pd.date_range("2026-01-01", periods=3, tz="Europe/Berlin"),
    ],
    ids=["repeated", "multi", "dates"],
)
def test_the_index_is_kept(client: Client, index: pd.Index) -> None:
    frame = houses(3).set_axis(index)
    found = client.score(frame, progress=False)
    pd.testing.assert_index_equal(found.index, index)
    assert list(found.columns) == ["value", "low", "high", "error"]
    assert [str(kind) for kind in found.dtypes[:3]] == ["float64"] * 3
    assert found["value"].tolist() == prices(client, frame)
    assert found["error"].isna().all()


def test_polars(client: Client) -> None:
    frame = houses(3)
    found = client.score(pl.DataFrame(frame.to_dict("list")), progress=False)
    assert isinstance(found, pl.DataFrame)
    assert found.schema == {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "error": pl.String}
    assert found["value"].to_list() == prices(client, frame)


def test_a_file_and_a_loop(service: Service, client: Client, http: httpx.Client, tmp_path: Path) -> None:
    """The path of a file instead of a frame; and both in an event loop."""
    frame = houses(3, town=["a", "b", "c"])
    frame.to_csv(tmp_path / "houses.csv", index=False)

    async def main() -> list[pd.DataFrame]:
        async with AsyncClient(service.url, http.headers["x-api-key"]) as client:
            calls = (client.score(source, progress=False) for source in (tmp_path / "houses.csv", frame))
            return await asyncio.gather(*calls)

    for found in (client.score(tmp_path / "houses.csv", progress=False), *asyncio.run(main())):
        assert found["value"].tolist() == prices(client, frame)
    assert found.columns.tolist() == ["value", "low", "high", "error"]
    assert client.score(str(tmp_path / "houses.csv"), progress=False)["town"].tolist() == ["a", "b", "c"]


def test_only_what_the_model_needs_is_sent(client: Client, http: httpx.Client) -> None:
    """Columns that a service could not take do no harm, and come back in no result."""
    frame = houses(2, note=[object(), object()], value=1)
    frame[0] = "a name that is no text"
    assert list(client.score(frame, progress=False).columns) == ["value", "low", "high", "error"]
    [job] = client.jobs()
    assert list(next(iter(job.stream()))) == ["record", "value", "low", "high", "error"]


def test_bad_rows_fail_alone(client: Client) -> None:
    """Also in a column of several types, which Parquet has not."""
    for bad in ("far", None, 1e9):
        frame = houses(3, latitude=[37.0, bad, 38.0])
        found = client.score(frame, progress=False)
        assert found["value"].isna().tolist() == [False, True, False]
        assert "latitude" in found["error"].iloc[1]
        assert found["error"].isna().tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (houses(2).drop(columns="latitude"), 'no column "latitude", which the model needs$'),
        (houses(2).rename(columns={"median_income": "median_incme"}), 'rename "median_incme"'),
        (houses(0), "no rows"),
        (pd.concat([houses(1), houses(1)[["latitude"]]], axis="columns"), 'more than one column "latitude"'),
        ([1, 2], "not list"),
    ],
)
def test_what_cannot_be_scored(client: Client, frame: Any, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        client.score(frame, progress=False)
    assert list(client.jobs()) == []


def test_nothing_is_sent_for_a_model_that_is_not_there(client: Client) -> None:
    with pytest.raises(Refused, match="nope") as refused:
        client.score(houses(2), model="nope", progress=False)
    assert (refused.value.status, refused.value.code) == (404, "not_found")
    assert refused.value.request_id


@pytest.mark.parametrize("label", [3, True, "setosa"])
def test_labels_stay_what_they_are(tmp_path: Path, label: Any) -> None:
    """Also where a row has none."""
    frame = pd.DataFrame(index=["a", "b"])
    results = {"record": [0, 1], "label": [label, None], "distance": [0.5, None], "error": [None, "is missing"]}
    pyarrow.parquet.write_table(pa.table(results), tmp_path / "results.parquet")
    found = pandas_frames.join(frame, tmp_path / "results.parquet")
    assert found.loc["a", "label"] == label
    assert isinstance(found.loc["a", "label"], type(label) | np.bool_ | np.int64)
    assert found["label"].isna().tolist() == found["distance"].isna().tolist() == [False, True]
    assert found["error"].tolist()[1] == "is missing"


def test_resumed(client: Client, http: httpx.Client) -> None:
    frame = houses(3)
    job = client.submit(frame)
    assert client.score(frame, resume=job.id, progress=False)["value"].tolist() == prices(client, frame)
    with pytest.raises(Unusable, match="3 records, and the frame 2 rows"):
        client.score(frame.head(2), resume=job.id, progress=False)
    assert [one.id for one in client.jobs() if one.records.total > 1] == [job.id]


PROGRAM = """
import pandas as pd, sys
from scoreline import Client
frame = pd.DataFrame([{house}] * 3)
print(Client().score(frame, **dict(word.split("=") for word in sys.argv[1:]))["error"].isna().sum())
"""


def test_killed_and_started_again(service: Service, client: Client, http: httpx.Client, tmp_path: Path) -> None:
    """While the worker is stopped; once by the id that the bar shows, once by a key."""
    env = os.environ | {"SCORELINE_URL": service.url, "SCORELINE_API_KEY": http.headers["x-api-key"]}
    command = [sys.executable, "-c", PROGRAM.format(house=HOUSE)]
    worker = service.processes["worker"]
    worker.send_signal(signal.SIGSTOP)
    try:
        with open(tmp_path / "said", "wb") as said:
            program = subprocess.Popen([*command, "idempotency_key=spring"], env=env, stderr=said)
        eventually(lambda: "job " in (tmp_path / "said").read_text())
        program.kill()
        program.wait()
    finally:
        worker.send_signal(signal.SIGCONT)
    job = (tmp_path / "said").read_text().rpartition("job ")[2][:36]
    for word in (f"resume={job}", "idempotency_key=spring"):
        done = subprocess.run([*command, word], env=env, capture_output=True, text=True, cwd=ROOT)
        assert done.stdout == "3\n", done.stderr
        assert f"job {job}: 100%" in done.stderr
    assert [one.id for one in client.jobs()] == [job]


def test_a_connection_that_breaks(service: Service, http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of the upload, before the answer to it, and in the results: one job, and all of its records."""
    monkeypatch.setattr(patience, "DELAYS", (0.05,) * 3)
    frame = houses(20_000)
    cuts = [("up", 60_000), ("down", 0), ("down", 60_000)]
    with Proxy(service.port, cuts) as proxy, Client(proxy.url, http.headers["x-api-key"]) as client:
        found = client.score(frame, progress=False)
        assert proxy.connections > 3
        assert len(found) == 20_000
        assert found["error"].isna().all()
        assert len(list(client.jobs())) == 1
