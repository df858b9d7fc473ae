"""HTTP/1.1 and nothing else: what a client offers to speak instead is passed over."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from httptools import HttpParserUpgrade, HttpRequestParser


class Parser(HttpRequestParser):
    """As httptools parses, which leaves off behind a head with `Upgrade`: its body would be the next request.

    Java's client and `curl --http2` send such heads, with bodies, too.
    """

    def __init__(self, protocol: object, head_without_offer: Callable[[], bytes]) -> None:
        super().__init__(protocol)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it: thrown away, not refused
        self.head_without_offer = head_without_offer

    def feed_data(self, data: bytes | bytearray | memoryview[int] | array[int]) -> None:
        rest = memoryview(data)
        while rest:
            try:
                super().feed_data(rest)
                rest = rest[:0]
            except HttpParserUpgrade as offer:
                rest = rest[offer.args[0] :]
                super().feed_data(self.head_without_offer())
