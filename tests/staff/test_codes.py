"""Codes as staff list, make, change, copy and pause them."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from portal.codes.models import BY_CODE, CodeRecord, Policy, PolicyVersion, UseCounter, find_code
from portal.codes.operations import Draft, add_code
from portal.codes.parsing import UNAMBIGUOUS
from portal.codes.terms import Code, Kind
from portal.database import Database
from portal.services import AuditEntry
from tests.conftest import NOW
from tests.pages import CheckedClient
from tests.staff.conftest import Browser
from tests.staff.test_modes import fields_of, send
from tests.staff.test_pictures import draw, upload

SignedIn = Callable[[str], Browser]
NEW, LIST = "/staff/codes/new", "/staff/codes"


def find(database: Database, text: str) -> Code:
    with database.read() as session:
        found = find_code(session, text)
    assert found is not None
    return found


def address(database: Database, text: str) -> str:
    return f"/staff/codes/{find(database, text).id}"


def acts(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(sa.select(AuditEntry.act).order_by(AuditEntry.id)))


def make(browser: Browser, **typed: Any) -> Any:
    return send(browser, NEW, **{"display": "Spring-27", "kind": "promotion", **typed})


def test_the_list_finds_codes_by_beginning_state_place_and_tag(
    signed_in: SignedIn, catalogued: Database
) -> None:
    browser = signed_in("admin")
    make(browser, tag="bag", scope="sample-uk", max_uses="3")
    every = browser.get(LIST).text
    assert "LWCAN" in every
    assert every.index("Spring-27") < every.index("LWCAN")
    for query in ("q=spr-ing", "tag=bag", "q=s&state=active&scope=sample-uk"):
        found = browser.get(f"{LIST}?{query}").text
        assert "Spring-27" in found, query
        assert "LWCAN" not in found, query
    assert "0 of 3" in browser.get(f"{LIST}?q=spring").text
    for query in ("q=nobody", "state=retired&tag=bag", "scope=nobody", "tag=Bag"):
        assert "No codes match" in browser.get(f"{LIST}?{query}").text, query
    for query in ("state=odd", "after=99999999999999999999", "after=x", "q=-"):
        assert "LWCAN" in browser.get(f"{LIST}?{query}").text, query


def test_the_log_names_codes(signed_in: SignedIn, catalogued: Database) -> None:
    browser, page = signed_in("admin"), address(catalogued, "LWCAN")
    browser.post(page + "/state", page=page, state="paused")
    send(browser, page + "/edit", tag="x")
    log = browser.get("/staff/audit").text
    assert f'<a href="{page}">LWCAN</a>' in log
    assert "Changed a code" in log
    assert "Paused" in log


def test_a_picture_is_kept_with_the_terms(signed_in: SignedIn, catalogued: Database) -> None:
    browser, edit = signed_in("admin"), address(catalogued, "LWCAN") + "/edit"
    assert upload(browser, edit, "picture", draw()).status_code == 303
    name = find(catalogued, "LWCAN").picture
    assert browser.get(f"/pictures/{name}").status_code == 200
    assert upload(browser, edit, "picture", b"none").status_code == 422
    assert send(browser, edit, picture_gone="y").status_code == 303
    assert find(catalogued, "LWCAN").picture == ""


def test_a_code_is_made_with_its_terms(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    made = make(
        browser,
        regions_ca="y",
        regions_us="y",
        not_regions_us="y",
        currencies_CAD="y",
        modes_interac="1",
        modes_card="2",
        frequencies_once="y",
        funds_missions="y",
        amounts_0_currency="cad",
        amounts_0_presets="20 50; 100",
        amounts_0_amount="50",
        amounts_0_minimum="5",
        first_day="2026-11-01",
        last_day="2027-03-31",
        zone="America/Toronto",
        max_uses="3",
        max_uses_a_donor="1",
        first_gift_only="y",
        message_en="Thank you.",
        message_fr="Merci.",
        landing="https://example.org/thanks",
        campaign="Spring",
        renewals="first",
        hosts="example.org, *.example.org",
        tag="spring",
        scope="sample-uk",
    )
    assert made.status_code == 303, made.text
    code = find(catalogued, "spring27")
    assert (code.display, code.kind, code.partner) == ("Spring-27", Kind.PROMOTION, "sample-uk")
    assert (code.regions, code.not_regions) == ({"ca", "us"}, {"us"})
    assert (code.modes, code.currencies) == (("interac", "card"), ("CAD",))
    assert code.presets_minor == {"CAD": (2000, 5000, 10000)}
    assert (code.amount_minor, code.minimum_minor) == ({"CAD": 5000}, {"CAD": 500})
    assert code.starts_at is not None
    assert code.ends_at is not None
    assert code.starts_at.isoformat() == "2026-11-01T04:00:00+00:00"
    assert code.ends_at.isoformat() == "2027-04-01T04:00:00+00:00"
    assert (code.max_uses, code.first_gift_only, code.renewals) == (3, True, "first")
    assert code.message["fr"] == "Merci."
    page = browser.get(str(made.location)).text
    assert "Spring-27 is saved" in page
    assert "Only these modes of payment, in this order" in page
    assert "2027-03-31 (America/Toronto)" in page
    assert "Sam Admin" in page
    assert acts(catalogued) == ["code_add"]


WRONG: tuple[tuple[dict[str, str], str, str], ...] = (
    ({"display": ""}, "display", "Fill this in"),
    ({"display": "A!B"}, "display", "Use letters and digits"),
    ({"display": "lw.can"}, "display", "such a code already"),
    ({"display": "Spring", "is_secret": "y"}, "display", "let one be made up"),
    ({"display": "AAAAAAAAAAAA", "is_secret": "y"}, "display", "let one be made up"),
    ({"kind": "other"}, "kind", "Choose one"),
    ({"scope": "nobody"}, "scope", "Choose one"),
    ({"amounts_0_currency": "XXX"}, "amounts_0_currency", "by its three letters"),
    ({"amounts_0_minimum": "5"}, "amounts_0_currency", "by its three letters"),
    (
        {"amounts_0_currency": "CAD", "amounts_1_currency": "cad"},
        "amounts_1_currency",
        "only once",
    ),
    (
        {"amounts_1_currency": "CAD", "amounts_1_amount": "1.005"},
        "amounts_1_amount",
        "no more than 2 decimals",
    ),
    (
        {"amounts_0_currency": "JPY", "amounts_0_presets": "50 1.5"},
        "amounts_0_presets",
        "Enter a whole amount",
    ),
    ({"modes_card": "first"}, "modes_card", "Enter its place"),
    ({"first_day": "soon"}, "first_day", "Enter a day like"),
    ({"first_day": "2027-01-02", "last_day": "2027-01-01"}, "last_day", "not before"),
    ({"max_uses": "0"}, "max_uses", "1 or more"),
    ({"max_uses_a_donor": "many"}, "max_uses_a_donor", "Enter a whole number"),
    ({"message_en": "Only English"}, "message_fr", "Fill this in"),
    ({"landing": "javascript:alert(1)"}, "landing", "https://"),
    ({"hosts": "https://example.org"}, "hosts", "names such as"),
    ({"zone": "Mars/Base"}, "zone", "Choose one"),
)


def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(
    signed_in: SignedIn, catalogued: Database
) -> None:
    browser, before = signed_in("admin"), find_all(catalogued)
    typed = {**fields_of(browser, NEW), "display": "Spring-27", "tag": "kept as typed"}
    for changes, name, sentence in WRONG:
        page = browser.client.post(NEW, data={**typed, **changes})
        assert page.status_code == 422, changes
        error = page.text.partition(f'id="{name}-error"')[2].partition("</p>")[0]
        assert sentence in error, changes
        assert 'value="kept as typed"' in page.text
    assert find_all(catalogued) == before


def find_all(database: Database) -> list[list[Any]]:
    with database.read() as session:
        return [list(session.scalars(sa.select(one.id))) for one in (CodeRecord, Policy)]


def test_a_secret_code_is_made_up_without_a_script(
    signed_in: SignedIn, catalogued: Database
) -> None:
    browser = signed_in("admin")
    page = make(browser, display="", tag="gold", make_up="yes")
    assert page.status_code == 200
    fields = {"tag": "gold", "is_secret": "y"}
    sent = page.text
    display = sent.partition('name="display"')[2].partition('value="')[2].partition('"')[0]
    assert len(display.replace("-", "")) == 12
    assert {*display.replace("-", "")} <= {*UNAMBIGUOUS}
    assert 'value="gold"' in sent
    assert 'name="is_secret" value="y" checked' in sent
    assert make(browser, display=display, **fields).status_code == 303
    assert find(catalogued, display).is_secret


def test_a_public_code_with_a_name_is_warned_of_and_a_secret_one_is_not(
    signed_in: SignedIn, catalogued: Database
) -> None:
    browser = signed_in("admin")
    made = make(browser, scope="sample-uk")
    assert "sees the name Sample Partner UK" in browser.get(str(made.location)).text
    made = make(browser, display="7K3Q-XDLW-9MPA", is_secret="y", scope="sample-uk")
    assert "sees the name" not in browser.get(str(made.location)).text
    made = make(browser, display="PLAIN", amounts_0_currency="CAD", amounts_0_minimum="500")
    assert "set an amount of their own" in browser.get(str(made.location)).text


def test_terms_that_allow_nothing_anywhere_are_told_when_saved(
    signed_in: SignedIn, catalogued: Database
) -> None:
    browser = signed_in("admin")
    made = make(browser, regions_ca="y", currencies_EUR="y")
    assert made.status_code == 303
    assert "allow nothing in any region" in browser.get(str(made.location)).text
    ended = make(browser, display="OVER", last_day="2020-01-01")
    assert "allow nothing" not in browser.get(str(ended.location)).text


def test_a_form_sent_back_as_it_came_changes_nothing(
    signed_in: SignedIn, catalogued: Database
) -> None:
    browser = signed_in("admin")
    with catalogued.read() as session:
        ids = list(session.scalars(sa.select(CodeRecord.id)))
    for code_id in ids:
        assert send(browser, f"/staff/codes/{code_id}/edit").status_code == 303
    with catalogued.read() as session:
        assert {*session.scalars(sa.select(Policy.version))} == {1}
    assert acts(catalogued) == []


def test_each_change_is_a_version_that_can_be_returned_to(
    signed_in: SignedIn, catalogued: Database
) -> None:
    browser, page = signed_in("admin"), address(catalogued, "LWCAN")
    before = find(catalogued, "LWCAN")
    changed = send(browser, page + "/edit", modes_card="1", modes_interac="2", tag="new")
    assert changed.status_code == 303, changed.text
    assert find(catalogued, "LWCAN").modes != before.modes
    shown = browser.get(page).text
    assert "Version 2" in shown
    assert "Sam Admin" in shown
    browser.post(page + "/return", page=page, version="1")
    assert "The terms of version 1 hold again." in browser.get(page).text
    back = find(catalogued, "LWCAN")
    assert (back.modes, back.policy_version) == (before.modes, 3)
    assert acts(catalogued) == ["code_edit", "code_return"]
    assert browser.post(page + "/return", page=page, version="9").status_code == 404
    with catalogued.read() as session:
        said = session.scalars(sa.select(PolicyVersion.actor).order_by(PolicyVersion.at))
        assert any(actor.startswith("staff:") for actor in said)


def test_a_limit_under_its_use_is_refused_at_its_field(
    signed_in: SignedIn, catalogued: Database
) -> None:
    browser = signed_in("admin")
    make(browser, max_uses="5")
    use(catalogued, "SPRING27", 3)
    edit = address(catalogued, "SPRING27") + "/edit"
    page = send(browser, edit, max_uses="2", tag="typed")
    assert page.status_code == 422
    assert "enter 3 or more" in page.text.partition('id="max_uses-error"')[2][:300]
    assert find(catalogued, "SPRING27").max_uses == 5
    assert send(browser, edit, max_uses="3").status_code == 303
    assert "3 of 3" in browser.get("/staff/codes?q=spring").text


def use(database: Database, text: str, times: int) -> None:
    row = {"kind": BY_CODE, "owner_id": find(database, text).id, "who": "", "used": times}
    with database.write() as session:
        session.execute(sa.insert(UseCounter), row)


def test_a_change_of_somebody_else_meanwhile_is_told(
    signed_in: SignedIn, catalogued: Database
) -> None:
    browser, edit = signed_in("admin"), address(catalogued, "LWCAN") + "/edit"
    stale = fields_of(browser, edit)
    send(browser, edit, tag="theirs")
    page = browser.client.post(edit, data={**stale, "tag": "mine"})
    assert page.status_code == 422
    assert "Somebody changed this" in page.text
    assert 'value="mine"' in page.text


def test_a_code_is_paused_and_used_again_and_retired_for_good(
    signed_in: SignedIn, client: CheckedClient, catalogued: Database
) -> None:
    browser, page = signed_in("admin"), address(catalogued, "LWCAN")
    for state in ("paused", "active", "retired"):
        browser.post(page + "/state", page=LIST + "/new", state=state)
        assert find(catalogued, "LWCAN").state == state
    assert "no longer in use" in client.get("/give/ca?code=LWCAN").text
    assert "Use again" not in browser.get(page).text
    browser.post(page + "/state", page=LIST + "/new", state="active")
    assert "which is for good" in browser.get(page).text
    assert find(catalogued, "LWCAN").state == "retired"
    assert acts(catalogued) == ["code_state"] * 3
    strange = browser.post(page + "/state", page=LIST + "/new", state="gone")
    assert strange.status_code == 400


def test_another_one_is_made_like_it(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    like = f"{NEW}?like={find(catalogued, 'LWEURO').id}"
    assert send(browser, like, display="LWEURO2").status_code == 303
    one, other = find(catalogued, "LWEURO"), find(catalogued, "LWEURO2")
    assert (one.regions, one.currencies, one.partner) == (
        other.regions,
        other.currencies,
        other.partner,
    )
    assert one.policy_id != other.policy_id


def test_what_is_no_longer_in_the_catalogue_stays_in_the_terms(
    signed_in: SignedIn, catalogued: Database
) -> None:
    with catalogued.write() as session:
        draft = Draft(document={"funds": ["former"], "regions": ["ca", "xx"]})
        add_code(session, "OLD", draft, NOW, kind=Kind.CAMPAIGN)
    assert (
        send(signed_in("admin"), address(catalogued, "OLD") + "/edit", tag="x").status_code == 303
    )
    code = find(catalogued, "OLD")
    assert (code.funds, code.regions) == (("former",), {"ca", "xx"})


def test_an_end_within_a_day_is_kept_to_the_minute(
    signed_in: SignedIn, catalogued: Database
) -> None:
    with catalogued.write() as session:
        draft = Draft(ends_at=NOW.replace(hour=17, minute=30))
        add_code(session, "TEA", draft, NOW, kind=Kind.CAMPAIGN)
    send(signed_in("admin"), address(catalogued, "TEA") + "/edit", campaign="Tea")
    assert find(catalogued, "TEA").ends_at == NOW.replace(hour=17, minute=30)


def test_viewers_look_and_change_nothing(signed_in: SignedIn, catalogued: Database) -> None:
    browser, page = signed_in("viewer"), address(catalogued, "LWCAN")
    shown = browser.get(page).text
    assert "LWCAN" in shown
    assert "Make another like it" not in shown
    assert "New code" not in browser.get(LIST).text
    assert browser.get(NEW).status_code == 403
    assert browser.get(page + "/edit").status_code == 403


def test_shared_terms_say_for_how_many_codes_they_hold(
    signed_in: SignedIn, catalogued: Database
) -> None:
    with catalogued.write() as session:
        policy = add_code(session, "B1", Draft(), NOW, kind=Kind.CAMPAIGN).policy_id
        add_code(session, "B2", session.get_one(Policy, policy), NOW, kind=Kind.CAMPAIGN)
    page = signed_in("admin").get(address(catalogued, "B1") + "/edit").text
    assert "These terms hold for 2 codes." in page
