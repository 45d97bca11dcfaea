"""One gift's page for its donor, in every state."""

import pytest
from flask import Flask

from portal.codes.operations import Draft, add_code
from portal.codes.terms import Kind
from portal.database import Database
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Gift
from portal.payments.models import Checkout, CheckoutState
from portal.payments.operations import accept
from portal.payments.stripe.reading import STRIPE
from portal.receipts.operations import reserve_receipt
from portal.regions.queries import load_catalogue
from tests.conftest import NOW
from tests.giving.visits import begin, tag_of, text_of
from tests.pages import CheckedClient
from tests.workplace import act_in


def begin_by_card(client: CheckedClient, database: Database, **changes: str) -> Gift:
    """A gift by card that doesn't wait for a Stripe that is away."""
    gift = begin(client, database, **changes)
    with database.write() as session:
        kept = session.get_one(Gift, gift.id)
        kept.mode = "card"
        return kept


def hand_off(database: Database, gift: Gift) -> None:
    """What is kept of a hand-off to Stripe's page."""
    with database.write() as session:
        checkout = Checkout(
            gift_id=gift.id,
            provider=STRIPE,
            stripe_session_id="cs_test_1",
            state=CheckoutState.OPEN,
            expires_at=NOW,
            created_at=NOW,
        )
        session.add(checkout)


def put(database: Database, gift: Gift, status: Status, refunded: int = 0) -> str:
    """Set where the gift stands; the address of its page. A received one has its receipt."""
    with database.write() as session:
        kept = session.get_one(Gift, gift.id)
        if status.is_received:
            kept.status, kept.paid_minor, kept.received_at = Status.PAID, kept.amount_minor, NOW
            region = load_catalogue(session).by_slug(kept.region)
            assert region is not None
            reserve_receipt(act_in(session, NOW), kept, region)
        kept.status, kept.refunded_minor = status, refunded
    return f"/gift/{gift.token}"


@pytest.mark.parametrize(
    ("status", "heading", "sentence"),
    [
        (Status.PENDING, "Your gift is ready to be paid", "Nothing has been charged yet."),
        (Status.PROCESSING, "Your gift is on its way", "There is nothing more to do"),
        (Status.FAILED, "The payment did not go through", "we have received nothing"),
        (Status.EXPIRED, "This gift was not completed in time", "You can still give"),
        (Status.PARTLY_PAID, "A part of your gift has arrived", "with the same reference"),
        (Status.PAID, "Thank you, Ada", "Your gift has arrived."),
        (Status.PARTLY_REFUNDED, "Part of your gift was refunded", "CAD\u00a010.00 went back"),
        (Status.REFUNDED, "Your gift was refunded", "went back the way it came"),
        (Status.DISPUTED, "Your bank is asking about this gift", "write to us"),
        (Status.CHARGED_BACK, "Your bank took this gift back", "returned to you"),
    ],
)
def test_each_state_says_what_happened_to_the_money(
    client: CheckedClient, catalogued: Database, status: Status, heading: str, sentence: str
) -> None:
    gift = begin_by_card(client, catalogued)
    refunded = {Status.PARTLY_REFUNDED: 1000, Status.REFUNDED: 7550}.get(status, 0)
    page = client.get(put(catalogued, gift, status, refunded))
    assert page.status_code == 200
    assert f"<h1>{heading}</h1>" in page.text
    assert sentence in page.text.replace("&#39;", "'")
    assert "CAD 75.50" in page.text
    assert gift.reference in page.text


@pytest.mark.parametrize("status", list(Status))
def test_only_received_money_has_a_receipt_to_download(
    client: CheckedClient, catalogued: Database, status: Status
) -> None:
    gift = begin_by_card(client, catalogued)
    address = put(catalogued, gift, status)
    assert ("receipt.pdf" in client.get(address).text) is status.is_received
    if not status.is_received:
        assert client.get(f"{address}/receipt.pdf").status_code == 404


@pytest.mark.parametrize("status", list(Status))
def test_no_heading_speaks_of_a_receipt_before_the_money_came(
    client: CheckedClient, catalogued: Database, status: Status
) -> None:
    gift = begin_by_card(client, catalogued)
    page = client.get(put(catalogued, gift, status))
    title = page.text[page.text.index("<title>") : page.text.index("</title>")]
    assert "receipt" not in title.lower()


def test_the_receipt_is_a_pdf_kept_by_nobody(client: CheckedClient, catalogued: Database) -> None:
    gift = begin_by_card(client, catalogued)
    answer = client.get(put(catalogued, gift, Status.PAID) + "/receipt.pdf")
    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF-")
    assert "receipt-2026-000001.pdf" in answer.headers["Content-Disposition"]
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_refunded_gifts_receipt_is_not_the_clean_one(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin_by_card(client, catalogued)
    clean = client.get(put(catalogued, gift, Status.PAID) + "/receipt.pdf").data
    marked = client.get(put(catalogued, gift, Status.REFUNDED, 7550) + "/receipt.pdf").data
    assert marked.startswith(b"%PDF-")
    assert marked != clean


def test_a_transfer_is_instructed_step_by_step(client: CheckedClient, catalogued: Database) -> None:
    gift = begin(client, catalogued, mode="interac", code="LWCAN", fund="partnership")
    page = client.get(f"/gift/{gift.token}")
    words = text_of(page)
    assert "One step left: send your gift" in words
    assert "Send CAD\u00a075.50 to partnership@loveworldcan.ca." in page.text
    assert f'data-copy="{gift.reference}"' in page.text
    assert 'data-copy="75.50"' in page.text
    assert "/pay" not in page.text
    assert "Choose another mode of payment" in words
    assert f'action="/gift/{gift.token}/mode"' in page.text


def test_the_page_is_private_and_found_by_nobody(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin(client, catalogued)
    page = client.get(f"/gift/{gift.token}")
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize("token", ["nobody", "x" * 33, "%00", "a/b"])
def test_an_unknown_gift_is_not_there(client: CheckedClient, token: str) -> None:
    assert client.get(f"/gift/{token}").status_code == 404


def test_who_came_back_without_paying_is_told_so(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin_by_card(client, catalogued)
    assert "You have not paid yet" in client.get(f"/gift/{gift.token}?cancelled=1").text


def test_who_comes_back_before_stripes_word_is_asked_not_to_pay_again(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin_by_card(client, catalogued)
    hand_off(catalogued, gift)
    answer = client.get(f"/gift/{gift.token}?session_id=cs_test_1")
    assert answer.location == f"/gift/{gift.token}?returned=1"
    assert "don’t pay again" in client.get(answer.location).text


@pytest.mark.parametrize(
    "session_id", ["x", "cs_test_1", "cs_%00", "cs_1' OR 1", "cs_" + "x" * 200]
)
def test_a_return_that_names_no_checkout_shows_the_page(
    client: CheckedClient, catalogued: Database, session_id: str
) -> None:
    gift = begin(client, catalogued, mode="interac")
    assert client.get(f"/gift/{gift.token}?session_id={session_id}").status_code == 200


def test_who_comes_back_to_a_paid_gift_gets_its_plain_address(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin_by_card(client, catalogued)
    hand_off(catalogued, gift)
    address = put(catalogued, gift, Status.PAID)
    assert client.get(f"{address}?session_id=cs_test_1").location == address


def test_paying_again_leads_to_stripe_or_says_that_it_is_away(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin_by_card(client, catalogued)
    answer = client.post(f"/gift/{gift.token}/pay")
    assert answer.status_code == 303
    assert answer.location == f"/gift/{gift.token}?trouble=1"


@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED, Status.EXPIRED])
def test_an_unpaid_gifts_page_says_that_stripe_is_away(
    client: CheckedClient, catalogued: Database, status: Status
) -> None:
    address = put(catalogued, begin_by_card(client, catalogued), status)
    page = client.get(f"{address}?trouble=1")
    assert "We can’t reach the payment page just now" in page.text
    assert f'action="{address}/pay"' in page.text


def test_a_paid_gift_is_not_paid_again(client: CheckedClient, catalogued: Database) -> None:
    gift = begin_by_card(client, catalogued)
    address = put(catalogued, gift, Status.PAID)
    assert client.post(f"{address}/pay").location == address


def test_a_transfer_is_not_paid_by_card(client: CheckedClient, catalogued: Database) -> None:
    gift = begin(client, catalogued, mode="interac")
    assert client.post(f"/gift/{gift.token}/pay").location == f"/gift/{gift.token}"


def test_another_site_can_not_start_a_payment(client: CheckedClient, catalogued: Database) -> None:
    gift = begin_by_card(client, catalogued)
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(f"/gift/{gift.token}/pay", headers=headers).status_code == 403


def test_a_monthly_gift_is_shown_as_one(client: CheckedClient, catalogued: Database) -> None:
    gift = begin(client, catalogued, mode="card", frequency="monthly")
    page = client.get(put(catalogued, gift, Status.PAID))
    assert "CAD 75.50 a month" in text_of(page)


def test_the_page_speaks_the_gifts_language(client: CheckedClient, catalogued: Database) -> None:
    gift = begin_by_card(client, catalogued, lang="fr")
    page = client.get(put(catalogued, gift, Status.PAID))
    assert '<html lang="fr-CA"' in page.text
    assert "<h1>Merci, Ada</h1>" in page.text
    assert "75,50 CAD" in page.text


def test_a_code_leads_on_once_its_gift_has_come(
    client: CheckedClient, catalogued: Database
) -> None:
    draft = Draft(document={"landing": "https://partner.example/thanks?from=portal"})
    with catalogued.write() as session:
        add_code(session, "ONWARD", draft, NOW, kind=Kind.PARTNER)
    gift = begin(client, catalogued, code="onward")
    assert "partner.example" not in client.get(f"/gift/{gift.token}").text
    page = client.get(put(catalogued, gift, Status.PAID))
    assert 'href="https://partner.example/thanks?from=portal"' in page.text
    assert "Go on to partner.example" in text_of(page)


def test_a_donor_whose_codes_last_use_is_gone_is_led_on_without_it(
    client: CheckedClient, catalogued: Database, app: Flask
) -> None:
    with catalogued.write() as session:
        add_code(session, "LAST", Draft(document={"max_uses": 1}), NOW, kind=Kind.CAMPAIGN)
    gift = begin_by_card(client, catalogued, code="LAST")
    services = app.extensions["portal"]
    claim = Claim(
        fact=FactKind.EXPIRED,
        subject="one",
        occurred_at=NOW,
        source=Source.SYSTEM,
        actor="system",
    )
    with services.write() as act:
        accept(act, gift.id, [claim])
    begin(client, catalogued, code="LAST", email="eve@example.org")
    for way, sent in (("pay", {}), ("mode", {"mode": "interac"})):
        page = client.post(f"/gift/{gift.token}/{way}", data=sent)
        assert page.status_code == 422
        assert "LAST was used as often as it may be." in text_of(page)
        assert "Give without the code" in text_of(page)
        address = tag_of(page, "without")
        assert "/give/ca?" in address
        assert "amount=75.50" in address
        assert "LAST" not in address
