"""Asking once, where nobody wants to wait for a service that may be ill."""

from typing import Any

from scoreline.answers import Answer
from scoreline.client import Client
from scoreline.link import Request, finished


def at_once(client: Client, path: str, seconds: float, **request: Any) -> Answer:
    """The answer of this moment; Refused or Unreachable where there is none."""
    return finished(client.link.ask(Request("GET", path, seconds=seconds, **request)))
