"""Signing in by a mailed link: what lets in, what doesn't, and what nobody learns."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.clock import FixedClock
from portal.codes.models import Scope
from portal.database import Database
from portal.jobs.queue import QueuedJob
from portal.mailbox import MailStore
from portal.services import AuditEntry, Services
from portal.signin.accounts import TooManyTries
from portal.signin.link_letters import send_link
from portal.signin.links import (
    LIFE,
    LINKS_BY_ADDRESS,
    LINKS_BY_NETWORK,
    MOST_TRIES,
    TRIES_BY_NETWORK,
    Asking,
    Shown,
    SignInLink,
    ask_for_link,
    make_code,
    make_token,
    sweep_links,
    use_link,
)
from portal.signin.partner_users import PartnerUser, find_by_email, remove_partner_user
from tests.conftest import NOW
from tests.partners.conftest import Mailed, Visitor
from tests.workplace import act_in

Visit = Callable[[], Visitor]
ReadLink = Callable[[], Mailed]
OWNER = "owner@grace.example"


def ask(visitor: Visitor, email: str = OWNER) -> None:
    response = visitor.post("/partners/sign-in", email=email)
    assert (response.status_code, response.location) == (303, "/partners/sign-in/code")


def is_in(visitor: Visitor) -> bool:
    return visitor.get("/partners/people").status_code == 200


def test_the_link_lets_the_asking_browser_in_once(visit: Visit, read_link: ReadLink) -> None:
    visitor = visit()
    ask(visitor, " Owner@Grace.EXAMPLE ")
    link = read_link()
    assert visitor.post(link.path).status_code == 303
    assert is_in(visitor)
    again = visit()
    assert again.post(link.path, code=link.code).status_code == 422
    assert not is_in(again)


def test_looking_at_a_link_never_uses_it(visit: Visit, read_link: ReadLink) -> None:
    visitor, scanner = visit(), visit()
    ask(visitor)
    link = read_link()
    for one in (scanner, visitor):
        for _ in range(MOST_TRIES + 1):
            page = one.get(link.path)
            assert page.status_code == 200
            assert "<script" not in page.text
        assert one.client.head(link.path).status_code == 200
        assert not is_in(one)
    assert visitor.post(link.path).status_code == 303


def test_another_browser_needs_the_code_beside_the_link(visit: Visit, read_link: ReadLink) -> None:
    ask(visit())
    link, phone = read_link(), visit()
    assert "Code from the message" in phone.get(link.path).text
    assert phone.post(link.path).status_code == 422
    assert phone.post(link.path, code="22222222").status_code == 422
    assert phone.post(link.path, code=f"{link.code[:4].lower()} {link.code[4:]}").status_code == 303
    assert is_in(phone)


def test_the_asking_browser_may_type_the_code_alone(visit: Visit, read_link: ReadLink) -> None:
    visitor, thief = visit(), visit()
    ask(visitor)
    ask(thief, "owner@hope.example")
    ask(visitor)
    code = read_link().code
    assert thief.post("/partners/sign-in/code", code=code).status_code == 422
    assert visit().post("/partners/sign-in/code", code=code).status_code == 422
    assert visitor.post("/partners/sign-in/code", code=code).status_code == 303
    assert is_in(visitor)
    assert not is_in(thief)


def test_a_link_runs_out(visit: Visit, read_link: ReadLink, clock: FixedClock) -> None:
    visitor = visit()
    ask(visitor)
    clock.at += LIFE
    response = visitor.post(read_link().path)
    assert response.status_code == 422
    assert "Ask for a new one" in response.text


def test_a_code_can_be_tried_a_few_times_alone(visit: Visit, read_link: ReadLink) -> None:
    visitor = visit()
    ask(visitor)
    for _ in range(MOST_TRIES):
        assert visitor.post("/partners/sign-in/code", code="22222222").status_code == 422
    assert visitor.post("/partners/sign-in/code", code=read_link().code).status_code == 422


def answers(visitor: Visitor, email: str, read_link: ReadLink) -> list[tuple[object, ...]]:
    """All that somebody sees who asks for a link and guesses, but for signed values."""
    asked = visitor.post("/partners/sign-in", email=email)
    page = visitor.get("/partners/sign-in/code")
    tried = visitor.post("/partners/sign-in/code", code="22222222")
    return [
        (one.status_code, one.location, len(one.data), sorted(one.headers.keys()))
        for one in (asked, page, tried)
    ]


def count_rows(database: Database) -> tuple[int, ...]:
    with database.read() as session:
        tables = (SignInLink, QueuedJob, AuditEntry)
        return tuple(
            session.scalar(sa.select(sa.func.count()).select_from(one)) or 0 for one in tables
        )


def test_an_unknown_address_is_answered_alike_and_makes_the_same_work(
    visit: Visit, read_link: ReadLink, catalogued: Database
) -> None:
    known, start = visit(), count_rows(catalogued)
    seen = answers(known, OWNER, read_link)
    assert read_link().is_anybodys
    middle = count_rows(catalogued)
    unseen = answers(visit(), "owner@brace.example", read_link)
    assert not read_link().is_anybodys
    assert seen == unseen
    end = count_rows(catalogued)
    assert [b - a for a, b in zip(start, middle, strict=True)] == [
        b - a for a, b in zip(middle, end, strict=True)
    ]


def test_the_code_of_nobodys_link_lets_nobody_in(visit: Visit, read_link: ReadLink) -> None:
    visitor = visit()
    ask(visitor, "nobody@grace.example")
    assert visitor.post("/partners/sign-in/code", code=read_link().code).status_code == 422
    assert not is_in(visitor)


def test_who_was_removed_meanwhile_stays_out(
    visit: Visit, read_link: ReadLink, catalogued: Database, people: dict[str, int]
) -> None:
    visitor, viewer = visit(), "viewer@grace.example"
    ask(visitor, viewer)
    link = read_link()
    with catalogued.write() as session:
        user = session.get_one(PartnerUser, people[viewer])
        remove_partner_user(act_in(session, NOW), session.get_one(Scope, user.scope_id), user)
    assert visitor.post(link.path).status_code == 422
    ask(visitor, viewer)
    assert not read_link().is_anybodys


def make_asking(email: str = OWNER, network: str = "net") -> Asking:
    return Asking("partners", email, network)


def find_owner(session: object, email: str) -> int | None:
    user = find_by_email(session, email)  # type: ignore[arg-type]
    return user.id if user else None


@pytest.mark.parametrize("email", [OWNER, "nobody@grace.example"])
def test_links_are_limited_by_address_known_or_not(
    app: Flask, people: dict[str, int], email: str
) -> None:
    services: Services = app.extensions["portal"]
    for number in range(LINKS_BY_ADDRESS):
        ask_for_link(services, make_asking(email, f"net{number}"), find_owner)
    with pytest.raises(TooManyTries):
        ask_for_link(services, make_asking(email.upper(), "elsewhere"), find_owner)


def test_links_and_tries_are_limited_by_network(app: Flask, people: dict[str, int]) -> None:
    services: Services = app.extensions["portal"]
    for number in range(LINKS_BY_NETWORK):
        ask_for_link(services, make_asking(f"{number}@x.example"), find_owner)
    with pytest.raises(TooManyTries):
        ask_for_link(services, make_asking(), find_owner)
    for _ in range(TRIES_BY_NETWORK):
        assert use_link(services, "partners", Shown(token="x", network="net")) is None
    with pytest.raises(TooManyTries):
        use_link(services, "partners", Shown(token="x", network="net"))


def test_the_page_says_when_there_were_too_many(visit: Visit) -> None:
    visitor = visit()
    for _ in range(LINKS_BY_ADDRESS):
        ask(visitor)
    response = visitor.post("/partners/sign-in", email=OWNER)
    assert response.status_code == 429
    assert "wait 15 minutes" in response.text
    assert OWNER in response.text


@pytest.mark.both_engines
def test_of_many_at_once_a_link_lets_one_in(app: Flask, people: dict[str, int]) -> None:
    services: Services = app.extensions["portal"]
    browser = ask_for_link(services, make_asking(), find_owner)
    with services.database.read() as session:
        link = session.scalars(sa.select(SignInLink)).one()
    token = make_token(services.settings, link.salt)
    shown = Shown(token=token, browser=browser, network="net")
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: use_link(services, "partners", shown), range(4)))
    assert sorted(map(str, found)) == ["None"] * 3 + [str(people[OWNER])] or found.count(None) == 3


def test_a_link_of_another_area_lets_nobody_in(app: Flask, people: dict[str, int]) -> None:
    services: Services = app.extensions["portal"]
    browser = ask_for_link(services, replace(make_asking(), area="account"), find_owner)
    with services.database.read() as session:
        link = session.scalars(sa.select(SignInLink)).one()
    shown = Shown(browser=browser, code=make_code(services.settings, link.salt), network="net")
    assert use_link(services, "partners", shown) is None


def test_the_database_alone_lets_nobody_in(app: Flask, people: dict[str, int]) -> None:
    services: Services = app.extensions["portal"]
    browser = ask_for_link(services, make_asking(), find_owner)
    with services.database.read() as session:
        link = session.scalars(sa.select(SignInLink)).one()
        kept = " ".join(map(str, sa.inspect(link).dict.values()))
    token, code = (make(services.settings, link.salt) for make in (make_token, make_code))
    assert not [one for one in (token, code, browser) if one in kept]


def test_the_letter_goes_out_once_in_its_readers_language(
    app: Flask, people: dict[str, int], inbox: tuple[MailStore, int]
) -> None:
    store, port = inbox
    services: Services = app.extensions["portal"]
    settings = services.settings.model_copy(update={"mail_url": f"smtp://127.0.0.1:{port}"})
    services = replace(services, settings=settings)
    with services.database.write() as session:
        session.get_one(PartnerUser, people[OWNER]).locale = "fr"
    ask_for_link(services, make_asking(), find_owner)
    ask_for_link(services, make_asking("nobody@grace.example"), find_owner)
    for link_id in (1, 1, 2):
        send_link(services, link_id)
    [letter] = store.list_messages()
    with services.database.read() as session:
        salt = session.get_one(SignInLink, 1).salt
    assert letter.header("To").strip("<>") == OWNER
    assert "Votre lien" in letter.header("Subject")
    assert f"/partners/sign-in/{make_token(settings, salt)}" in letter.text


def test_links_that_ran_out_are_forgotten(app: Flask, people: dict[str, int]) -> None:
    services: Services = app.extensions["portal"]
    ask_for_link(services, make_asking(), find_owner)
    with services.database.write() as session:
        sweep_links(session, NOW + timedelta(hours=2))
        assert session.scalar(sa.select(sa.func.count()).select_from(SignInLink)) == 1
        sweep_links(session, NOW + timedelta(days=2))
        assert session.scalar(sa.select(sa.func.count()).select_from(SignInLink)) == 0


def test_the_cookie_is_for_the_partners_pages_alone(visit: Visit, read_link: ReadLink) -> None:
    visitor = visit()
    ask(visitor)
    response = visitor.post(read_link().path)
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("partners=")
    assert "Path=/partners" in cookie
    assert {"HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    copy = visitor.client.get_cookie("partners", path="/partners")
    assert copy is not None
    visitor.client.set_cookie("staff", copy.value, path="/staff")
    assert visitor.get("/staff/gifts").status_code == 303
