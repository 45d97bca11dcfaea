"""The one way in: every piece of evidence about money is booked by `accept`.

One transaction stores the evidence, posts the ledger, derives the status, reserves the
receipt's number and promises the mail. Repeating it, in any order, changes nothing more.
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.terms import Frequency, Pledge
from portal.database import table_of
from portal.donors import DonorDetails
from portal.driver import ask, pipelined
from portal.gifts.evidence import Claim, Provider
from portal.gifts.lifecycle import RECEIVED, EventKind, FactKind, Status
from portal.gifts.models import Gift
from portal.gifts.operations import Booked, add_gift, book_claims, lock_gift, record_event
from portal.jobs.promising import SendLetter, SendReceipt
from portal.mail.outbox import Email, LetterKind
from portal.money import Money
from portal.payments.models import Checkout, CheckoutState
from portal.receipts.actions import (
    RETURN_ABOVE_MINOR,
    RETURN_COUNTRY,
    ActionKind,
    open_action,
)
from portal.receipts.operations import keep_receipt, reserve_receipt
from portal.receipts.planning import GONE_BACK
from portal.receipts.register import Receipt, ReceiptGift, covers
from portal.regions.catalogue import ReceiptRule, Region
from portal.services import Act, Services


class MoneyDiffers(Exception):
    """What was paid is not what the gift promised: in currency, or in what was asked for."""


def accept(act: Act, gift_id: int, claims: Sequence[Claim]) -> Booked:
    """Book claims about a gift; `MoneyDiffers` where a payment is not the one promised."""
    return accept_for(act, lock_gift(act.session, gift_id), claims)


def accept_for(act: Act, gift: Gift, claims: Sequence[Claim], *, is_first: bool = False) -> Booked:
    """The same for a gift whose row this transaction has locked.

    `is_first` where it was seen, since then, that nothing is claimed of it and that it never had
    a receipt: neither is looked for then.
    """
    check_money(gift, claims)
    home = act.catalogue.home_of(gift).region
    with pipelined(act.session):
        booked = book_claims(act, gift, claims, timezone=home.issuer.timezone, is_first=is_first)
        if booked.moves_money_in:
            _keep_receipt(act, booked, home, is_first=is_first)
        for claim in booked.new:
            _promise_letter(act, gift, claim)
    return booked


def check_money(gift: Gift, claims: Sequence[Claim]) -> None:
    """`MoneyDiffers` where a payment is not the one that a gift promised."""
    for claim in claims:
        if claim.fact is FactKind.PAID and not _fits(claim, gift):
            raise MoneyDiffers(f"{claim.money} for {gift.money}")


def _fits(claim: Claim, gift: Gift) -> bool:
    """A provider takes what it was asked for; a bank's line may be a part, or more."""
    if claim.is_asked_for:
        return claim.money == gift.money
    return claim.money is not None and claim.money.currency == gift.currency


def _keep_receipt(act: Act, booked: Booked, region: Region, *, is_first: bool) -> None:
    gift = booked.gift
    kept = keep_receipt(act, gift, region, is_first=is_first)
    if kept.numbered is not None:
        act.promise(SendReceipt(kept.numbered.id))
    elif kept.is_thanked and gift.email:
        act.promise(SendLetter(LetterKind.GIFT_THANKS, gift.id, "first"))
    elif kept.cancelled is not None and gift.email and _was_sent(act.session, kept.cancelled):
        about = next(claim.name for claim in booked.new)
        act.promise(SendLetter(LetterKind.RECEIPT_CANCELLED, gift.id, about))
    if kept.standing is not None:
        for kind in _list_actions(booked, region, is_undecided=kept.is_undecided):
            open_action(act, kept.standing, gift.id, kind)


# Why a receipt that stands needs a person, by what was booked.
ACTIONS = {
    FactKind.REFUNDED: ActionKind.REFUNDED,
    FactKind.DISPUTE_LOST: ActionKind.DISPUTED,
    FactKind.WITHDRAWN: ActionKind.UNDONE,
}


def _list_actions(booked: Booked, region: Region, *, is_undecided: bool) -> Iterator[ActionKind]:
    facts = [claim.fact for claim in booked.new if claim.fact in ACTIONS]
    yield from (ACTIONS[fact] for fact in facts)
    if is_undecided and not facts:
        yield ActionKind.AMOUNT
    if region.issuer.country == RETURN_COUNTRY and any(map(_needs_return, booked.new)):
        yield ActionKind.RETURN


def _needs_return(claim: Claim) -> bool:
    is_back = claim.fact in {FactKind.REFUNDED, FactKind.DISPUTE_LOST}
    return is_back and claim.money is not None and claim.money.minor > RETURN_ABOVE_MINOR


def _was_sent(session: Session, receipt: Receipt) -> bool:
    """Whether the letter with a receipt was at least about to go."""
    return ask(session, _LETTER, {"wanted": f"receipt-{receipt.id}"}).first() is not None


_EMAILS = table_of(Email).c
_LETTER = sa.select(_EMAILS.id).where(_EMAILS.key == sa.bindparam("wanted"))

# The facts a donor is written to about, each by its own letter.
LETTERS = {
    FactKind.PROCESSING: LetterKind.PAYMENT_PROCESSING,
    FactKind.FAILED: LetterKind.PAYMENT_FAILED,
    FactKind.REFUNDED: LetterKind.REFUND_MADE,
    FactKind.DISPUTE_LOST: LetterKind.PAYMENT_RETURNED,
}


def _promise_letter(act: Act, gift: Gift, claim: Claim) -> None:
    is_part = claim.fact is FactKind.PAID and gift.status is Status.PARTLY_PAID
    letter = LetterKind.PART_RECEIVED if is_part else LETTERS.get(claim.fact)
    is_moot = claim.fact is FactKind.FAILED and gift.status is not Status.FAILED
    if letter and gift.email and not is_moot:
        act.promise(SendLetter(letter, gift.id, claim.name))


def accept_unattributed(
    act: Act, claim: Claim, *, why: str, beside: Gift | None, region: str = "", mode: str = "card"
) -> Booked:
    """Book money that no gift promised as a gift without a donor, so that none is dropped.

    `beside` is the gift it came with and did not fit; without one, `region` and `mode` say
    where and how it came, and the region's first open fund gets it.
    """
    if claim.money is None:
        raise ValueError("only money can be unattributed")
    origin = f"unattributed:{claim.name}"
    gift = act.session.scalar(sa.select(Gift).where(Gift.origin == origin))
    if gift is None:
        place = act.catalogue.issuing(region)
        pledge = Pledge(
            given=claim.money,
            cover=Money(0, claim.money.currency),
            region=beside.region if beside else place.slug,
            fund=beside.fund if beside else place.open_funds[0].key,
            mode=beside.mode if beside else mode,
            frequency=Frequency.ONCE,
            code=None,
        )
        nobody = DonorDetails(first_name="", last_name="", email="")
        gift = add_gift(
            act,
            pledge,
            nobody,
            donor_id=None,
            partner=None,
            origin=origin,
            is_unattributed=True,
        )
        record_event(act, gift, EventKind.UNATTRIBUTED, actor="system", why=why)
        if beside is not None:
            data = {"unattributed": gift.reference}
            record_event(act, beside, EventKind.MONEY_DIFFERS, actor="system", why=why, data=data)
    return accept(act, gift.id, [claim])


_CHECKOUTS = table_of(Checkout)
_THIS = (
    _CHECKOUTS.c.provider == sa.bindparam("of"),
    _CHECKOUTS.c.stripe_session_id == sa.bindparam("named"),
)
_HANDED_OFF = sa.select(_CHECKOUTS.c.gift_id).where(*_THIS)
_CLOSE = (
    sa.update(_CHECKOUTS)
    .where(*_THIS, _CHECKOUTS.c.state != CheckoutState.COMPLETE)
    .values(state=sa.bindparam("left"))
)


def find_handed_off(session: Session, provider: Provider, session_ids: Sequence[str]) -> int | None:
    """The gift of a provider's hand-offs, by the ids that it gave them."""
    ids = [{"of": provider, "named": named} for named in session_ids]
    found = ask(session, _HANDED_OFF, *ids).first() if ids else None
    return None if found is None else found[0]


def close_checkouts(
    session: Session, provider: Provider, session_ids: Sequence[str], state: CheckoutState
) -> None:
    """Keep how a provider's hand-offs stand now; one that is complete stays so."""
    ids = [{"of": provider, "named": named, "left": state} for named in session_ids]
    if ids:
        ask(session, _CLOSE, *ids)


def issue_missing_receipts(services: Services) -> int:
    """Number the receipts of received gifts that have none; how many there were."""
    with services.database.read() as session:
        missing = session.scalars(
            sa.select(Gift.id)
            .outerjoin(ReceiptGift, covers(Gift.id))
            .where(
                Gift.received_at.is_not(None),
                Gift.status.in_(RECEIVED - GONE_BACK),
                Gift.email != "",
                ReceiptGift.gift_id.is_(None),
            )
        ).all()
    return sum(_issue_missing(services, gift_id) for gift_id in missing)


def _issue_missing(services: Services, gift_id: int) -> bool:
    """Whether a gift got its number; where donors get one receipt a year it waits for that."""
    with services.write() as act:
        gift = lock_gift(act.session, gift_id)
        region = act.catalogue.home_of(gift).region
        is_yearly = region.receipts is ReceiptRule.YEARLY
        receipt = None if is_yearly else reserve_receipt(act, gift, region)
        if receipt is not None:
            act.promise(SendReceipt(receipt.id))
    return receipt is not None
