"""The page on operations and the alerts speak of metrics that there are, and of all of them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase

from api import counts as api
from api.gauges import Queue
from shared import metrics as shared
from shared.health import LaneState
from worker import counts as worker

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "operations.md").read_text()
PROMETHEUS = ROOT / "deploy" / "prometheus"
QUEUE = list(Queue([LaneState("single")]).collect())
PARTS = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


def families() -> list[Metric]:
    return [family for family in [*REGISTRY.collect(), *QUEUE] if family.name.startswith("scoreline_")]


def labels() -> dict[str, list[str]]:
    """Of each metric, by the name that it has in a query."""
    metrics = [
        one for part in (shared, api, worker) for one in vars(part).values() if isinstance(one, MetricWrapperBase)
    ]
    found = {one._name: list(one._labelnames) for one in metrics}
    found |= {family.name: list(family.samples[0].labels) for family in QUEUE}
    counters = {family.name for family in families() if family.type == "counter"}
    return {name + "_total" * (name in counters): words for name, words in found.items()}


def test_the_page_lists_every_metric_with_its_labels() -> None:
    assert len(labels()) == len(families())
    rows = re.findall(r"^\| `(scoreline_\w+)` \|([\w, ]*)\|", PAGE, re.MULTILINE)
    assert {name: re.findall(r"\w+", words) for name, words in rows} == labels()
    assert len(rows) == len(labels())


@pytest.mark.parametrize("path", ["alerts.yml", "alerts_test.yml", "../../docs/operations.md"])
def test_every_metric_that_is_named_exists(path: str) -> None:
    series = {family.name + part for family in families() for part in PARTS[family.type]}
    bases = {family.name for family in families() if family.type == "histogram"}
    named = set(re.findall(r"scoreline_[a-z_]+", (PROMETHEUS / path).read_text())) - {"scoreline_reader"}
    assert named
    assert named <= series | (bases if path.endswith(".md") else set())


@pytest.mark.parametrize("path", ["alerts.yml", "alerts_test.yml"])
def test_every_label_that_is_named_exists(path: str) -> None:
    used = re.findall(r"(scoreline_[a-z_]+)\{([^}]*)\}", (PROMETHEUS / path).read_text())
    assert used
    for name, terms in used:
        assert set(re.findall(r"(\w+)=", terms)) <= {*labels()[name], "instance"}, name


def test_the_page_says_of_every_alert_what_to_do() -> None:
    alerts = re.findall(r"- alert: (\w+)", (PROMETHEUS / "alerts.yml").read_text())
    assert alerts == re.findall(r"^\| `(Scoreline\w+)` \|", PAGE, re.MULTILINE)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here: apt-get install prometheus")
@pytest.mark.parametrize(
    "words",
    ["check rules alerts.yml", "test rules alerts_test.yml", "check config --syntax-only prometheus.yml"],
)
def test_prometheus_accepts_it(words: str) -> None:
    done = subprocess.run(["promtool", *words.split()], cwd=PROMETHEUS, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
