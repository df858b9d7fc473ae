"""The queue as the database has it, for Prometheus."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from shared import health
from shared.db import transaction
from shared.health import LaneState, WorkerState

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue at one moment; without lanes, the database does not answer."""

    lanes: Sequence[LaneState] = ()
    workers: Sequence[WorkerState] = ()

    def collect(self) -> Iterator[Metric]:
        """What generate_latest writes; of a database that is away, only that."""
        yield gauge("database_up", "Whether the database answers this process.", [((), bool(self.lanes))])
        if self.lanes:
            yield from self.slices()
            yield from self.crew()

    def slices(self) -> Iterator[Metric]:
        slices = {(one.lane, "pending"): one.waiting for one in self.lanes}
        slices |= {(one.lane, "running"): one.running for one in self.lanes}
        records = {(one.lane, "pending"): one.records_waiting for one in self.lanes}
        records |= {(one.lane, "running"): one.records_running for one in self.lanes}
        oldest = {(one.lane,): one.oldest_seconds or 0 for one in self.lanes}
        yield gauge("queue_slices", "Slices that wait or run.", slices.items(), "lane", "status")
        yield gauge("queue_records", "Records of these slices.", records.items(), "lane", "status")
        yield gauge("queue_oldest_seconds", "How long the oldest slice has waited.", oldest.items(), "lane")

    def crew(self) -> Iterator[Metric]:
        crews = {one.lane: [worker for worker in self.workers if one.lane in worker.lanes] for one in self.lanes}
        workers = {(lane,): len(crew) for lane, crew in crews.items()}
        slots = {(lane,): sum(worker.slots for worker in crew) for lane, crew in crews.items()}
        yield gauge("workers", "Workers that are alive and take this lane.", workers.items(), "lane")
        yield gauge("worker_slots", "Their processes that score.", slots.items(), "lane")


def gauge(name: str, text: str, values: Iterable[tuple[Sequence[str], float]], *labels: str) -> Metric:
    family = GaugeMetricFamily(f"scoreline_{name}", text, labels=labels)
    for labelled, value in values:
        family.add_metric(labelled, value)
    return family


def look(asked: Sequence[None]) -> list[Queue]:
    """The queue now, the same for all who asked; whatever is wrong with the database, it is one to be told."""
    try:
        with transaction() as session:
            seen = Queue(health.lanes(session), health.workers(session))
    except Exception as error:
        log.warning("no numbers of the queue: %s", error)
        seen = Queue()
    return [seen] * len(asked)
