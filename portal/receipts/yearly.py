"""A donor's receipt of a year: one over all gifts that came within it and are on none that stands.

A gift is of the tax year of its region in which the last of it came, where its issuer is: one that
was paid in parts over two years is on the later one's receipt, once and whole. What went back
before is not on it. A tax year is called by the calendar's in which it ends.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Document
from portal.donors import DONOR_ADDRESSES, Donor
from portal.gifts.models import Gift
from portal.i18n import gettext, pick, use_locale
from portal.money import Money
from portal.receipts.actions import close_actions_of
from portal.receipts.composition import (
    compose_snapshot,
    issue_day,
    write_day,
    write_money,
)
from portal.receipts.donor_numbers import find_receiver
from portal.receipts.operations import next_number, number_fields, reserve_receipt, void_receipt
from portal.receipts.planning import Issue, Reason, Receiver, plan_receipt, receiver_of
from portal.receipts.register import (
    Receipt,
    ReceiptGift,
    covers,
    find_particulars,
    write_label,
)
from portal.regions.catalogue import Catalogue, Issuer, Region
from portal.services import Act

AT_ONCE = 1_000


def list_regions_of(catalogue: Catalogue, issuer: str) -> dict[str, Region]:
    """The regions whose gifts an issuer receives, by slug, those that were taken out too."""
    known = {**catalogue.former, **catalogue.regions}
    return {slug: region for slug, region in known.items() if region.issuer.key == issuer}


def find_issuer(catalogue: Catalogue, key: str) -> Issuer:
    """An issuer by its key; `LookupError` where no region has it."""
    regions = list_regions_of(catalogue, key)
    if not regions:
        raise LookupError(key)
    return next(iter(regions.values())).issuer


def find_span(catalogue: Catalogue, issuer: str, year: int) -> tuple[date, date]:
    """The first and the last day of the tax year that ends in this one, where an issuer is."""
    spans = [one.tax_year(year) for one in list_regions_of(catalogue, issuer).values()]
    return min(first for first, _ in spans), max(last for _, last in spans)


@dataclass(frozen=True, slots=True)
class Share:
    """Gifts of one donor that one receipt is for, oldest first; `why` not, where there is none."""

    gifts: tuple[Gift, ...]
    why: Reason | None = None

    @property
    def lead(self) -> Gift:
        """The newest, which knows its donor best."""
        return self.gifts[-1]

    @property
    def money(self) -> Money:
        """What is left of all."""
        return Money(sum(map(left_of, self.gifts)), self.lead.currency)


def left_of(gift: Gift) -> int:
    """What came for a gift and did not go back, in minor units."""
    return max(gift.paid_minor - gift.refunded_minor, 0)


def list_shares(
    session: Session, catalogue: Catalogue, issuer: str, year: int, *, is_each: bool = False
) -> Iterator[Share]:
    """What an issuer's receipts of a year are to be, donor by donor, and what gets none and why.

    Donors are told apart by who they are, the name they gave under and the currency; with
    `is_each` each gift is alone. Read as a stream, so that memory stays flat.
    """
    regions = list_regions_of(catalogue, issuer)
    rows = session.execute(_select_open(regions, year).execution_options(yield_per=AT_ONCE))
    for _, group in groupby(rows, key=lambda row: row.Gift.id if is_each else tuple(row[1:])):
        gifts = [row.Gift for row in group]
        yield from _divide(gifts, regions)
        # One by one: to forget all would break the stream off where its next block begins.
        for gift in gifts:
            session.expunge(gift)


def _select_open(regions: dict[str, Region], year: int) -> sa.Select[Any]:
    """Gifts of a year that no standing receipt covers, one donor's together, oldest first."""
    address = sa.func.coalesce(Donor.email, Gift.email)
    account = sa.cast(DONOR_ADDRESSES.c.account_id, sa.String)
    nameless = sa.literal("n") + Gift.postal_code + "|" + Gift.address_line1
    person = sa.case(
        (account.is_not(None), sa.literal("a") + account),
        (address != "", sa.literal("e") + address),
        (Gift.address_line1 != "", nameless),
        else_=sa.literal("g") + sa.cast(Gift.id, sa.String),
    )
    is_theirs = sa.and_(
        DONOR_ADDRESSES.c.email == address, DONOR_ADDRESSES.c.proven_at.is_not(None)
    )
    return (
        sa.select(Gift, person.label("person"), Gift.search_name, Gift.currency)
        .outerjoin(Donor, Donor.id == Gift.donor_id)
        .outerjoin(DONOR_ADDRESSES, sa.and_(address != "", is_theirs))
        .outerjoin(ReceiptGift, covers(Gift.id))
        .where(
            sa.or_(*(_came_within(region, year) for region in regions.values())),
            Gift.paid_minor > 0,
            ReceiptGift.gift_id.is_(None),
        )
        .order_by(sa.text("person"), Gift.search_name, Gift.currency, Gift.received_on, Gift.id)
    )


def _came_within(region: Region, year: int) -> sa.ColumnElement[bool]:
    return sa.and_(Gift.region == region.slug, Gift.received_on.between(*region.tax_year(year)))


def _divide(gifts: Sequence[Gift], regions: dict[str, Region]) -> Iterator[Share]:
    """The gifts of one donor that fit one receipt each scheme, and those that fit none."""
    fit: dict[str, list[Gift]] = {}
    for gift in gifts:
        region = regions[gift.region]
        why = find_obstacle([gift], region)
        # What was given in kind, or came back in return, has a page of its own.
        if why is not None or gift.has_particulars:
            yield Share((gift,), why)
        else:
            fit.setdefault(region.receipt.key, []).append(gift)
    for together in fit.values():
        yield Share(tuple(together))


def find_obstacle(gifts: Sequence[Gift], region: Region) -> Reason | None:
    """What keeps gifts from a receipt, by the newest one's donor."""
    lead = gifts[-1]
    day = lead.received_on or lead.created_at.date()
    plan = plan_receipt(gifts, receiver_of(lead), region.issuer, region.receipt, day)
    return None if isinstance(plan, Issue) else plan.reason


def _plan(act: Act, gifts: Sequence[Gift], region: Region) -> Issue | None:
    """The best document that gifts may have together: an official receipt, or a letter.

    It is for what is left of them, by either.
    """
    day = issue_day(region.issuer.timezone, act.now).date()
    said = {one.id: found for one in gifts if (found := find_particulars(act.session, one))}
    donor = _find_donor(act, gifts[-1], region)
    left = Money(sum(map(left_of, gifts)), gifts[-1].currency)
    for scheme in filter(None, (region.official_on(day), region.receipt)):
        plan = plan_receipt(gifts, donor, region.issuer, scheme, day, particulars=said)
        if isinstance(plan, Issue) and plan.advantage < left:
            none = Money(0, left.currency)
            return replace(plan, amount=left, eligible=left - plan.advantage, returned=none)
    return None


def _find_donor(act: Act, lead: Gift, region: Region) -> Receiver:
    return find_receiver(act.session, act.services.settings, lead, region, act.now)


def issue_yearly(act: Act, gift_ids: Iterable[int], *, replaces: str = "") -> Receipt | None:
    """One receipt over gifts of one donor, numbered in this transaction; None where none is due.

    The gifts are held and looked at again: those that went back, are disputed or are on a receipt
    since are left out.
    """
    gifts = [one for one in _hold_open(act.session, gift_ids) if not _is_unfit(act, one)]
    due = _plan(act, gifts, act.catalogue.home_of(gifts[-1]).region) if gifts else None
    if due is None:
        return None
    receipt = _number_many(act, gifts, due, replaces)
    rows = [
        {
            "receipt_id": receipt.id,
            "gift_id": gift.id,
            "amount_minor": left_of(gift),
            "stands": True,
        }
        for gift in gifts
    ]
    act.session.execute(sa.insert(ReceiptGift), rows)
    return receipt


def _number_many(act: Act, gifts: Sequence[Gift], due: Issue, replaces: str) -> Receipt:
    issuer = act.catalogue.home_of(gifts[-1]).region.issuer
    year = issue_day(issuer.timezone, act.now).year
    series = due.scheme.series
    number = next_number(act.session, issuer.key, year, series)
    label = write_label(year, number, series)
    receipt = Receipt(
        issuer=issuer.key,
        year=year,
        number=number,
        series=series,
        gift_id=None,
        snapshot=compose_yearly(act, gifts, due, replaces) | number_fields(act, issuer.key, label),
        locale=gifts[-1].locale,
        reserved_at=act.now,
    )
    act.session.add(receipt)
    act.session.flush()
    return receipt


def _hold_open(session: Session, gift_ids: Iterable[int]) -> Sequence[Gift]:
    """Gifts that are on no receipt that stands, held in one order by everybody."""
    wanted = sorted(gift_ids)
    held = sa.select(Gift).where(Gift.id.in_(wanted)).order_by(Gift.id).with_for_update()
    gifts = session.scalars(held).all()
    covered = sa.select(ReceiptGift.gift_id).where(ReceiptGift.gift_id.in_(wanted))
    taken = set(session.scalars(covered.where(ReceiptGift.stands)))
    left = [gift for gift in gifts if gift.id not in taken]
    return sorted(left, key=lambda one: (one.received_on or date.max, one.id))


def _is_unfit(act: Act, gift: Gift) -> bool:
    return find_obstacle([gift], act.catalogue.home_of(gift).region) is not None


def compose_yearly(act: Act, gifts: Sequence[Gift], due: Issue, replaces: str) -> Document:
    """All that a receipt over several gifts of one donor says; its number comes later."""
    lead = gifts[-1]
    region = act.catalogue.home_of(lead).region
    locale = due.scheme.speech or lead.locale
    said = find_particulars(act.session, lead) if len(gifts) == 1 else None
    days = [gift.received_on for gift in gifts if gift.received_on is not None]
    with use_locale(locale):
        period = _write_period(act, min(days), max(days), region, locale)
    return {
        **compose_snapshot(
            lead,
            region,
            act.now,
            replaces,
            issue=due,
            donor=_find_donor(act, lead, region),
            particulars=said,
        ),
        "cover_minor": 0,
        "cover": "",
        "fund": "",
        "mode": "",
        "frequency": "",
        "reference": "",
        "dedication": "",
        "received_on": max(days).isoformat(),
        "received": period,
        "gifts": [_compose_gift(act, gift, locale) for gift in gifts],
    }


def _write_period(act: Act, first: date, last: date, region: Region, locale: str) -> str:
    zone = region.issuer.timezone
    written = [write_day(_at_noon(day, act, zone), locale) for day in (first, last)]
    if first == last:
        return written[0]
    return gettext("%(first)s to %(last)s", first=written[0], last=written[1])


def _at_noon(day: date, act: Act, zone: str) -> Any:
    moment = issue_day(zone, act.now)
    return moment.replace(year=day.year, month=day.month, day=day.day, hour=12)


def _compose_gift(act: Act, gift: Gift, locale: str) -> Document:
    region = act.catalogue.home_of(gift).region
    fund = region.fund(gift.fund)
    left = Money(left_of(gift), gift.currency)
    day = gift.received_on or issue_day(region.issuer.timezone, act.now).date()
    return {
        "reference": gift.reference,
        "received_on": day.isoformat(),
        "received": write_day(_at_noon(day, act, region.issuer.timezone), locale),
        "fund": pick(fund.names, locale) if fund else gift.fund,
        "amount_minor": left.minor,
        "amount": write_money(left, locale),
    }


def hold_receipt(session: Session, receipt_id: int) -> Receipt | None:
    """A receipt held with its gifts, which bookings hold first: so neither waits for the other."""
    own = sa.select(ReceiptGift.gift_id).where(ReceiptGift.receipt_id == receipt_id)
    gifts = sa.select(Gift).where(Gift.id.in_(own)).order_by(Gift.id).with_for_update()
    session.scalars(gifts).all()
    return session.get(Receipt, receipt_id, with_for_update=True, populate_existing=True)


def replace_receipt(act: Act, receipt: Receipt, reason: str) -> Receipt | None:
    """Cancel a receipt and issue another over the gifts it covers, as they are now.

    None where nothing of them can be receipted: then it is only cancelled.
    """
    covered = sa.select(ReceiptGift.gift_id).where(ReceiptGift.receipt_id == receipt.id)
    gift_ids = act.session.scalars(covered).all()
    void_receipt(act, receipt, reason)
    close_actions_of(act, receipt, reason)
    if receipt.gift_id is None:
        return issue_yearly(act, gift_ids, replaces=receipt.label)
    gift = act.session.get_one(Gift, receipt.gift_id)
    is_due = gift.status.is_received and gift.paid_minor > 0
    region = act.catalogue.home_of(gift).region
    return reserve_receipt(act, gift, region) if is_due else None
