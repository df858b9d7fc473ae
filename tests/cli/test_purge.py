"""`scoreline purge`."""

from click.testing import CliRunner

from cli.purge import purge
from shared import db, jobs, users
from tests.conftest import environment
from tests.shared.test_jobs import claim, good, make_version, store
from tests.shared.test_retention import age, counted


def test_it_erases_what_is_old_and_says_how_much(database: str) -> None:
    with db.transaction() as session:
        owner, version = users.create(session, "a@example.org", "a").id, make_version(session)
        old = store(session, owner, version, 3)
        jobs.finish(session, [good(claimed) for claimed in claim(session)])
        age(session, 10, *old[:2])
    runner = CliRunner()
    refused = runner.invoke(purge)
    assert refused.exit_code == 2
    assert "--days N, or RETENTION_DAYS" in refused.output
    done = runner.invoke(purge, ["--days", "5"])
    assert (done.exit_code, done.output) == (0, "erased 2 jobs that finished more than 5 days ago\n")
    with environment(RETENTION_DAYS="5"):
        assert runner.invoke(purge).output.startswith("erased 0 jobs")
        with db.transaction() as session:
            assert counted(session) == (1, 1)
