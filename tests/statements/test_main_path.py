"""The panel's e-Transfer, whole: code, region, reference, bank file, gift paid, receipt."""

from datetime import date

import sqlalchemy as sa

from portal.gifts.lifecycle import Status
from portal.mailbox import MailStore
from portal.money import Money
from portal.payments.statements.booking import Share
from portal.payments.statements.models import LineState
from portal.receipts.sending import send_receipt
from tests.conftest import NOW
from tests.statements.clerk import DAY, Clerk, rbc
from tests.workplace import at, make_settings


def test_an_e_transfer_with_its_reference_is_paid_and_receipted(
    clerk: Clerk, inbox: tuple[MailStore, int]
) -> None:
    gift = clerk.promise(code="LWCAN")
    worked = clerk.bring((f"C1Ab4kQpT9z {gift.reference.lower()} merci", "75.53"))
    assert (worked.automatic, worked.suggested, worked.unmatched) == (1, 0, 0)

    paid = clerk.gift(gift)
    assert paid.status is Status.PAID
    assert paid.received_at is not None
    assert paid.received_at.date() == DAY
    assert clerk.balance("clearing:statement") == 7553
    assert clerk.balance(f"income:{paid.fund}") == -7553
    (line,) = clerk.lines()
    assert line.state is LineState.MATCHED
    (match,) = clerk.matches()
    assert match.is_automatic
    assert match.reasons["reasons"][0] == "reference_exact"

    (receipt,) = clerk.receipts(gift)
    assert receipt.money == Money(7553, "CAD")
    assert receipt.snapshot["received_on"] == DAY.isoformat()
    assert clerk.jobs("send_receipt") == [f"send_receipt-{receipt.id}"]
    url = clerk.place.services.settings.database_url
    settings = make_settings(url, None, mail_url=f"smtp://127.0.0.1:{inbox[1]}")
    send_receipt(at(clerk.place.services, NOW, settings), receipt.id)
    (letter,) = inbox[0].list_messages()
    assert letter.header("To").endswith("<adaeze@example.org>")
    assert "75,53" in letter.text
    clerk.check()


def test_a_line_is_booked_on_its_own_day_where_the_receipt_is_issued(clerk: Clerk) -> None:
    gift = clerk.promise(region="nz", mode="bank_transfer", money=Money(7553, "NZD"))
    day = date(DAY.year, 1, 1)
    clerk.keep(rbc(("no reference", "75.53"), day=day))
    with clerk.place.database.write() as session:
        # The bank's file of this test is Canada's: only the day is of interest here.
        session.execute(sa.text("UPDATE gifts SET currency = 'CAD'"))

    clerk.confirm(clerk.lines()[0].id, Share(gift.id, Money(7553, "CAD")))
    receipt = clerk.standing(gift)
    assert receipt is not None
    assert receipt.snapshot["received_on"] == day.isoformat()


def test_a_file_that_is_kept_is_kept_whole(clerk: Clerk) -> None:
    rows = [(f"gift of {number}", f"{number}.00") for number in range(1, 1202)]
    imported = clerk.keep(rbc(*rows))
    assert (imported.lines, imported.new) == (1201, 1201)
    assert [line.amount_minor for line in clerk.lines()] == [100 * n for n in range(1, 1202)]
    assert "E-TRANSFER" in clerk.lines()[0].raw
    clerk.check()
