"""What the files of tax offices are made of: receipts, their gifts, and what became of these."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.clock import day_in
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Evidence, Gift
from portal.i18n import use_locale
from portal.receipts.donor_numbers import read_by_gift
from portal.receipts.register import Receipt, ReceiptGift
from portal.receipts.statutory import Export, Line
from portal.regions.catalogue import Issuer
from portal.regions.donor_numbers import PersonNature
from portal.regions.schemes import NumberKind, ReceiptField, SchemeClass
from portal.settings import Settings


def read_lines(
    session: Session, settings: Settings, export: Export, issuer: Issuer, years: Iterable[int]
) -> list[Line]:
    """The gifts on an issuer's receipts numbered in some years, in the order of their numbers.

    With those of donors' numbers that the file is for.
    """
    wanted = (
        sa.select(Receipt, Gift, ReceiptGift.amount_minor)
        .join(ReceiptGift, ReceiptGift.receipt_id == Receipt.id)
        .join(Gift, Gift.id == ReceiptGift.gift_id)
        .where(Receipt.issuer == issuer.key, Receipt.year.in_([*years]))
        .order_by(Receipt.year, Receipt.number, Gift.id)
    )
    rows = [(receipt, gift, minor) for receipt, gift, minor in session.execute(wanted)]
    back = _read_returned(session, [gift.id for _, gift, _ in rows if gift.refunded_minor])
    said = read_by_gift(session, settings, (gift for _, gift, _ in rows), export.numbers)
    return [
        _read_line(row, back.get(row[1].id, ()), said.get(row[1].id, {}), issuer) for row in rows
    ]


Returned = tuple[datetime, int]


def _read_returned(session: Session, gift_ids: Sequence[int]) -> dict[int, list[Returned]]:
    """When and how much of gifts went back, by gift."""
    found: dict[int, list[Returned]] = defaultdict(list)
    wanted = sa.select(Evidence.gift_id, Evidence.occurred_at, Evidence.amount_minor)
    kinds = (FactKind.REFUNDED, FactKind.DISPUTE_LOST)
    for gift_id, at, minor in session.execute(
        wanted.where(Evidence.gift_id.in_(gift_ids), Evidence.fact.in_(kinds))
    ):
        found[gift_id].append((at, minor or 0))
    return found


def _read_line(
    row: tuple[Receipt, Gift, int],
    back: Sequence[Returned],
    numbers: Mapping[NumberKind, str],
    issuer: Issuer,
) -> Line:
    one, gift, covered = row
    after = [(at, minor) for at, minor in back if at >= one.reserved_at]
    snapshot = one.snapshot
    received_on = None if one.gift_id is not None else gift.received_on
    return Line(
        label=one.label,
        name=snapshot["donor"]["name"],
        address=tuple(snapshot["donor"]["address"]),
        donor=gift.donor_id or "",
        minor=covered,
        currency=snapshot["currency"],
        received_on=received_on or date.fromisoformat(snapshot["received_on"]),
        issued_on=date.fromisoformat(snapshot["issued_on"]),
        mode=gift.mode,
        is_void=one.voided_at is not None,
        is_official=snapshot.get("class") == SchemeClass.OFFICIAL,
        returned_minor=sum(minor for _, minor in after),
        returned_on=max((day_in(issuer.timezone, at) for at, _ in after), default=None),
        shown=_read_shown(one),
        numbers=numbers,
    )


def _read_shown(one: Receipt) -> dict[ReceiptField, str]:
    """What a receipt shows, its own words for kinds of numbers and persons in English."""
    shown = {ReceiptField(row["name"]): row["value"] for row in one.snapshot.get("shown", ())}
    with use_locale(one.snapshot["locale"]):
        words = {word.label: word.said for word in (*NumberKind, *PersonNature)}
    for name in {ReceiptField.ID_TYPE, ReceiptField.PERSON_NATURE} & {*shown}:
        shown[name] = words.get(shown[name], shown[name])
    return shown
