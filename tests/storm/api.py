"""The API of a storm: `python -m tests.storm.api PORT FOLDER`. It kills itself where a file in FOLDER tells it to."""

import sys
from pathlib import Path

import uvicorn
from sqlalchemy.orm import Session

from api import accept, bulk, main, state
from api.protocol import Protocol
from shared.db import AFTER
from tests.storm.deaths import BEFORE_COMMIT, BEFORE_HINT, BEFORE_REPLY, Deaths


def arm(deaths: Deaths) -> None:
    commit = Session.commit

    def commit_or_die(session: Session) -> None:
        stores_a_job = bool(session.info.get(AFTER))
        if stores_a_job:
            deaths.here(BEFORE_COMMIT)
        commit(session)
        if stores_a_job:
            deaths.here(BEFORE_HINT)

    Session.commit = commit_or_die  # type: ignore[method-assign, assignment]
    accept.follow_up = deaths.before(accept.follow_up, BEFORE_HINT)  # where the statement was the transaction
    # Of requests with a key alone, which the client then sends again.
    state.accept = deaths.after(  # type: ignore[attr-defined]
        accept.accept, BEFORE_REPLY, lambda asked, hints: any(one.use for one in asked)
    )
    bulk.stored = deaths.after(bulk.stored, BEFORE_REPLY, lambda upload, wanted, limits: wanted.use is not None)


if __name__ == "__main__":
    port, folder = sys.argv[1:]
    arm(Deaths(Path(folder)))
    uvicorn.run(
        main.app,
        http=Protocol,
        host="127.0.0.1",
        port=int(port),
        access_log=False,
        timeout_graceful_shutdown=10,
    )
