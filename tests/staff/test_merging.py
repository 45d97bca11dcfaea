"""Staff with finance's rights find doubles, see what would move, merge, and undo."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.donors import Donor
from portal.gifts.models import Gift
from tests.giving.visits import text_of
from tests.receipts.gift_aid_samples import give
from tests.staff.conftest import Browser

SignedIn = Callable[[str], Browser]
DONORS = "/staff/donors"


@pytest.fixture
def pair(catalogued: Database) -> tuple[int, int]:
    """Two donors of one name and postcode, the second spelled as a tag of the first."""
    emails = ("ada@example.org", "ada+more@example.org")
    with catalogued.write() as session:
        return tuple(give(session, email=email).donor_id or 0 for email in emails)  # type: ignore[return-value]


@pytest.mark.both_engines
def test_two_are_found_compared_merged_and_parted(
    signed_in: SignedIn, catalogued: Database, pair: tuple[int, int]
) -> None:
    browser = signed_in("finance")
    kept, gone = pair
    told = text_of(browser.get(DONORS))
    assert "The same address, spelled otherwise" in told
    assert "No merge stands." in told
    with catalogued.read() as session:
        reference = session.scalar(sa.select(Gift.reference).where(Gift.donor_id == kept))
    assert f"{DONORS}?of={kept}" in browser.get(f"/staff/gifts/{reference}").text
    assert "Compare" in browser.get(f"{DONORS}?of={kept}").text
    assert "Nobody else looks like" in text_of(browser.get(f"{DONORS}?of=999"))
    typed = {"kept": "ada@example.org", "gone": "Ada+More@example.org"}
    asked = browser.post(DONORS, page=DONORS, **typed)
    page = f"{DONORS}/{kept}/merge/{gone}"
    assert asked.location == page
    told = text_of(browser.get(page))
    assert "Gift Aid declarations 1 1" in told
    refused = browser.post(page, page=page, reason=" ")
    assert refused.status_code == 422
    assert "Enter a reason, for the audit log" in text_of(refused)
    assert browser.post(page, page=page, reason="she said so").location == f"{DONORS}#merge-1"
    told = text_of(browser.get(DONORS))
    assert "The two are one donor now." in told
    assert "Gifts: 1, Gift Aid declarations: 1" in told
    again = browser.post(page, page=DONORS, reason="she said so")
    assert again.status_code == 303, "sent twice it says so, and does nothing"
    assert "merged already" in text_of(browser.get(DONORS))
    assert "Merged two donors Merge of donors 1" in text_of(signed_in("admin").get("/staff/audit"))
    with catalogued.write() as session:
        give(session, declares=False, email=typed["gone"])
    browser.post(f"{DONORS}/merges/1/undo", page=DONORS)
    told = text_of(browser.get(DONORS))
    assert "1 gift that came by that address since stays" in told
    assert "No merge stands." in told
    with catalogued.read() as session:
        assert session.get_one(Donor, gone).merged_into_id is None
    browser.post(f"{DONORS}/merges/1/undo", page=DONORS)
    assert "This merge is undone already." in text_of(browser.get(DONORS))


def test_wrong_ones_are_refused_and_kept_as_typed(
    signed_in: SignedIn, pair: tuple[int, int]
) -> None:
    browser = signed_in("finance")
    for typed, says in (
        ({"kept": "", "gone": "x@y.example"}, "No donor has this address"),
        ({"kept": "ada@example.org", "gone": "ada@example.org"}, "one donor already"),
    ):
        refused = browser.post(DONORS, page=DONORS, **typed)
        assert refused.status_code == 422
        assert says in text_of(refused)
        assert f'value="{typed["gone"]}"' in refused.text
    kept, gone = pair
    for path in (f"{DONORS}/{kept}/merge/999", f"{DONORS}/999/merge/{gone}"):
        assert browser.get(path).status_code == 404
        assert browser.post(path, page=DONORS, reason="x").status_code == 404
    assert browser.get(f"{DONORS}/{kept}/merge/{kept}").location == DONORS
    assert browser.post(f"{DONORS}/merges/9/undo", page=DONORS).status_code == 404


def test_who_only_looks_may_not(signed_in: SignedIn, pair: tuple[int, int]) -> None:
    viewer = signed_in("viewer")
    page = "{}/{}/merge/{}".format(DONORS, *pair)
    assert {viewer.get(path).status_code for path in (DONORS, page)} == {403}
    for path in (DONORS, page, f"{DONORS}/merges/1/undo"):
        assert viewer.post(path, page="/staff/password", reason="x").status_code == 403
