"""Sends singles from inside the network and says what became of each: `python load.py URL SECONDS SENDERS`.

It speaks to the container and not to the published port, where Docker's proxy takes connections that nobody serves.
"""

import json
import os
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

HOUSE = {
    "longitude": -122.23,
    "latitude": 37.88,
    "housing_median_age": 41,
    "total_rooms": 880,
    "total_bedrooms": 129,
    "population": 322,
    "households": 126,
    "median_income": 8.3252,
}


def send(url: str) -> str:
    """The status of the job; `refused` if nobody took the connection, `broken` if it was taken and led to nothing."""
    place = urlsplit(url)
    connection = HTTPConnection(place.hostname or "", place.port, timeout=60)
    try:
        connection.connect()
    except OSError:
        return "refused"
    try:
        headers = {"Authorization": f"Bearer {os.environ['SCORELINE_API_KEY']}", "Prefer": "wait=30"}
        connection.request("POST", "/predict", json.dumps(HOUSE), headers | {"Content-Type": "application/json"})
        return str(json.loads(connection.getresponse().read())["status"])
    except (OSError, HTTPException) as error:
        return f"broken: {error!r}"
    finally:
        connection.close()


def keep_sending(url: str, until: float, found: list[tuple[float, float, str]]) -> None:
    while (began := time.time()) < until:
        outcome = send(url)
        found.append((began, time.time(), outcome))
        if outcome == "refused":
            time.sleep(0.05)


def main(url: str, seconds: float, senders: int) -> None:
    found: list[tuple[float, float, str]] = []
    arguments = (url, time.time() + seconds, found)
    threads = [threading.Thread(target=keep_sending, args=arguments) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.dump(sorted(found), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
