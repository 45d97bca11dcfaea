"""Deciding lines: matched to gifts, nobody's, or taken back; each by one transaction.

A match is evidence that goes through the one door. Taking it back is a further fact, which
reverses the ledger and cancels a receipt that was given for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift
from portal.i18n import gettext
from portal.money import Money
from portal.payments.matching.candidates import payer_keys
from portal.payments.operations import Desk, accept, accept_unattributed
from portal.payments.statements.entries import StatementEntry
from portal.payments.statements.models import (
    LineState,
    Match,
    PayerAlias,
    StatementLine,
    Suggestion,
)


class MatchRefused(Exception):
    """The line can't be decided so; the text is for the clerk."""


@dataclass(frozen=True, slots=True)
class Share:
    """So much of a line is for this gift; `is_all` says that no more will come for it."""

    gift_id: int
    money: Money
    is_all: bool = False


def confirm_match(
    session: Session,
    desk: Desk,
    line_id: int,
    shares: Sequence[Share],
    *,
    by: str,
    now: datetime,
    is_automatic: bool = False,
    reasons: Sequence[str] = (),
) -> list[Match]:
    """Book an open line for one or several gifts; the shares must come to the whole line."""
    line = lock_line(session, line_id)
    _check_shares(session, line, shares)
    matches = []
    for share in sorted(shares, key=lambda one: one.gift_id):
        match = _add_match(
            session, line, share, by=by, now=now, reasons=reasons, is_automatic=is_automatic
        )
        accept(session, desk, share.gift_id, _claims(line, match, share, by), now)
        matches.append(match)
        if not is_automatic:
            _learn(session, line, share.gift_id, now)
    _decide(session, line, LineState.MATCHED, by, now)
    return matches


def _add_match(
    session: Session,
    line: StatementLine,
    share: Share,
    *,
    by: str,
    now: datetime,
    reasons: Sequence[str],
    is_automatic: bool = False,
) -> Match:
    match = Match(
        subject=_next_subject(session, line),
        line_id=line.id,
        gift_id=share.gift_id,
        amount_minor=share.money.minor,
        currency=share.money.currency,
        is_automatic=is_automatic,
        reasons={"reasons": list(reasons)},
        made_by=by,
        made_at=now,
    )
    session.add(match)
    session.flush()
    return match


def _next_subject(session: Session, line: StatementLine) -> str:
    """A name no match of this line had before, undone ones included."""
    earlier = sa.select(sa.func.count()).select_from(Match).where(Match.line_id == line.id)
    return f"line-{line.id}-{(session.scalar(earlier) or 0) + 1}"


def lock_line(session: Session, line_id: int) -> StatementLine:
    """An open line, held against other clerks; `MatchRefused` where it isn't open any more."""
    line = session.scalars(
        sa.select(StatementLine).where(StatementLine.id == line_id).with_for_update()
    ).one_or_none()
    if line is None or line.state is not LineState.OPEN:
        raise MatchRefused(gettext("This line was decided in the meantime."))
    return line


def _check_shares(session: Session, line: StatementLine, shares: Sequence[Share]) -> None:
    if not shares or any(share.money.minor <= 0 for share in shares):
        raise MatchRefused(gettext("Choose a gift, and an amount above zero for it."))
    if any(share.money.currency != line.currency for share in shares):
        raise MatchRefused(gettext("The line and the gift are not in the same currency."))
    if sum(share.money.minor for share in shares) != line.amount_minor:
        raise MatchRefused(gettext("The amounts must come to the whole line, no more and no less."))
    gift_ids = {share.gift_id for share in shares}
    currencies = session.scalars(sa.select(Gift.currency).where(Gift.id.in_(gift_ids))).all()
    if len(currencies) != len(shares):
        raise MatchRefused(gettext("Each gift may be chosen once, and must be there."))
    if set(currencies) != {line.currency}:
        raise MatchRefused(gettext("The line and the gift are not in the same currency."))


def _claims(line: StatementLine, match: Match, share: Share, by: str) -> list[Claim]:
    detail = {"line": line.id, "match": match.id}
    paid = Claim(
        fact=FactKind.PAID,
        subject=match.subject,
        occurred_at=datetime.combine(line.booked_on, time(12), UTC),
        money=share.money,
        source=Source.STATEMENT,
        actor=by,
        detail=detail,
    )
    if not share.is_all:
        return [paid]
    settled = Claim(
        fact=FactKind.SETTLED,
        subject=match.subject,
        occurred_at=paid.occurred_at,
        source=Source.PERSON,
        actor=by,
        detail=detail,
    )
    return [paid, settled]


def _learn(session: Session, line: StatementLine, gift_id: int, now: datetime) -> None:
    """Remember how the bank names this donor, where a person has said so."""
    email = session.scalar(sa.select(Gift.email).where(Gift.id == gift_id))
    if not email:
        return
    for key in payer_keys(entry_of(line)):
        if session.get(PayerAlias, (key, email)) is None:
            session.add(PayerAlias(payer_key=key, email=email, learnt_at=now))


def _decide(
    session: Session, line: StatementLine, state: LineState, by: str, now: datetime
) -> None:
    line.state, line.decided_by, line.decided_at = state, by, now
    session.execute(sa.delete(Suggestion).where(Suggestion.line_id == line.id))
    session.flush()


def claim_unattributed(
    session: Session, desk: Desk, line_id: int, *, by: str, now: datetime
) -> Gift:
    """Book money nobody claims as a gift without a giver, on a person's word."""
    line = lock_line(session, line_id)
    claim = Claim(
        fact=FactKind.PAID,
        subject=_next_subject(session, line),
        occurred_at=datetime.combine(line.booked_on, time(12), UTC),
        money=line.money,
        source=Source.STATEMENT,
        actor=by,
        detail={"line": line.id},
    )
    why = gettext("nobody claims this money")
    gift = accept_unattributed(session, desk, claim, now, why=why, beside=None).gift
    share = Share(gift.id, line.money)
    _add_match(session, line, share, by=by, now=now, reasons=["unattributed"])
    _decide(session, line, LineState.MATCHED, by, now)
    return gift


def undo_match(
    session: Session, desk: Desk, match_id: int, *, reason: str, by: str, now: datetime
) -> None:
    """Take a line's matches back: every gift it paid is as if this line had not come."""
    match = session.get(Match, match_id)
    if match is None or match.undone_at is not None:
        raise MatchRefused(gettext("This match was taken back already."))
    line = session.scalars(
        sa.select(StatementLine).where(StatementLine.id == match.line_id).with_for_update()
    ).one()
    together = session.scalars(
        sa.select(Match).where(Match.line_id == line.id, Match.undone_at.is_(None))
    ).all()
    for one in together:
        _withdraw(session, desk, one, reason=reason, by=by, now=now)
    line.state, line.decided_by, line.decided_at = LineState.OPEN, "", None


def _withdraw(
    session: Session,
    desk: Desk,
    match: Match,
    *,
    reason: str,
    by: str,
    now: datetime,
) -> None:
    claim = Claim(
        fact=FactKind.WITHDRAWN,
        subject=match.subject,
        occurred_at=now,
        money=match.money,
        source=Source.STATEMENT,
        actor=by,
        why=reason,
        detail={"line": match.line_id, "match": match.id},
    )
    accept(session, desk, match.gift_id, [claim], now)
    match.undone_by, match.undone_at, match.undo_reason = by, now, reason


def entry_of(line: StatementLine) -> StatementEntry:
    """A kept line as the matcher reads it."""
    return StatementEntry(
        position=line.position,
        booked_on=line.booked_on,
        money=line.money,
        payer_name=line.payer_name,
        payer_account=line.payer_account,
        payer_email=line.payer_email,
        message=line.message,
        bank_reference=line.bank_reference,
        interac_reference=line.interac_reference,
        raw=line.raw,
    )


def is_still_open(session: Session, gift_id: int) -> bool:
    """Whether a gift waits for money, looked at under its lock."""
    return lock_gift(session, gift_id).status.is_open
