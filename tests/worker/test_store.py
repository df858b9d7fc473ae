"""Artefacts in a folder and in object stores: a real S3 server, and fsspec's own file system."""

import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from s3fs import S3FileSystem

from cli.servers import free_port
from tests import constants
from tests.conftest import environment, eventually
from worker import models, store
from worker.gate import CannotLoad
from worker.store import StoreAway

CONTENT = b"x" * 1000
DIGEST = sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def connections() -> None:
    """None of the test before, whose server may be another."""
    S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3 server with the bucket `models`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with open(tmp_path_factory.mktemp("s3") / "log", "wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log
        )

    def is_there() -> bool:
        try:
            return httpx.put(f"{url}/models").status_code == 200
        except httpx.TransportError:
            return False

    eventually(is_there, 60)
    yield url
    server.terminate()
    server.wait(10)


@pytest.fixture(params=["s3", "local", "folder"])
def models_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Each kind of MODELS_URL, and the cache in a folder of this test."""
    url = {"local": f"local://{tmp_path}/there", "folder": f"{tmp_path}/there"}.get(
        request.param, "s3://models/deep/er"
    )
    more = {}
    if request.param == "s3":
        more = {"AWS_ENDPOINT_URL": request.getfixturevalue("bucket"), "AWS_ACCESS_KEY_ID": "a"}
        more |= {"AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
    with environment(MODELS_URL=url, MODELS_CACHE=f"{tmp_path}/cache", **more):
        yield url


def test_what_is_written_is_read(models_url: str) -> None:
    store.write("a.joblib", CONTENT)
    assert store.read("a.joblib", DIGEST) == CONTENT
    store.write("a.joblib", CONTENT * 2)
    other = sha256(CONTENT * 2).hexdigest()
    assert store.read("a.joblib", other) == CONTENT * 2


def test_what_is_not_there_is_said_so_and_found_when_it_is(models_url: str) -> None:
    with pytest.raises(StoreAway, match=r"b.joblib is not in MODELS_URL; put it there"):
        store.read("b.joblib", DIGEST)
    store.write("b.joblib", CONTENT)
    assert store.read("b.joblib", DIGEST) == CONTENT


def test_the_cache_has_what_was_read_once_unless_it_is_spoiled(models_url: str) -> None:
    store.write("c.joblib", CONTENT)
    assert store.read("c.joblib", DIGEST) == CONTENT
    if not store.is_remote():
        assert not store.cache().exists(), "a folder needs none"
        return
    assert [path.name for path in store.cache().iterdir()] == [DIGEST]
    files, root = store.remote()
    files.rm(f"{root}/c.joblib")
    assert store.read("c.joblib", DIGEST) == CONTENT
    (store.cache() / DIGEST).write_bytes(CONTENT[:-1])
    with pytest.raises(StoreAway):
        store.read("c.joblib", DIGEST)
    store.write("c.joblib", CONTENT)
    assert store.read("c.joblib", DIGEST) == CONTENT
    assert (store.cache() / DIGEST).read_bytes() == CONTENT


def test_what_is_not_the_registered_artefact_is_not_kept(models_url: str) -> None:
    store.write("d.joblib", b"something else")
    assert store.read("d.joblib", DIGEST) == b"something else", "the gate says what is wrong with it"
    assert not (store.cache() / DIGEST).exists()


def test_the_cache_is_bounded(tmp_path: Path) -> None:
    with environment(MODELS_URL=f"local://{tmp_path}/there", MODELS_CACHE=f"{tmp_path}/cache", MODELS_BYTES="2500"):
        contents = [bytes([number]) * 1000 for number in range(4)]
        digests = [sha256(content).hexdigest() for content in contents]
        for number, content in enumerate(contents):
            store.write(f"{number}.joblib", content)
            store.read(f"{number}.joblib", digests[number])
        assert {path.name for path in store.cache().iterdir()} == set(digests[2:])


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with environment(MODELS_URL=f"local://{tmp_path}/there", MODELS_CACHE=f"{tmp_path}/file/cache"):
        store.write("a.joblib", CONTENT)
        assert store.read("a.joblib", DIGEST) == CONTENT


def test_a_store_that_is_away_is_said_so(tmp_path: Path) -> None:
    away = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}", "AWS_SECRET_ACCESS_KEY": "b"}
    with (
        environment(MODELS_URL="s3://models", MODELS_CACHE=str(tmp_path), AWS_ACCESS_KEY_ID="a", **away),
        pytest.raises(StoreAway, match="see whether it can be reached"),
    ):
        store.read("a.joblib", DIGEST)


def test_a_model_is_published_and_loaded_by_way_of_an_object_store(database: str, bucket: str, tmp_path: Path) -> None:
    where = {"MODELS_URL": "s3://models/published", "MODELS_CACHE": f"{tmp_path}/cache"}
    secrets = {"AWS_ENDPOINT_URL": bucket, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    with environment(DATABASE_URL=database, **where, **secrets):
        version = constants.publish(5)
        assert models.load(version.id).ref == "housing:1"
        models.forget()
        files, root = store.remote()
        files.pipe_file(f"{root}/{version.artifact}", b"spoiled")
        assert models.load(version.id).ref == "housing:1", "by its digest, from the cache"
        models.forget()
        (store.cache() / version.sha256).unlink()
        with pytest.raises(CannotLoad, match="is not the registered artefact"):
            models.load(version.id)
