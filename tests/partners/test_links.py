"""Links to sign in by: limits, one use, nothing secret in the database, one letter."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from portal.mailbox import MailStore
from portal.services import Services
from portal.signin.accounts import PartnerUser, TooManyTries, find_by_email
from portal.signin.links import (
    LINKS_BY_ADDRESS,
    LINKS_BY_NETWORK,
    TRIES_BY_NETWORK,
    Asking,
    Shown,
    SignInLink,
    ask_for_link,
    make_code,
    make_token,
    send_link,
    sweep_links,
    use_link,
)
from tests.conftest import NOW

OWNER = "owner@grace.example"


def make_asking(email: str = OWNER, network: str = "net") -> Asking:
    return Asking("partners", email, network)


def find_owner(session: Session, email: str) -> int | None:
    user = find_by_email(session, email)
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
