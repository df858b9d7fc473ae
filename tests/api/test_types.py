"""Models that are not about houses: categories, booleans and dates in, labels and clusters out."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import sklearn
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier
from sqlalchemy import text

from api.csv_blocks import csv_blocks
from cli.servers import Postgres, Valkey
from shared import db
from shared.features import AnyFeature, Boolean, Category, Date, Number
from shared.registry import Served
from shared.signature import OUTPUTS, Signature
from tests.api.test_bulk import CSV, results, send
from tests.conftest import Service, copy_database, environment, redis_url, serving
from worker import tabular
from worker.publishing import publish
from worker.training import Trained

WEATHER: tuple[AnyFeature, ...] = (
    Category(name="sky", categories=("clear", "cloudy", "rain")),
    Boolean(name="windy", nullable=True),
    Date(name="day", seen=("2024-01-01", "2024-12-31")),
    Number(name="celsius", nullable=True, seen=(-20, 40)),
)
RECORD = {"sky": "rain", "windy": False, "day": "2024-06-01", "celsius": 12.5}
SENT = """sky,windy,day,celsius,station
rain,no,2024-06-01,12.5,A
clear,,2024-06-01T00:00:00Z,,B
fog,1,2024-06-01,1,C
rain,perhaps,2024-06-01,2,D
rain,0,June,3,E
"""


def made(task: str, fitted: Any, inputs: tuple[AnyFeature, ...], labels: tuple[Any, ...], example: Any) -> Trained:
    signature = Signature(inputs=inputs, outputs=OUTPUTS[task], labels=labels)
    return Trained(fitted, task, f"scikit-learn {sklearn.__version__}", signature, example, {}, {})


@pytest.fixture(scope="module")
def service(
    trained: tuple[str, Path], running: tuple[Postgres, Valkey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service with models of its own: a classifier that knows no umbrella without rain, and two clusters."""
    url, folder = copy_database(trained[0]), tmp_path_factory.mktemp("types")
    with environment(DATABASE_URL=url, MODELS_URL=str(shutil.copytree(trained[1], folder / "models"))):
        register()
    with serving(url, redis_url(running[1], 7), folder / "models", folder) as service:
        yield service


def register() -> None:
    chance = np.random.default_rng(0)
    signature = Signature(inputs=WEATHER, outputs=("label",))
    days = [f"2024-{month:02}-15" for month in range(1, 13)]
    rows = [[sky, chance.random() < 0.5, day, 10.0] for sky in ("clear", "cloudy", "rain") for day in days * 3]
    told = ["umbrella" if row[0] == "rain" else "hat" for row in rows]
    weather = HistGradientBoostingClassifier(categorical_features=[0], min_samples_leaf=2, max_iter=20)
    weather.fit(signature.encode(rows), told)
    near = KMeans(2, n_init=1, random_state=0).fit([[0.0], [1.0], [10.0], [11.0]])
    with db.transaction() as session:
        publish(session, "weather", made("classification", weather, WEATHER, ("hat", "umbrella"), RECORD))
        publish(session, "groups", made("clustering", near, (Number(name="x"),), (0, 1), {"x": 1.0}))


def predict(http: httpx.Client, model: str, record: dict[str, Any]) -> Any:
    answer = http.post(f"/predict/{model}", json=record, headers={"Prefer": "wait=30"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_label_with_its_probabilities(http: httpx.Client) -> None:
    job = predict(http, "weather", RECORD)
    assert job["input"] == RECORD
    output = job["output"]
    assert output["label"] == "umbrella"
    assert output["confidence"] == output["probabilities"]["umbrella"] > 0.9
    assert sum(output["probabilities"].values()) == pytest.approx(1)
    assert job["warnings"] == {}


def test_a_cluster_with_its_distance(http: httpx.Client) -> None:
    one, other = (predict(http, "groups", {"x": x})["output"] for x in (0.5, 11.5))
    assert {one["label"], other["label"]} == {0, 1}
    assert (one["distance"], other["distance"]) == (0, 1)


def test_what_is_wrong_with_a_record(http: httpx.Client) -> None:
    answer = http.post("/predict/weather", json=RECORD | {"sky": "Rian", "windy": "no", "day": "June"})
    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [
        ("/sky", "unknown_category"),
        ("/windy", "type"),
        ("/day", "type"),
    ]
    assert 'did you mean "rain"?' in answer.json()["detail"]


def test_a_file_of_every_type(http: httpx.Client) -> None:
    job = send(http, SENT.encode(), query="model=weather")
    assert job["records"] == {"total": 5, "succeeded": 2, "failed": 3}
    found = results(http, job, "include=inputs")
    assert [row["label"] for row in found[:2]] == ["umbrella", "hat"]
    assert [row["windy"] for row in found[:2]] == ["false", ""]
    assert [row["day"] for row in found[:2]] == ["2024-06-01", "2024-06-01"]
    assert [row["station"] for row in found] == list("ABCDE")
    assert json.loads(found[0]["probabilities"])["umbrella"] == float(found[0]["confidence"])
    assert [row["error"].split(",")[0] for row in found[2:]] == [
        '"sky" must be one of "clear"',
        '"windy" must be true or false',
        '"day" must be a date such as 2026-01-31 or 2026-01-31T12:00:00Z',
    ]
    errors = list(csv.DictReader(io.StringIO(http.get(job["urls"]["errors"]).text)))
    assert [(row["line"], row["column"], row["raw"]) for row in errors] == [
        ("4", "sky", "fog"),
        ("5", "windy", "perhaps"),
        ("6", "day", "June"),
    ]


def test_ndjson_and_parquet_say_the_same(http: httpx.Client) -> None:
    records = [RECORD, RECORD | {"sky": "clear", "windy": None}, RECORD | {"sky": "fog"}]
    lines = "".join(json.dumps(record) + "\n" for record in records).encode()
    sink = io.BytesIO()
    table = pa.Table.from_pylist(records)
    days = table["day"].cast(pa.date32())
    pyarrow.parquet.write_table(table.set_column(2, "day", days), sink)
    outputs = []
    for kind, body in (("x-ndjson", lines), ("vnd.apache.parquet", sink.getvalue())):
        job = send(http, body, {"Content-Type": f"application/{kind}"}, "model=weather")
        assert job["records"]["failed"] == 1
        answer = http.get(f"{job['urls']['results']}?format=parquet&include=inputs").content
        outputs.append(pyarrow.parquet.read_table(io.BytesIO(answer)).to_pylist())
    assert outputs[0] == outputs[1]
    assert outputs[0][0]["probabilities"].keys() == {"hat", "umbrella"}
    assert outputs[0][2]["probabilities"] is None


def test_beyond_the_training_data_is_a_warning(http: httpx.Client) -> None:
    strange = RECORD | {"celsius": 60, "day": "2026-06-01"}
    assert predict(http, "weather", strange)["warnings"] == {"outside_training_range": {"day": 1, "celsius": 1}}
    body = b"sky,windy,day,celsius\nrain,no,2024-06-01,60\nrain,no,2024-06-01,-60\nfog,no,2024-06-01,60\n"
    job = send(http, body, query="model=weather")
    assert job["warnings"] == {"outside_training_range": {"celsius": 2}}
    tried = http.post("/jobs?model=weather&dry_run=true", content=body, headers=CSV).json()
    assert tried["warnings"] == job["warnings"]


def test_sql_shows_them_as_people_write_them(http: httpx.Client, service: Service) -> None:
    job = predict(http, "weather", RECORD)
    with environment(**service.env), db.transaction() as session:
        row = session.execute(text("SELECT input, output FROM predictions WHERE job = :job"), {"job": job["id"]}).one()
    assert (row.input, row.output) == (job["input"], job["output"])


def test_sql_shows_a_refused_record_among_the_others(http: httpx.Client, service: Service) -> None:
    body = b"sky,windy,day,celsius\nrain,no,2024-06-01,10\nfog,no,2024-06-01,10\n"
    job = send(http, body, query="model=weather")
    query = text("SELECT status, input, error FROM predictions WHERE job = :job ORDER BY record")
    with environment(**service.env), db.transaction() as session:
        scored, refused = session.execute(query, {"job": job["id"]}).all()
    assert (scored.status, scored.input["sky"]) == ("succeeded", "rain")
    assert (refused.status, refused.input) == ("failed", None)
    assert '"sky"' in refused.error


def test_the_schema_and_an_example_that_works(http: httpx.Client) -> None:
    schema = http.get("/models/weather/schema").json()
    assert schema["properties"]["sky"]["enum"] == ["clear", "cloudy", "rain"]
    example = http.get("/models/weather/example").json()
    assert predict(http, "weather", example)["status"] == "succeeded"


def test_what_one_trains_on_can_be_scored(tmp_path: Path) -> None:
    """Whatever stands in its cells: training and service read a file by the same rules."""
    spoilt = ["NA", "?", "nan", "", " - "]
    lines = [" rooms ,town,since,open,price"]
    for number in range(300):
        rooms = spoilt[number % 5] if number % 10 == 0 else f" {number % 7}"
        since = "NA" if number % 9 == 0 else f"2024-0{1 + number % 9}-1{number % 10}"
        town, is_open = " a" if number % 2 else "b ", "null" if number % 50 == 1 else "True"
        lines.append(f"{rooms},{town},{since},{is_open},{number * 37 % 11}")
    path = tmp_path / "messy.csv"
    path.write_text("\n".join(lines) + "\n")
    made = tabular.train(tabular.load(str(path)), "price", "regression", keep=("open",))
    assert {one.name: one.type for one in made.signature.inputs} == {
        "rooms": "number",
        "town": "category",
        "since": "date",
        "open": "boolean",
    }
    version = Served(1, "messy", 1, made.signature, 100)
    blocks = list(csv_blocks(io.BytesIO(path.read_bytes()), "utf-8", None, version))
    assert [block.problems for block in blocks] == [{}]
