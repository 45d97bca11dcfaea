"""Whatever is kept of a donor can be corrected, and a receipt stays or is replaced by the rules."""

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from portal.database import Database
from portal.donors import Donor, find_or_add_donor
from portal.gifts.models import Gift, GiftEvent, GiftWord
from portal.gifts.operations import add_plan
from portal.gifts.references import list_words
from portal.money import Money
from portal.payments.stripe.event_gifts import find_or_add_renewal
from portal.payments.stripe.readers import Renewal
from portal.receipts.register import Receipt
from portal.services import AuditEntry
from tests.conftest import NOW
from tests.staff.conftest import Browser
from tests.staff.samples import add_sample, pay_sample
from tests.workplace import act_in, promised_jobs

SignedIn = Callable[[str], Browser]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def clerk(signed_in: SignedIn) -> Browser:
    return signed_in("finance")


@pytest.fixture
def paid(catalogued: Database) -> Gift:
    """A paid gift whose receipt names Zoë Tremblay."""
    with catalogued.write() as session:
        gift = add_sample(session)
        pay_sample(session, gift, "pi_1")
        return gift


def correct(clerk: Browser, gift: Gift, **fields: str) -> TestResponse:
    page = f"/staff/gifts/{gift.reference}/contact"
    return clerk.post(page, **{"reason": "She wrote", **fields})


def read_gift(database: Database, gift: Gift) -> Gift:
    with database.read() as session:
        return session.get_one(Gift, gift.id)


def receipts(database: Database) -> list[Receipt]:
    with database.read() as session:
        return list(session.scalars(sa.select(Receipt).order_by(Receipt.id)))


def finds(clerk: Browser, text: str, gift: Gift) -> bool:
    return gift.reference in clerk.get("/staff/gifts", query_string={"q": text}).text


def test_a_wrong_name_is_replaced_on_a_new_receipt_that_is_sent(
    catalogued: Database, clerk: Browser, paid: Gift
) -> None:
    sent = correct(clerk, paid, first_name="Zoé", last_name="Trembley", receipt="replace")
    assert sent.status_code == 303
    old, new = receipts(catalogued)
    assert old.voided_at is not None
    assert (old.snapshot["donor"]["name"], old.snapshot["replaces"]) == ("Zoë Tremblay", "")
    assert (new.voided_at, new.snapshot["donor"]["name"]) == (None, "Zoé Trembley")
    assert old.label in new.snapshot["replaces"]
    assert f"send_receipt-{new.id}" in promised_jobs(catalogued)
    assert f"send_receipt-{old.id}" not in promised_jobs(catalogued)


def test_what_was_there_stays_in_the_story_and_the_log_says_what_was_done(
    catalogued: Database, clerk: Browser, signed_in: SignedIn, paid: Gift
) -> None:
    correct(clerk, paid, last_name="Trembley", city="Québec", receipt="replace")
    with catalogued.read() as session:
        event = session.scalars(
            sa.select(GiftEvent).where(GiftEvent.kind == "contact_corrected")
        ).one()
        act = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert event.data["fields"] == {
        "last_name": {"from": "Tremblay", "to": "Trembley"},
        "city": {"from": "", "to": "Québec"},
    }
    assert (event.why, event.actor) == ("She wrote", act.actor if act else "")
    assert act is not None
    assert act.detail["fields"] == ["last_name", "city"]
    assert act.detail["receipt"] == receipts(catalogued)[1].label
    story = re.sub(r"<[^>]+>", " ", clerk.get(f"/staff/gifts/{paid.reference}").text)
    assert re.search(r"Last name before:\s+Tremblay", story)
    assert "Last name, City" in signed_in("admin").get("/staff/audit").text


def test_search_finds_the_right_name_alone(
    catalogued: Database, clerk: Browser, paid: Gift
) -> None:
    assert finds(clerk, "tremblay", paid)
    correct(clerk, paid, first_name="Łukasz", last_name="O’Brien", receipt="keep")
    assert all(finds(clerk, text, paid) for text in ("OBrien", "lukasz", "O'Brien, Łukasz"))
    assert not any(finds(clerk, text, paid) for text in ("tremblay", "zoe tremblay"))
    with catalogued.read() as session:
        words = session.scalars(sa.select(GiftWord.word).where(GiftWord.gift_id == paid.id))
        assert sorted(words) == list_words("Łukasz", "O’Brien", "zoe@example.org")


def test_a_receipt_that_was_right_when_given_out_stays(
    catalogued: Database, clerk: Browser, paid: Gift
) -> None:
    (before,) = receipts(catalogued)
    assert correct(clerk, paid, address_line1="9 Elm Street", receipt="keep").status_code == 303
    (after,) = receipts(catalogued)
    assert (after.snapshot, after.voided_at) == (before.snapshot, None)
    assert not promised_jobs(catalogued)


@pytest.mark.parametrize(
    "fields", [{"last_name": "Roy"}, {"city": "Laval"}, {"locale": "fr_CA"}, {"first_name": ""}]
)
def test_a_face_that_changes_asks_for_a_choice(
    catalogued: Database, clerk: Browser, paid: Gift, fields: dict[str, str]
) -> None:
    answer = correct(clerk, paid, **fields)
    assert answer.status_code == 422
    assert "Choose whether the receipt stays or is replaced" in answer.text
    assert read_gift(catalogued, paid).last_name == "Tremblay"
    assert not promised_jobs(catalogued)
    assert correct(clerk, paid, receipt="replace", **fields).status_code == 303
    assert len(receipts(catalogued)) == 2


def test_an_address_of_mail_alone_replaces_no_receipt(
    catalogued: Database, clerk: Browser, paid: Gift
) -> None:
    sent = correct(clerk, paid, email="z@example.org", receipt="replace", resend="1")
    assert sent.status_code == 303
    (receipt,) = receipts(catalogued)
    assert [job for job in promised_jobs(catalogued) if f"send_receipt-{receipt.id}:" in job]


def test_a_receipt_that_was_left_can_be_replaced_later(
    catalogued: Database, clerk: Browser, paid: Gift
) -> None:
    correct(clerk, paid, last_name="Roy", receipt="keep")
    assert correct(clerk, paid, receipt="replace").status_code == 303
    assert [one.snapshot["donor"]["name"] for one in receipts(catalogued)] == [
        "Zoë Tremblay",
        "Zoë Roy",
    ]
    assert correct(clerk, paid, receipt="replace").status_code == 422


def test_a_receipt_to_come_takes_what_is_right(catalogued: Database, clerk: Browser) -> None:
    with catalogued.write() as session:
        gift = add_sample(session)
    fields = {"last_name": "Roy", "city": "Laval", "province": "Québec", "postal_code": "h7n2k6"}
    assert correct(clerk, gift, country="CA", locale="fr_CA", **fields).status_code == 303
    with catalogued.write() as session:
        pay_sample(session, session.get_one(Gift, gift.id), "pi_2")
    (receipt,) = receipts(catalogued)
    assert receipt.snapshot["donor"] == {"name": "Zoë Roy", "address": ["Laval QC  H7N 2K6"]}
    assert receipt.locale == "fr_CA"


def test_a_gift_that_nobody_was_named_for_gets_its_first_receipt(
    catalogued: Database, clerk: Browser
) -> None:
    with catalogued.write() as session:
        gift = add_sample(session, first_name="", last_name="")
        pay_sample(session, gift, "pi_3")
    assert not receipts(catalogued)
    assert correct(clerk, gift, last_name="Grace Church Inc.").status_code == 303
    (receipt,) = receipts(catalogued)
    assert receipt.snapshot["donor"]["name"] == "Grace Church Inc."
    assert promised_jobs(catalogued) == [f"send_receipt-{receipt.id}"]


def test_a_plan_s_months_past_and_to_come_are_right(catalogued: Database, clerk: Browser) -> None:
    with catalogued.write() as session:
        donor = session.get_one(Donor, find_or_add_donor(act_in(session, NOW), "zoe@example.org"))
        first, second = (add_sample(session, email=donor.email) for _ in range(2))
        plan = add_plan(act_in(session, NOW), donor.id, first.money)
        first.plan_id = second.plan_id = plan.id
        for gift in (first, second):
            pay_sample(session, gift, f"pi_{gift.id}")
    fields = {"last_name": "Roy", "address_line1": "9 Elm Street", "locale": "fr_CA"}
    assert correct(clerk, second, receipt="replace", **fields).status_code == 303
    assert [one.snapshot["donor"]["name"] for one in receipts(catalogued)] == [
        *["Zoë Tremblay"] * 2,
        *["Zoë Roy"] * 2,
    ]
    renewal = Renewal(invoice_id="in_3", money=Money(7553, "CAD"))
    with catalogued.write() as session:
        third = find_or_add_renewal(act_in(session, NOW), session.get_one(Gift, first.id), renewal)
        assert {name: getattr(third, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"postal_code": "12345", "country": "CA"}, "Enter a postal code like"),
        ({"province": "Texas", "country": "CA"}, "Choose one from the list"),
        ({"country": "XX"}, "Choose a country from the list"),
        ({"locale": "tlh"}, "Choose a language from the list"),
        ({"first_name": "", "last_name": ""}, "Enter a first or a last name"),
        ({"last_name": "…", "first_name": "\u200b"}, "Enter a first or a last name"),
        ({"last_name": "\U0001f600 Roy"}, "the document for the gift can’t show it"),
        ({"city": "x" * 101}, "Shorten this to 100 characters"),
        ({"email": ""}, "Enter an e-mail address"),
        ({"seen": "0" * 16, "last_name": "Roy"}, "Someone corrected this gift"),
        ({}, "Nothing has changed"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(
    catalogued: Database, clerk: Browser, paid: Gift, fields: dict[str, str], sentence: str
) -> None:
    answer = correct(clerk, paid, **{"receipt": "keep", **fields})
    assert answer.status_code == 422
    assert sentence in answer.text
    kept = read_gift(catalogued, paid)
    assert (kept.name, kept.city, kept.country) == ("Zoë Tremblay", "", "")


def test_an_address_abroad_is_judged_by_no_rules_of_ours(
    catalogued: Database, clerk: Browser, paid: Gift
) -> None:
    fields = {"country": "PT", "province": "Lisboa", "postal_code": "1000-001", "city": "Lisboa"}
    assert correct(clerk, paid, receipt="keep", **fields).status_code == 303
    assert read_gift(catalogued, paid).postal_code == "1000-001"


def test_the_page_shows_what_is_kept_in_the_reader_s_language(clerk: Browser, paid: Gift) -> None:
    page = clerk.get(f"/staff/gifts/{paid.reference}/contact?lang=fr").text
    for text in ("Corriger le donateur", 'value="Tremblay"', "Allemagne", "français (Canada)"):
        assert text in page
