"""Scoreline from Python: `from scoreline import Client`."""

from scoreline.client import AsyncClient, Client
from scoreline.errors import Failed, NotFinished, Refused, ScorelineError, Unreachable, Unusable
from scoreline.job import AsyncJob, Job
from scoreline.output import Output

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "Client",
    "Failed",
    "Job",
    "NotFinished",
    "Output",
    "Refused",
    "ScorelineError",
    "Unreachable",
    "Unusable",
]
