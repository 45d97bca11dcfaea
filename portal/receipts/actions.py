"""What finance has to decide of receipts, each with its due date; and periods that are locked.

A receipt in a locked period says what went into somebody's return: it is neither voided nor
replaced by the program alone, and by a person only with a reason in writing.
"""

from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, BigId, Document, enum_column, partial_index, table_of
from portal.driver import add, ask
from portal.i18n import Labelled
from portal.receipts.composition import issue_day
from portal.receipts.register import Receipt
from portal.services import Act

USUAL = timedelta(days=30)
# Canada: a gift that goes back, of more than 50 dollars, is told within 90 days (CG-016).
RETURN_COUNTRY, RETURN_ABOVE_MINOR, RETURN = "CA", 50_00, timedelta(days=90)
LONGEST_NOTE = 300


class ActionKind(Labelled):
    """Why a receipt needs a person."""

    REFUNDED = "refunded", "A gift on it went back"
    DISPUTED = "disputed", "A bank took a gift on it back"
    UNDONE = "undone", "The payment it acknowledges is no longer this gift’s"
    AMOUNT = "amount", "Another amount was received"
    DONOR = "donor", "The donor’s details were corrected"
    RETURN = "return", "Information return for a gift that went back"


class ReceiptAction(Base):
    """Something to decide of a receipt and a gift on it, open until it is closed."""

    __tablename__ = "receipt_actions"
    __table_args__ = (
        partial_index(
            "uq_receipt_actions_open",
            "receipt_id",
            "gift_id",
            "kind",
            where="closed_at IS NULL",
            unique=True,
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    receipt_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("receipts.id"))
    gift_id: Mapped[int] = mapped_column(BigId)
    kind: Mapped[ActionKind] = enum_column(ActionKind, 12)
    opened_at: Mapped[datetime]
    due_on: Mapped[date]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str] = mapped_column(sa.String(80), default="")
    note: Mapped[str] = mapped_column(sa.String(LONGEST_NOTE), default="")


class ReceiptLock(Base):
    """Until which day, where the issuer is, its receipts are locked."""

    __tablename__ = "receipt_locks"

    issuer: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    until: Mapped[date]
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(sa.String(80))


def open_action(act: Act, receipt: Receipt, gift_id: int, kind: ActionKind) -> None:
    """Have finance decide of a receipt, once as long as that is open."""
    zone = receipt.snapshot["issuer"]["timezone"]
    span = RETURN if kind is ActionKind.RETURN else USUAL
    row: Document = {
        "receipt_id": receipt.id,
        "gift_id": gift_id,
        "kind": kind,
        "opened_at": act.now,
        "due_on": issue_day(zone, act.now).date() + span,
    }
    add(act.session, ReceiptAction, row, is_once=True)


def close_action(act: Act, action_id: int, note: str) -> ReceiptAction | None:
    """Say what was decided; None where there is no such action that is open."""
    wanted = sa.select(ReceiptAction).where(
        ReceiptAction.id == action_id, ReceiptAction.closed_at.is_(None)
    )
    action = act.session.scalar(wanted.with_for_update())
    if action is not None:
        action.closed_at, action.closed_by, action.note = act.now, act.actor, note[:LONGEST_NOTE]
        act.session.flush()
    return action


def close_actions_of(act: Act, receipt: Receipt, note: str) -> None:
    """What was open of a receipt is decided by its void; a return is still to be filed."""
    act.session.execute(
        sa.update(ReceiptAction)
        .where(
            ReceiptAction.receipt_id == receipt.id,
            ReceiptAction.closed_at.is_(None),
            ReceiptAction.kind != ActionKind.RETURN,
        )
        .values(closed_at=act.now, closed_by=act.actor, note=note[:LONGEST_NOTE])
    )


def select_open() -> sa.Select[int]:
    """The numbers of the actions that are open."""
    return sa.select(ReceiptAction.id).where(ReceiptAction.closed_at.is_(None))


def list_open(session: Session, most: int = 200) -> list[tuple[ReceiptAction, Receipt]]:
    """What is open with its receipt, the most urgent first."""
    rows = session.execute(
        sa.select(ReceiptAction, Receipt)
        .join(Receipt, Receipt.id == ReceiptAction.receipt_id)
        .where(ReceiptAction.closed_at.is_(None))
        .order_by(ReceiptAction.due_on, ReceiptAction.id)
        .limit(most)
    )
    return [(action, receipt) for action, receipt in rows]


def lock_period(act: Act, issuer: str, until: date) -> None:
    """Lock an issuer's receipts that were issued until a day; an earlier day unlocks later ones."""
    lock = act.session.get(ReceiptLock, issuer) or ReceiptLock(issuer=issuer)
    lock.until, lock.set_at, lock.set_by = until, act.now, act.actor
    act.session.add(lock)
    act.session.flush()
    act.note("receipts_lock", f"issuer:{issuer}", {"to": until.isoformat()})


def find_locks(session: Session) -> dict[str, date]:
    """Until when each issuer's receipts are locked."""
    return {lock.issuer: lock.until for lock in session.scalars(sa.select(ReceiptLock))}


def is_locked(session: Session, receipt: Receipt) -> bool:
    """Whether a receipt was issued in a period that is locked."""
    found = ask(session, _UNTIL, {"wanted": receipt.issuer}).first()
    if found is None:
        return False
    day = issue_day(receipt.snapshot["issuer"]["timezone"], receipt.reserved_at).date()
    return bool(day <= found[0])


_LOCKS = table_of(ReceiptLock)
_UNTIL = sa.select(_LOCKS.c.until).where(_LOCKS.c.issuer == sa.bindparam("wanted"))
