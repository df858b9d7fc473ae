"""What a process has in memory: the most recently used versions, up to a limit, ready before they are asked for."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from shared import db, registry
from shared.settings import settings
from shared.tables import Version
from tests import constants
from tests.conftest import environment
from worker import models, store
from worker.models import CannotLoad
from worker.warm import Keeper

MEGABYTE = 1 << 20


def heavy(value: float, megabytes: float = 1) -> Any:
    made = constants.fitted(value)
    made.ballast_ = np.full(int(megabytes * MEGABYTE / 8), value)
    return made


def publish(value: float, alias: str | None = None, model: str = "housing", megabytes: float = 1) -> int:
    return constants.publish(value, alias, model, heavy(value, megabytes)).id


@pytest.fixture
def small(database: str) -> Iterator[None]:
    """Room for three heavy models."""
    with environment(DATABASE_URL=database, MODELS_BYTES=str(int(3.5 * MEGABYTE)), MODELS_URL=settings().models_url):
        yield


def in_memory() -> list[int]:
    return list(models._loaded)


def counted(name: str) -> float:
    return REGISTRY.get_sample_value(name, {"model": "housing"}) or 0


def test_the_least_recently_used_goes(small: None) -> None:
    one, two, three, four = (publish(value) for value in range(1, 5))
    evicted, loaded = counted("scoreline_models_evicted_total"), counted("scoreline_model_load_seconds_count")
    for version in (one, two, three, one, four):
        models.load(version)
    assert in_memory() == [3, 1, 4]
    assert counted("scoreline_models_evicted_total") == evicted + 1
    assert counted("scoreline_model_load_seconds_count") == loaded + 4


def test_one_that_is_larger_than_the_limit_works_alone(small: None) -> None:
    light, large = publish(1), publish(2, megabytes=5)
    models.load(light)
    assert models.load(large).size > 5 * MEGABYTE
    assert in_memory() == [large]
    models.keep_ready(light, wanted=[light])
    assert in_memory() == [large], "what is in use stays, and there is no room beside it"
    models.load(light)
    assert in_memory() == [light]


def test_fifty_versions_take_no_more_than_the_limit(database: str) -> None:
    with environment(DATABASE_URL=database, MODELS_BYTES=str(20 * MEGABYTE), MODELS_URL=settings().models_url):
        versions = [publish(value, megabytes=4) for value in range(50)]
        models.load(versions[0])
        before = psutil.Process().memory_info().rss
        for version in versions:
            models.load(version)
        assert len(in_memory()) == 4
        assert sum(one.size for one in models._loaded.values()) <= 20 * MEGABYTE
        assert psutil.Process().memory_info().rss - before < 40 * MEGABYTE


def test_what_aliases_point_at_and_the_newest_is_wanted(database: str) -> None:
    for value in range(1, 5):
        publish(value, megabytes=0)
    publish(1, model="other", megabytes=0)
    with db.transaction() as session:
        registry.move(session, "housing", "candidate", 2)
    with db.transaction() as session:
        assert registry.wanted(session) == [5, 1, 2, 4]
        session.execute(text("UPDATE versions SET is_active = false WHERE id = 4"))
        assert registry.wanted(session) == [5, 1, 2, 3]
        session.execute(text("UPDATE versions SET failure = 'x' WHERE id = 3"))
        session.execute(text("UPDATE versions SET checked_at = NULL WHERE id = 5"))
        assert registry.wanted(session) == [1, 2]
        assert registry.unchecked(session) == [5]


def test_a_round_loads_what_is_new_and_nothing_twice(database: str) -> None:
    keeper, first = Keeper(), publish(1)
    keeper.look()
    assert in_memory() == [first]
    loaded = counted("scoreline_model_load_seconds_count")
    keeper.look()
    second = publish(2, "champion")
    keeper.look()
    assert in_memory() == [first, second]
    assert counted("scoreline_model_load_seconds_count") == loaded + 1


def test_warming_pushes_out_what_nobody_wants_and_nothing_else(small: None) -> None:
    old, one, two, three, four = (publish(value) for value in range(1, 6))
    models.load(old)
    models.load(one)
    wanted = [one, two, three, four]
    for version in wanted:
        models.keep_ready(version, wanted)
    assert in_memory() == [one, two, three], "old was not wanted; for four there is no room"


def test_what_cannot_be_loaded_does_not_keep_others_from_it(database: str, caplog: pytest.LogCaptureFixture) -> None:
    missing, there = publish(1), publish(2)
    with db.transaction() as session:
        artefact = session.get_one(Version, missing).artifact
    content = (store.folder() / artefact).read_bytes()
    (store.folder() / artefact).unlink()
    keeper = Keeper()
    keeper.look()
    keeper.look()
    assert in_memory() == [there]
    assert caplog.text.count("is not in MODELS_URL; put it there") == 1
    (store.folder() / artefact).write_bytes(content)
    keeper.left_until[missing] = 0
    keeper.look()
    assert set(in_memory()) == {missing, there}


def test_an_outage_of_the_database_is_outlived(database: str, caplog: pytest.LogCaptureFixture) -> None:
    version, keeper = publish(1), Keeper()
    with environment(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none"):
        keeper.look()
        keeper.look()
    assert caplog.text.count("it is not known which versions are wanted") == 1
    with environment(DATABASE_URL=database, MODELS_URL=str(store.folder())):
        assert not in_memory()
    del version


def test_two_threads_that_want_the_same_version_load_it_once(database: str) -> None:
    version, loaded = publish(1), counted("scoreline_model_load_seconds_count")
    threads = [threading.Thread(target=models.load, args=[version]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted("scoreline_model_load_seconds_count") == loaded + 1


def test_what_was_spoiled_is_marked_and_not_read_again(database: str) -> None:
    version = publish(1)
    with db.transaction() as session:
        artefact = session.get_one(Version, version).artifact
    (store.folder() / artefact).write_bytes(b"spoiled")
    for _ in range(2):
        with pytest.raises(CannotLoad, match=r"housing:1 cannot be loaded: .* is not the registered artefact"):
            models.load(version)
    with db.transaction() as session:
        assert "sha256" in str(session.get_one(Version, version).failure)
