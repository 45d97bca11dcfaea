"""A gift paid by instructions: what its donor reads, says and sends."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.clock import FixedClock
from portal.database import Database
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Evidence, Gift, GiftEvent
from portal.gifts.operations import book_claims, lock_gift
from portal.giving.gift.transfer import Transfer, make_sheet
from portal.i18n import use_locale
from portal.money import Money
from portal.payments.transfers import TransferWatch
from tests.conftest import NOW
from tests.giving.visits import begin, tag_of, text_of
from tests.pages import CheckedClient
from tests.unit import samples
from tests.workplace import act_in, promised_jobs


def book(database: Database, gift: Gift, kind: FactKind, subject: str, minor: int = 0) -> None:
    """A line of the bank's, or its being taken back."""
    claim = Claim(
        fact=kind,
        subject=subject,
        occurred_at=NOW,
        money=Money(minor, gift.currency) if minor else None,
        source=Source.STATEMENT,
        actor="staff:1",
    )
    with database.write() as session:
        book_claims(act_in(session, NOW), lock_gift(session, gift.id), [claim])


def happenings(database: Database, gift: Gift) -> list[str]:
    with database.read() as session:
        return list(
            session.scalars(
                sa.select(GiftEvent.kind).where(GiftEvent.gift_id == gift.id).order_by(GiftEvent.id)
            )
        )


@pytest.mark.parametrize(
    ("region", "mode", "told"),
    [
        ("ca", "interac", ["partnership@loveworldcan.ca", "Security question", "your phone"]),
        ("ca", "bank_transfer", ["Institution number", "Transit number", "Account number"]),
        ("ca", "cheque", ["Payable to", "Post to"]),
    ],
)
def test_every_mode_shows_its_particulars_and_a_code(
    client: CheckedClient, catalogued: Database, region: str, mode: str, told: list[str]
) -> None:
    gift = begin(client, catalogued, region=region, mode=mode)
    page = client.get(f"/gift/{gift.token}")
    words = text_of(page).replace("@ ", "@")
    assert all(part in words for part in told)
    assert 'class="qr"' in page.text
    assert "What happens next" in words
    assert "style=" not in page.text


@pytest.mark.parametrize(
    ("region", "mode"),
    [("ca", "interac"), ("ca", "bank_transfer"), ("ca", "cheque"), ("ng", "wallet_code")],
)
def test_what_every_mode_says_is_true_of_a_cheque_too(
    client: CheckedClient, catalogued: Database, region: str, mode: str
) -> None:
    amount = "7500" if region == "ng" else "75.50"
    gift = begin(client, catalogued, region=region, mode=mode, amount=amount)
    words = text_of(client.get(f"/gift/{gift.token}"))
    assert "is noted. It is complete once it has arrived." in words
    assert "Your reference " in words
    assert "When your gift arrives we match it by your reference" in words
    assert "Scan to go on from your phone, where" not in words


@pytest.mark.parametrize(
    ("mode", "asked"),
    [
        ("interac", ["Amount", "Send to", "Your reference (message)"]),
        (
            "bank_transfer",
            [
                *("Amount", "Account name", "Institution number", "Transit number"),
                *("Account number", "Your reference (message)"),
            ],
        ),
        ("cheque", ["Amount", "Payable to", "Post to", "Your reference"]),
    ],
)
def test_what_a_bank_asks_comes_first_and_in_its_order(
    client: CheckedClient, catalogued: Database, mode: str, asked: list[str]
) -> None:
    gift = begin(client, catalogued, mode=mode)
    before, _, after = client.get(f"/gift/{gift.token}").text.partition('<ol class="steps">')
    assert re.findall(r'<div class="copy-row">\s*<dt>([^<]*)</dt>', before) == asked
    assert before.count("data-copy=") == len(asked)
    assert after


def test_the_question_that_hardly_any_bank_asks_is_folded(
    client: CheckedClient, catalogued: Database
) -> None:
    page = client.get(f"/gift/{begin(client, catalogued).token}")
    fold = page.text.partition('<details class="fold fallback">')[2].partition("</details>")[0]
    assert "Ministry / Ministère" in fold
    assert 'data-copy="partnership"' in fold
    assert page.text.count("Ministry / Ministère") == fold.count("Ministry / Ministère")


def test_the_donors_word_is_noted_once_and_proves_nothing(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin(client, catalogued)
    for _ in range(2):
        answer = client.post(f"/gift/{gift.token}/paid")
        assert (answer.status_code, answer.location) == (303, f"/gift/{gift.token}")
    assert happenings(catalogued, gift).count("giver_says_paid") == 1
    with catalogued.read() as session:
        assert session.get_one(Gift, gift.id).status is Status.PENDING
        assert session.scalar(sa.select(sa.func.count()).select_from(Evidence)) == 0
    words = text_of(client.get(f"/gift/{gift.token}"))
    assert "We are looking out for your gift" in words
    assert "You told us on November 23, 2026 that you have paid." in words
    assert "I have paid" not in words


def test_the_steps_step_back_once_the_donor_says_it_is_sent(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin(client, catalogued)
    assert "How to send it, if you have not" not in text_of(client.get(f"/gift/{gift.token}"))
    client.post(f"/gift/{gift.token}/paid")
    page = client.get(f"/gift/{gift.token}")
    assert "open" not in tag_of(page, "steps")
    asked, folded, steps = (
        page.text.index(f'id="{one}"') for one in ("proof", "steps", "steps-title")
    )
    assert asked < folded < steps


def test_the_steps_stand_open_again_for_the_rest_of_a_gift_said_to_be_sent(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin(client, catalogued)
    client.post(f"/gift/{gift.token}/paid")
    book(catalogued, gift, FactKind.PAID, "line-1-1", 5000)
    assert "How to send it, if you have not" not in text_of(client.get(f"/gift/{gift.token}"))


def test_a_card_gift_takes_no_word(client: CheckedClient, catalogued: Database) -> None:
    gift = begin(client, catalogued, mode="card")
    assert client.post(f"/gift/{gift.token}/paid").status_code == 303
    assert "giver_says_paid" not in happenings(catalogued, gift)


@pytest.mark.parametrize("act", ["paid", "proof", "mode", "reminders"])
def test_another_site_can_not_speak_for_the_donor(
    client: CheckedClient, catalogued: Database, act: str
) -> None:
    gift = begin(client, catalogued)
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(f"/gift/{gift.token}/{act}", headers=headers).status_code == 403


@pytest.mark.parametrize("act", ["paid", "proof", "mode", "reminders"])
def test_acts_on_an_unknown_gift_find_nothing(client: CheckedClient, act: str) -> None:
    assert client.post(f"/gift/nobody/{act}").status_code == 404


def test_a_part_that_came_leaves_the_rest_to_send(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin(client, catalogued)
    book(catalogued, gift, FactKind.PAID, "line-1-1", 5000)
    page = client.get(f"/gift/{gift.token}")
    words = text_of(page).replace("\u00a0", " ")
    assert "CAD 50.00 of CAD 75.50 has arrived; CAD 25.50 is still open." in words
    assert "Send CAD 25.50 to" in words
    assert 'data-copy="25.50"' in page.text
    ways = {part for part in ("card", "bank_transfer") if f'value="{part}"' in page.text}
    assert ways == {"bank_transfer"}


@pytest.mark.parametrize(("lang", "copied"), [("en", "1500.50"), ("fr", "1500,50")])
def test_the_amount_is_copied_as_the_readers_bank_writes_it(
    client: CheckedClient, catalogued: Database, lang: str, copied: str
) -> None:
    gift = begin(client, catalogued, amount="1500.50", lang=lang)
    assert f'data-copy="{copied}"' in client.get(f"/gift/{gift.token}").text


def test_a_wallets_link_keeps_the_point_where_the_page_has_a_comma() -> None:
    gift = Gift(reference="LW7K-3QXD-9")
    mode = replace(
        samples.region("ng").mode("wallet_code"),
        link="https://wallet.example/?sum={amount}&{reference}",
    )
    transfer = Transfer(
        mode=mode,
        received=Money(0, "EUR"),
        due=Money(150_050, "EUR"),
        watch=None,
        proofs=(),
        was_taken_back=False,
        now=NOW,
    )
    with use_locale("fr"):
        sheet = make_sheet(gift, transfer, "https://give.example.org/gift/abc")
    assert sheet.link == "https://wallet.example/?sum=1500.50&LW7K-3QXD-9"
    assert sheet.copied_amount == "1500,50"


def test_a_part_of_a_card_gift_is_never_charged_in_whole(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin(client, catalogued, mode="card")
    book(catalogued, gift, FactKind.PAID, "line-1-1", 5000)
    page = client.get(f"/gift/{gift.token}")
    assert "CAD\u00a025.50 is still open" in page.text
    assert f"/gift/{gift.token}/pay" not in page.text
    assert client.post(f"/gift/{gift.token}/pay").location == f"/gift/{gift.token}"


def test_money_taken_back_leaves_the_gift_waiting_again(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin(client, catalogued)
    book(catalogued, gift, FactKind.PAID, "line-1-1", 7550)
    assert "Thank you, Ada" in text_of(client.get(f"/gift/{gift.token}"))
    book(catalogued, gift, FactKind.WITHDRAWN, "line-1-1", 7550)
    words = text_of(client.get(f"/gift/{gift.token}"))
    assert "We are waiting for your gift again" in words
    assert "Send CAD\u00a075.50 to" in words.replace("CAD 75", "CAD\u00a075")


def test_a_gift_that_was_not_sent_in_time_can_still_be_sent(
    client: CheckedClient, catalogued: Database, clock: FixedClock
) -> None:
    gift = begin(client, catalogued)
    clock.at = NOW + timedelta(days=31)
    book(catalogued, gift, FactKind.EXPIRED, "transfer-1")
    words = text_of(client.get(f"/gift/{gift.token}"))
    assert "We have not seen your gift in time" in words
    assert gift.reference in words
    book(catalogued, gift, FactKind.PAID, "line-1-1", 7550)
    assert "Thank you, Ada" in text_of(client.get(f"/gift/{gift.token}"))


def test_reminders_are_stopped_by_a_press_and_not_by_a_look(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin(client, catalogued)
    address = f"/gift/{gift.token}/reminders"
    assert "Stop the reminders of this gift?" in text_of(client.get(address))
    assert _watch(catalogued, gift).stopped_at is None
    assert client.post(address).location == address
    assert client.post(address).status_code == 303
    assert "No more reminders will come" in text_of(client.get(address))
    assert _watch(catalogued, gift).stopped_at == NOW
    assert happenings(catalogued, gift).count("reminders_stopped") == 1


def _watch(database: Database, gift: Gift) -> TransferWatch:
    with database.read() as session:
        return session.get_one(TransferWatch, gift.id)


def test_the_page_speaks_french(client: CheckedClient, catalogued: Database) -> None:
    gift = begin(client, catalogued, lang="fr")
    words = text_of(client.get(f"/gift/{gift.token}"))
    assert "J’ai payé" in words
    assert "Reste à envoyer" not in words
    assert "L’avez-vous envoyé" in words


def ways_of(page: Any) -> list[str]:
    return [
        key
        for key in ("card", "interac", "bank_debit", "bank_transfer", "cheque")
        if f'name="mode" value="{key}"' in page.text
    ]


def test_another_mode_is_offered_but_not_the_one_it_has(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin(client, catalogued)
    page = client.get(f"/gift/{gift.token}")
    assert ways_of(page) == ["card", "bank_debit", "bank_transfer", "cheque"]


def test_one_transfer_becomes_another_under_the_same_reference(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin(client, catalogued)
    client.post(f"/gift/{gift.token}/paid")
    answer = client.post(f"/gift/{gift.token}/mode", data={"mode": "bank_transfer"})
    assert answer.location == f"/gift/{gift.token}"
    words = text_of(client.get(answer.location))
    assert "Transit number" in words
    assert "One step left" in words
    assert gift.reference in words
    with catalogued.read() as session:
        kept = session.scalars(sa.select(Gift)).one()
    assert kept.mode == "bank_transfer"
    subject = f"send_letter-gift_instructions:{gift.id}:{gift.reference}"
    assert {subject, f"{subject}-2"} <= {*promised_jobs(catalogued)}
    assert _watch(catalogued, gift).word_at is None


def test_what_covers_a_fee_that_is_not_there_is_left_out(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin(client, catalogued, mode="card", cover_fee="1")
    assert gift.cover_minor == 257
    told = text_of(client.get(f"/gift/{gift.token}")).replace("\u00a0", " ")
    assert "CAD 75.50 in all: nothing is added for processing." in told
    assert "CAD 76.67 in all: less is added for processing." in told
    for mode in ("interac", "card"):
        client.post(f"/gift/{gift.token}/mode", data={"mode": mode})
        with catalogued.read() as session:
            kept = session.get_one(Gift, gift.id)
        assert (kept.mode, kept.amount_minor, kept.cover_minor) == (mode, 7550, 0)


@pytest.mark.parametrize("mode", ["wallet_code", "gold", "", "x" * 500, "\x00"])
def test_a_mode_that_is_not_offered_is_refused(
    client: CheckedClient, catalogued: Database, mode: str
) -> None:
    gift = begin(client, catalogued)
    answer = client.post(f"/gift/{gift.token}/mode", data={"mode": mode})
    assert answer.status_code == 422
    assert "can’t be paid in that way" in text_of(answer)
    with catalogued.read() as session:
        assert session.get_one(Gift, gift.id).mode == "interac"


def test_a_paid_gifts_mode_stays(client: CheckedClient, catalogued: Database) -> None:
    gift = begin(client, catalogued)
    book(catalogued, gift, FactKind.PAID, "line-1-1", 7550)
    answer = client.post(f"/gift/{gift.token}/mode", data={"mode": "cheque"})
    assert answer.location == f"/gift/{gift.token}"
    with catalogued.read() as session:
        assert session.get_one(Gift, gift.id).mode == "interac"


def test_a_codes_modes_hold_for_a_change_too(client: CheckedClient, catalogued: Database) -> None:
    gift = begin(client, catalogued, mode="card", code="BUILDERS", amount="250", fund="media")
    assert ways_of(client.get(f"/gift/{gift.token}")) == ["bank_debit"]
    answer = client.post(f"/gift/{gift.token}/mode", data={"mode": "interac"})
    assert answer.status_code == 422


def test_a_monthly_gift_is_not_offered_what_can_not_be_monthly(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin(client, catalogued, mode="card", frequency="monthly")
    assert ways_of(client.get(f"/gift/{gift.token}")) == ["bank_debit"]
