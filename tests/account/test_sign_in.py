"""Donors come in by a mailed link: who gave comes in, nobody learns who gave, and nothing else."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.account.access import LINKS, SIGNED_IN
from portal.app import make_app
from portal.clock import FixedClock
from portal.database import Database
from portal.donors import Donor
from portal.i18n import LANGUAGES
from portal.jobs.queue import QueuedJob
from portal.mailbox import MailStore
from portal.services import Services
from portal.signin.donor_accounts import IDLE, LIFETIME, DonorAccount
from portal.signin.links import LIFE, SignInLink, send_link
from tests.account.conftest import ADA, ZOE, Mailed
from tests.conftest import NOW
from tests.pages import CheckedClient
from tests.partners.conftest import Visitor

Visit = Callable[[], Visitor]
SignedIn = Callable[[str], Visitor]
ReadLink = Callable[[], Mailed]


def ask(visitor: Visitor, email: str = ZOE) -> None:
    response = visitor.post("/account/sign-in", email=email)
    assert (response.status_code, response.location) == (303, "/account/sign-in/code")


def is_in(visitor: Visitor) -> bool:
    return visitor.get("/account/").status_code == 200


def test_the_link_lets_the_asking_browser_in_once(visit: Visit, read_link: ReadLink) -> None:
    visitor = visit()
    ask(visitor, f" {ZOE.upper()} ")
    link = read_link()
    assert visitor.post(link.path).status_code == 303
    assert is_in(visitor)
    assert visit().post(link.path, code=link.code).status_code == 422


def test_the_code_lets_the_asking_browser_in(visit: Visit, read_link: ReadLink) -> None:
    visitor = visit()
    ask(visitor)
    typed = f"{read_link().code[:4]} {read_link().code[4:]}".lower()
    assert visitor.post("/account/sign-in/code", code=typed).status_code == 303
    assert is_in(visitor)


def test_looking_uses_nothing_up_and_lets_nobody_in(visit: Visit, read_link: ReadLink) -> None:
    visitor, scanner = visit(), visit()
    ask(visitor)
    link = read_link()
    for method in ("HEAD", "GET", "GET", "GET", "GET", "GET"):
        assert scanner.client.open(link.path, method=method).status_code == 200
    assert scanner.post(link.path).status_code == 422, "without the code it is nobody's"
    assert not is_in(scanner)
    assert visitor.post(link.path).status_code == 303


def test_another_browser_needs_the_code_beside_the_link(visit: Visit, read_link: ReadLink) -> None:
    ask(visit())
    other, link = visit(), read_link()
    assert other.post(link.path, code="WRONG-CODE").status_code == 422
    assert other.post(link.path, code=link.code).status_code == 303
    assert is_in(other)


def test_nobody_learns_whose_addresses_gave(
    visit: Visit, read_link: ReadLink, catalogued: Database
) -> None:
    pages, rows = [], []
    for email in (ZOE, "nobody@example.org"):
        visitor = visit()
        ask(visitor, email)
        text = visitor.get("/account/sign-in/code").text
        pages.append(re.sub(r'name="csrf_token" value="[^"]+"', "", text))
        assert read_link().is_anybodys is (email == ZOE)
        with catalogued.read() as session:
            kinds = (SignInLink, QueuedJob)
            rows.append([session.scalar(sa.select(sa.func.count(one.id))) for one in kinds])
    assert pages[0] == pages[1]
    assert [new - old for old, new in zip(*rows, strict=True)] == [1, 1]


@pytest.mark.both_engines
def test_who_only_a_gift_knows_comes_in(visit: Visit, catalogued: Database) -> None:
    with catalogued.write() as session:
        session.execute(sa.update(Donor).where(Donor.email == ADA).values(email="other@x.example"))
    ask(visit(), ADA)
    with catalogued.read() as session:
        assert session.scalar(sa.select(Donor.id).where(Donor.email == ADA))


def test_a_link_runs_out(visit: Visit, read_link: ReadLink, clock: FixedClock) -> None:
    visitor = visit()
    ask(visitor)
    clock.at = NOW + LIFE
    page = visitor.post(read_link().path)
    assert page.status_code == 422
    assert "Ask for a new link" in page.text, "one click brings a new one"


def test_a_session_that_nobody_uses_is_short(signed_in: SignedIn, clock: FixedClock) -> None:
    visitor = signed_in(ZOE)
    clock.at = NOW + IDLE
    assert not is_in(visitor)


def test_a_session_that_is_used_is_short_too(signed_in: SignedIn, clock: FixedClock) -> None:
    visitor = signed_in(ZOE)
    while clock.at < NOW + LIFETIME:
        assert is_in(visitor)
        clock.at += IDLE - timedelta(minutes=2)
    assert not is_in(visitor)


def test_signing_out_ends_every_session(signed_in: SignedIn) -> None:
    one, other = signed_in(ZOE), signed_in(ZOE)
    assert one.post("/account/sign-out", page="/account/").status_code == 303
    assert not is_in(one)
    assert not is_in(other)


def test_the_cookie_is_of_these_pages_alone(visit: Visit, read_link: ReadLink) -> None:
    visitor = visit()
    ask(visitor)
    cookie = visitor.post(read_link().path).headers["Set-Cookie"]
    assert cookie.startswith("account=")
    assert "Path=/account" in cookie
    assert "Set-Cookie" not in visitor.get("/give/ca").headers


class TestLetters:
    @pytest.fixture
    def settings_values(self, inbox: tuple[MailStore, int]) -> dict[str, Any]:
        return {"mail_url": f"smtp://127.0.0.1:{inbox[1]}"}

    def test_one_goes_to_who_gave_and_to_nobody_else(
        self, app: Flask, visit: Visit, inbox: tuple[MailStore, int], read_link: ReadLink
    ) -> None:
        services: Services = app.extensions["portal"]
        for email in ("nobody@example.org", ZOE):
            ask(visit(), email)
        for link_id in (1, 1, 2, 2):
            send_link(services, link_id)
        [letter] = inbox[0].list_messages()
        assert letter.header("Subject") == "Your link to all your gifts and documents"
        assert letter.header("To").strip("<>") == ZOE
        assert f"http://localhost{read_link().path}" in letter.text
        assert read_link().code[4:] in letter.text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_pages_are_in_every_language(visit: Visit, signed_in: SignedIn, lang: str) -> None:
    page = visit().get(f"/account/sign-in?lang={lang}")
    assert f'<html lang="{lang}"' in page.text
    assert ("All your gifts and documents" in page.text) is (lang == "en")
    assert f'<html lang="{lang}"' in signed_in(ZOE).get(f"/account/?lang={lang}").text


def addresses(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Endpoint, method and an address for each route of the account."""
    with app.test_request_context():
        adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            if not rule.endpoint.startswith("account."):
                continue
            values = dict.fromkeys(rule.arguments, 2026 if "int" in rule.rule else "NOT-THERE")
            for method in (rule.methods or set()) & {"GET", "POST"}:
                yield rule.endpoint, method, adapter.build(rule.endpoint, values, method)


def test_every_route_is_in_the_table(app: Flask) -> None:
    assert {endpoint for endpoint, *_ in addresses(app)} == {*SIGNED_IN, *LINKS.endpoints}


def test_nobody_sees_anything_before_signing_in(app: Flask, visit: Visit) -> None:
    for endpoint, method, path in addresses(app):
        if endpoint not in LINKS.endpoints:
            response = visit().client.open(path, method=method)
            assert (response.status_code, response.location) == (303, "/account/sign-in"), path


def test_every_form_needs_its_token(app: Flask, signed_in: SignedIn) -> None:
    visitor = signed_in(ZOE)
    for _endpoint, method, path in addresses(app):
        if method == "POST":
            assert visitor.client.post(path).status_code == 400, path


def test_pages_are_kept_out_of_caches(signed_in: SignedIn) -> None:
    response = signed_in(ZOE).get("/account/")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Robots-Tag"] == "noindex"


class TestForgotten:
    @pytest.fixture
    def building(self) -> Flask:
        """An app of its own, with a route that the table knows nothing of."""
        app = make_app()
        app.test_client_class = CheckedClient
        app.add_url_rule("/account/forgotten", "account.forgotten", lambda: "seen")
        return app

    def test_a_route_that_the_table_forgets_is_shut(self, signed_in: SignedIn) -> None:
        assert signed_in(ZOE).get("/account/forgotten").status_code == 403


def test_one_account_is_opened_however_often_one_comes_in(
    signed_in: SignedIn, catalogued: Database
) -> None:
    for _ in range(3):
        signed_in(ZOE)
    with catalogued.read() as session:
        assert session.scalar(sa.select(sa.func.count(DonorAccount.id))) == 1
