"""Versions and what points at them."""

import pytest
from sqlalchemy.orm import Session

from shared import registry
from shared.errors import Conflict, NotFound
from shared.registry import Ref, Served
from shared.tables import Version
from tests.shared.test_jobs import make_version


def test_the_first_version_becomes_champion_and_later_ones_only_when_asked(session: Session) -> None:
    first, second = make_version(session), make_version(session)
    assert registry.find(session, "housing").id == first
    registry.point(session, session.get_one(Version, second), "champion")
    assert registry.find(session, "housing@champion").id == second
    assert registry.find(session, "housing:1").id == first
    assert registry.find(session, "housing").ref == "housing:2"


def test_each_ref_gets_its_own_answer(session: Session) -> None:
    make_version(session)
    found = registry.resolve(session, ["housing", "housing:2", "nope", "not a model", "housing@x"])
    assert isinstance(found.pop("housing"), Served)
    assert all(isinstance(error, NotFound) for error in found.values())
    assert "there is no housing:2" in str(found["housing:2"])


@pytest.mark.parametrize("ref", ["", "Housing", "housing:0", "housing:x", "housing@", "a b", "housing:1@x", "x" * 99])
def test_what_is_no_ref(ref: str) -> None:
    with pytest.raises(NotFound):
        Ref.parse(ref)


@pytest.mark.parametrize("change", [{"is_active": False}, {"failure": "its artefact was changed"}])
def test_a_version_that_cannot_be_served(session: Session, change: dict[str, object]) -> None:
    version = session.get_one(Version, make_version(session))
    for name, value in change.items():
        setattr(version, name, value)
    session.flush()
    with pytest.raises(Conflict, match="housing:1 "):
        registry.find(session, "housing")


def test_the_catalogue_names_aliases(session: Session) -> None:
    make_version(session)
    make_version(session)
    make_version(session, "iris")
    found = [(version.model, version.number, aliases) for version, aliases in registry.catalogue(session)]
    assert found == [("housing", 2, []), ("housing", 1, ["champion"]), ("iris", 1, ["champion"])]
    assert len(registry.catalogue(session, "iris")) == 1
