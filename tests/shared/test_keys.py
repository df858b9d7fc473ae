"""Who a secret belongs to."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import keys, users
from shared.errors import NotFound


def test_a_key_says_who_one_is(session: Session) -> None:
    user = users.create(session, "Ann@Example.org", "ann", is_admin=True)
    secret = keys.issue(session, user.id, "laptop")
    caller = keys.whose(session, secret)
    assert caller == keys.Caller(user.id, "ann", True, session.scalar(text("SELECT id FROM keys")))
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
    with pytest.raises(users.Taken, match="is taken"):
        users.create(session, email, username)


@pytest.mark.parametrize("key", ["sk_00000000", "99", str(2**63), str(2**64), "", "\0", "sk_\udcff", "' OR true --"])
def test_only_what_names_a_key_closes_it(session: Session, key: str) -> None:
    user = users.create(session, "a@example.org", "a").id
    secret = keys.issue(session, user, "laptop")
    with pytest.raises(NotFound):
        keys.revoke(session, user, key)
    with pytest.raises(NotFound) as refused:
        keys.revoke(session, user, secret)  # what was pasted in full is not said again
    assert secret[12:] not in refused.value.detail
    assert keys.whose(session, secret)


def test_when_a_key_was_last_used(session: Session) -> None:
    """Told by seconds that passed, since clocks differ; an older use does not undo a newer one."""
    user = users.create(session, "a@example.org", "a")
    key, _ = keys.add(session, user.id, "laptop")
    keys.note_use(session, {key.id: 5.0})
    session.refresh(key)
    first = key.last_used_at
    keys.note_use(session, {key.id: 60.0})
    session.refresh(key)
    assert key.last_used_at == first is not None
