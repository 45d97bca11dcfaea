"""A gift explained, its receipt, and what may be done with it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.gifts.operations import book_claims, record_event
from portal.mail.outbox import Email
from portal.money import Money
from portal.payments.models import EventState, StripeEvent
from portal.payments.stripe.reading import STRIPE, stripe_claim
from portal.receipts.operations import void_receipt
from portal.receipts.register import Receipt
from portal.services import AuditEntry
from tests.conftest import NOW
from tests.staff.conftest import Browser
from tests.staff.samples import add_sample, pay_sample
from tests.workplace import act_in, promised_jobs

SignedIn = Callable[[str], Browser]


@pytest.fixture
def paid(catalogued: Database) -> Gift:
    """A gift that was paid by card, with its receipt and a letter."""
    with catalogued.write() as session:
        gift = add_sample(session, code="LWCAN", partner="loveworld-canada", dedication="For Ada")
        pay_sample(session, gift, "pi_paid", NOW + timedelta(minutes=2))
        session.add(
            Email(
                key="receipt-1",
                gift_id=gift.id,
                message="receipt",
                recipient=gift.email,
                subject="Your receipt",
                locale="en",
                created_at=NOW + timedelta(minutes=3),
                problem="The mail server did not take it (OSError).",
            )
        )
        session.add(
            StripeEvent(
                provider=STRIPE,
                stripe_event_id="evt_1",
                type="checkout.session.completed",
                livemode=False,
                api_version="2026-10-28.endive",
                created_at=NOW,
                received_at=NOW + timedelta(minutes=1),
                payload={},
                state=EventState.PROCESSED,
                gift_id=gift.id,
            )
        )
    return gift


def acts_on(database: Database, gift: Gift) -> list[tuple[str, dict[str, Any]]]:
    with database.read() as session:
        rows = session.execute(
            sa.select(AuditEntry.act, AuditEntry.detail)
            .where(AuditEntry.subject == f"gift:{gift.id}")
            .order_by(AuditEntry.id)
        )
        return [(act, detail) for act, detail in rows]


def test_a_gift_s_page_says_why_it_is_believed_paid(signed_in: SignedIn, paid: Gift) -> None:
    text = signed_in("viewer").get(f"/staff/gifts/{paid.reference}").text
    story = text[text.index("History") : text.index('id="ledger"')]
    happened = [
        "Gift started",
        "Stripe sent checkout.session.completed",
        "Stripe · pi_paid",
        "Receipt 2026-000001 numbered",
        "Not sent: The mail server did not take it (OSError).",
    ]
    places = [story.index(one) for one in happened]
    assert places == sorted(places)
    ledger = text[text.index('id="ledger"') :]
    assert "Held by Stripe" in ledger
    assert "Income: Missions" in ledger
    for shown in ("Zoë Tremblay", "zoe@example.org", "LWCAN", "loveworld-canada", "For Ada"):
        assert shown in text


def test_viewers_see_no_buttons_they_may_not_press(signed_in: SignedIn, paid: Gift) -> None:
    path = f"/staff/gifts/{paid.reference}"
    assert "Refund" not in signed_in("viewer").get(path).text
    seen = signed_in("finance").get(path).text
    assert "Refund" in seen
    assert "Send the receipt again" in seen


def test_a_gift_is_found_however_its_reference_is_typed(signed_in: SignedIn, paid: Gift) -> None:
    browser = signed_in("viewer")
    response = browser.get(f"/staff/gifts/{paid.reference.lower().replace('-', '')}")
    assert response.status_code == 301
    assert response.location.endswith(f"/staff/gifts/{paid.reference}")
    assert browser.get("/staff/gifts/NOT-A-GIFT").status_code == 404


def test_a_pending_gift_has_an_honest_page(catalogued: Database, signed_in: SignedIn) -> None:
    with catalogued.write() as session:
        gift = add_sample(session)
    text = signed_in("finance").get(f"/staff/gifts/{gift.reference}").text
    assert "No money has moved yet." in text
    assert "Send the receipt again" not in text
    refund = signed_in("finance").get(f"/staff/gifts/{gift.reference}/refund").text
    assert "There is nothing to refund" in refund


def test_a_change_of_mode_is_told_in_the_words_of_the_gift_s_region(
    catalogued: Database, signed_in: SignedIn
) -> None:
    with catalogued.write() as session:
        gift = add_sample(session, region="us", mode="cheque", money=Money(999, "USD"))
        change = {"from": "bank_debit", "to": "cheque"}
        record_event(act_in(session, NOW), gift, "mode_changed", actor="donor", data=change)
    text = signed_in("viewer").get(f"/staff/gifts/{gift.reference}").text
    assert "<dt>Before:</dt><dd>Bank account (ACH)</dd>" in text
    assert "<dt>After:</dt><dd>Check by mail</dd>" in text


def test_a_receipt_is_looked_up_by_its_number(
    catalogued: Database, signed_in: SignedIn, paid: Gift
) -> None:
    browser = signed_in("viewer")
    assert paid.reference in browser.get("/staff/receipts/2026-000001").text
    missing = browser.get("/staff/receipts/2026-000002")
    assert missing.status_code == 404
    assert "No receipt has this number" in missing.text
    assert browser.get("/staff/receipts/nonsense").status_code == 404
    with catalogued.write() as session:
        other = add_sample(session, region="us", money=Money(999, "USD"))
        pay_sample(session, other, "pi_other")
    choice = browser.get("/staff/receipts/2026-000001").text
    assert choice.count("?issuer=sample-") == 2
    own = browser.get("/staff/receipts/2026-000001?issuer=sample-us").text
    assert other.reference in own
    assert paid.reference not in own


def test_a_void_receipt_stays_in_the_story(
    catalogued: Database, signed_in: SignedIn, paid: Gift
) -> None:
    with catalogued.write() as session:
        receipt = session.scalars(sa.select(Receipt).where(Receipt.gift_id == paid.id)).one()
        void_receipt(act_in(session, NOW + timedelta(hours=1)), receipt, "A wrong name")
    text = signed_in("viewer").get(f"/staff/gifts/{paid.reference}").text
    assert "Receipt 2026-000001 voided" in text
    assert "A wrong name" in text


def test_the_receipt_can_be_read_by_staff(signed_in: SignedIn, paid: Gift) -> None:
    response = signed_in("viewer").get(f"/staff/gifts/{paid.reference}/receipt.pdf")
    assert response.mimetype == "application/pdf"
    assert response.data.startswith(b"%PDF-")
    assert response.headers["Cache-Control"] == "no-store"


def test_a_receipt_sent_again_is_promised_and_on_record_once_a_page(
    catalogued: Database, signed_in: SignedIn, paid: Gift
) -> None:
    browser, page = signed_in("finance"), f"/staff/gifts/{paid.reference}"
    once = re.findall(r'name="once" value="([\w-]+)"', browser.get(page).text)[0]
    for _ in range(2):
        response = browser.post(f"{page}/resend-receipt", page=page, once=once)
        assert response.status_code == 303
    sentence = f"Receipt 2026-000001 is on its way to {paid.email}."
    assert sentence in browser.get(page).text
    browser.post(f"{page}/resend-receipt", page=page)
    detail = {"receipt": "2026-000001", "once": once}
    assert ("receipt_resend", detail) in acts_on(catalogued, paid)
    assert len(acts_on(catalogued, paid)) == 2
    promised = [name for name in promised_jobs(catalogued) if name.startswith("send_receipt-")]
    assert len(promised) == 2
    assert any(f":{once}:staff:" in name for name in promised)


def test_a_form_is_known_however_much_was_done_since(
    catalogued: Database, signed_in: SignedIn, paid: Gift
) -> None:
    browser, page = signed_in("finance"), f"/staff/gifts/{paid.reference}"
    browser.post(f"{page}/resend-receipt", page=page, once="form-1")
    with catalogued.write() as session:
        act = act_in(session, NOW)
        for number in range(101):
            act.note("receipt_resend", f"gift:{paid.id}", {"once": f"other-{number}"})
    browser.post(f"{page}/resend-receipt", page=page, once="form-1")
    acts = [detail["once"] for _, detail in acts_on(catalogued, paid)]
    assert acts.count("form-1") == 1


def refund(browser: Browser, gift: Gift, **fields: str) -> Any:
    page = f"/staff/gifts/{gift.reference}/refund"
    sent = {"amount": "75.53", "reason": "Paid twice", "once": "form-1", **fields}
    return browser.post(page, **sent)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"amount": ""}, "Enter an amount"),
        ({"amount": "-5"}, "more than zero"),
        ({"amount": "75.531"}, "no more than 2 decimals"),
        ({"amount": "75.54"}, "at most what is left"),
        ({"reason": ""}, "Enter a reason"),
        ({"once": ""}, "Open this page again"),
    ],
)
def test_a_refund_that_can_not_be_says_why(
    signed_in: SignedIn, paid: Gift, fields: dict[str, str], sentence: str
) -> None:
    response = refund(signed_in("finance"), paid, **fields)
    assert response.status_code == 422
    assert sentence in response.text


def test_a_refund_while_stripe_is_away_moves_nothing_and_is_on_record(
    catalogued: Database, signed_in: SignedIn, paid: Gift
) -> None:
    response = refund(signed_in("finance"), paid)
    assert response.status_code == 422
    assert "we don’t know yet whether this was refunded" in response.text
    acts = acts_on(catalogued, paid)
    assert [act for act, _ in acts] == ["refund_request", "refund_unanswered"]
    assert acts[0][1] == {"amount": "CAD 75.53", "reason": "Paid twice", "once": "form-1"}


def test_a_form_that_stripe_did_not_answer_is_sent_again_as_the_same_wish(
    catalogued: Database, signed_in: SignedIn, paid: Gift
) -> None:
    browser = signed_in("finance")
    for _ in range(2):
        response = refund(browser, paid)
        assert response.status_code == 422
        assert 'name="once" value="form-1"' in response.text
    assert [act for act, _ in acts_on(catalogued, paid)].count("refund_request") == 1
    story = browser.get(f"/staff/gifts/{paid.reference}").text
    assert story.count("Refund requested") == 1


def test_a_refunded_gift_shows_what_is_left(
    catalogued: Database, signed_in: SignedIn, paid: Gift
) -> None:
    with catalogued.write() as session:
        gift = session.get_one(Gift, paid.id)
        back = stripe_claim(
            fact=FactKind.REFUNDED,
            subject="re_1",
            occurred_at=NOW + timedelta(days=1),
            money=Money(1001, "CAD"),
            actor="staff:1",
            why="Asked for it",
        )
        book_claims(act_in(session, NOW + timedelta(days=1)), gift, [back])
    browser = signed_in("finance")
    text = browser.get(f"/staff/gifts/{paid.reference}").text
    assert "Partly refunded" in text
    assert "Asked for it" in text
    assert 'value="65.52"' in browser.get(f"/staff/gifts/{paid.reference}/refund").text


def test_money_that_nobody_promised_is_shown_as_such(
    catalogued: Database, signed_in: SignedIn
) -> None:
    with catalogued.write() as session:
        gift = add_sample(session, first_name="", last_name="", email="")
    text = signed_in("viewer").get(f"/staff/gifts/{gift.reference}").text
    assert "The donor is unknown" in text


@pytest.fixture
def french(signed_in: SignedIn) -> Browser:
    browser = signed_in("finance")
    browser.get("/staff/?lang=fr")
    return browser


def test_staff_may_read_in_french(french: Browser, paid: Gift) -> None:
    text = french.get(f"/staff/gifts/{paid.reference}").text
    assert '<html lang="fr"' in text
    assert "75,53" in text
    assert "Ce qui s’est passé" in text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("tries", [1, 2])
def test_a_mail_that_fails_shows_after_its_second_try(
    signed_in: SignedIn, paid: Gift, catalogued: Database, tries: int
) -> None:
    problem = "The mail server did not take it (550 5.1.1 No such mailbox)."
    with catalogued.write() as session:
        session.execute(sa.update(Email).values(tries=tries, problem=problem))
    browser = signed_in("viewer")
    home, gift = browser.get("/staff/").text, browser.get(f"/staff/gifts/{paid.reference}").text
    assert (problem in home and paid.reference in home) == (tries == 2)
    assert (f"does not go out after {tries} tries" in gift) == (tries == 2)
    page = browser.client.get(f"/gift/{paid.token}").text
    assert ("did not get through so far" in page) == (tries == 2)
