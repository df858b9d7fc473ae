"""All faults, by their names."""

from tests.storm.faults import api, poison, postgres, redis, workers
from tests.storm.faults.fault import FAULTS, Fault, Part, Skipped

__all__ = ["FAULTS", "Fault", "Part", "Skipped", "api", "poison", "postgres", "redis", "workers"]
