"""Clients that submit, each in a thread, for as long as the storm lasts."""

from random import Random
from threading import Event, Thread

from tests.storm.client import Client
from tests.storm.fleet import Fleet

SINGLES, BULKS = 4, 2  # clients
PAUSE_SECONDS = {"single": 0.1, "bulk": 2.0}  # on average, between two requests of one client
MOST_RECORDS = 2_500


class Load:
    """A steady stream, random in everything but its seed."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self.over = Event()
        lanes = ["single"] * SINGLES + ["bulk"] * BULKS
        clients = [fleet.client(Random(f"{seed} {number}")) for number in range(len(lanes))]
        self.threads = [Thread(target=self.run, args=pair, daemon=True) for pair in zip(lanes, clients, strict=True)]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def run(self, lane: str, client: Client) -> None:
        chance = client.chance
        while not self.over.wait(chance.expovariate(1 / PAUSE_SECONDS[lane])):
            model = "slow" if chance.random() < (0.03 if lane == "single" else 0.5) else "housing"
            if lane == "single":
                client.single(model, keyed=chance.random() < 0.5, wait=chance.random() < 0.25)
            else:
                client.bulk(model, chance.randint(2, MOST_RECORDS), keyed=chance.random() < 0.7)

    def stop(self) -> None:
        """Returns when every request has its answer."""
        self.over.set()
        for thread in self.threads:
            thread.join()
