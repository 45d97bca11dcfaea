"""Signing in and out: who gets in, for how long, and after how many tries."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.clock import FixedClock
from portal.database import Database
from portal.services import AuditEntry
from portal.signin.accounts import (
    TRIES_BY_ACCOUNT,
    WINDOW_MINUTES,
    StaffUser,
    activate_user,
    change_password,
    deactivate_user,
)
from portal.signin.sessions import WeakPassword, hash_password, is_right
from tests.conftest import NOW
from tests.staff.conftest import PASSWORD, Browser
from tests.workplace import act_in

Visit = Callable[[], Browser]
SignedIn = Callable[[str], Browser]


def acts(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        rows = session.execute(
            sa.select(AuditEntry.act, AuditEntry.subject).order_by(AuditEntry.id)
        )
        return [(act, subject) for act, subject in rows]


def is_in(browser: Browser) -> bool:
    return browser.get("/staff/gifts").status_code == 200


def test_the_right_password_opens_the_door(visit: Visit, catalogued: Database) -> None:
    browser = visit()
    response = browser.sign_in(" Viewer@STAFF.example ")
    assert response.status_code == 303
    assert is_in(browser)
    assert acts(catalogued)[-1][0] == "sign_in"


@pytest.mark.parametrize(
    ("email", "password"),
    [("viewer@staff.example", "wrong"), ("nobody@staff.example", PASSWORD)],
)
def test_a_wrong_password_and_an_unknown_address_look_the_same(
    visit: Visit, catalogued: Database, email: str, password: str
) -> None:
    browser = visit()
    response = browser.sign_in(email, password)
    assert response.status_code == 422
    assert "don’t match" in response.text
    assert password not in response.text
    assert not is_in(browser)
    assert acts(catalogued)[-1][0] == "sign_in_failed"


def test_one_goes_on_to_where_one_meant_to(visit: Visit) -> None:
    browser = visit()
    asked = browser.get("/staff/gifts?status=paid")
    page = browser.get(asked.location)
    assert 'name="next" value="/staff/gifts?status=paid"' in page.text
    response = browser.sign_in("viewer@staff.example", next="/staff/gifts?status=paid")
    assert response.location == "/staff/gifts?status=paid"


def test_nobody_is_sent_to_another_site(visit: Visit) -> None:
    response = visit().sign_in("viewer@staff.example", next="https://evil.example/staff")
    assert response.location == "/staff/"


def test_too_many_tries_are_stopped_and_told_so(visit: Visit, clock: FixedClock) -> None:
    browser = visit()
    for _ in range(TRIES_BY_ACCOUNT):
        assert browser.sign_in("viewer@staff.example", "wrong").status_code == 422
    response = browser.sign_in("viewer@staff.example")
    assert response.status_code == 429
    assert f"wait {WINDOW_MINUTES} minutes" in response.text
    assert browser.sign_in("admin@staff.example").status_code == 303
    clock.at += timedelta(minutes=WINDOW_MINUTES)
    assert visit().sign_in("viewer@staff.example").status_code == 303


def test_a_session_ends_when_it_is_idle(signed_in: SignedIn, clock: FixedClock) -> None:
    browser = signed_in("viewer")
    clock.at += timedelta(minutes=59)
    assert is_in(browser)
    clock.at += timedelta(minutes=59)
    assert is_in(browser)
    clock.at += timedelta(minutes=61)
    assert not is_in(browser)


def test_a_session_ends_after_twelve_hours(signed_in: SignedIn, clock: FixedClock) -> None:
    browser = signed_in("viewer")
    for _ in range(14):
        clock.at += timedelta(minutes=50)
        assert is_in(browser)
    clock.at += timedelta(minutes=50)
    assert not is_in(browser)


def copy_cookie(browser: Browser, visit: Visit) -> Browser:
    """Another browser with the same cookie, as a thief would have it."""
    cookie = browser.client.get_cookie("staff", path="/staff")
    assert cookie is not None
    other = visit()
    other.client.set_cookie("staff", cookie.value, path="/staff")
    return other


def test_signing_out_ends_copied_cookies_too(
    signed_in: SignedIn, visit: Visit, catalogued: Database
) -> None:
    browser = signed_in("viewer")
    thief = copy_cookie(browser, visit)
    assert is_in(thief)
    browser.post("/staff/sign-out", page="/staff/gifts")
    assert not is_in(browser)
    assert not is_in(thief)
    assert acts(catalogued)[-1][0] == "sign_out"


@pytest.mark.parametrize("change", [deactivate_user, None])
def test_a_closed_account_and_a_new_password_end_sessions(
    signed_in: SignedIn, catalogued: Database, team: dict[str, int], change: Any
) -> None:
    browser = signed_in("viewer")
    with catalogued.write() as session:
        user = session.get_one(StaffUser, team["viewer"])
        if change is not None:
            deactivate_user(act_in(session, NOW, actor="system"), user)
            activate_user(act_in(session, NOW, actor="system"), user)
        else:
            change_password(act_in(session, NOW, actor="system"), user, "a quite different phrase")
    assert not is_in(browser)


def test_one_changes_ones_own_password(signed_in: SignedIn, visit: Visit) -> None:
    browser, other = signed_in("viewer"), signed_in("viewer")
    new = "seventeen green umbrellas"
    response = browser.post("/staff/password", current=PASSWORD, password=new)
    assert response.status_code == 303
    assert is_in(browser)
    assert not is_in(other)
    assert visit().sign_in("viewer@staff.example").status_code == 422
    assert visit().sign_in("viewer@staff.example", new).status_code == 303


@pytest.mark.parametrize(
    ("current", "password", "sentence"),
    [
        ("wrong", "seventeen green umbrellas", "This is not your password"),
        (PASSWORD, "short", "at least 12 characters"),
        (PASSWORD, "aaaaaaaaaaaaaaaa", "more different characters"),
        (PASSWORD, "my name is viewer", "Leave your name and e-mail address out"),
        (PASSWORD, "STAFF-2026-november", "Leave your name and e-mail address out"),
        (PASSWORD, "password1234", "Many people use this password"),
        (PASSWORD, "Passw0rd12345", "Many people use this password"),
        (PASSWORD, "qwertyuiop12", "Many people use this password"),
        (PASSWORD, "motdepasse1234", "Many people use this password"),
        (PASSWORD, "motdepasse2026!", "Many people use this password"),
        (PASSWORD, "Welcome2026!!", "Many people use this password"),
        (PASSWORD, "!!2026Canada!!", "Many people use this password"),
        (PASSWORD, "Bienvenue2026!", "Many people use this password"),
        (PASSWORD, "Décembre2026!", "Many people use this password"),
        (PASSWORD, "Benevole-2026!", "Many people use this password"),
        (PASSWORD, "1234567890abc", "Many people use this password"),
        (PASSWORD, "", "Enter a new password"),
    ],
)
def test_a_password_that_can_not_be_taken_is_refused_with_its_reason(
    signed_in: SignedIn, current: str, password: str, sentence: str
) -> None:
    response = signed_in("viewer").post("/staff/password", current=current, password=password)
    assert response.status_code == 422
    assert sentence in response.text


def test_donors_pages_know_no_cookie(app: Flask, signed_in: SignedIn) -> None:
    browser = signed_in("viewer")
    response = browser.get("/give/ca")
    assert "Set-Cookie" not in response.headers
    assert "Cookie" not in response.headers.get("Vary", "")
    cookie = browser.client.get_cookie("staff", path="/staff")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    assert not cookie.secure


class TestOverHttps:
    @pytest.fixture
    def settings_values(self) -> dict[str, Any]:
        return {"base_url": "https://give.example"}

    def test_the_cookie_is_secure(self, visit: Visit) -> None:
        response = visit().sign_in("viewer@staff.example")
        assert "Secure" in response.headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("own", "password"),
    [
        ("Jürgen Müller", "mueller-kx9-2026q"),
        ("Jürgen Müller", "muller-kx9-2026q"),
        ("Łukasz Wójcik", "lukasz-kx9-2026q"),
        ("Seán O'Brien", "obrien-kx9-2026q"),
        ("Zoë Tremblay", "t r e m b l a y kx9"),
        ("Анна Щербакова", "shcherbakova-kx9"),
    ],
)
def test_a_name_is_left_out_of_a_password_however_it_is_written(own: str, password: str) -> None:
    with pytest.raises(WeakPassword, match="Leave your name"):
        hash_password(password, own=own)


@pytest.mark.parametrize("password", ["kr4Tz-9pLm-2026!", "4417-9920-xq-81", "x7!2026!2026!"])
def test_figures_and_signs_at_the_ends_do_no_harm(password: str) -> None:
    assert is_right(password, hash_password(password, own="Zoë Tremblay"))
