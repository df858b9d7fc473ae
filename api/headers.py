"""What every answer says to browsers. An answer that says it itself, as a page does with its own policy, keeps that."""

from collections.abc import Iterable

Header = tuple[bytes, bytes]

ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
NOTHING: Header = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
NOT_KEPT: Header = (b"cache-control", b"no-store")
# What has an ETag may be kept by its reader, who asks whether it is still so.
ASKED_FOR: Header = (b"cache-control", b"private, no-cache")


def protecting(said: Iterable[Header]) -> list[Header]:
    """What is to be added to what an answer says."""
    names = {name for name, _ in said}
    added = [*ALWAYS]
    if NOTHING[0] not in names:
        added.append(NOTHING)
    if NOT_KEPT[0] not in names:
        added.append(ASKED_FOR if b"etag" in names else NOT_KEPT)
    return added
