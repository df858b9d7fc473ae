"""Requests made from the OpenAPI document, within it and beyond, and their answers held against it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.core.failures import FailureGroup

from tests.fuzz.tally import Tally

# Records, files, registrations, addresses and conditions have rules that schemas cannot say: what fits may be refused.
MORE_RULES = (
    "/predict/{model}",
    "/predictions",
    "/jobs",
    "/models",
    "/models/{model}/aliases/{alias}",
    "/users",
    "/users/{user_id}",
)
CREDENTIALS = ("Authorization", "X-API-Key")
SECONDS = 90
FAST = settings(database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
Fill = Callable[[str], Mapping[str, str]]


class Surface:
    """Every operation of a running service, asked with one key.

    `fill` gives path parameters that are there for an operation, such as the id of a job; the others are made up.
    """

    def __init__(self, url: str, key: str, tally: Tally, fill: Fill) -> None:
        self.url, self.headers, self.tally, self.fill = url, {"X-API-Key": key}, tally, fill
        self.session = requests.Session()
        document = schemathesis.openapi.from_url(f"{url}/openapi.json")
        self.operations = {found.ok().label: found.ok() for found in document.get_all_operations()}

    def ask(self, label: str, mode: GenerationMode, number: int, chance: int) -> None:
        """So many requests for an operation; how many of them it takes is up to the service."""

        @settings(FAST, max_examples=number)
        @seed(chance)
        @given(case=self.cases(label, mode))
        def each(case: Any) -> None:
            self.send(label, case)

        with suppress(Unsatisfiable):  # nothing can be wrong with a request without parameters
            each()

    @cache  # noqa: B019 one surface lives as long as its run
    def cases(self, label: str, mode: GenerationMode) -> Any:
        return self.operations[label].as_strategy(generation_mode=mode)

    def send(self, label: str, case: Any) -> None:
        method, path = label.split(" ")
        is_changed = self.put_right(label, case)
        answer = case.call(self.url, self.session, self.headers, timeout=SECONDS)
        self.tally.note("document", answer.status_code)
        self.tally.note_made(method, path, answer.status_code, "idempotent-replayed" in answer.headers)
        may_be_refused = path in MORE_RULES or "Idempotency-Key" in case.headers  # which may stand for another request
        excluded = [checks.positive_data_acceptance] if may_be_refused else []
        excluded += [checks.negative_data_rejection] if is_changed else []
        options = {"base_url": self.url, "session": self.session}
        try:
            case.validate_response(answer, headers=self.headers, transport_kwargs=options, excluded_checks=excluded)
        except FailureGroup as failures:
            for failure in failures.exceptions:
                self.tally.blame(f"{label}: {failure} [{answer.status_code}] {case.as_curl_command()[:600]}")

    def put_right(self, label: str, case: Any) -> bool:
        """Whether anything was changed: what names things that are there, and what would send another key."""
        known = self.fill(label)
        case.path_parameters.update(known)
        sent = [case.headers.pop(name, None) for name in CREDENTIALS]
        return bool(known) or any(one is not None for one in sent)
