"""Letters about a gift: each fact is told once, in the donor's language, with what to do."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from portal.codes.terms import Frequency
from portal.database import Database
from portal.gifts.evidence import Claim
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift, GiftEvent, Plan
from portal.gifts.operations import book_claims, lock_gift
from portal.mail.outbox import Email, LetterKind
from portal.mailbox import MailStore, StoredMessage
from portal.money import Money
from portal.payments.letters import send_letter
from portal.payments.operations import accept
from portal.payments.stripe.reading import stripe_claim
from portal.payments.stripe.subscriptions import supersede
from portal.payments.transfers import ReminderSchedule, begin_watch, take_word
from portal.receipts.declarations import PERSON, Declaring, declare, find_declaration
from portal.receipts.gift_aid import How
from tests.receipts.gift_aid_samples import give
from tests.workplace import Workplace, act_in, make_settings, make_workplace, promised_jobs


@pytest.fixture
def place(catalogued: Database, database_url: str) -> Iterator[Workplace]:
    place = make_workplace(database_url, None)
    yield place
    place.close()


class Post:
    """Sends notices and reads what came."""

    def __init__(self, place: Workplace, store: MailStore, port: int) -> None:
        url = place.services.settings.database_url
        self.settings = make_settings(url, None, mail_url=f"smtp://127.0.0.1:{port}")
        self.place, self.store = place, store

    def send(self, message: str, gift_id: int, about: str) -> StoredMessage:
        services = replace(self.place.services, settings=self.settings)
        for _ in range(2):
            send_letter(services, LetterKind(message), gift_id, about=about)
        (found,) = self.store.list_messages()
        assert found.deliveries == 1
        return found


@pytest.fixture
def post(place: Workplace, inbox: tuple[MailStore, int]) -> Post:
    return Post(place, *inbox)


def told_of(place: Workplace, gift: Gift) -> int:
    """How often the gift's story says that a letter went out."""
    with place.database.read() as session:
        told = sa.select(sa.func.count(GiftEvent.id)).where(
            GiftEvent.gift_id == gift.id, GiftEvent.kind == "letter_sent"
        )
        return session.scalar(told) or 0


def test_a_letter_is_told_of_once_also_where_that_was_cut_off(place: Workplace, post: Post) -> None:
    gift = place.gift(place.start(mode="interac").token)
    now = datetime.now(UTC)
    key = f"gift_instructions:{gift.id}:{gift.reference}"
    with place.database.write() as session:
        session.add(
            Email(
                key=key.replace(":", "-"),
                gift_id=gift.id,
                message="gift_instructions",
                recipient=gift.email,
                subject="",
                locale="en",
                created_at=now,
                sent_at=now,
            )
        )
    for _ in range(2):
        services = replace(place.services, settings=post.settings)
        send_letter(services, LetterKind.GIFT_INSTRUCTIONS, gift.id, about=gift.reference)
    assert post.store.list_messages() == []
    assert told_of(place, gift) == 1


def test_a_transfer_comes_with_its_instructions(place: Workplace, post: Post) -> None:
    gift = place.gift(place.start(mode="interac", code="LWCAN").token)
    letter = post.send("gift_instructions", gift.id, gift.reference)
    assert gift.reference in letter.text
    assert "partnership@loveworldcan.ca" in letter.text
    assert "75,53" in letter.text
    assert "{" not in letter.text
    assert letter.header("To").endswith("<adaeze@example.org>")


def test_a_refund_is_told_with_its_amount(place: Workplace, post: Post) -> None:
    gift = place.gift(place.start().token)
    claims = [
        stripe_claim(fact=kind, subject=subject, occurred_at=datetime.now(UTC), money=money)
        for kind, subject, money in (
            (FactKind.PAID, "pi_1", gift.money),
            (FactKind.REFUNDED, "re_1", Money(1001, "CAD")),
        )
    ]
    with place.database.write() as session:
        accept(act_in(session, datetime.now(UTC), place.services), gift.id, claims)
    assert "10,01" in post.send("refund_made", gift.id, "re_1").text


@pytest.mark.parametrize("message", ["payment_failed", "renewal_failed"])
def test_a_failure_says_what_happened_and_leads_to_the_gift(
    place: Workplace, post: Post, message: str
) -> None:
    gift = place.gift(place.start(mode="bank_debit").token)
    letter = post.send(message, gift.id, "pi_1")
    assert f"/gift/{gift.token}" in letter.text
    assert "Adaeze" in letter.text


def test_the_end_of_a_monthly_gift_is_told_with_what_each_month_was(
    place: Workplace, post: Post
) -> None:
    started = place.start(frequency=Frequency.MONTHLY, mode="bank_debit", money=Money(2513, "CAD"))
    gift = place.gift(started.token)
    with place.database.write() as session:
        session.get_one(Plan, gift.plan_id).amount_minor = 3007
    letter = post.send("monthly_ended", gift.id, "sub_1")
    assert "30,07" in letter.text
    assert f"/gift/{gift.token}/monthly" in letter.text


def test_the_end_of_a_subscription_that_another_replaced_is_no_end_of_the_gift(
    place: Workplace, post: Post
) -> None:
    started = place.start(frequency=Frequency.MONTHLY, mode="bank_debit", money=Money(2513, "CAD"))
    gift = place.gift(started.token)
    with place.database.write() as session:
        supersede(act_in(session, datetime.now(UTC)), gift, gift.plan_id or 0, ["sub_1"])
    services = replace(place.services, settings=post.settings)
    send_letter(services, LetterKind.MONTHLY_ENDED, gift.id, about="sub_1")
    assert post.store.list_messages() == []


def claim(kind: FactKind, subject: str, money: Money | None = None) -> Claim:
    return stripe_claim(fact=kind, subject=subject, occurred_at=datetime.now(UTC), money=money)


def test_a_reminder_repeats_the_steps_and_can_be_stopped(place: Workplace, post: Post) -> None:
    gift = place.gift(place.start(mode="interac").token)
    letter = post.send("gift_reminder", gift.id, "1-1")
    assert "Votre don de" in letter.header("Subject")
    assert "partnership@loveworldcan.ca" in letter.text
    assert f"/gift/{gift.token}/reminders" in letter.text
    assert gift.reference in letter.text


@pytest.mark.parametrize("about", ["word", "paid", "another mode"])
def test_a_reminder_that_is_late_is_not_sent(place: Workplace, post: Post, about: str) -> None:
    gift = place.gift(place.start(mode="interac").token)
    now, schedule = datetime.now(UTC), ReminderSchedule((2,), 30)
    with place.database.write() as session:
        held = lock_gift(session, gift.id)
        if about == "word":
            take_word(act_in(session, now), held, schedule)
        elif about == "paid":
            paid = claim(FactKind.PAID, "line-1", gift.money)
            accept(act_in(session, now, place.services), gift.id, [paid])
        else:
            begin_watch(act_in(session, now), gift.id, schedule)
    services = replace(place.services, settings=post.settings)
    send_letter(services, LetterKind.GIFT_REMINDER, gift.id, about="1-1")
    assert post.store.list_messages() == []


def test_a_part_is_told_with_what_is_still_open(place: Workplace, post: Post) -> None:
    gift = place.gift(place.start(mode="interac").token)
    part = claim(FactKind.PAID, "line-1", Money(5000, "CAD"))
    with place.database.write() as session:
        book_claims(act_in(session, datetime.now(UTC)), lock_gift(session, gift.id), [part])
    letter = post.send("part_received", gift.id, "line-1")
    text = letter.text.replace("\u00a0", " ")
    assert "50,00 $ sur 75,53 $" in text
    assert "25,53 $" in text
    assert gift.reference in text


def test_a_debit_on_its_way_is_told_once_and_without_a_receipt(
    place: Workplace, post: Post
) -> None:
    gift = place.gift(place.start(mode="bank_debit").token)
    with place.database.write() as session:
        on_its_way = claim(FactKind.PROCESSING, "pi_1")
        accept(act_in(session, datetime.now(UTC), place.services), gift.id, [on_its_way])
    letter = post.send("payment_processing", gift.id, "pi_1")
    assert "est en route" in letter.header("Subject")
    assert "75,53" in letter.text


def test_a_debit_that_came_back_after_success_is_told(place: Workplace, post: Post) -> None:
    gift = place.gift(place.start(mode="bank_debit").token)
    claims = [
        claim(FactKind.PAID, "pi_1", gift.money),
        claim(FactKind.DISPUTE_LOST, "dp_1", gift.money),
    ]
    with place.database.write() as session:
        accept(act_in(session, datetime.now(UTC), place.services), gift.id, claims)
    promised = promised_jobs(place.database)
    assert f"send_letter-payment_returned:{gift.id}:dp_1" in promised
    letter = post.send("payment_returned", gift.id, "dp_1")
    assert "Votre banque a repris votre don" in letter.header("Subject")
    assert "75,53" in letter.text


def test_a_part_that_the_bank_took_back_is_told_as_a_part(place: Workplace, post: Post) -> None:
    gift = place.gift(place.start().token)
    claims = [
        claim(FactKind.PAID, "pi_1", gift.money),
        claim(FactKind.DISPUTE_LOST, "dp_1", Money(1001, "CAD")),
    ]
    with place.database.write() as session:
        accept(act_in(session, datetime.now(UTC), place.services), gift.id, claims)
    letter = post.send("payment_returned", gift.id, "dp_1")
    subject = letter.header("Subject").replace("\xa0", " ")
    assert subject == "Votre banque a repris 10,01 $ de votre don"
    assert "Votre don de 75,53" in letter.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_oral_declaration_of_gift_aid_is_confirmed_by_its_letter(
    place: Workplace, post: Post
) -> None:
    with place.database.write() as session:
        gift = give(session, declares=False)
        act = act_in(session, gift.created_at)
        said = Declaring(
            person={name: getattr(gift, name, "") for name in PERSON},
            wording="I want to Gift Aid this.",
            locale=gift.locale,
            how=How.ORAL,
        )
        one = declare(act, "sample-gb", gift.donor_id or 0, said, gift_id=gift.id)
    message = post.send("gift_aid_confirmation", gift.id, one.key)
    for told in ("I want to Gift Aid this.", "1 High Street", "EX1 1AA", "30 days"):
        assert told in message.text
    with place.database.read() as session:
        found = find_declaration(session, one.key)
    assert found is not None
    assert (found.version, found.confirmed_at is not None) == (2, True)
