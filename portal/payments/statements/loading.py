"""Gathering what the matcher needs: open lines, open gifts, and clues to who paid."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import table_of
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, GiftStanding
from portal.money import Money
from portal.payments.matching.matcher import Matcher
from portal.payments.matching.pool import Notice, OpenGift
from portal.payments.matching.pool import PayerAlias as KnownPayer
from portal.payments.statements.formats.entries import StatementEntry
from portal.payments.statements.models import (
    LineState,
    Match,
    PayerAlias,
    StatementLine,
    TransferNotice,
)
from portal.regions.catalogue import Catalogue

OPEN = tuple(status for status in Status if status.is_open)
READ_BATCH = 2_000
REMEMBERED_REFERENCES = 10_000
MOST_LINES_AT_ONCE = 2_000
MOST_GIFTS_AT_ONCE = 20_000

# What the matcher wants to know of a line.
LINE_COLUMNS = (
    "id",
    "position",
    "booked_on",
    "amount_minor",
    "currency",
    "payer_name",
    "payer_account",
    "payer_email",
    "message",
    "bank_reference",
    "interac_reference",
)

_NOTICE_COLUMNS = (
    TransferNotice.interac_reference,
    TransferNotice.amount_minor,
    TransferNotice.currency,
    TransferNotice.received_at,
    TransferNotice.sender_name,
    TransferNotice.sender_email,
    TransferNotice.message,
)

_LINES = table_of(StatementLine).c
_GIFTS = table_of(Gift).c
# An open debit waits for a clerk, not for a gift.
_IS_OPEN = sa.and_(_LINES.state == LineState.OPEN, _LINES.amount_minor > 0)


def count_open_lines(session: Session) -> int:
    """How many lines wait to be matched."""
    count = sa.select(sa.func.count()).where(_IS_OPEN)
    return session.scalar(count) or 0


def is_long_work(session: Session) -> bool:
    """Whether matching what is open takes longer than a page may: some seconds."""
    lines = sa.select(_LINES.id).where(_IS_OPEN)
    gifts = sa.select(_GIFTS.id).where(_GIFTS.status.in_(OPEN))
    many = (lines.offset(MOST_LINES_AT_ONCE), gifts.offset(MOST_GIFTS_AT_ONCE))
    return any(session.scalar(beyond.limit(1)) is not None for beyond in many)


def read_open_lines(session: Session) -> Iterator[tuple[int, StatementEntry]]:
    """Every open line with its id, in order of import."""
    return read_lines(session, _IS_OPEN)


def read_taken_back(session: Session, *conditions: Any) -> set[tuple[int, int]]:
    """Open lines, each with a gift it was once matched to: somebody said that it isn't its."""
    rows = session.execute(
        sa.select(Match.line_id, Match.gift_id)
        .join(StatementLine, StatementLine.id == Match.line_id)
        .where(Match.undone_at.is_not(None), _IS_OPEN, *conditions)
    )
    return {(line_id, gift_id) for line_id, gift_id in rows}


def read_debits(session: Session) -> Iterator[StatementEntry]:
    """Money that went out since the first open line: a payment may have bounced."""
    first = sa.select(sa.func.min(_LINES.booked_on)).where(_IS_OPEN).scalar_subquery()
    stands = _LINES.state != LineState.WITHDRAWN
    went_out = sa.and_(_LINES.amount_minor < 0, _LINES.booked_on >= first, stands)
    return (entry for _, entry in read_lines(session, went_out))


def read_lines(
    session: Session, condition: sa.ColumnElement[bool]
) -> Iterator[tuple[int, StatementEntry]]:
    """Lines without their raw text, which the matcher doesn't need and memory would."""
    rows = session.execute(
        sa.select(*(_LINES[name] for name in LINE_COLUMNS)).where(condition).order_by(_LINES.id),
        execution_options={"yield_per": READ_BATCH},
    )
    for row in rows:
        yield row.id, entry_of(row)


def entry_of(line: StatementLine | sa.Row[*tuple[Any, ...]]) -> StatementEntry:
    """A kept line as the matcher reads it."""
    return StatementEntry(
        position=line.position,
        booked_on=line.booked_on,
        money=Money(line.amount_minor, line.currency),
        payer_name=line.payer_name,
        payer_account=line.payer_account,
        payer_email=line.payer_email,
        message=line.message,
        bank_reference=line.bank_reference,
        interac_reference=line.interac_reference,
    )


def make_matcher(session: Session, catalogue: Catalogue) -> Matcher:
    """A matcher that knows every gift that waits for a transfer."""
    return Matcher(
        _open_gifts(session, catalogue),
        _payers(session),
        _notices(session),
        settled=SettledReferences(session),
    )


class SettledReferences:
    """Whether a canonical reference is that of a gift which waits for no money.

    Asked rarely, so it asks the database: all references together would fill the memory.
    """

    def __init__(self, session: Session) -> None:
        self._connection = session.connection()
        self._is_settled = lru_cache(maxsize=REMEMBERED_REFERENCES)(self._look_up)

    def __contains__(self, reference: object) -> bool:
        return self._is_settled(str(reference))

    def _look_up(self, reference: str) -> bool:
        found = self._connection.scalar(_STATUS_OF, {"wanted": reference})
        return found is not None and not found.is_open


_STATUS_OF = sa.select(_GIFTS.status).where(_GIFTS.reference == sa.bindparam("wanted"))


def _open_gifts(session: Session, catalogue: Catalogue) -> Iterator[OpenGift]:
    """Gifts that wait for a transfer, with what is left to pay of each."""
    zones = {slug: ZoneInfo(region.issuer.timezone) for slug, region in catalogue.regions.items()}
    elsewhere = ZoneInfo(catalogue.rest.issuer.timezone if catalogue.rest else "UTC")
    rows = session.execute(
        _select_open_gifts(catalogue), execution_options={"yield_per": READ_BATCH}
    )
    for row in rows:
        yield OpenGift(
            gift_id=row.id,
            reference=row.reference,
            money=Money(row.amount_minor, row.currency),
            due_minor=row.amount_minor - row.paid_minor,
            created_on=row.created_at.astimezone(zones.get(row.region, elsewhere)).date(),
            name=f"{row.first_name} {row.last_name}".strip(),
            email=row.email,
            mode=row.mode,
        )


def is_for_someone() -> sa.ColumnElement[bool]:
    """Leaves out gifts that only stand for money nobody claimed."""
    return Gift.is_unattributed.is_(False)


def _payers(session: Session) -> Iterator[KnownPayer]:
    rows = session.execute(
        sa.select(PayerAlias.payer_key, PayerAlias.email),
        execution_options={"yield_per": READ_BATCH},
    )
    for payer_key, email in rows:
        yield KnownPayer(payer_key, email)


def _select_open_gifts(catalogue: Catalogue) -> sa.Select[*tuple[Any, ...]]:
    """The columns of OpenGift, of the gifts whose mode is no card's."""
    regions = catalogue.regions.values()
    modes = {mode.key for region in regions for mode in region.modes if mode.is_instructed}
    return sa.select(
        Gift.id,
        Gift.reference,
        Gift.amount_minor,
        Gift.paid_minor,
        Gift.currency,
        Gift.created_at,
        Gift.first_name,
        Gift.last_name,
        Gift.email,
        Gift.mode,
        Gift.region,
    ).where(
        Gift.id == GiftStanding.gift_id,
        GiftStanding.status.in_(OPEN),
        Gift.mode.in_(modes),
        is_for_someone(),
    )


def _notices(session: Session) -> Iterator[Notice]:
    rows = session.execute(
        sa.select(*_NOTICE_COLUMNS).order_by(TransferNotice.id),
        execution_options={"yield_per": READ_BATCH},
    )
    for row in rows:
        yield Notice(
            interac_reference=row.interac_reference,
            money=Money(row.amount_minor, row.currency),
            received_on=row.received_at.date(),
            name=row.sender_name,
            email=row.sender_email,
            message=row.message,
        )
