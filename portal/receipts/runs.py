"""A year's receipts in bulk: looked at first, then issued and sent by workers; stopped and resumed.

Each donor's receipt is numbered in one transaction with its item, so that whoever is killed leaves
neither a gap nor a double, and another goes on. Letters go out so many a minute; each is marked as
soon as the mail server has taken it (`portal.mail.outbox`).
"""

from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, BigId, JSONDocument, enum_column, partial_index
from portal.gifts.models import Gift
from portal.i18n import Labelled, gettext
from portal.jobs.promising import IssueReceipts
from portal.mail.outbox import Email
from portal.receipts.composition import issue_day
from portal.receipts.operations import reserve_receipt
from portal.receipts.register import Receipt
from portal.receipts.sending import Wish, send_receipts
from portal.receipts.yearly import (
    Share,
    find_issuer,
    find_obstacle,
    find_span,
    issue_yearly,
    list_shares,
)
from portal.regions.catalogue import ReceiptRule
from portal.services import Act, Services

# Numbers are given out on some lanes at once, letters go out on one of their own.
LANES, LETTERS = 2, -1
STEP, BLOCK, LETTERS_AT_ONCE = 25, 500, 16
# How often a letter is tried in a turn; for good refused is what the server answers with 5xx.
TRIES = 5
REFUSED = "%(5__ %"
IDLE_SECONDS = 2.0


class RunState(Labelled):
    """Where a run stands."""

    RUNNING = "running", "Under way"
    STOPPED = "stopped", "Stopped"
    DONE = "done", "Done"


class ItemState(Labelled):
    """What became of one donor's gifts."""

    PLANNED = "planned", "To be issued"
    ISSUED = "issued", "Issued"
    LEFT_OUT = "left_out", "Left out"


class ReceiptRun(Base):
    """The receipts of an issuer and a year; one at most is open. `turn` grows as it is resumed."""

    __tablename__ = "receipt_runs"
    __table_args__ = (
        partial_index(
            "uq_receipt_runs_open", "issuer", "year", where="ended_at IS NULL", unique=True
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    issuer: Mapped[str] = mapped_column(sa.String(40))
    year: Mapped[int]
    rule: Mapped[ReceiptRule] = enum_column(ReceiptRule, 10)
    state: Mapped[RunState] = enum_column(RunState, 10)
    turn: Mapped[int]
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(sa.String(80))
    prepared_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class ReceiptRunItem(Base):
    """Gifts of one donor and the receipt they got; `why` none, as `portal.receipts.planning` says.

    The amount is what was planned; the receipt's own counts.
    """

    __tablename__ = "receipt_run_items"
    __table_args__ = (sa.Index("ix_receipt_run_items_run_id_state_id", "run_id", "state", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("receipt_runs.id"))
    gift_ids: Mapped[Any] = mapped_column(JSONDocument)
    has_email: Mapped[bool]
    currency: Mapped[str] = mapped_column(sa.String(3))
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    state: Mapped[ItemState] = enum_column(ItemState, 10)
    why: Mapped[str] = mapped_column(sa.String(20), default="")
    receipt_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("receipts.id"), index=True)


class RunRefused(Exception):
    """Why a run can't be begun, stopped or resumed, as a sentence for staff."""


def begin_run(act: Act, issuer: str, year: int, rule: ReceiptRule) -> ReceiptRun:
    """Begin a run, which workers carry out; `RunRefused` where one is open or the year goes on."""
    zone = find_issuer(act.catalogue, issuer).timezone
    _, last = find_span(act.catalogue, issuer, year)
    if rule is ReceiptRule.YEARLY and issue_day(zone, act.now).date() <= last:
        raise RunRefused(
            gettext("The year is not over where the issuer is; what still comes would be left.")
        )
    if find_open(act.session, issuer, year) is not None:
        raise RunRefused(gettext("A run of this issuer and year is open: go on with that one."))
    run = ReceiptRun(
        issuer=issuer,
        year=year,
        rule=rule,
        state=RunState.RUNNING,
        turn=1,
        created_at=act.now,
        created_by=act.actor,
    )
    act.session.add(run)
    act.session.flush()
    act.note("receipts_run", f"issuer:{issuer}", {"year": year, "rule": rule.value})
    act.promise(IssueReceipts(run.id, run.turn, 0, 0))
    return run


def find_open(session: Session, issuer: str, year: int) -> ReceiptRun | None:
    """The run of an issuer and a year that has not ended."""
    wanted = sa.select(ReceiptRun).where(
        ReceiptRun.issuer == issuer, ReceiptRun.year == year, ReceiptRun.ended_at.is_(None)
    )
    return session.scalar(wanted)


def hold_run(session: Session, run_id: int) -> ReceiptRun | None:
    """A run that nobody else changes before this transaction ends."""
    wanted = sa.select(ReceiptRun).where(ReceiptRun.id == run_id).with_for_update()
    return session.scalar(wanted.execution_options(populate_existing=True))


def stop_run(act: Act, run: ReceiptRun) -> None:
    """Number and send nothing more of a run that is held, until it is resumed."""
    if run.state is not RunState.RUNNING:
        raise RunRefused(gettext("This run is not under way."))
    run.state = RunState.STOPPED
    act.session.flush()
    act.note("receipts_stop", f"issuer:{run.issuer}", {"year": run.year})


def resume_run(act: Act, run: ReceiptRun) -> None:
    """Go on with a run that is held: what was left, and letters that did not go out."""
    if run.state is RunState.RUNNING:
        raise RunRefused(gettext("This run is under way."))
    run.state, run.turn, run.ended_at = RunState.RUNNING, run.turn + 1, None
    act.session.flush()
    act.note("receipts_resume", f"issuer:{run.issuer}", {"year": run.year})
    act.promise(IssueReceipts(run.id, run.turn, 0, 0))


def run_step(services: Services, job: IssueReceipts) -> None:
    """Issue or send the next receipts of a run and promise the step after it; safe to repeat."""
    (_send_some if job.lane == LETTERS else _issue_some)(services, job)


def _issue_some(services: Services, job: IssueReceipts) -> None:
    if job.step == 0 and job.lane == 0:
        _prepare(services, job)
    for _ in range(STEP):
        with services.write() as act:
            if not _issue_next(act, job):
                return
    with services.write() as act:
        act.promise(IssueReceipts(job.run_id, job.turn, job.lane, job.step + 1))


def _find_live(session: Session, run_id: int, turn: int) -> ReceiptRun | None:
    """The run as long as this turn of it goes on."""
    run = session.get(ReceiptRun, run_id)
    is_live = run is not None and run.state is RunState.RUNNING and run.turn == turn
    return run if is_live else None


def _prepare(services: Services, job: IssueReceipts) -> None:
    """Write the items, which begins anew where it was broken off, and open the other lanes."""
    with services.write() as act:
        run = _find_live(act.session, job.run_id, job.turn)
        if run is None:
            return
        is_new = run.prepared_at is None
        if is_new:
            own = ReceiptRunItem.run_id == run.id
            act.session.execute(sa.delete(ReceiptRunItem).where(own))
    if is_new:
        _add_items(services, run)
    with services.write() as act:
        run = act.session.get_one(ReceiptRun, job.run_id)
        run.prepared_at = run.prepared_at or act.now
        act.session.flush()
        for lane in range(1, LANES):
            act.promise(IssueReceipts(job.run_id, job.turn, lane, 1))
        act.promise(IssueReceipts(job.run_id, job.turn, LETTERS, 0))


def _add_items(services: Services, run: ReceiptRun) -> None:
    is_each = run.rule is ReceiptRule.EACH
    with services.database.read() as session:
        shares = list_shares(session, services.catalogue, run.issuer, run.year, is_each=is_each)
        while block := list(islice(shares, BLOCK)):
            with services.database.write() as writing:
                rows = [_item_row(run.id, share) for share in block]
                writing.execute(sa.insert(ReceiptRunItem), rows)


def _item_row(run_id: int, share: Share) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "gift_ids": [gift.id for gift in share.gifts],
        "has_email": bool(share.lead.email),
        "currency": share.lead.currency,
        "amount_minor": share.money.minor,
        "state": ItemState.PLANNED if share.why is None else ItemState.LEFT_OUT,
        "why": share.why.value if share.why is not None else "",
    }


def _issue_next(act: Act, job: IssueReceipts) -> bool:
    """Number the receipt of the next item that nobody else has; whether there was one."""
    run = _find_live(act.session, job.run_id, job.turn)
    if run is None:
        return False
    item = act.session.scalar(
        sa.select(ReceiptRunItem)
        .where(ReceiptRunItem.run_id == run.id, ReceiptRunItem.state == ItemState.PLANNED)
        .order_by(ReceiptRunItem.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if item is None:
        return False
    is_each = run.rule is ReceiptRule.EACH
    receipt = _issue_each(act, item) if is_each else issue_yearly(act, item.gift_ids)
    item.state = ItemState.LEFT_OUT if receipt is None else ItemState.ISSUED
    item.receipt_id = receipt.id if receipt is not None else None
    act.session.flush()
    return True


def _issue_each(act: Act, item: ReceiptRunItem) -> Receipt | None:
    [gift_id] = item.gift_ids
    gift = act.session.scalars(sa.select(Gift).where(Gift.id == gift_id).with_for_update()).one()
    region = act.catalogue.home_of(gift).region
    return None if find_obstacle([gift], region) else reserve_receipt(act, gift, region)


def _send_some(services: Services, job: IssueReceipts) -> None:
    """Send the next letters of a run, promise those after them at their time, or end the run."""
    most = min(LETTERS_AT_ONCE, services.settings.mail_per_minute)
    with services.database.read() as session:
        run = _find_live(session, job.run_id, job.turn)
        due = list(session.scalars(_select_unsent(job, most))) if run else []
    if run is None:
        return
    if due:
        send_receipts(services, [Wish(receipt_id) for receipt_id in due])
    pause = len(due) * 60 / services.settings.mail_per_minute if due else IDLE_SECONDS
    with services.write() as act:
        held = hold_run(act.session, job.run_id)
        if held is None or held.state is not RunState.RUNNING or held.turn != job.turn:
            return
        if due or _is_unfinished(act.session, held.id):
            after = IssueReceipts(job.run_id, job.turn, LETTERS, job.step + 1)
            act.promise(after, delay_seconds=pause)
        else:
            held.state, held.ended_at = RunState.DONE, act.now


def _is_unfinished(session: Session, run_id: int) -> bool:
    planned = sa.select(ReceiptRunItem.id).where(
        ReceiptRunItem.run_id == run_id, ReceiptRunItem.state == ItemState.PLANNED
    )
    return session.scalar(planned.limit(1)) is not None


def with_letters(statement: Any) -> sa.Select[Any]:
    """Items that were issued, each with its receipt's first letter, if there is one."""
    key = sa.literal("receipt-") + sa.cast(ReceiptRunItem.receipt_id, sa.String)
    items: sa.Select[Any] = statement.select_from(ReceiptRunItem)
    return items.outerjoin(Email, Email.key == key)


def _select_unsent(job: IssueReceipts, most: int) -> sa.Select[Any]:
    """Receipts whose letter did not go out and may still, those tried least first."""
    tries = sa.func.coalesce(Email.tries, 0)
    return (
        with_letters(sa.select(ReceiptRunItem.receipt_id))
        .join(Receipt, Receipt.id == ReceiptRunItem.receipt_id)
        .where(
            ReceiptRunItem.run_id == job.run_id,
            ReceiptRunItem.state == ItemState.ISSUED,
            ReceiptRunItem.has_email,
            Receipt.voided_at.is_(None),
            Email.noted_at.is_(None),
            tries < TRIES * job.turn,
            sa.func.coalesce(Email.problem, "").not_like(REFUSED),
        )
        .order_by(tries, ReceiptRunItem.id)
        .limit(most)
    )
