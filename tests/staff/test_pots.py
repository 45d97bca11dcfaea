"""Pots as staff make, raise and close them, and what codes' pages say of offers."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from portal.codes.models import find_code
from portal.codes.pots import Pot, find_pot
from portal.database import Database
from portal.payments.books import prove
from portal.services import AuditEntry
from tests.giving.visits import begin, text_of
from tests.pages import CheckedClient
from tests.staff.conftest import Browser
from tests.staff.test_modes import send

SignedIn = Callable[[str], Browser]
POTS, NEW = "/staff/pots", "/staff/codes/new"


def make(browser: Browser, **typed: Any) -> Any:
    pot = {"key": "spring", "sponsor": "Grace", "amount": "1,000.50", "currency": "CAD", **typed}
    return browser.post(POTS, page=POTS, **pot)


def kept(database: Database) -> Pot:
    with database.read() as session:
        found = find_pot(session, "spring")
        assert prove(session) == []
    assert found is not None
    return found


def acts(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(sa.select(AuditEntry.act).order_by(AuditEntry.id)))


def test_a_pot_is_made_raised_and_closed(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    assert "Nothing here yet" in browser.get(POTS).text
    assert make(browser).status_code == 303
    pot = kept(catalogued)
    assert (pot.total_minor, pot.left_minor, pot.sponsor) == (100_050, 100_050, "Grace")
    browser.post(f"{POTS}/{pot.id}/raise", page=POTS, amount="99.50")
    assert kept(catalogued).total_minor == 110_000
    for amount in ("", "x", "-1", "0"):
        browser.post(f"{POTS}/{pot.id}/raise", page=POTS, amount=amount)
    assert kept(catalogued).total_minor == 110_000
    browser.post(f"{POTS}/{pot.id}/close", page=POTS)
    assert kept(catalogued).closed_at is not None
    assert acts(catalogued)[-3:] == ["pot_add", "pot_raise", "pot_close"]
    log = text_of(browser.get("/staff/audit"))
    assert "Raised a pot spring" in log
    assert "$99.50" in log


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"key": "Spring!"}, "Use 2 to 40 small letters"),
        ({"key": ""}, "Enter a name for addresses"),
        ({"sponsor": ""}, "Enter the sponsor’s name"),
        ({"amount": "0"}, "Enter an amount above"),
        ({"amount": "1.005"}, "CAD"),
        ({"currency": "XXX"}, "Choose one of the currencies"),
    ],
)
def test_a_wrong_pot_keeps_what_was_typed(
    signed_in: SignedIn, catalogued: Database, typed: dict[str, str], says: str
) -> None:
    answer = make(signed_in("admin"), **typed)
    assert answer.status_code == 422
    assert says in text_of(answer)
    assert 'value="Grace"' in answer.text or typed.get("sponsor") == ""
    with catalogued.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Pot)) == 0


def test_the_same_name_twice_is_refused(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    make(browser)
    assert "There is such a pot already" in text_of(make(browser, amount="5"))
    assert kept(catalogued).total_minor == 100_050


def test_terms_have_an_offer_and_say_what_it_means(
    signed_in: SignedIn, catalogued: Database, client: CheckedClient
) -> None:
    browser = signed_in("admin")
    make(browser)
    offer = {"match_pot": "spring", "match_ratio": "2:1"}
    cap = {"amounts_0_currency": "CAD", "amounts_0_match_cap": "60"}
    typed = {"display": "Gala", "kind": "promotion", **offer, **cap}
    page = browser.get(send(browser, NEW, **typed).location)
    told = text_of(page)
    assert "whoever guesses it can use it" in told
    assert "A sponsor adds to gifts, out of the pot spring" in told
    assert "What is added for what is given 2:1" in told
    assert "Most added to a gift CA$60.00" in told
    assert re.search(r"Left of the pot Grace ?: CA\$1,000.50", told)
    gift = begin(client, catalogued, code="GALA", amount="20")
    assert gift.is_matched
    with catalogued.read() as session:
        code = find_code(session, "GALA")
    assert code is not None
    assert "$40.00 promised" in text_of(browser.get(f"/staff/codes/{code.id}"))
    assert "Matched by Grace" in text_of(browser.get(f"/staff/gifts/{gift.reference}"))


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"match_pot": "nowhere"}, "Enter the name of a pot that there is"),
        ({"match_pot": "Spring"}, "Enter the name of a pot that there is"),
        ({"match_ratio": "2"}, "Enter a ratio of whole numbers"),
        ({"match_ratio": "0:1"}, "Enter a ratio of whole numbers"),
        ({"match_ratio": "1.5:1"}, "Enter a ratio of whole numbers"),
    ],
)
def test_a_wrong_offer_is_told_at_its_field(
    signed_in: SignedIn, typed: dict[str, str], says: str
) -> None:
    browser = signed_in("admin")
    answer = send(browser, NEW, display="Gala", kind="promotion", **typed)
    assert answer.status_code == 422
    assert says in text_of(answer)


def test_a_pot_in_a_currency_that_others_give_beside_is_told(
    signed_in: SignedIn, catalogued: Database
) -> None:
    browser = signed_in("admin")
    make(browser)
    typed = {"display": "Gala", "kind": "promotion", "match_pot": "spring", "is_secret": ""}
    told = text_of(browser.get(send(browser, NEW, **typed).location))
    assert "The pot of these terms is in CAD: nothing is added to gifts in" in told
    browser.post(f"{POTS}/{kept(catalogued).id}/close", page=POTS)
    typed |= {"display": "Gala 2", "regions_ca": "y"}
    told = text_of(browser.get(send(browser, NEW, **typed).location))
    assert "The pot of these terms is closed" in told


def test_an_offer_to_all_codes_below_is_told(
    signed_in: SignedIn, catalogued: Database, client: CheckedClient
) -> None:
    browser = signed_in("admin")
    make(browser)
    typed = {"name": "North", "key": "north", "kind": "network", "match_pot": "spring"}
    told = text_of(browser.get(send(browser, "/staff/scopes/new", **typed).location))
    assert "A sponsor adds to the gifts of all codes below this." in told
    assert "nothing is added to gifts in" in told
    send(browser, NEW, display="Gala", kind="promotion", scope="north")
    assert begin(client, catalogued, code="GALA", amount="20").is_matched


def test_only_administrators_change_pots(signed_in: SignedIn, catalogued: Database) -> None:
    make(signed_in("admin"))
    pot = kept(catalogued)
    viewer = signed_in("viewer")
    assert viewer.get(POTS).status_code == 200
    assert "Make the pot" not in viewer.get(POTS).text
    for address in (POTS, f"{POTS}/{pot.id}/raise", f"{POTS}/{pot.id}/close"):
        assert viewer.post(address, page=POTS).status_code == 403
    assert kept(catalogued).closed_at is None
