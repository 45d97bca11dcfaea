"""The tree of networks, zones and partners, as staff build and change it."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from portal.codes.models import Policy, Scope, find_code
from portal.codes.operations import Draft, add_code, find_scope
from portal.codes.terms import Code, Kind, LevelKind
from portal.database import Database
from tests.conftest import NOW
from tests.staff.conftest import Browser
from tests.staff.test_codes import acts
from tests.staff.test_modes import fields_of, send

SignedIn = Callable[[str], Browser]
NEW, LIST = "/staff/scopes/new", "/staff/scopes"


def add(browser: Browser, key: str, kind: str, below: str = "", **typed: Any) -> Any:
    fields = {"name": key.title(), "key": key, "kind": kind, **typed}
    return send(browser, f"{NEW}?below={below}", **fields)


def page_of(database: Database, key: str) -> str:
    with database.read() as session:
        found = find_scope(session, key)
        assert found is not None
        return f"/staff/scopes/{found.id}"


@pytest.fixture
def tree(signed_in: SignedIn, catalogued: Database) -> Browser:
    """A network, a zone below it with terms of its own, a partner below that, and its code."""
    browser = signed_in("admin")
    add(browser, "africa", "network")
    add(browser, "west", "zone", "africa", not_modes_cheque="y", regions_ca="y")
    add(browser, "hope", "partner", "west", headline_en="Hope", headline_fr="Espoir")
    with catalogued.write() as session:
        draft = Draft(document={"regions": ["ca", "us"]})
        hope = find_scope(session, "hope")
        add_code(session, "HOPE", draft, NOW, kind=Kind.PARTNER, scope=hope)
    return browser


def hope(database: Database) -> Code:
    with database.read() as session:
        found = find_code(session, "HOPE")
    assert found is not None
    return found


def test_a_tree_is_built_and_its_codes_follow(tree: Browser, catalogued: Database) -> None:
    code = hope(catalogued)
    assert (code.regions, code.not_modes, code.partner) == ({"ca"}, {"cheque"}, "hope")
    assert code.headline["en"] == "Hope"
    shown = tree.get(LIST).text
    assert shown.index(">Africa<") < shown.index(">West<") < shown.index(">Hope<")
    assert "West (Zone)" in tree.get(f"/staff/codes/{code.id}").text
    assert acts(catalogued) == ["scope_add"] * 3
    page = tree.get(page_of(catalogued, "hope")).text
    assert "Not these modes of payment" in page
    assert "West (Zone)" in page


def test_a_scope_without_terms_has_no_policy_until_it_sets_some(
    tree: Browser, catalogued: Database
) -> None:
    with catalogued.read() as session:
        africa = find_scope(session, "africa")
        assert africa is not None
        assert africa.policy_id is None
    edit = page_of(catalogued, "africa") + "/edit"
    assert send(tree, edit, name="All Africa", not_modes_card="y").status_code == 303
    assert hope(catalogued).not_modes == {"cheque", "card"}
    assert "All Africa" in tree.get(LIST).text
    assert send(tree, edit, not_modes_card=None).status_code == 303
    assert hope(catalogued).not_modes == {"cheque"}


def test_a_paused_scope_pauses_all_below_it(tree: Browser, catalogued: Database) -> None:
    edit = page_of(catalogued, "africa") + "/edit"
    send(tree, edit, active=None)
    assert not hope(catalogued).is_live
    assert "Paused" in tree.get(LIST).text
    send(tree, edit, active="y")
    assert hope(catalogued).is_live


def test_a_scope_is_moved_and_takes_other_terms(tree: Browser, catalogued: Database) -> None:
    add(tree, "east", "zone", "africa")
    assert send(tree, page_of(catalogued, "hope") + "/edit", parent="east").status_code == 303
    assert hope(catalogued).not_modes == frozenset()
    assert send(tree, page_of(catalogued, "hope") + "/edit", parent="").status_code == 303
    assert hope(catalogued).path.count("/") == 2


WRONG: tuple[tuple[dict[str, str], str, str], ...] = (
    ({"parent": "hope"}, "parent", "Choose one that is wider"),
    ({"parent": "nobody"}, "parent", "Choose one"),
    ({"key": "africa"}, "key", "Another one has this name"),
    ({"key": "Ünder Score"}, "key", "small letters"),
    ({"key": "a" * 41}, "key", "Shorten this"),
    ({"name": ""}, "name", "Fill this in"),
    ({"kind": "code"}, "kind", "Choose one"),
    ({"max_uses_in_all": "none"}, "max_uses_in_all", "Enter a whole number"),
)


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_kept(
    tree: Browser, catalogued: Database
) -> None:
    before, typed = count(catalogued), fields_of(tree, NEW)
    for changes, name, sentence in WRONG:
        fields = {"name": "South", "key": "south", "kind": "zone", "not_modes_card": "y"}
        page = tree.client.post(NEW, data={**typed, **fields, **changes})
        assert page.status_code == 422, changes
        assert sentence in page.text.partition(f'id="{name}-error"')[2].partition("</p>")[0]
        assert 'name="not_modes_card" value="y" checked' in page.text
    assert count(catalogued) == before


def count(database: Database) -> list[int]:
    """How many scopes and policies there are."""
    with database.read() as session:
        models = (Scope, Policy)
        return [session.scalar(sa.select(sa.func.count()).select_from(one)) or 0 for one in models]


def test_nothing_can_be_moved_below_itself(tree: Browser, catalogued: Database) -> None:
    add(tree, "north", "zone", "west")
    edit = page_of(catalogued, "west") + "/edit"
    assert 'value="north"' not in tree.get(edit).text
    page = send(tree, edit, parent="north", name="Kept")
    assert page.status_code == 422
    assert "Choose one" in page.text.partition('id="parent-error"')[2][:200]
    assert 'value="Kept"' in page.text


def test_what_stands_above_others_stays_wider_than_they_are(
    tree: Browser, catalogued: Database
) -> None:
    page = send(tree, page_of(catalogued, "africa") + "/edit", parent="hope")
    assert page.status_code == 422


def test_terms_of_a_scope_are_returned_to(tree: Browser, catalogued: Database) -> None:
    page = page_of(catalogued, "west")
    send(tree, page + "/edit", not_modes_cheque=None, not_modes_card="y")
    assert hope(catalogued).not_modes == {"card"}
    tree.post(page + "/return", page=page, version="1")
    assert hope(catalogued).not_modes == {"cheque"}
    assert "Version 3" in tree.get(page).text
    assert acts(catalogued)[-2:] == ["scope_edit", "scope_return"]


def test_terms_that_allow_nothing_are_told(tree: Browser) -> None:
    made = add(tree, "none", "zone", regions_ca="y", currencies_EUR="y")
    assert "allow nothing in any region" in tree.get(str(made.location)).text


def test_strange_addresses_are_not_there(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    for path in ("scopes/999", "scopes/999/edit", "codes/999", "codes/999/edit"):
        assert browser.get(f"/staff/{path}").status_code == 404


def test_viewers_see_the_tree_and_change_nothing(tree: Browser, signed_in: SignedIn) -> None:
    browser = signed_in("viewer")
    assert "West" in browser.get(LIST).text
    assert "Add below" not in browser.get(LIST).text
    assert browser.get(NEW).status_code == 403


def test_very_many_are_searched_and_named(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    rows = [
        {
            "kind": LevelKind.PARTNER,
            "key": f"p{number}",
            "name": f"Partner {number:04}",
            "lineage": [],
            "created_at": NOW,
        }
        for number in range(600)
    ]
    with catalogued.write() as session:
        session.execute(sa.insert(Scope), rows)
    assert "more" in browser.get(LIST).text.partition("</table>")[2]
    found = browser.get(f"{LIST}?q=partner 0599").text
    assert "Partner 0599" in found
    assert "Partner 0598" not in found
    assert "Nothing found" in browser.get(f"{LIST}?q=zzz").text
    assert "as “Networks and partners” lists it" in browser.get("/staff/codes/new").text
    made = send(browser, "/staff/codes/new", display="MANY", scope="p599")
    assert made.status_code == 303
    assert "MANY" in browser.get("/staff/codes?scope=p599").text
    wrong = send(browser, "/staff/codes/new", display="MANY2", scope="p600")
    assert "Choose one" in wrong.text.partition('id="scope-error"')[2][:200]
