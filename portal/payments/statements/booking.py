"""Booking lines whose locks are held: each match is evidence that goes through the one way in.

Every transaction locks its lines first, then all its gifts in order of id, and only then
books: none waits for another in a circle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session, make_transient_to_detached

from portal.database import Document, table_of
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.i18n import gettext
from portal.money import Money
from portal.payments.operations import accept_for
from portal.payments.statements.models import LineState, Match, StatementLine, Suggestion
from portal.services import Act


class MatchRefused(Exception):
    """The line can't be decided so; the text is for the clerk."""


@dataclass(frozen=True, slots=True)
class Share:
    """So much of a line is for this gift.

    `is_all` says that no more will come for it, although it is less than was promised;
    `may_exceed` that more than was promised is meant for it.
    """

    gift_id: int
    money: Money
    is_all: bool = False
    may_exceed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """Who makes a match, when and why; `earlier` is how many the line had, where that is known."""

    by: str
    at: datetime
    reasons: tuple[str, ...] = ()
    is_automatic: bool = False
    earlier: int | None = None


def lock_line(session: Session, line_id: int) -> StatementLine:
    """An open credit, held against other clerks; `MatchRefused` where it isn't one any more."""
    line = session.scalars(
        sa.select(StatementLine)
        .where(StatementLine.id == line_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if line is None or line.state is not LineState.OPEN:
        raise MatchRefused(gettext("Someone has dealt with this line in the meantime."))
    if line.amount_minor < 0:
        raise MatchRefused(gettext("An outgoing payment can’t pay a gift."))
    return line


def lock_gifts(session: Session, gift_ids: Sequence[int]) -> dict[int, Gift]:
    """Gifts by id, locked in that order, so that two bookings never wait for each other."""
    locked = session.scalars(
        sa.select(Gift)
        .where(Gift.id.in_(set(gift_ids)))
        .order_by(Gift.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {gift.id: gift for gift in locked}


def book_shares(
    act: Act,
    line: StatementLine,
    shares: Sequence[Share],
    *,
    gifts: Mapping[int, Gift],
    making: Making,
) -> list[Match]:
    """Book a line that is locked for gifts that are too; `mark_matched` comes after it."""
    earlier = making.earlier
    if earlier is None:
        earlier = count_matches(act.session, [line.id]).get(line.id, 0)
    matches = []
    for number, share in enumerate(sorted(shares, key=lambda one: one.gift_id), earlier + 1):
        gift = gifts[share.gift_id]
        match = add_match(act.session, line, share, f"line-{line.id}-{number}", making)
        accept_for(act, gift, _claims(act, line, match, share, gift))
        matches.append(match)
    return matches


def count_matches(session: Session, line_ids: Sequence[int]) -> dict[int, int]:
    """How many matches lines ever had, undone ones too: the next one's name follows from it."""
    rows = session.execute(
        sa.select(Match.line_id, sa.func.count())
        .where(Match.line_id.in_(line_ids))
        .group_by(Match.line_id)
    )
    return {int(line_id): int(count) for line_id, count in rows}


def mark_matched(act: Act, line_ids: Sequence[int]) -> None:
    """Lines that were booked whole need no suggestions any more."""
    act.session.execute(
        sa.update(StatementLine)
        .where(StatementLine.id.in_(line_ids))
        .values(state=LineState.MATCHED, decided_by=act.actor, decided_at=act.now)
    )
    act.session.execute(sa.delete(Suggestion).where(Suggestion.line_id.in_(line_ids)))


def add_match(
    session: Session, line: StatementLine, share: Share, subject: str, making: Making
) -> Match:
    """The row as an object of this session, without the unit of work's cost."""
    row: Document = {
        "subject": subject,
        "line_id": line.id,
        "gift_id": share.gift_id,
        "amount_minor": share.money.minor,
        "currency": share.money.currency,
        "is_automatic": making.is_automatic,
        "reasons": {"reasons": list(making.reasons)},
        "made_by": making.by,
        "made_at": making.at,
        "undone_by": "",
        "undone_at": None,
        "undo_reason": "",
    }
    match = Match(id=session.execute(_ADD_MATCH, row).scalar_one(), **row)
    make_transient_to_detached(match)
    session.add(match)
    return match


_ADD_MATCH = sa.insert(table_of(Match)).returning(table_of(Match).c.id)


def _claims(act: Act, line: StatementLine, match: Match, share: Share, gift: Gift) -> list[Claim]:
    day = noon(line.booked_on, act.catalogue.home_of(gift).region.issuer.timezone)
    claims = [paid_claim(line, match.subject, share.money, day, match.made_by)]
    if share.is_all:
        claims.append(settled_claim(match.subject, day, match.made_by))
    return claims


def noon(day: date, timezone: str) -> datetime:
    """A bank's day as a moment: noon, where the receipt is issued, is that day there."""
    return datetime.combine(day, time(12), ZoneInfo(timezone)).astimezone(UTC)


def paid_claim(line: StatementLine, subject: str, money: Money, at: datetime, by: str) -> Claim:
    return Claim(
        fact=FactKind.PAID,
        subject=subject,
        occurred_at=at,
        money=money,
        source=Source.STATEMENT,
        actor=by,
        detail={"line": line.id},
    )


def settled_claim(subject: str, at: datetime, by: str, why: str = "") -> Claim:
    return Claim(
        fact=FactKind.SETTLED,
        subject=subject,
        occurred_at=at,
        source=Source.PERSON,
        actor=by,
        why=why,
    )
