"""Letters that don't arrive, for staff: who, which, when and why, and what can be done about it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.models import Gift
from portal.mail.bounces import Bounce
from portal.mail.outbox import Email, LetterKind
from portal.receipts.runs import REFUSED

PAGE = 50
# The key of a letter with a receipt (`portal.receipts.sending.Wish`).
_RECEIPT = re.compile(r"receipt-(\d+)(?:-.*)?")


@dataclass(frozen=True, slots=True)
class Returned:
    """A letter that came back; what it was and of which gift, where it is one of ours."""

    bounce: Bounce
    email: Email | None
    reference: str | None

    @property
    def receipt_id(self) -> int | None:
        """The receipt that the letter brought."""
        return read_receipt_id(self.email)


def read_receipt_id(email: Email | None) -> int | None:
    if email is None or email.message not in {LetterKind.RECEIPT, LetterKind.YEARLY_RECEIPT}:
        return None
    found = _RECEIPT.fullmatch(email.key)
    return int(found[1]) if found else None


def list_returned(session: Session, before: int | None = None) -> list[Returned]:
    """A page of what nobody dealt with, the newest first, and one more if there is another."""
    wanted = (
        sa.select(Bounce, Email, Gift.reference)
        .outerjoin(Email, Email.id == Bounce.email_id)
        .outerjoin(Gift, Gift.id == Email.gift_id)
        .where(Bounce.closed_at.is_(None))
        .order_by(Bounce.id.desc())
        .limit(PAGE + 1)
    )
    if before is not None:
        wanted = wanted.where(Bounce.id < before)
    return [Returned(*row) for row in session.execute(wanted)]


def list_refused_at_once(session: Session) -> Sequence[tuple[Email, str | None]]:
    """The newest letters that the mail server itself refused for good, with their gift."""
    wanted = (
        sa.select(Email, Gift.reference)
        .outerjoin(Gift, Gift.id == Email.gift_id)
        .where(Email.sent_at.is_(None), Email.problem.like(REFUSED))
        .order_by(Email.id.desc())
        .limit(PAGE)
    )
    return [(email, reference) for email, reference in session.execute(wanted)]
