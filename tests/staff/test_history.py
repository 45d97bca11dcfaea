"""The catalogue's history, its undoing, and drafts that are looked at before they are in force."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.clock import FixedClock
from portal.database import Database, DatabaseUnavailable
from portal.regions.history import (
    CatalogueChange,
    ChangedSince,
    Draft,
    gather,
    list_differences,
    spread,
    undo,
)
from portal.regions.queries import CatalogueCache
from portal.services import AuditEntry
from tests.conftest import NOW
from tests.pages import CheckedClient
from tests.staff.conftest import Browser
from tests.staff.test_modes import canada, fields_of, send

SignedIn = Callable[[str], Browser]
# The amount that stood out is none of them.
TWO_AMOUNTS = {"currency_0_presets": "10 20", "currency_0_marked": ""}
EDIT, HISTORY = "/staff/regions/ca/edit", "/staff/history/region/ca"


def changes(database: Database) -> list[CatalogueChange]:
    with database.read() as session:
        return list(session.scalars(sa.select(CatalogueChange).order_by(CatalogueChange.id)))


def undo_at(browser: Browser, change_id: int) -> str:
    browser.post(f"/staff/history/{change_id}/undo", page=HISTORY)
    return browser.get(HISTORY).text


def test_a_change_is_told_and_undone_and_later_ones_of_other_parts_stay(
    signed_in: SignedIn, catalogued: Database
) -> None:
    browser = signed_in("admin")
    send(browser, EDIT, welcome_en="Welcome!", **TWO_AMOUNTS)
    send(browser, "/staff/regions/ca/modes/cheque", recipient="Somebody else")
    page = browser.get(HISTORY).text
    assert "Sam Admin" in page
    assert "Welcome › English" in page
    assert "Thank you for giving from Canada." in page
    assert "Modes of payment › cheque › Recipient" in page
    first, second = changes(catalogued)
    assert (first.act, second.act) == ("region_edit", "mode_edit")
    page = undo_at(browser, first.id)
    assert "The change is undone." in page
    region = canada(catalogued)
    assert region.welcome["en"] == "Thank you for giving from Canada."
    assert region.currencies[0].presets_minor == (2500, 5000, 10000, 25000)
    cheque = region.mode("cheque")
    assert cheque is not None
    assert cheque.recipient == "Somebody else"
    undo_at(browser, changes(catalogued)[-1].id)
    assert canada(catalogued).welcome["en"] == "Welcome!"
    with catalogued.read() as session:
        last = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert last is not None
    assert (last.act, last.subject) == ("catalogue_undo", "region:ca")


def test_what_was_changed_again_is_not_undone(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    send(browser, EDIT, welcome_en="One")
    send(browser, EDIT, welcome_en="Two")
    assert "undo the later change first" in undo_at(browser, changes(catalogued)[0].id)
    assert canada(catalogued).welcome["en"] == "Two"


@pytest.mark.parametrize("what", ["move", "fund", "issuer"])
def test_orders_funds_and_issuers_are_undone_too(
    signed_in: SignedIn, catalogued: Database, what: str
) -> None:
    browser, before = signed_in("admin"), canada(catalogued)
    if what == "move":
        browser.post("/staff/regions/ca/modes/interac/move", page="/staff/regions/ca", to="up")
    elif what == "fund":
        send(browser, "/staff/regions/ca/funds/tithe", names_en="Tenth")
    else:
        send(browser, "/staff/issuers/sample-ca", place="Ottawa")
    assert canada(catalogued) != before
    assert "The change is undone." in undo_at(browser, changes(catalogued)[0].id)
    assert canada(catalogued) == before


def test_a_change_is_live_in_a_process_that_has_the_catalogue(
    signed_in: SignedIn, catalogued: Database
) -> None:
    other = CatalogueCache(catalogued, seconds=0)
    assert other.get().regions["ca"].welcome["en"] != "Welcome!"
    send(signed_in("admin"), EDIT, welcome_en="Welcome!")
    assert other.get().regions["ca"].welcome["en"] == "Welcome!"


def test_who_saved_a_change_sees_it_at_once(
    signed_in: SignedIn, app: Flask, client: CheckedClient, catalogued: Database
) -> None:
    app.extensions["portal"] = replace(
        app.extensions["portal"], regions=CatalogueCache(catalogued, seconds=3600)
    )
    assert "Welcome!" not in client.get("/give/ca").text
    send(signed_in("admin"), EDIT, welcome_en="Welcome!")
    assert "Welcome!" in client.get("/give/ca").text


@pytest.mark.both_engines
def test_the_history_is_only_ever_added_to(catalogued: Database) -> None:
    with catalogued.write() as session:
        session.add(
            CatalogueChange(
                at=NOW, actor="system", act="x", subject="region:ca", before={}, after={}
            )
        )
    for statement in ("DELETE FROM catalogue_changes", "UPDATE catalogue_changes SET act = 'y'"):
        with (
            pytest.raises((sa.exc.DatabaseError, DatabaseUnavailable)),
            catalogued.write() as session,
        ):
            session.execute(sa.text(statement))


def test_parts_of_a_document_come_together_again() -> None:
    document = {"a": 1, "modes": [{"key": "card", "x": 1}, {"key": "cash"}], "funds": []}
    assert gather(spread(document)) == document


def test_an_entry_that_is_gone_since_is_changed_since() -> None:
    before = {"modes": [{"key": "card", "x": 1}]}
    after = {"modes": [{"key": "card", "x": 2}]}
    change = CatalogueChange(before=before, after=after)
    with pytest.raises(ChangedSince):
        undo({"modes": []}, change)


def test_differences_name_the_field() -> None:
    found = list_differences({"a": {"en": "x"}, "l": [1, 2]}, {"a": {"en": "y"}, "l": [1]})
    assert [(one.path, one.before, one.after) for one in found] == [
        (("a", "en"), "x", "y"),
        (("l",), "1, 2", "1"),
    ]


@pytest.mark.parametrize(
    ("page", "typed", "seen"),
    [
        (EDIT, {"welcome_en": "A wholly new welcome"}, "A wholly new welcome"),
        ("/staff/regions/ca/modes/cheque", {"label_en": "By carrier pigeon"}, "By carrier pigeon"),
        ("/staff/regions/ca/funds/tithe", {"names_en": "The tenth part"}, "The tenth part"),
        ("/staff/issuers/sample-ca", {"legal_name": "Grace Chapel"}, "Grace Chapel"),
    ],
)
def test_a_draft_is_seen_by_staff_and_by_nobody_else(  # noqa: PLR0917 - fixtures
    signed_in: SignedIn,
    catalogued: Database,
    client: CheckedClient,
    page: str,
    typed: dict[str, str],
    seen: str,
) -> None:
    browser, before = signed_in("admin"), canada(catalogued)
    made = send(browser, page, **typed, preview="yes")
    assert made.status_code == 303, made.text
    assert made.location.startswith("/staff/preview/")
    shown = signed_in("viewer").get(made.location)
    assert shown.status_code == 200
    assert seen in shown.text
    assert "donors don’t see it yet" in shown.text
    assert 'method="post"' not in shown.text
    assert (shown.headers["Cache-Control"], shown.headers["X-Robots-Tag"]) == (
        "no-store",
        "noindex",
    )
    assert client.get(made.location).status_code == 303
    assert seen not in client.get("/give/ca?lang=en").text
    assert canada(catalogued) == before
    assert changes(catalogued) == []


def test_a_wrong_draft_is_told_at_its_field(signed_in: SignedIn, catalogued: Database) -> None:
    answer = send(signed_in("admin"), EDIT, locales="fr_CA", preview="yes")
    assert answer.status_code == 422
    assert "Name English and French" in answer.text


def test_drafts_are_gone_after_a_day(
    signed_in: SignedIn, catalogued: Database, clock: FixedClock, app: Flask
) -> None:
    with catalogued.write() as session:
        session.add(Draft(id=7, at=NOW.replace(day=20), actor="staff:1", document={"slug": "ca"}))
    browser = signed_in("admin")
    assert browser.get("/staff/preview/7").status_code == 404
    send(browser, EDIT, welcome_en="New", preview="yes")
    with catalogued.read() as session:
        assert [draft.id for draft in session.scalars(sa.select(Draft))] != [7]


def test_the_colour_of_a_draft_is_on_its_page(
    signed_in: SignedIn, catalogued: Database, client: CheckedClient
) -> None:
    browser = signed_in("admin")
    fields = fields_of(browser, "/staff/issuers/sample-ca")
    assert fields["accent"] == ""
    made = send(browser, "/staff/issuers/sample-ca", accent="#7a1fa2", preview="yes")
    assert "/theme/ca.css?v=7a1fa2" in browser.get(made.location).text
    assert "#7a1fa2" in client.get("/theme/ca.css?v=7a1fa2").text


@pytest.mark.parametrize(
    ("page", "name"),
    [
        (EDIT, "welcome_en"),
        ("/staff/issuers/sample-ca", "place"),
        ("/staff/regions/ca/funds/tithe", "names_en"),
    ],
)
def test_two_who_change_the_same_are_told(
    signed_in: SignedIn, catalogued: Database, page: str, name: str
) -> None:
    browser = signed_in("admin")
    seen = fields_of(browser, page)
    send(browser, page, **{name: "Theirs"})
    answer = browser.client.post(page, data={**seen, name: "Mine"})
    assert answer.status_code == 422
    assert "Somebody changed this while you had it open" in answer.text
    assert 'value="Mine"' in answer.text
    told = fields_of(browser, page)["as_of"]
    assert f'name="as_of" value="{told}"' in answer.text
    assert browser.client.post(page, data={**seen, name: "Mine", "as_of": told}).status_code == 303


def test_an_issuers_words_are_its_own(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    send(browser, "/staff/issuers/sample-ca", place="Ottawa")
    assert "Place of issue" in browser.get(HISTORY).text
