"""The service as the operations know it: how it is asked, and what its jobs become."""

import os
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from scoreline.answers import Answer
from scoreline.link import Link, Request
from scoreline.local import local_env
from scoreline.patience import patiently

if TYPE_CHECKING:
    from scoreline.job import AnyJob

Job = TypeVar("Job", bound="AnyJob")
DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_MODEL = "housing"


class Service(Generic[Job]):
    """One service: the one named, that of SCORELINE_URL and SCORELINE_API_KEY, or the one that `scoreline up` runs."""

    link: Link
    job_type: type[Job]

    def __init__(self, url: str | None = None, api_key: str | None = None, timeout: float = 30) -> None:
        known = local_env() | {name: value for name, value in os.environ.items() if name.startswith("SCORELINE_")}
        self.url = (url or known.get("SCORELINE_URL") or DEFAULT_URL).rstrip("/")
        self.timeout = timeout
        self.api_key = api_key or known.get("SCORELINE_API_KEY")
        self.headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    async def ask(self, method: str, path: str, **request: Any) -> Answer:
        """The JSON of an answer, patiently: `params`, `headers`, `json` and the like are those of a Request."""
        made = Request(method, path, **request)
        return await patiently(self.link, lambda: self.link.ask(made), made.repeats)

    def made(self, answer: Answer) -> Job:
        return self.job_type(self, answer)


def address(*parts: object) -> str:
    """`/models/housing:3/schema`: whatever a name has in it stays within its part."""
    return "".join(f"/{quote(str(part), safe='@:')}" for part in parts)


def given(**params: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in params.items() if value is not None}


def as_query(metadata: dict[str, str] | None) -> dict[str, str]:
    return {f"meta.{key}": value for key, value in (metadata or {}).items()}
