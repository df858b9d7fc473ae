"""Clients that submit, each in a thread, for as long as the storm lasts."""

from random import Random
from threading import Event, Thread

from tests.storm.client import Client
from tests.storm.fleet import Fleet

# Clients of each kind. Those that wait for their output stand still while nothing is scored, and the others do not.
CLIENTS = {"single": 2, "waiting": 2, "bulk": 2}
PAUSE_SECONDS = {"single": 0.1, "waiting": 0.1, "bulk": 2.0}  # on average, between two requests of one client
MOST_RECORDS = 2_500


class Load:
    """A steady stream, random in everything but its seed."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self.over = Event()
        kinds = [kind for kind, count in CLIENTS.items() for _ in range(count)]
        clients = [fleet.client(Random(f"{seed} {number}")) for number in range(len(kinds))]
        self.threads = [Thread(target=self.run, args=pair, daemon=True) for pair in zip(kinds, clients, strict=True)]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def run(self, kind: str, client: Client) -> None:
        chance = client.chance
        while not self.over.wait(chance.expovariate(1 / PAUSE_SECONDS[kind])):
            model = "slow" if chance.random() < (0.5 if kind == "bulk" else 0.03) else "housing"
            if kind == "bulk":
                client.bulk(model, chance.randint(2, MOST_RECORDS), keyed=chance.random() < 0.7)
            else:
                client.single(model, keyed=chance.random() < 0.5, wait=kind == "waiting")

    def stop(self) -> None:
        """Returns when every request has its answer."""
        self.over.set()
        for thread in self.threads:
            thread.join()
