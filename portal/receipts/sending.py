"""Receipts on their way to their donors: many at once, each once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.lifecycle import EventKind
from portal.gifts.models import Gift
from portal.gifts.operations import record_event
from portal.mail.outbox import LetterKind, Outgoing, deliver, find_noted, mark_sent, render_letter
from portal.mail.smtp import Attachment, Letter
from portal.money import Money
from portal.receipts.composition import receipt_mark, write_money
from portal.receipts.register import Receipt, lead_gift
from portal.receipts.rendering import render_receipt, render_receipts
from portal.services import SYSTEM, Services
from portal.settings import Settings


def receipt_filename(receipt: Receipt) -> str:
    """A name that still says what it is in a folder of many: `receipt-2026-000417.pdf`."""
    return f"receipt-{receipt.label}.pdf"


def kind_of(receipt: Receipt) -> LetterKind:
    """The letter that a receipt goes with."""
    return LetterKind.RECEIPT if receipt.gift_id is not None else LetterKind.YEARLY_RECEIPT


def write_receipt_letter(
    settings: Settings,
    receipt: Receipt,
    gift: Gift,
    pdf: bytes,
    *,
    is_marked: bool,
    is_again: bool = False,
) -> Letter:
    """The letter about `receipt` to the gift's current address; `pdf` may bear a mark.

    One that is sent once more says so; its document is the same to the byte.
    """
    snapshot = receipt.snapshot
    issuer = snapshot["issuer"]
    help_email = settings.support_email or issuer["email"]
    filename = receipt_filename(receipt)
    money = Money(snapshot["amount_minor"], snapshot["currency"])
    gift_url = f"{settings.base_url}/gift/{gift.token}"
    subject, text, html = render_letter(
        kind_of(receipt),
        receipt.locale,
        receipt=snapshot,
        amount=write_money(money, receipt.locale),
        issuer=issuer,
        filename=filename,
        help_email=help_email,
        gift_url=gift_url,
        account_url=f"{settings.base_url}/account/",
        monthly_url=f"{gift_url}/monthly" if gift.plan_id else "",
        is_marked=is_marked,
        is_again=is_again,
    )
    return Letter(
        recipient=gift.email,
        recipient_name=gift.name,
        subject=subject,
        text=text,
        html=html,
        sender_name=issuer["legal_name"],
        reply_to=help_email,
        attachments=(Attachment(filename, pdf),),
    )


@dataclass(frozen=True, slots=True)
class Wish:
    """That a receipt be sent: by itself, or once more under a name, since `actor` asked for it."""

    receipt_id: int
    again: str = ""
    actor: str = SYSTEM

    @property
    def key(self) -> str:
        """The message's, for ever."""
        key = f"receipt-{self.receipt_id}"
        return f"{key}-{self.again}" if self.again else key


@dataclass(frozen=True, slots=True)
class _Due:
    """A receipt that is to go to its donor now."""

    wish: Wish
    receipt: Receipt
    gift: Gift
    is_again: bool = False

    @property
    def mark(self) -> str:
        """One of many gifts has none: what went back of one is for a person to decide on."""
        if self.receipt.gift_id is None:
            return ""
        return receipt_mark(self.gift, self.receipt.returned.minor)


def send_receipt(
    services: Services, receipt_id: int, *, again: str = "", actor: str = SYSTEM
) -> None:
    """Send one receipt; raises what kept it back, as `portal.mail.MailNotSent`."""
    for error in send_receipts(services, [Wish(receipt_id, again, actor)]).values():
        raise error


def send_receipts(services: Services, wishes: Sequence[Wish]) -> dict[Wish, Exception]:
    """Send receipts to their donors with the PDF: each once, and once more for each other name.

    They go to the gifts' addresses as they are now. Safe to repeat after a crash; does nothing
    for a cancelled receipt or a gift without an address. Returns what kept some of them back.
    """
    with services.database.read() as session:
        due = {one.wish.key: one for one in _list_due(session, wishes)}
    pdfs = _render(services, list(due.values()))

    def note(letter: Outgoing, email_id: int) -> None:
        one = due[letter.key]
        with services.write(one.wish.actor) as act:
            if mark_sent(act.session, email_id, act.now):
                data = {"receipt": one.receipt.label, "email": letter.key}
                record_event(act, one.gift, EventKind.RECEIPT_SENT, data=data)

    letters = [_write(services, one, pdfs[one.wish.key]) for one in due.values()]
    failed = deliver(services.database, services.settings, letters, services.now(), note)
    return {due[key].wish: error for key, error in failed.items()}


_WANTED = (
    sa.select(Receipt, Gift)
    .join(Gift, Gift.id == lead_gift())
    .where(
        Receipt.id.in_(sa.bindparam("ids", expanding=True)),
        Receipt.voided_at.is_(None),
        Gift.email != "",
    )
)


def _list_due(session: Session, wishes: Sequence[Wish]) -> Iterator[_Due]:
    """The wishes that can be met and were not."""
    firsts = [Wish(wish.receipt_id).key for wish in wishes]
    noted = find_noted(session, [*(wish.key for wish in wishes), *firsts])
    rows = session.execute(_WANTED, {"ids": [wish.receipt_id for wish in wishes]})
    known = {receipt.id: (receipt, gift) for receipt, gift in rows}
    for wish in wishes:
        if wish.receipt_id in known and wish.key not in noted:
            # What never went out is no copy, however often it is asked for.
            is_again = bool(wish.again) and Wish(wish.receipt_id).key in noted
            yield _Due(wish, *known[wish.receipt_id], is_again)


def _render(services: Services, due: Sequence[_Due]) -> dict[str, bytes]:
    """The PDF for each wish: as first rendered, or marked by what happened since."""
    plain = render_receipts(services, [one.receipt for one in due if not one.mark])
    return {
        one.wish.key: render_receipt(services, one.receipt.id, mark=one.mark)
        if one.mark
        else plain[one.receipt.id]
        for one in due
    }


def _write(services: Services, one: _Due, pdf: bytes) -> Outgoing:
    letter = write_receipt_letter(
        services.settings,
        one.receipt,
        one.gift,
        pdf,
        is_marked=bool(one.mark),
        is_again=one.is_again,
    )
    return Outgoing(one.wish.key, letter, kind_of(one.receipt), one.receipt.locale, one.gift.id)
