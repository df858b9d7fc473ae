"""A line for each change of users, keys, aliases and versions: who did what to which."""

import logging
from functools import partial

from sqlalchemy.orm import Session

from shared.db import after_commit
from shared.keys import Caller

log = logging.getLogger("audit")


def note(session: Session, caller: Caller, action: str, what: str) -> None:
    """Written once it is so."""
    after_commit(session, partial(log_now, caller, action, what))


def log_now(caller: Caller, action: str, what: str) -> None:
    log.info("%s by %s (user %d, key %d): %s", action, caller.username, caller.user_id, caller.key_id, what)
