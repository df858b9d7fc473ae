"""Processes that end together."""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(signal: int, parent: int | None = None) -> None:
    """This process gets the signal when the thread of `parent` that started it ends; only Linux has that."""
    if libc is None:
        return
    libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal))
    if parent is not None and os.getppid() != parent:  # it ended before the call
        os.kill(os.getpid(), signal)
