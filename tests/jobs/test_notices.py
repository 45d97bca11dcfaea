"""Letters about a gift: each fact is told once, in the giver's language, with what to do."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from portal.database import Database
from portal.gifts.evidence import Claim
from portal.gifts.lifecycle import FactKind
from portal.mailbox.store import MailStore, StoredMessage
from portal.money import Money
from portal.notices import send_notice
from portal.payments.operations import accept
from tests.workplace import Workplace, make_settings, make_workplace


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
        key = f"{message}:{gift_id}:{about}"
        for _ in range(2):
            send_notice(self.settings, self.place.bench, message, gift_id, key=key)
        (found,) = self.store.list_messages()
        assert found.deliveries == 1
        return found


@pytest.fixture
def post(place: Workplace, inbox: tuple[MailStore, int]) -> Post:
    return Post(place, *inbox)


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
        Claim(fact=kind, subject=subject, occurred_at=datetime.now(UTC), money=money)
        for kind, subject, money in (
            (FactKind.PAID, "pi_1", gift.money),
            (FactKind.REFUNDED, "re_1", Money(1001, "CAD")),
        )
    ]
    with place.database.write() as session:
        accept(session, place.bench.desk(), gift.id, claims, datetime.now(UTC))
    assert "10,01" in post.send("refund_made", gift.id, "re_1").text


@pytest.mark.parametrize("message", ["payment_failed", "renewal_failed"])
def test_a_failure_says_what_happened_and_leads_to_the_gift(
    place: Workplace, post: Post, message: str
) -> None:
    gift = place.gift(place.start(mode="bank_debit").token)
    letter = post.send(message, gift.id, "pi_1")
    assert f"/gift/{gift.token}" in letter.text
    assert "Adaeze" in letter.text
