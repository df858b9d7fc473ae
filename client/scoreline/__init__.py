"""Scoreline from Python: `from scoreline import Client`."""

from scoreline.client import Client
from scoreline.errors import Refused, ScorelineError, Unreachable, Unusable

__all__ = ["Client", "Refused", "ScorelineError", "Unreachable", "Unusable"]
