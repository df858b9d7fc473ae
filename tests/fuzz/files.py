"""Files by chance: whole ones, which must score right, and the same with their bytes or their structure spoiled."""

import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tests.conftest import HOUSE
from tests.fuzz.tally import Tally

Rows = list[dict[str, Any]]
TYPES = {
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
WHOLE, POOL = 0.2, 20
EXPECTED = (200, 202, 400, 413, 415, 422)
TOKENS = (
    b"NaN",
    b"Infinity",
    b"1e999",
    b"9223372036854775808",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b'"',
    b"'",
    b",",
    b";",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b"{",
    b"[" * 2000,
    b"\\ud800",
    b"\\u0000",
    b"=1+1",
    b"1_000",
    b"\xef\xbb\xbf",
    b"PAR1",
    b"--cut\r\n",
    b'"median_income"',
    b"longitude",
)


@dataclass(frozen=True)
class Upload:
    """A body with its headers; `places` are the houses in it, if all that they are is to be scored."""

    body: bytes
    headers: dict[str, str]
    places: Sequence[int] | None


def house(place: int) -> dict[str, Any]:
    return {**HOUSE, "households": 100 + 10 * place, "median_income": 1.5 + 0.5 * place}


def table(rows: Rows) -> Any:
    return pa.Table.from_pylist(rows)


def as_csv(rows: Rows, chance: Random) -> bytes:
    delimiter = chance.choice(",;\t")
    lines = [delimiter.join(rows[0]), *(delimiter.join(str(value) for value in row.values()) for row in rows), ""]
    return chance.choice(("\n", "\r\n")).join(lines).encode()


def as_ndjson(rows: Rows, _: Random) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def as_json(rows: Rows, chance: Random) -> bytes:
    if chance.random() < 0.5:
        return json.dumps({"records": rows}).encode()
    return json.dumps({"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}).encode()


def as_parquet(rows: Rows, chance: Random) -> bytes:
    sink = io.BytesIO()
    how = {"compression": chance.choice(("snappy", "zstd", "gzip", "none")), "use_dictionary": chance.random() < 0.5}
    pa.parquet.write_table(table(rows), sink, **how)
    return sink.getvalue()


FORMATS: dict[str, Callable[[Rows, Random], bytes]] = {
    "csv": as_csv,
    "ndjson": as_ndjson,
    "json": as_json,
    "parquet": as_parquet,
}


def upload(chance: Random) -> Upload:
    form = chance.choice([*FORMATS])
    places = [chance.randrange(POOL) for _ in range(chance.choice((1, 3, 40)))]
    rows = [{"id": f"{number}-a", **house(place)} for number, place in enumerate(places)]
    is_whole = chance.random() < WHOLE
    if not is_whole and chance.random() < 0.5:
        bend(rows, chance)
    body = FORMATS[form](rows, chance)
    if not is_whole and chance.random() < 0.7:
        body = spoiled(body, chance)
    return enveloped(form, body, places if is_whole else None, chance)


def bend(rows: Rows, chance: Random) -> None:
    """What is whole in its bytes, and wrong in what it says."""
    strange: tuple[Any, ...] = (None, "", "x" * 3000, 2**63 - 1, -(2**63), True, "2020-02-30", "=cmd|' /C calc'!A0")
    names = chance.sample([*rows[0]], 2)
    for row in rows:
        way = chance.randrange(3)
        if way == 0:
            row[names[0]] = chance.choice(strange) if len(rows) == 1 else str(chance.choice(strange))
        elif way == 1 and len(rows) == 1:
            del row[names[1]]
    for row in rows:  # one type a column, or Parquet could not be written
        row[names[0]] = row[names[0]] if len(rows) == 1 else str(row[names[0]])


def spoiled(body: bytes, chance: Random) -> bytes:
    data = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 8))):
        place = chance.randrange(len(data) + 1)
        way = chance.randrange(5)
        if way == 0 and place < len(data):
            data[place] = chance.randrange(256)
        elif way == 1:
            data[place:place] = chance.choice(TOKENS)
        elif way == 2:
            del data[place : place + chance.choice((1, 10, 1000))]
        elif way == 3:
            data += data[place : place + 500]
        else:
            data = data[:place]
    return bytes(data)


def enveloped(form: str, body: bytes, places: Sequence[int] | None, chance: Random) -> Upload:
    """As the body, packed, or in a form; sometimes under a type that is not its own."""
    way = chance.random()
    is_whole = places is not None
    if way < 0.25:
        packed = gzip.compress(body, mtime=0)
        packed = packed if is_whole or chance.random() < 0.5 else spoiled(packed, chance)
        return Upload(packed, {"Content-Type": TYPES[form], "Content-Encoding": "gzip"}, places)
    if way < 0.5:
        head = f'--cut\r\nContent-Disposition: form-data; name="file"; filename="h.{form}"\r\n\r\n'.encode()
        whole = head + body + b"\r\n--cut--\r\n"
        whole = whole if is_whole or chance.random() < 0.5 else spoiled(whole, chance)
        return Upload(whole, {"Content-Type": "multipart/form-data; boundary=cut"}, places)
    kind = TYPES[form] if is_whole or chance.random() < 0.8 else chance.choice([*TYPES.values(), "text/plain", ""])
    charset = "" if is_whole or chance.random() < 0.9 else "; charset=" + chance.choice(("latin-1", "utf-16", "x"))
    return Upload(body, {"Content-Type": kind + charset}, places)


class Sender:
    """Sends them, and sees that the whole ones are scored as a single of each house is."""

    def __init__(self, http: httpx.Client, tally: Tally) -> None:
        self.http, self.tally = http, tally
        self.prices = [self.price(house(place)) for place in range(POOL)]

    def price(self, record: dict[str, Any]) -> float:
        answer = self.http.post("/predict", json=record, headers={"Prefer": "wait=30"})
        self.tally.note_made("POST", "/predict", answer.status_code, False)
        return float(answer.json()["output"]["value"])

    def send(self, number: int, chance: Random) -> None:
        for _ in range(number):
            one = upload(chance)
            query = "?dry_run=true" if one.places is None and chance.random() < 0.3 else ""
            answer = self.http.post(f"/jobs{query}", content=one.body, headers=one.headers)
            self.tally.note("files", answer.status_code)
            self.tally.note_made("POST", "/jobs", answer.status_code, False)
            self.judge(one, answer)

    def judge(self, one: Upload, answer: httpx.Response) -> None:
        if answer.status_code not in EXPECTED:
            self.tally.blame(f"file: {answer.status_code} {answer.text[:300]} to {one.headers} {one.body[:200]!r}")
        elif one.places is not None:
            expected = [self.prices[place] for place in one.places]
            if answer.status_code != 202 or self.scored(answer.json()) != expected:
                self.tally.blame(f"a whole file was not scored right: {answer.text[:300]} {one.headers}")

    def scored(self, job: dict[str, Any]) -> list[float]:
        self.http.get(job["urls"]["self"], params={"wait": 60})
        rows = self.http.get(job["urls"]["results"], params={"format": "json"}).json()
        return [row["value"] for row in rows]
