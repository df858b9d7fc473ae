"""Who a secret belongs to."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import keys, users


def test_a_key_says_who_one_is(session: Session) -> None:
    user = users.create(session, "Ann@Example.org", "ann", is_admin=True)
    secret = keys.issue(session, user.id, "laptop")
    caller = keys.whose(session, secret)
    assert caller == keys.Caller(user.id, "ann", True)
    stored = session.execute(text("SELECT * FROM keys")).one()
    assert stored.prefix == secret[:11]
    assert secret[12:] not in str(stored)


@pytest.mark.parametrize("change", ["UPDATE keys SET revoked_at = now()", "UPDATE users SET is_active = false"])
def test_a_closed_key_opens_nothing(session: Session, change: str) -> None:
    secret = keys.issue(session, users.create(session, "a@example.org", "a").id, "laptop")
    session.execute(text(change))
    assert keys.whose(session, secret) is None


def test_a_wrong_secret_behind_a_right_prefix(session: Session) -> None:
    secret = keys.issue(session, users.create(session, "a@example.org", "a").id, "laptop")
    assert keys.whose(session, secret[:-1] + ("a" if secret[-1] != "a" else "b")) is None
    assert keys.whose(session, secret[:11]) is None
    assert keys.whose(session, "") is None
    assert keys.whose(session, "sk_\udcff") is None


@pytest.mark.parametrize(("email", "username"), [("A@example.org", "b"), ("b@example.org", "ANN")])
def test_names_are_unique_whatever_the_case(session: Session, email: str, username: str) -> None:
    users.create(session, "a@example.org", "ann")
    with pytest.raises(IntegrityError):
        users.create(session, email, username)
