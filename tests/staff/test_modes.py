"""Modes of payment as staff order and change them."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.clock import FixedClock
from portal.database import Database
from portal.regions.catalogue import Region
from portal.regions.operations import load_region_files
from portal.regions.queries import load_catalogue
from portal.services import AuditEntry
from portal.staff.regions.mode_form import KEPT, SENTENCES, TABLES, make_form, parts_of
from portal.staff.regions.parts import Context
from tests.conftest import NOW
from tests.giving.visits import give
from tests.pages import CheckedClient
from tests.staff.conftest import Browser

SignedIn = Callable[[str], Browser]
CANADA = "/staff/regions/ca"


def canada(database: Database) -> Region:
    with database.read() as session:
        region = load_catalogue(session).by_slug("ca")
    assert region is not None
    return region


def offered(database: Database) -> list[str]:
    return [mode.key for mode in canada(database).offered]


def fields_of(browser: Browser, page: str) -> dict[str, Any]:
    """What a browser would send of the page's form, as it stands."""
    form = browser.get(page).text.rpartition('<form class="card" method="post"')[2]
    inputs = re.findall(r"<input [^>]+>", form)
    fields = {}
    for tag in inputs:
        name = re.search(r'\bname="([^"]+)"', tag)
        value = re.search(r'\bvalue="([^"]*)"', tag)
        if name and ('type="checkbox"' not in tag or " checked" in tag):
            fields[name[1]] = value[1] if value else ""
    fields |= dict(re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>\n([^<]*)</textarea>', form))
    for name, options in re.findall(r'<select [^>]*name="([^"]+)">(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options)
        fields[name] = chosen[1] if chosen else ""
    return {name: text.replace("&#39;", "'") for name, text in fields.items()}


def send(browser: Browser, page: str, **changes: str | None) -> Any:
    """Send the mode's form with changes; None leaves a box unticked."""
    whole = {**fields_of(browser, page), **changes}
    return browser.client.post(page, data={k: v for k, v in whole.items() if v is not None})


def test_the_order_is_the_forms_order(
    signed_in: SignedIn, catalogued: Database, client: CheckedClient
) -> None:
    browser = signed_in("admin")
    assert offered(catalogued)[:2] == ["card", "interac"]
    browser.post(f"{CANADA}/modes/interac/move", page=CANADA, to="up")
    assert offered(catalogued)[:2] == ["interac", "card"]
    browser.post(f"{CANADA}/modes/interac/move", page=CANADA, to="up")
    assert offered(catalogued)[:2] == ["interac", "card"]
    browser.post(f"{CANADA}/modes/interac/move", page=CANADA, to="down")
    assert offered(catalogued)[:2] == ["card", "interac"]


def test_a_mode_off_the_form_still_serves_its_gifts(
    signed_in: SignedIn, catalogued: Database, app: Flask
) -> None:
    donor = app.test_client()
    assert isinstance(donor, CheckedClient)
    begun = give(donor, mode="interac")
    browser = signed_in("admin")
    browser.post(f"{CANADA}/modes/interac/offer", page=CANADA, offered="no")
    assert "interac" not in offered(catalogued)
    app.extensions["portal"].regions._look_again_at = 0.0
    assert "partnership@loveworldcan.ca" in donor.get(str(begun.location)).text
    assert give(donor, mode="interac", again="1").status_code == 422
    browser.post(f"{CANADA}/modes/interac/offer", page=CANADA, offered="yes")
    assert "interac" in offered(catalogued)


def test_the_last_mode_stays_on_the_form(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    for key in offered(catalogued):
        browser.post(f"{CANADA}/modes/{key}/offer", page=CANADA, offered="no")
    assert len(offered(catalogued)) == 1
    assert "This is the last mode of payment" in browser.get(CANADA).text


@pytest.mark.parametrize("key", ["card", "interac", "bank_debit", "bank_transfer", "cheque"])
def test_a_form_sent_back_as_it_came_changes_nothing(
    signed_in: SignedIn, catalogued: Database, key: str
) -> None:
    before = canada(catalogued)
    assert send(signed_in("admin"), f"{CANADA}/modes/{key}").status_code == 303
    assert canada(catalogued) == before


def test_a_change_is_in_force_on_record_and_safe_from_the_file(
    signed_in: SignedIn, catalogued: Database, clock: FixedClock
) -> None:
    page = f"{CANADA}/modes/interac"
    sent = send(
        signed_in("admin"),
        page,
        recipient="giving@example.org",
        label_fr="Virement par courriel",
        reminder_days="1, 5",
        expires_days="20",
        detail_0_en="Phone",
        detail_0_fr="Téléphone",
        detail_0_value="555 0100",
        detail_0_copy="y",
    )
    assert sent.status_code == 303
    with catalogued.write() as session:
        load_region_files(session, NOW)
    mode = canada(catalogued).mode("interac")
    assert mode is not None
    assert mode.recipient == "giving@example.org"
    assert mode.label["fr"] == "Virement par courriel"
    assert (mode.reminder_days, mode.expires_days) == ((1, 5), 20)
    assert [(one.label["fr"], one.value) for one in mode.details] == [("Téléphone", "555 0100")]
    with catalogued.read() as session:
        act = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert act is not None
    assert (act.act, act.subject, act.detail) == ("mode_edit", "region:ca", {"mode": "interac"})


def test_the_file_counts_again_when_staff_say_so(signed_in: SignedIn, catalogued: Database) -> None:
    browser, before = signed_in("admin"), canada(catalogued)
    send(browser, f"{CANADA}/modes/cheque", recipient="Somebody else")
    assert canada(catalogued) != before
    browser.post(f"{CANADA}/restore", page=CANADA)
    assert canada(catalogued) == before


@pytest.mark.parametrize(
    ("key", "changes", "sentence"),
    [
        ("card", {"label_fr": ""}, "Enter a name in French"),
        ("card", {"fee_percent": "x"}, "Enter the fee in per cent"),
        ("card", {"fee_percent": "55"}, "Enter a fee under 50 per cent"),
        ("card", {"fee_fixed_CAD": "0.305"}, "Enter an amount in figures"),
        ("card", {"currency_CAD": None}, "Choose at least one currency"),
        ("interac", {"steps_en": "Send {money}", "steps_fr": "a"}, "and no other braces"),
        ("interac", {"steps_fr": "Une seule"}, "Enter as many steps in French"),
        ("interac", {"recipient": ""}, "Enter who receives it"),
        ("interac", {"reminder_days": "soon"}, "Enter whole days with commas"),
        ("interac", {"reminder_days": "9, 3"}, "Enter days in rising order"),
        ("interac", {"reminder_days": "3", "expires_days": "2"}, "Enter a day after the last"),
        ("interac", {"security_question": "Why?", "security_answer": "a b"}, "3 to 25 characters"),
        ("interac", {"link": "javascript:alert(1)"}, "begins with https://"),
        ("interac", {"detail_0_value": "x"}, "Fill in both labels"),
        ("bank_transfer", {"account_transit": "12"}, "Check this number"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_changes(
    signed_in: SignedIn, catalogued: Database, key: str, changes: dict[str, str], sentence: str
) -> None:
    before = canada(catalogued)
    answer = send(signed_in("admin"), f"{CANADA}/modes/{key}", **changes)
    assert answer.status_code == 422
    assert sentence in answer.text
    (name, typed), *_ = changes.items()
    assert f'href="#{name}"' in answer.text or len(changes) > 1
    assert typed is None or typed in answer.text
    assert canada(catalogued) == before


def test_a_common_mode_is_added_with_its_account(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    assert f"{CANADA}/modes/other" in browser.get(CANADA).text
    page = f"{CANADA}/modes/other?account_kind=iban"
    fields = fields_of(browser, page)
    account = {"account_holder": "Sample", "account_iban": "DE75 5121 0800 1245 1261 99"}
    sent = browser.client.post(
        f"{CANADA}/modes/other", data={**fields, "recipient": "Sample", **account}
    )
    assert sent.status_code == 303, sent.text
    mode = canada(catalogued).mode("other")
    assert mode is not None
    assert mode.account is not None
    assert mode.account.values["iban"] == "DE75 5121 0800 1245 1261 99"


def test_only_administrators_change_modes(signed_in: SignedIn, catalogued: Database) -> None:
    for role in ("viewer", "finance"):
        assert signed_in(role).get(CANADA).status_code == 403
        assert signed_in(role).get("/staff/regions").status_code == 403


def test_strange_addresses_are_not_there(signed_in: SignedIn) -> None:
    browser = signed_in("admin")
    for path in ("/staff/regions/zz", f"{CANADA}/modes/gold", "/staff/regions/zz/modes/card"):
        assert browser.get(path).status_code == 404
    assert browser.post(f"{CANADA}/modes/gold/move", page=CANADA, to="up").status_code == 404
    assert browser.post(f"{CANADA}/modes/card/move", page=CANADA, to="left").status_code == 400


def test_every_field_of_a_modes_table_is_on_the_form_or_kept() -> None:
    """A field that is added to the table is added to the form, too, or said to be kept."""
    for kind, table in TABLES.items():
        shown = set(parts_of({"kind": kind}))
        fields = set(table.model_fields)
        assert shown | (KEPT & fields) | ({"frequencies"} - shown) == fields


def test_what_the_tables_find_is_told_at_each_field(
    signed_in: SignedIn, catalogued: Database
) -> None:
    before = canada(catalogued)
    changes = {"link": "ftp://x.example", "unit_en": "points", "reminder_days": "9, 3"}
    answer = send(signed_in("admin"), f"{CANADA}/modes/interac", **changes)
    assert answer.status_code == 422
    for name, sentence in (("link", "begins with https"), ("unit_fr", "in both languages")):
        assert f'href="#{name}"' in answer.text
        assert sentence in answer.text
    assert canada(catalogued) == before


def test_every_sentence_is_of_a_field_that_a_form_has() -> None:
    fields = {
        name
        for mode in (
            {"kind": "stripe", "key": "card"},
            {"kind": "instructions", "key": "interac"},
        )
        for name in make_form(Context(mode, ("CAD",)))._fields
    }
    for name in SENTENCES:
        assert any(field.startswith(name) for field in fields), name


def test_a_region_is_taken_out_and_put_back(
    signed_in: SignedIn, catalogued: Database, app: Flask
) -> None:
    donor = app.test_client()
    assert isinstance(donor, CheckedClient)
    begun = give(donor, mode="interac")
    browser = signed_in("admin")
    browser.post(f"{CANADA}/out", page=CANADA, out="yes")
    app.extensions["portal"].regions._look_again_at = 0.0
    assert donor.get("/give/ca").status_code == 404
    assert "partnership@loveworldcan.ca" in donor.get(str(begun.location)).text
    assert "Out of the catalogue" in browser.get("/staff/regions").text
    assert "Interac e-Transfer" in browser.get("/staff/gifts?region=ca").text
    browser.post(f"{CANADA}/out", page=CANADA, out="no")
    app.extensions["portal"].regions._look_again_at = 0.0
    assert donor.get("/give/ca").status_code == 200
    with catalogued.read() as session:
        acts = session.scalars(sa.select(AuditEntry.act).order_by(AuditEntry.id)).all()
    assert acts[-2:] == ["region_remove", "region_readmit"]
