"""A small disk of the storm's own, which can be filled; only where mounting is allowed."""

import ctypes
import os
from functools import cache
from pathlib import Path

from shared.processes import libc

CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 1 << 18, 2
SIZE = b"size=1g,mode=0700"


@cache
def is_own() -> bool:
    """Puts this process, and what it starts from now on, where mounts are nobody else's and go with it."""
    if libc is None or os.geteuid() != 0 or libc.unshare(ctypes.c_int(CLONE_NEWNS)):
        return False
    return bool(libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None) == 0)


def mount(folder: Path) -> bool:
    """Whether the folder, which is made, is a disk of its own now."""
    folder.mkdir(mode=0o700)
    if not is_own():
        return False
    assert libc is not None
    return bool(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", ctypes.c_ulong(0), SIZE) == 0)


def unmount(folder: Path) -> None:
    """So that the folder can be removed."""
    assert libc is not None
    libc.umount2(os.fsencode(folder), ctypes.c_int(MNT_DETACH))


def fill(folder: Path) -> Path:
    """Leaves less than a page of PostgreSQL; gives the file that takes all the rest. Others may write meanwhile."""
    ballast, taken, size = folder / "ballast", 0, 1 << 28
    with open(ballast, "wb") as file:
        while size >= 4096:
            try:
                os.posix_fallocate(file.fileno(), taken, size)
                taken += size
            except OSError:
                size //= 2
    return ballast
