"""The rows of the gift list, ready to be put into its page.

Two thirds of the page's time went into formatting row by row what most rows have in common, so
here each amount, status and address is made once.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flask import url_for
from markupsafe import Markup

from portal.i18n import current_locale, gettext
from portal.money import Money, format_money
from portal.plain import full_name
from portal.records.listing import ListedGift
from portal.staff.labels import Names
from portal.staff.pieces import show_status, show_time


class ShownGift(NamedTuple):
    """One row, in the order that `staff/gifts.html` unpacks it; empty text where there is none."""

    reference: str
    address: str
    is_monthly: bool
    started: Markup
    name: str
    email: str
    region: str
    fund: str
    mode: str
    code: str
    status: Markup
    amount: str
    refunded: str


def show_rows(rows: Sequence[ListedGift], timezone: str, names: Names) -> Iterator[ShownGift]:
    """Gifts as `portal.records.listing` lists them, with their times in a zone."""
    say_amount = _Amounts(current_locale())
    begin, unknown = _begin_addresses(), gettext("Unknown")
    for row in rows:
        currency = row.currency
        yield ShownGift(
            reference=row.reference,
            address=begin + row.reference,
            is_monthly=row.frequency == "monthly",
            started=show_time(row.created_at, timezone),
            name=full_name(row.first_name, row.last_name) or unknown,
            email=row.email,
            region=names.regions.get(row.region, row.region),
            fund=names.funds.get(row.fund, row.fund),
            mode=names.mode(row.region, row.mode),
            code=row.code or "",
            status=show_status(row.status),
            amount=say_amount[row.amount_minor, currency],
            refunded=say_amount[row.refunded_minor, currency] if row.refunded_minor else "",
        )


class _Amounts(dict[tuple[int, str], str]):
    """Amounts as a reader of the locale writes them, each made when it is first asked for."""

    def __init__(self, locale: str) -> None:
        super().__init__()
        self.locale = locale

    def __missing__(self, key: tuple[int, str]) -> str:
        self[key] = said = format_money(Money(*key), self.locale)
        return said


def _begin_addresses() -> str:
    """What the address of each gift begins with; references have no sign that addresses escape."""
    return url_for("staff.gift", reference="_").removesuffix("_")
