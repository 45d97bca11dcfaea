"""The same form twice: one gift of one visitor, and never the page of somebody else's."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from itsdangerous import Signer

from portal.clock import FixedClock
from portal.database import Database
from portal.gifts.models import Gift
from portal.giving.visitors import COOKIE
from portal.intake.admission import MOST_KEPT
from portal.web import make_ticket
from tests.conftest import NOW
from tests.giving.visits import DONOR, give, read_ticket, text_of
from tests.pages import CheckedClient

HOME, ABROAD = "203.0.113.7", "198.51.100.9"
Visit = Callable[..., CheckedClient]


@pytest.fixture
def visit(app: Flask) -> Visit:
    """Make a browser of its own on a network; a proxy may stand between."""

    def make(address: str = HOME, *, proxy_says: str = "") -> CheckedClient:
        browser = app.test_client()
        assert isinstance(browser, CheckedClient)
        move(browser, address)
        if proxy_says:
            browser.environ_base["HTTP_X_FORWARDED_FOR"] = proxy_says
        return browser

    return make


def move(browser: CheckedClient, address: str) -> None:
    """The same browser, on another network."""
    browser.environ_base["REMOTE_ADDR"] = address


def set_status(database: Database, status: str) -> None:
    with database.write() as session:
        session.execute(sa.update(Gift).values(status=status))


def count_gifts(database: Database) -> int:
    with database.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Gift)) or 0


def path_of(answer: Any) -> str:
    """Where an answer leads, without what it says of Stripe's being away."""
    assert answer.status_code == 303
    return str(answer.location).partition("?")[0]


@pytest.mark.parametrize(
    ("status", "mode"), [("pending", "interac"), ("pending", "card"), ("paid", "card")]
)
def test_the_same_form_of_another_visitor_is_a_gift_of_their_own(
    visit: Visit, catalogued: Database, status: str, mode: str
) -> None:
    first = path_of(give(visit(HOME), mode=mode))
    set_status(catalogued, status)
    other = give(visit(ABROAD), mode=mode)
    assert path_of(other) != first
    assert first not in other.text
    assert count_gifts(catalogued) == 2


def test_another_visitor_who_asks_to_give_again_learns_of_no_gift(
    visit: Visit, catalogued: Database
) -> None:
    first = path_of(give(visit(HOME)))
    set_status(catalogued, "paid")
    assert path_of(give(visit(ABROAD), again="1")) != first


def test_the_same_browser_is_known_on_another_network(visit: Visit, catalogued: Database) -> None:
    browser = visit(HOME)
    first = give(browser)
    move(browser, ABROAD)
    assert path_of(give(browser)) == path_of(first)
    set_status(catalogued, "paid")
    assert "You gave this a moment ago" in text_of(give(browser))
    assert count_gifts(catalogued) == 1


@pytest.mark.parametrize(
    ("first", "second"), [(HOME, HOME), ("2001:db8:1:2::3", "2001:db8:1:2:ffff::9")]
)
def test_two_clicks_without_a_cookie_are_one_gift_of_one_network(
    visit: Visit, catalogued: Database, first: str, second: str
) -> None:
    assert path_of(give(visit(first))) == path_of(give(visit(second)))
    assert count_gifts(catalogued) == 1


def test_another_household_is_another_visitor(visit: Visit) -> None:
    one, other = give(visit("2001:db8:1:2::3")), give(visit("2001:db8:1:3::3"))
    assert path_of(one) != path_of(other)


def test_a_cookie_of_another_gift_opens_nothing(visit: Visit) -> None:
    first = path_of(give(visit(HOME)))
    other = visit(ABROAD)
    give(other, amount="20.00")
    assert path_of(give(other)) != first


def forge(app: Flask, catalogued: Database, how: str) -> str:
    """A cookie that names the kept gift, in a way that we never write."""
    with catalogued.read() as session:
        mark = session.scalar(sa.select(Gift.fingerprint)) or ""
    if how == "other secret":
        return Signer("another secret", salt="started-gifts").sign(mark).decode()
    if how == "a ticket":
        return make_ticket(app.extensions["portal"].settings, NOW)
    return {"unsigned": mark, "cut": mark[:32], "odd": "é\"';", "long": "x" * 4000}[how]


@pytest.mark.parametrize("how", ["unsigned", "other secret", "a ticket", "cut", "odd", "long"])
def test_a_cookie_that_we_did_not_write_opens_nothing(
    app: Flask, visit: Visit, catalogued: Database, how: str
) -> None:
    first = path_of(give(visit(HOME)))
    other = visit(ABROAD)
    other.set_cookie(COOKIE, forge(app, catalogued, how), path="/give")
    assert path_of(give(other)) != first


def test_after_ten_minutes_no_cookie_finds_the_gift(visit: Visit, clock: FixedClock) -> None:
    browser = visit(HOME)
    kept = give(browser)
    cookie = browser.get_cookie(COOKIE, path="/give")
    assert cookie is not None
    clock.at += timedelta(minutes=10)
    browser.set_cookie(COOKIE, cookie.value, path="/give")
    assert path_of(give(browser)) != path_of(kept)


def test_a_browser_is_known_by_the_last_gifts_that_it_began(visit: Visit) -> None:
    browser = visit(HOME)
    amounts = [f"{number}.00" for number in range(20, 21 + MOST_KEPT)]
    paths = [path_of(give(browser, amount=amount)) for amount in amounts]
    move(browser, ABROAD)
    for amount, path in list(zip(amounts, paths, strict=True))[1:]:
        assert path_of(give(browser, amount=amount)) == path
    assert path_of(give(browser, amount=amounts[0])) != paths[0]


@pytest.mark.parametrize(
    "settings_values", [{"trusted_proxies": 0}, {"trusted_proxies": 1}], ids=["unknown", "trusted"]
)
def test_visitors_behind_one_proxy_are_told_apart(
    visit: Visit, settings_values: dict[str, Any]
) -> None:
    proxy = "127.0.0.1"
    first = path_of(give(visit(proxy, proxy_says=HOME)))
    assert path_of(give(visit(proxy, proxy_says=ABROAD))) != first, settings_values
    assert path_of(give(visit(proxy, proxy_says=HOME))) == first


@pytest.mark.parametrize(
    ("settings_values", "is_secure"),
    [({}, False), ({"base_url": "https://give.example.org"}, True)],
    ids=["http", "https"],
)
def test_the_cookie_is_short_lived_and_belongs_to_the_form_alone(
    visit: Visit, *, is_secure: bool
) -> None:
    answer = give(visit(HOME))
    [cookie] = answer.headers.getlist("Set-Cookie")
    parts = set(cookie.split("; ")[1:])
    assert {"Path=/give", "HttpOnly", "SameSite=Lax", "Max-Age=600"} <= parts
    assert ("Secure" in parts) is is_secure
    assert not any(part.startswith("Domain") for part in parts)
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_the_cookie_says_nothing_of_the_gift(visit: Visit, catalogued: Database) -> None:
    cookie = give(visit(HOME)).headers["Set-Cookie"]
    with catalogued.read() as session:
        gift = session.scalars(sa.select(Gift)).one()
    for private in (gift.token, gift.reference, gift.email, gift.last_name, HOME):
        assert private not in cookie


def test_pages_are_the_same_bytes_for_a_browser_that_gave(visit: Visit) -> None:
    browser, stranger = visit(HOME), visit(ABROAD)
    path = path_of(give(browser))
    for address in ("/", "/give/ca", "/give/ca?code=LWCAN&lang=fr", "/give/nowhere", path):
        mine, theirs = browser.get(address), stranger.get(address)
        assert mine.data == theirs.data, address
        assert mine.headers.get("ETag") == theirs.headers.get("ETag")
        assert "Set-Cookie" not in mine.headers
        assert "Cookie" not in mine.headers.get("Vary", "")


@pytest.mark.parametrize(
    "fields", [{"amount": "nothing"}, {"apply_code": "1"}, {"ticket": "forged"}], ids=str
)
def test_a_form_that_began_no_gift_sets_no_cookie(visit: Visit, fields: dict[str, str]) -> None:
    assert "Set-Cookie" not in give(visit(HOME), **fields).headers


def test_a_question_before_giving_again_sets_no_cookie(visit: Visit, catalogued: Database) -> None:
    browser = visit(HOME)
    give(browser)
    set_status(catalogued, "paid")
    page = give(browser)
    assert page.status_code == 409
    assert "Set-Cookie" not in page.headers


@pytest.mark.both_engines
def test_a_browser_finds_its_own_gift_where_another_visitor_gave_the_same(
    visit: Visit,
) -> None:
    browser = visit(HOME)
    first = path_of(give(browser))
    assert path_of(give(visit(ABROAD))) != first
    move(browser, ABROAD)
    assert path_of(give(browser)) == first


def test_a_page_that_was_kept_by_a_cache_serves_both_visitors(visit: Visit) -> None:
    """One ticket for all: it says when the page was made, and nothing of who sends it."""
    ticket = read_ticket(visit(HOME).get("/give/ca"))
    form = {"ticket": ticket, "amount": "75.50", "mode": "interac", **DONOR}
    paths = {path_of(visit(one).post("/give/ca", data=form)) for one in (HOME, ABROAD)}
    assert len(paths) == 2
