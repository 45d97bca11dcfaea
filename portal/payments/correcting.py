"""Correcting a donor with all that follows: the plan's months, and the receipts that were wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

from portal.gifts.contacts import Contact, correct_contact
from portal.gifts.models import Gift
from portal.jobs.promising import SendReceipt
from portal.payments.statements.decisions import correct_payers
from portal.receipts.operations import correct_receipt, is_outdated
from portal.receipts.register import Receipt, find_receipt
from portal.services import Act


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
    before = gift.email
    changed = correct_contact(act, gift, right, why=why)
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
