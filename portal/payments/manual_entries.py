"""What staff enter by hand: money that a person has seen, and who really gave.

Of cash, a cheque or a wallet's own list, their word is the evidence. A donor is corrected with all
that follows: the plan's months, and the receipts that were wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.contacts import Contact, correct_contact
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Evidence, Gift
from portal.gifts.operations import lock_gift
from portal.gifts.queries import select_payments
from portal.i18n import gettext
from portal.jobs.promising import SendReceipt
from portal.money import Money
from portal.payments.operations import accept_for
from portal.payments.statements.booking import noon
from portal.payments.statements.decisions import correct_payers
from portal.receipts.composition import issue_day
from portal.receipts.declarations import follow_gifts
from portal.receipts.donor_numbers import bearer_of, follow_person
from portal.receipts.operations import correct_receipt, is_outdated
from portal.receipts.register import Receipt, find_receipt
from portal.services import Act

OLDEST = timedelta(days=731)


class WordRefused(Exception):
    """The word can't be booked so; the text is for the person who gave it, about one field."""

    def __init__(self, sentence: str, field: str = "amount") -> None:
        super().__init__(sentence)
        self.field = field


def receive_by_word(
    act: Act, gift_id: int, money: Money, day: date, *, why: str, once: str
) -> None:
    """Book money that `by` has seen arrive on `day`; `once` names the form it was said by.

    The same form again changes nothing. Raises `WordRefused` where nothing is due, or less.
    """
    gift = lock_gift(act.session, gift_id)
    subject = f"word:{gift.id}:{once}"
    if _find(act.session, gift, subject) is not None:
        return
    timezone = act.catalogue.home_of(gift).region.issuer.timezone
    _check_amount(money, gift)
    _check_day(day, issue_day(timezone, act.now).date())
    claim = Claim(
        fact=FactKind.PAID,
        subject=subject,
        occurred_at=noon(day, timezone),
        money=money,
        source=Source.PERSON,
        actor=act.actor,
        why=why,
    )
    accept_for(act, gift, [claim])


def _check_amount(money: Money, gift: Gift) -> None:
    if money.minor <= 0:
        raise WordRefused(gettext("Enter an amount above zero."))
    if money.currency != gift.currency or money.minor > gift.due.minor:
        raise WordRefused(gettext("Enter at most what is still due."))


def _check_day(day: date, today: date) -> None:
    """By the issuer's calendar, as the receipt's year is; a year long ago is a slip."""
    if day > today:
        raise WordRefused(gettext("Enter a day that has come."), "day")
    if day < today - OLDEST:
        raise WordRefused(gettext("Enter a day of the last two years."), "day")


def take_word_back(act: Act, gift_id: int, subject: str, *, why: str) -> None:
    """Withdraw what was booked by a word: the ledger is reversed, a receipt is cancelled."""
    gift = lock_gift(act.session, gift_id)
    said = _find(act.session, gift, subject)
    if said is None or said.amount_minor is None:
        raise WordRefused(gettext("There is nothing of this to take back."))
    claim = Claim(
        fact=FactKind.WITHDRAWN,
        subject=subject,
        occurred_at=act.now,
        money=Money(said.amount_minor, gift.currency),
        source=Source.PERSON,
        actor=act.actor,
        why=why,
    )
    accept_for(act, gift, [claim])


def list_words(session: Session, gift_id: int) -> Sequence[Evidence]:
    """What stands of a gift by somebody's word, oldest first."""
    by_word = select_payments(gift_id).where(Evidence.source == Source.PERSON.value)
    return session.scalars(by_word.order_by(Evidence.id)).all()


def _find(session: Session, gift: Gift, subject: str) -> Evidence | None:
    """The payment of this name, if it was booked by a word."""
    return session.scalar(
        sa.select(Evidence).where(
            Evidence.gift_id == gift.id,
            Evidence.subject == subject,
            Evidence.fact == FactKind.PAID.value,
            Evidence.source == Source.PERSON.value,
        )
    )


class ReceiptUndecided(Exception):
    """A receipt says what was corrected, and nobody said whether it stays or is replaced."""


class NothingCorrected(Exception):
    """What was called right is what is there."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """The gifts that changed, and the receipts that were numbered for it and are sent."""

    gifts: Sequence[Gift]
    receipts: Sequence[Receipt]


def correct_donor(
    act: Act, gift: Gift, right: Contact, *, why: str, replaces: bool | None
) -> Corrected:
    """Correct a locked gift and its plan's months; see `correct_contact` for `right`.

    Receipts whose face has a fault then are replaced or stay, as `replaces` says. A gift that
    had no receipt because nobody knew who gave gets its first. Raises `ReceiptUndecided` where
    `replaces` is None and it matters, and `NothingCorrected`; the caller then rolls back.
    """
    before, bearer = gift.email, bearer_of(gift)
    changed = correct_contact(act, gift, right, why=why)
    follow_gifts(act, changed, right)
    follow_person(act, bearer, gift)
    if gift.email != before:
        ids = [one.id for one in changed]
        correct_payers(act, ids, before=before, right=gift.email)
    concerned = list({one.id: one for one in (*changed, gift)}.values())
    outdated = [one for one in concerned if _is_outdated(act, one)]
    if outdated and replaces is None and right.keys() - {"email"}:
        raise ReceiptUndecided
    unreceipted = [one for one in changed if find_receipt(act.session, one.id) is None]
    receipts = []
    for one in (*unreceipted, *(outdated if replaces else ())):
        receipt = correct_receipt(act, one, act.catalogue.home_of(one).region)
        if receipt is not None:
            act.promise(SendReceipt(receipt.id))
            receipts.append(receipt)
    if not (changed or receipts):
        raise NothingCorrected
    return Corrected(changed, receipts)


def _is_outdated(act: Act, gift: Gift) -> bool:
    receipt = find_receipt(act.session, gift.id)
    return receipt is not None and is_outdated(receipt, gift, act.catalogue.home_of(gift).region)
