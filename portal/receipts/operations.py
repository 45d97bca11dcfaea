"""Writing receipts: a number with its snapshot, keeping it true, and cancelling one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from portal.database import Document, table_of
from portal.driver import add, ask, count_up, hold
from portal.gifts.models import Gift
from portal.i18n import gettext, use_locale
from portal.jobs.promising import SendReceipt
from portal.receipts.actions import ActionKind, is_locked, open_action
from portal.receipts.composition import (
    address_lines,
    compose_snapshot,
    issue_day,
)
from portal.receipts.donor_numbers import OF_NUMBERS, Bearer, find_receiver, list_others
from portal.receipts.planning import Decision, Issue, Reason, Receiver, Refuse, decide_receipt
from portal.receipts.register import (
    GiftParticulars,
    Receipt,
    ReceiptSeries,
    find_particulars,
    find_receipt,
    find_receipts,
    say_how_to_verify,
    write_label,
)
from portal.regions.catalogue import ReceiptRule, Region
from portal.services import Act


def reserve_receipt(act: Act, gift: Gift, region: Region) -> Receipt | None:
    """The gift's receipt, numbered in this transaction if it has none that stands.

    None where none is due (`portal.receipts.planning`). The number is the next of the issuer's
    series for the year of issue in the issuer's own zone; undone with the transaction, so
    that the series has no gaps. It replaces one of this gift's that was cancelled.
    """
    standing, cancelled = find_receipts(act.session, gift.id)
    if standing is not None:
        return standing
    due = _decide(act, gift, region)
    if due is None:
        return None
    return _number(act, gift, region, due, replaces=cancelled.label if cancelled else "")


@dataclass(frozen=True, slots=True)
class _Due:
    """What was decided for a gift, and what it was decided by."""

    issue: Issue
    particulars: GiftParticulars | None
    donor: Receiver


def _decide(act: Act, gift: Gift, region: Region) -> _Due | None:
    particulars = find_particulars(act.session, gift)
    donor = find_receiver(act.session, act.services.settings, gift, region, act.now)
    plan = decide_now(gift, region, act.now, particulars, donor).plan
    return _Due(plan, particulars, donor) if isinstance(plan, Issue) else None


def decide_now(
    gift: Gift,
    region: Region,
    now: datetime,
    particulars: GiftParticulars | None,
    donor: Receiver | None = None,
) -> Decision:
    """What becomes of a gift's document on the day that is now where its issuer is."""
    day = issue_day(region.issuer.timezone, now).date()
    return decide_receipt(gift, region, day, particulars=particulars, donor=donor)


def _number(act: Act, gift: Gift, region: Region, due: _Due, *, replaces: str) -> Receipt:
    issuer, year = region.issuer, issue_day(region.issuer.timezone, act.now).year
    series = due.issue.scheme.series
    number = next_number(act.session, issuer.key, year, series)
    said = compose_snapshot(
        gift,
        region,
        act.now,
        replaces,
        issue=due.issue,
        donor=due.donor,
        particulars=due.particulars,
    )
    return _add(
        act.session,
        {
            "issuer": issuer.key,
            "year": year,
            "series": series,
            "number": number,
            "gift_id": gift.id,
            "snapshot": said | number_fields(act, issuer.key, write_label(year, number, series)),
            "locale": gift.locale,
            "reserved_at": act.now,
            "voided_at": None,
            "void_reason": "",
        },
    )


def number_fields(act: Act, issuer: str, label: str) -> Document:
    """What a snapshot says by its number."""
    return {"number": label, **say_how_to_verify(act.services.settings, issuer, label)}


def _add(session: Session, row: Document) -> Receipt:
    """The row as an object of this session, without the unit of work's cost."""
    ((receipt_id,),) = add(session, Receipt, row, returning="id").rows()
    return hold(session, Receipt, {"id": receipt_id, **row})


def next_number(session: Session, issuer: str, year: int, series: str) -> int:
    """The next of a series; the row stays locked until the transaction ends."""
    first = {"issuer": issuer, "year": year, "series": series, "last_number": 1}
    return count_up(session, ReceiptSeries, "last_number", first)


@dataclass(frozen=True, slots=True)
class Kept:
    """What keeping a gift's receipts true did: a receipt to send, and one that was cancelled.

    `standing` is one that was left as it is, `is_undecided` where it says what is no longer so;
    `is_thanked` where the gift came now and its receipt comes at the end of its year.
    """

    numbered: Receipt | None = None
    cancelled: Receipt | None = None
    standing: Receipt | None = None
    is_undecided: bool = False
    is_thanked: bool = False


def keep_receipt(act: Act, gift: Gift, region: Region, *, is_first: bool = False) -> Kept:
    """Let the receipt that stands say what was received, and let none stand for nothing.

    A wrong amount spoils a receipt: it is cancelled, and another one replaces it as soon as one is
    due. What goes back later is no wrong amount: its copies are marked. `is_first` where it was
    seen, since the gift was locked, that it never had one.
    """
    standing, cancelled = (None, None) if is_first else find_receipts(act.session, gift.id)
    is_due = is_received(gift)
    if standing is None and region.receipts is ReceiptRule.YEARLY:
        return Kept(is_thanked=is_due)
    if standing is not None and is_due and _says_right(standing, gift):
        return Kept(standing=standing)
    if standing is not None and (standing.gift_id is None or is_locked(act.session, standing)):
        return Kept(standing=standing, is_undecided=True)
    due = _decide(act, gift, region)
    if standing is None:
        label = cancelled.label if cancelled else ""
        return Kept(_number(act, gift, region, due, replaces=label) if due else None)
    with use_locale(standing.locale):
        reason = gettext(REPLACED if due else TAKEN_BACK)
    void_receipt(act, standing, reason)
    if due is None:
        return Kept(cancelled=standing)
    return Kept(_number(act, gift, region, due, replaces=standing.label), standing)


def is_received(gift: Gift) -> bool:
    """Whether money of somebody who is known came, and stays or has gone back since."""
    return gift.status.is_received and gift.paid_minor > 0 and bool(gift.name)


def _says_right(receipt: Receipt, gift: Gift) -> bool:
    """Whether the amount is what came, less no more than what really went back.

    A receipt of many gifts says what was left of each.
    """
    if receipt.gift_id is not None:
        whole = receipt.money + receipt.returned
        return whole == gift.received and receipt.returned <= gift.refunded
    said = {one["reference"]: one["amount_minor"] for one in receipt.snapshot["gifts"]}
    return bool(said.get(gift.reference) == gift.paid_minor - gift.refunded_minor)


REPLACED = "Another amount was received; a new document replaces it."
TAKEN_BACK = "The payment it acknowledged was not for this gift, or was returned."


def void_receipt(act: Act, receipt: Receipt, reason: str) -> None:
    """Cancel a receipt; it keeps its number, snapshot and document for ever."""
    if receipt.voided_at is None:
        void = {"voided_at": act.now, "void_reason": reason}
        ask(act.session, _VOID, {"wanted": receipt.id, **void})
        for name, value in void.items():
            set_committed_value(receipt, name, value)


_RECEIPTS = table_of(Receipt)
_VOID = (
    sa.update(_RECEIPTS)
    .where(_RECEIPTS.c.id == sa.bindparam("wanted"))
    .values(voided_at=sa.bindparam("voided_at"), void_reason=sa.bindparam("void_reason"))
)


CORRECTED = "What it says of the donor was corrected; a new document replaces it."


def is_outdated(receipt: Receipt, gift: Gift, region: Region) -> bool:
    """Whether the face says something else of the donor, or in another language, than the gift."""
    right = {"name": gift.name, "address": address_lines(gift, region.issuer.country)}
    return receipt.locale != gift.locale or receipt.snapshot["donor"] != right


def correct_receipt(
    act: Act, gift: Gift, region: Region, *, is_restated: bool = False
) -> Receipt | None:
    """The number a corrected donor gets: a first one, or one in place of an outdated receipt.

    The gift must be locked. None where none is due, or the face has no fault; `is_restated`
    where something else that it says of the gift has changed. A receipt of many gifts, or in a
    locked period, is left to finance.
    """
    due = _decide(act, gift, region)
    if due is None:
        return None
    standing = find_receipt(act.session, gift.id)
    if standing is not None:
        if not (is_restated or is_outdated(standing, gift, region)):
            return None
        if standing.gift_id is None or is_locked(act.session, standing):
            open_action(act, standing, gift.id, ActionKind.DONOR)
            return None
        with use_locale(standing.locale):
            void_receipt(act, standing, gettext(RESTATED if is_restated else CORRECTED))
    elif region.receipts is ReceiptRule.YEARLY:
        return None
    return reserve_receipt(act, gift, region)


RESTATED = "What it says of the gift was corrected; a new document replaces it."
LEFT_NONE = "What was received in return leaves no gift to acknowledge."


def state_particulars(
    act: Act, gift: Gift, region: Region, said: Mapping[str, object]
) -> Receipt | None:
    """Keep what staff said of a locked gift, and let its receipt say it too.

    `said` has the columns of `GiftParticulars`. The receipt that stands is cancelled and replaced,
    whose number comes back; None where it has none, or none any more.
    """
    row = {**said, "changed_at": act.now}
    kept = find_particulars(act.session, gift)
    if kept is None:
        act.session.add(GiftParticulars(gift_id=gift.id, **row))
        gift.has_particulars = True
    else:
        for name, value in row.items():
            setattr(kept, name, value)
    act.session.flush()
    standing = find_receipt(act.session, gift.id)
    if standing is None:
        return None
    plan = decide_now(gift, region, act.now, find_particulars(act.session, gift)).plan
    if isinstance(plan, Refuse) and plan.reason is Reason.ADVANTAGE_TOO_HIGH:
        with use_locale(standing.locale):
            void_receipt(act, standing, gettext(LEFT_NONE))
    return correct_receipt(act, gift, region, is_restated=True)


def state_numbers(act: Act, bearer: Bearer) -> list[Receipt]:
    """Let receipts say the numbers that a donor has said now; the new ones, which are sent.

    Those of gifts of this year and the last that lacked them, or say others: donors settle no
    earlier year's tax any more. A receipt of many gifts, or in a locked period, is finance's.
    """
    own = sa.or_(Gift.donor_id == bearer.donor_id, Gift.donor_id.in_(list_others(bearer.donor_id)))
    since = date(act.now.year - 1, 1, 1)
    wanted = sa.select(Gift).where(own, Gift.search_name == bearer.name, Gift.received_on >= since)
    gifts = act.session.scalars(wanted.order_by(Gift.id).with_for_update()).all()
    stated = [receipt for gift in gifts if (receipt := _state_numbers(act, gift)) is not None]
    for receipt in stated:
        act.promise(SendReceipt(receipt.id))
    return stated


def _state_numbers(act: Act, gift: Gift) -> Receipt | None:
    region = act.catalogue.home_of(gift).region
    due = _decide(act, gift, region)
    if due is None or not (due.issue.scheme.is_official and due.issue.scheme.donor_numbers):
        return None
    standing = find_receipt(act.session, gift.id)
    if standing is not None and _says_numbers(standing, due):
        return None
    return correct_receipt(act, gift, region, is_restated=True)


def _says_numbers(receipt: Receipt, due: _Due) -> bool:
    scheme = due.issue.scheme
    shown = {row["name"]: row["value"] for row in receipt.snapshot["shown"]}
    own = (name for name in scheme.fields if name in OF_NUMBERS)
    return receipt.snapshot["scheme"] == scheme.key and all(
        shown.get(name, "") == due.donor.value(name) for name in own
    )
