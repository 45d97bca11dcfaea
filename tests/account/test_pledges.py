"""A donor's own pledges: made, changed, ended, and nobody else's."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.donors import Consent
from portal.gifts.models import Commitment
from tests.account.conftest import ADA, ZOE
from tests.account.test_details import forget, stop_all
from tests.giving.visits import text_of
from tests.partners.conftest import Visitor, plant_tree

SignedIn = Callable[[str], Visitor]
PLEDGES = "/account/pledges"
SAID = {
    "email": ZOE,
    "amount": "100.00",
    "currency": "CAD",
    "frequency": "once",
    "since": "2026-01-01",
    "until": "2030-12-31",
    "fund": "",
}


def test_one_is_made_changed_and_ended(signed_in: SignedIn, catalogued: Database) -> None:
    visitor = signed_in(ZOE)
    assert visitor.post(PLEDGES, **SAID).status_code == 303
    page = visitor.get(PLEDGES)
    told = text_of(page)
    assert "CAD 100.66 given of CAD 100.00" in told, "the paid gift and the month’s"
    assert "Fulfilled" in told
    assert '<progress class="goal-bar" max="100" value="100"' in page.text
    one = f"{PLEDGES}/1"
    assert visitor.post(one, **{**SAID, "amount": "400"}).status_code == 303
    told = text_of(visitor.get(PLEDGES))
    assert "CAD 100.66 given of CAD 400.00" in told
    assert "On time , next by Dec 31, 2030" in told or "On time, next by Dec 31, 2030" in told
    assert visitor.post(f"{one}/end", page=one).status_code == 303
    assert "Cancelled" in text_of(visitor.get(PLEDGES))
    assert visitor.post(one, page=PLEDGES, **SAID).status_code == 422
    with catalogued.read() as session:
        assert session.scalars(sa.select(Commitment.amount_minor)).all() == [40_000]


def test_nobody_reaches_anothers(signed_in: SignedIn, catalogued: Database) -> None:
    signed_in(ADA).post(PLEDGES, **{**SAID, "email": ADA})
    zoe = signed_in(ZOE)
    assert "CAD 100.00" not in text_of(zoe.get(PLEDGES))
    assert zoe.get(f"{PLEDGES}/1").status_code == 404
    for path in (f"{PLEDGES}/1", f"{PLEDGES}/1/end"):
        assert zoe.post(path, page=PLEDGES, **SAID).status_code == 404
    assert zoe.post(PLEDGES, **{**SAID, "email": ADA}).status_code == 422
    with catalogued.read() as session:
        found = session.scalars(sa.select(Commitment)).one()
    assert found.cancelled_at is None


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"amount": "-5"}, "amount"),
        ({"until": "2025-01-01"}, "not before the first one"),
        ({"code": "NOBODY"}, "Enter a code that there is"),
        ({"currency": "XXX"}, "Choose one of the currencies"),
    ],
)
def test_a_wrong_one_keeps_what_was_typed(
    signed_in: SignedIn, typed: dict[str, str], says: str
) -> None:
    answer = signed_in(ZOE).post(PLEDGES, **{**SAID, "note": "For Dad", **typed})
    assert answer.status_code == 422
    assert says in text_of(answer)
    assert 'value="For Dad"' in answer.text


def test_tries_are_limited(signed_in: SignedIn) -> None:
    visitor = signed_in(ZOE)
    answers = [visitor.post(PLEDGES, **{**SAID, "code": f"GUESS{n}"}) for n in range(21)]
    assert [answer.status_code for answer in answers] == [422] * 20 + [429]


def test_a_copy_has_them_and_who_is_forgotten_pledges_no_more(
    signed_in: SignedIn, catalogued: Database
) -> None:
    plant_tree(catalogued)
    visitor = signed_in(ZOE)
    visitor.post(PLEDGES, **{**SAID, "note": "For Dad", "code": "grace", "consent_partner": "1"})
    copy = visitor.get("/account/data.json").json
    assert copy["pledges"][0]["note"] == "For Dad"
    assert [one["what"] for one in copy["pledges_history"]] == ["made"]
    assert "may know my name" in copy["consents"][0]["wording"]
    stop_all(catalogued)
    assert forget(visitor) == 303
    with catalogued.read() as session:
        found = session.scalars(sa.select(Commitment)).one()
        consent = session.scalars(sa.select(Consent)).one()
    assert (found.note, found.cancelled_at is None) == ("", False)
    assert consent.withdrawn_at is not None
