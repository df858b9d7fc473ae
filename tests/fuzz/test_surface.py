"""Requests made from the OpenAPI document, in small: `make fuzz` sends twenty thousand."""

from collections import Counter
from random import Random

import httpx
import pytest
from schemathesis import GenerationMode

from tests.conftest import HOUSE, Service
from tests.fuzz import books
from tests.fuzz.files import Sender
from tests.fuzz.surface import Surface
from tests.fuzz.tally import Tally

SEED, EACH, FILES = 7, 4, 60


@pytest.mark.filterwarnings("ignore")  # of the generator's own
def test_every_answer_is_as_documented(service: Service, http: httpx.Client) -> None:
    """With the key of an ordinary user: an admin's would change the users of other tests."""
    tally, job = Tally(), http.post("/predict", json=HOUSE).json()["id"]
    gone = {"user_id": "999999999", "key": "sk_00000000"}
    known = {"GET /jobs/{job_id}": {"job_id": job}, "GET /jobs/{job_id}/results": {"job_id": job}}
    known |= {"PUT /users/{user_id}": gone, "DELETE /users/{user_id}": gone, "DELETE /users/{user_id}/keys/{key}": gone}
    surface = Surface(service.url, http.headers["X-API-Key"], tally, lambda label: known.get(label, {}))
    before = books.rows(service.env)["jobs"]
    for label in surface.operations:
        for mode in GenerationMode:
            surface.ask(label, mode, EACH, SEED)
    assert not tally.wrong, "\n".join(tally.wrong[:5])
    assert books.rows(service.env)["jobs"] - before == tally.made["jobs"]
    assert tally.total > EACH * len(surface.operations)
    assert {200, 202, 404, 422} <= tally.answers["document"].keys()


def test_files_whole_and_spoiled(service: Service, http: httpx.Client) -> None:
    tally = Tally()
    before = books.rows(service.env)["jobs"]
    Sender(http, tally).send(FILES, Random(SEED))
    assert not tally.wrong, "\n".join(tally.wrong[:5])
    assert books.rows(service.env)["jobs"] - before == tally.made["jobs"]
    assert tally.answers["files"].keys() >= {202, 400, 422}


def test_a_wrong_answer_is_seen() -> None:
    tally = Tally()
    for status in (200, 503, 500):
        tally.note("document", status)
    assert (tally.wrong, tally.answers) == (["document: 500"], {"document": Counter([200, 503, 500])})
