"""Staff and gifts paid by instructions: their proofs, and how long they are kept open."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Gift
from portal.gifts.operations import book_claims
from portal.payments.proofs import keep_proof
from portal.payments.transfers import ProofFile, ReminderSchedule, TransferWatch, begin_watch
from portal.services import AuditEntry
from tests.conftest import NOW
from tests.giving.visits import text_of
from tests.staff.conftest import Browser
from tests.staff.samples import add_sample
from tests.workplace import act_in, at

SignedIn = Callable[[str], Browser]
PDF = b"%PDF-1.7\n<script>alert(1)</script>\n%%EOF\n"


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


@pytest.fixture
def settings_values(uploads: Path) -> dict[str, Any]:
    return {"uploads": str(uploads)}


@pytest.fixture
def gift(catalogued: Database, uploads: Path) -> Gift:
    """An e-Transfer that waits, with a proof."""
    with catalogued.write() as session:
        gift = add_sample(session, mode="interac")
        begin_watch(act_in(session, NOW), gift.id, ReminderSchedule((2, 7), 30))
    keep_proof(at(catalogued, NOW), uploads, gift, PDF)
    return gift


def proof_path(database: Database, gift: Gift) -> str:
    with database.read() as session:
        (proof,) = session.scalars(sa.select(ProofFile))
    return f"/staff/gifts/{gift.reference}/proofs/{proof.id}"


def acts(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(sa.select(AuditEntry.act)))


def test_a_proof_is_a_download_in_a_sandbox_and_noted(
    signed_in: SignedIn, catalogued: Database, gift: Gift
) -> None:
    browser, path = signed_in("finance"), proof_path(catalogued, gift)
    assert path in browser.get(f"/staff/gifts/{gift.reference}").text
    answer = browser.get(path)
    assert answer.data == PDF
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="proof-')
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert acts(catalogued).count("proof_opened") == 1


def test_viewers_and_strangers_get_no_proof(
    signed_in: SignedIn, visit: Callable[[], Browser], catalogued: Database, gift: Gift
) -> None:
    path = proof_path(catalogued, gift)
    assert signed_in("viewer").get(path).status_code == 403
    assert visit().get(path).status_code == 303


def test_a_proof_belongs_to_its_gift_and_may_be_gone(
    signed_in: SignedIn, catalogued: Database, gift: Gift, uploads: Path
) -> None:
    browser, path = signed_in("finance"), proof_path(catalogued, gift)
    with catalogued.write() as session:
        other = add_sample(session, mode="interac", email="other@example.org")
    assert browser.get(path.replace(gift.reference, other.reference)).status_code == 404
    for file in uploads.iterdir():
        file.unlink()
    assert browser.get(path).status_code == 404


def set_day(browser: Browser, gift: Gift, day: str) -> str:
    page = f"/staff/gifts/{gift.reference}"
    assert browser.post(f"{page}/expiry", page=page, day=day).status_code == 303
    return text_of(browser.get(page))


def test_staff_keep_a_gift_open_longer(
    signed_in: SignedIn, catalogued: Database, gift: Gift
) -> None:
    words = set_day(signed_in("finance"), gift, "2027-02-28")
    assert "The gift is kept open until 2027-02-28." in words
    assert "Changed how long the gift stays open" in words
    with catalogued.read() as session:
        watch = session.get_one(TransferWatch, gift.id)
    assert watch.expires_at.isoformat() == "2027-03-01T04:59:59+00:00"


def test_a_gift_that_was_given_up_is_open_again(
    signed_in: SignedIn, catalogued: Database, gift: Gift
) -> None:
    claim = Claim(
        fact=FactKind.EXPIRED,
        subject="transfer-1",
        occurred_at=NOW,
        source=Source.SYSTEM,
        actor="system",
    )
    with catalogued.write() as session:
        book_claims(act_in(session, NOW), session.get_one(Gift, gift.id), [claim])
    set_day(signed_in("finance"), gift, "2027-02-28")
    with catalogued.read() as session:
        assert session.get_one(Gift, gift.id).status is Status.PENDING


@pytest.mark.parametrize("day", ["", "soon", "2026-11-22", "2031-01-01", "2027-02-30"])
def test_a_day_that_makes_no_sense_changes_nothing(
    signed_in: SignedIn, catalogued: Database, gift: Gift, day: str
) -> None:
    assert "Choose a date from today on" in set_day(signed_in("finance"), gift, day)
    assert "expiry_set" not in acts(catalogued)


def test_a_viewer_sets_no_day(signed_in: SignedIn, gift: Gift) -> None:
    browser = signed_in("viewer")
    page = f"/staff/gifts/{gift.reference}"
    answer = browser.post(f"{page}/expiry", page=page, day="2027-02-28")
    assert answer.status_code == 403
