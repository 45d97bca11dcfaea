"""Signing in by a mailed link: what lets in, what doesn't, and what nobody learns."""

import re
from collections.abc import Callable

import sqlalchemy as sa

from portal.clock import FixedClock
from portal.codes.models import Scope
from portal.database import Database
from portal.jobs.queue import QueuedJob
from portal.services import AuditEntry
from portal.signin.accounts import PartnerUser, remove_partner_user
from portal.signin.links import (
    LIFE,
    LINKS_BY_ADDRESS,
    MOST_TRIES,
    TRIES_BY_NETWORK,
    SignInLink,
)
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


def test_whoever_asks_twice_may_use_the_first_link(visit: Visit, read_link: ReadLink) -> None:
    visitor = visit()
    ask(visitor)
    first = read_link()
    ask(visitor)
    assert visitor.post(first.path).status_code == 303


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


def test_the_page_says_when_there_were_too_many(visit: Visit) -> None:
    visitor = visit()
    for _ in range(LINKS_BY_ADDRESS):
        ask(visitor)
    response = visitor.post("/partners/sign-in", email=OWNER)
    assert response.status_code == 429
    assert "wait 15 minutes" in response.text
    assert OWNER in response.text


def test_guessing_codes_is_stopped_and_told_so(visit: Visit) -> None:
    visitor = visit()
    token = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get("/partners/sign-in").text)
    assert token
    sent = {"csrf_token": token[1], "code": "22222222"}
    for _ in range(TRIES_BY_NETWORK):
        assert visitor.client.post("/partners/sign-in/none", data=sent).status_code == 422
    response = visitor.client.post("/partners/sign-in/none", data=sent)
    assert response.status_code == 429


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
