"""Whatever lies in Redis, and however Redis is: the rows are the truth."""

import os
import pickle
import signal
from pathlib import Path

import orjson
from celery import Celery

from cli.servers import Valkey
from shared import queue
from shared.settings import settings
from shared.tables import Lane
from tests.conftest import environment, eventually
from tests.worker.conftest import Start, all_finished, rows, store_single
from tests.worker.test_gate import Trap

NO_MESSAGES = [b"garbage", b"\xff\xfe", b"{}", b"[]", b"null", b'{"body": 5}']


def test_hints_doubled_forged_and_garbled_harm_nothing(start: Start, owner: int, version: int, tmp_path: Path) -> None:
    """Nor does what is pickled: in a message, and beside the artefacts in a file that no version names."""
    trap = tmp_path / "sprung"
    (tmp_path / "models").mkdir(exist_ok=True)
    (tmp_path / "models" / "housing-0000.joblib").write_bytes(pickle.dumps(Trap(trap)))
    service = start()
    said = len(service.log("worker"))
    forger = Celery(broker=settings().redis_url, set_as_current=False)
    forgeries = [("no.such.task", []), (queue.TASK, ["no lane"]), (queue.TASK, [["single"]])]
    unreadable = orjson.dumps(
        {
            "body": "bm90anNvbg==",
            "properties": {"delivery_tag": "x", "delivery_info": {"routing_key": "single"}, "body_encoding": "base64"},
            "headers": {"task": queue.TASK, "id": "1"},
            "content-type": "application/json",
            "content-encoding": "utf-8",
        }
    )
    for name, arguments in forgeries:
        forger.send_task(name, args=arguments, queue="single")
    forger.conf.accept_content = ["pickle"]
    forger.send_task(queue.TASK, args=[Trap(trap)], queue="single", serializer="pickle")
    for _ in range(5):
        queue.producer().send_task(queue.TASK, args=[Lane.SINGLE], queue=Lane.SINGLE)
    queue.redis().lpush("single", *NO_MESSAGES, unreadable)
    store_single(owner, version, 1.0)
    eventually(all_finished)
    eventually(lambda: queue.redis().llen("single") == 0)
    assert rows("SELECT status, attempt FROM slices") == [("succeeded", 1)]
    store_single(owner, version, 2.0)
    eventually(all_finished)
    assert service.processes["worker"].poll() is None
    log = service.log("worker")[said:]
    assert "Traceback" not in log
    assert log.count("discarded") == len(NO_MESSAGES) + len(["unreadable", "pickled"]) + len(forgeries)
    assert not trap.exists()


def test_a_redis_that_is_full_loses_nothing(start: Start, owner: int, version: int, tmp_path: Path) -> None:
    """Who takes a hint that is there already cannot note that down, and has to begin anew."""
    valkey = Valkey(tmp_path / "valkey")
    valkey.start()
    try:
        with environment(REDIS_URL=valkey.url):
            service = start(REDIS_URL=valkey.url)
            os.kill(service.processes["worker"].pid, signal.SIGSTOP)
            store_single(owner, version, 1.0)
            queue.redis().config_set("maxmemory", 1)
            os.kill(service.processes["worker"].pid, signal.SIGCONT)
            eventually(lambda: "maxmemory" in service.log("worker"))
            queue.redis().config_set("maxmemory", 0)
            eventually(all_finished)
            store_single(owner, version, 2.0)
            eventually(all_finished)
            assert service.processes["worker"].poll() is None
    finally:
        valkey.stop()
