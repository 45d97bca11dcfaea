"""One person's year: every payment that came and all that went back, by issuer and currency.

A year is the calendar's where the issuer is, and a payment is of the day on which it came: a gift
that was paid in parts over two years stands in both. Pure but for the reading.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from babel.dates import format_date
from sqlalchemy.orm import Session

from portal.database import Document
from portal.donors import Own
from portal.gifts.lifecycle import Fact, FactKind
from portal.gifts.models import Evidence, Gift
from portal.gifts.queries import is_own
from portal.i18n import current_locale, direction, gettext, language, pick
from portal.money import Money, format_coded
from portal.receipts.composition import DEFAULT_ACCENT
from portal.receipts.register import Receipt, ReceiptGift
from portal.regions.catalogue import Catalogue, Issuer

MOVING = (
    FactKind.PAID,
    FactKind.WITHDRAWN,
    FactKind.REFUNDED,
    FactKind.REFUND_FAILED,
    FactKind.DISPUTE_LOST,
)


@dataclass(frozen=True, slots=True)
class Move:
    """Money of a gift that came on a day, or went back; `label` is its receipt's number."""

    gift: Gift
    day: date
    money: Money
    is_back: bool
    label: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one issuer got from a person within a year in one currency, oldest first."""

    issuer: Issuer
    currency: str
    moves: tuple[Move, ...]

    @property
    def came(self) -> tuple[Move, ...]:
        return tuple(move for move in self.moves if not move.is_back)

    @property
    def back(self) -> tuple[Move, ...]:
        return tuple(move for move in self.moves if move.is_back)

    @property
    def total(self) -> Money:
        """All that came."""
        return Money(sum(move.money.minor for move in self.came), self.currency)

    @property
    def total_back(self) -> Money:
        """All that went back."""
        return Money(sum(move.money.minor for move in self.back), self.currency)

    @property
    def left(self) -> int:
        """What is left of it, in minor units; below nought where more went back in the year."""
        return self.total.minor - self.total_back.minor


def list_moved(facts: Iterable[Fact]) -> Iterator[tuple[Fact, bool]]:
    """The facts of one gift by which money came or, with True, went back; each subject once."""
    facts = tuple(facts)
    undone = {fact.subject for fact in facts if fact.kind is FactKind.WITHDRAWN}
    failed = {fact.subject for fact in facts if fact.kind is FactKind.REFUND_FAILED}
    stands: dict[FactKind, Callable[[Fact], bool]] = {
        FactKind.PAID: lambda fact: fact.subject not in undone,
        FactKind.REFUNDED: lambda fact: fact.subject not in failed,
        FactKind.DISPUTE_LOST: lambda _: True,
    }
    once = {(fact.kind, fact.subject): fact for fact in facts if fact.kind in stands}
    for fact in once.values():
        if stands[fact.kind](fact) and fact.minor > 0:
            yield fact, fact.kind is not FactKind.PAID


def list_years(session: Session, own: Own, catalogue: Catalogue) -> list[int]:
    """The years in which money of theirs moved, newest first."""
    return sorted({move.day.year for move in _list_moves(session, own, catalogue)}, reverse=True)


def read_statement(session: Session, own: Own, year: int, catalogue: Catalogue) -> list[Sheet]:
    """The sheets of a year, by the issuers' names and the currencies."""
    sheets: dict[tuple[str, str], list[Move]] = defaultdict(list)
    issuers: dict[str, Issuer] = {}
    for move in _list_moves(session, own, catalogue):
        if move.day.year == year:
            issuer = catalogue.home_of(move.gift).region.issuer
            issuers[issuer.key] = issuer
            sheets[issuer.key, move.money.currency].append(move)
    found = [
        Sheet(issuers[key], currency, tuple(sorted(moves, key=lambda one: one.day)))
        for (key, currency), moves in sheets.items()
    ]
    return sorted(found, key=lambda sheet: (sheet.issuer.legal_name, sheet.currency))


def _list_moves(session: Session, own: Own, catalogue: Catalogue) -> Iterator[Move]:
    facts = _read_facts(session, own)
    gifts = {gift.id: gift for gift in _read_gifts(session, facts)}
    labels = _read_labels(session, facts)
    for gift_id, known in facts.items():
        gift = gifts[gift_id]
        zone = ZoneInfo(catalogue.timezone_of(gift.region))
        for fact, is_back in list_moved(known):
            day = (fact.at or gift.created_at).astimezone(zone).date()
            money = Money(fact.minor, fact.currency)
            yield Move(gift, day, money, is_back, labels.get(gift_id, ""))


def _read_facts(session: Session, own: Own) -> Mapping[int, list[Fact]]:
    rows = session.execute(
        sa.select(
            Evidence.gift_id,
            Evidence.fact,
            Evidence.subject,
            Evidence.amount_minor,
            Evidence.currency,
            Evidence.occurred_at,
        )
        .join(Gift, Gift.id == Evidence.gift_id)
        .where(is_own(own), Evidence.fact.in_(MOVING))
        .order_by(Evidence.id)
    )
    found: dict[int, list[Fact]] = defaultdict(list)
    for gift_id, kind, subject, minor, currency, at in rows:
        found[gift_id].append(Fact(FactKind(kind), subject, minor or 0, currency or "", at))
    return found


def _read_gifts(session: Session, facts: Mapping[int, object]) -> Sequence[Gift]:
    return session.scalars(sa.select(Gift).where(Gift.id.in_(facts))).all()


def _read_labels(session: Session, facts: Mapping[int, object]) -> dict[int, str]:
    """The numbers of the receipts that stand, by gift."""
    standing = (
        sa.select(ReceiptGift.gift_id, Receipt)
        .join(Receipt, Receipt.id == ReceiptGift.receipt_id)
        .where(ReceiptGift.stands, ReceiptGift.gift_id.in_(facts))
    )
    return {gift_id: receipt.label for gift_id, receipt in session.execute(standing)}


def compose_statement(
    sheets: Sequence[Sheet], year: int, name: str, catalogue: Catalogue, now: datetime
) -> Document:
    """All that the statement says, as a page or a PDF, in the current language."""
    issuers = {sheet.issuer.key: sheet.issuer for sheet in sheets}
    accents = {issuer.accent for issuer in issuers.values()}
    return {
        "title": gettext("Your gifts in %(year)s", year=str(year)),
        "name": name,
        "made_on": now.date().isoformat(),
        "made": gettext("Made on %(day)s", day=_write_day(now.date(), "long")),
        "accent": (accents.pop() if len(accents) == 1 else "") or DEFAULT_ACCENT,
        "plain": plain_words(),
        "sheets": [_compose_sheet(sheet, catalogue) for sheet in sheets],
        "words": _words(),
        "lang": language(current_locale()),
        "dir": direction(current_locale()),
    }


def plain_words() -> str:
    """What the list is, and is not."""
    return gettext(
        "This list is for your own records. It is not a tax receipt: where the law knows one, it "
        "is the document of each gift."
    )


def _words() -> dict[str, str]:
    return {
        "day": gettext("Day"),
        "fund": gettext("For"),
        "mode": gettext("Mode of payment"),
        "reference": gettext("Reference"),
        "document": gettext("Document"),
        "amount": gettext("Amount"),
        "total": gettext("Total received"),
        "back": gettext("Gone back"),
        "total_back": gettext("Total gone back"),
        "left": gettext("Left as given"),
        "none": gettext("No gifts here."),
        "page": gettext("Page %(page)s of %(pages)s", page="{page}", pages="{pages}"),
    }


def _compose_sheet(sheet: Sheet, catalogue: Catalogue) -> Document:
    issuer = sheet.issuer
    label = pick(issuer.registration_label) if issuer.registration_number else ""
    return {
        "issuer": issuer.legal_name,
        "registration": f"{label} {issuer.registration_number or ''}".strip(),
        "calendar": gettext("Days and years are those of %(place)s.", place=issuer.place),
        "currency": sheet.currency,
        "came": [_compose_move(move, catalogue) for move in sheet.came],
        "back": [_compose_move(move, catalogue) for move in sheet.back],
        "total": _write(sheet.total),
        "total_back": _write(sheet.total_back) if sheet.back else "",
        "left": _write_left(sheet) if sheet.back else "",
    }


def _compose_move(move: Move, catalogue: Catalogue) -> Document:
    home = catalogue.home_of(move.gift)
    fund = home.region.fund(move.gift.fund)
    return {
        "day": _write_day(move.day, "medium"),
        "fund": pick(fund.names) if fund else move.gift.fund,
        "mode": pick(home.mode.label) if home.mode else move.gift.mode,
        "reference": move.gift.reference,
        "document": move.label,
        "amount": _write(move.money),
    }


def _write_left(sheet: Sheet) -> str:
    left = Money(abs(sheet.left), sheet.currency)
    return f"\N{MINUS SIGN}{_write(left)}" if sheet.left < 0 else _write(left)


def _write(money: Money) -> str:
    return format_coded(money, current_locale())


def _write_day(day: date, style: str) -> str:
    return str(format_date(day, format=style, locale=current_locale()))
