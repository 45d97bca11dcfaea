"""Codes in bulk: as many as are wanted, all on one policy, in blocks that are whole or not there.

A block and the count of what is made are one transaction, and the batch's row is held meanwhile:
whoever is killed, or works on the same batch at the same time, leaves neither a double nor one
too many. That a spelling is new is seen to by the table's own constraint; what is taken is made
up again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import CodeBatch, CodeRecord, Policy, Scope
from portal.codes.parsing import CodeError, normalise_code
from portal.codes.revising import check_prefix, check_tag, make_secret_display
from portal.codes.terms import BatchState, CodeState, Kind
from portal.database import Document, insert_new
from portal.jobs.promising import MakeCodes
from portal.services import Act, Services

# Rows of one transaction: on SQLite nobody else writes meanwhile, some hundredths of a second.
BLOCK = 1_000
MOST = 1_000_000

Told = Callable[[int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """So many codes to make, what they begin with, and what they hang on."""

    count: int
    policy: Policy
    scope: Scope | None = None
    prefix: str = ""
    tag: str = ""
    kind: Kind = Kind.PROMOTION
    is_secret: bool = True


def order_codes(act: Act, order: Order) -> CodeBatch:
    """Promise a batch; raises `CodeError` where it can't be made.

    One without a tag is found again by `batch-7`.
    """
    if not 0 < order.count <= MOST:
        raise CodeError(str(order.count), "count", f"is a number from 1 to {MOST}")
    check_tag("batch", order.tag)
    batch = open_batch(act, order, prefix=check_prefix(order.prefix))
    act.promise(MakeCodes(batch.id))
    act.note("codes_generate", f"batch:{batch.id}", {"rows": order.count})
    return batch


def open_batch(act: Act, order: Order, *, prefix: str = "", sha256: str = "") -> CodeBatch:
    """The row of a batch that is begun, and nothing of it made yet."""
    batch = CodeBatch(
        wanted=order.count,
        made=0,
        state=BatchState.MAKING,
        prefix=prefix,
        tag=order.tag,
        kind=order.kind,
        is_secret=order.is_secret,
        policy_id=order.policy.id,
        scope_id=order.scope.id if order.scope else None,
        sha256=sha256,
        created_at=act.now,
        actor=act.actor,
    )
    act.session.add(batch)
    act.session.flush()
    batch.tag = order.tag or f"batch-{batch.id}"
    act.session.flush()
    return batch


def fill_batch(services: Services, batch_id: int, told: Told | None = None) -> None:
    """Make what is wanting of a batch, block by block; `told` hears how many each brought.

    Safe to break off anywhere, to run again and to run twice at once.
    """
    is_more = True
    while is_more:
        with services.write() as act:
            batch = hold_batch(act.session, batch_id)
            new = make_block(act, batch)
            is_more = batch.state is BatchState.MAKING
        if told:
            told(new)


def hold_batch(session: Session, batch_id: int) -> CodeBatch:
    """The batch, which nobody else changes before this transaction ends."""
    statement = sa.select(CodeBatch).where(CodeBatch.id == batch_id).with_for_update()
    return session.scalars(statement.execution_options(populate_existing=True)).one()


def make_block(act: Act, batch: CodeBatch) -> int:
    """Add a block's codes and count them; how many are new."""
    displays = _make_displays(batch.prefix, min(BLOCK, batch.wanted - batch.made))
    rows = [describe_code(batch, display, act) for display in displays]
    new = len(insert_new(act.session, CodeRecord, *rows)) if rows else 0
    batch.made += new
    if batch.made >= batch.wanted:
        end_batch(act, batch)
    act.session.flush()
    return new


def _make_displays(prefix: str, count: int) -> Iterator[str]:
    return (make_secret_display(prefix) for _ in range(count))


def describe_code(
    batch: CodeBatch,
    display: str,
    act: Act,
    *,
    state: CodeState = CodeState.ACTIVE,
    tag: str = "",
    scope_id: int | None = None,
) -> Document:
    """A code's row, as its batch says it where nothing else is said."""
    return {
        "code": normalise_code(display),
        "display": display,
        "kind": batch.kind,
        "policy_id": batch.policy_id,
        "scope_id": scope_id or batch.scope_id,
        "state": state,
        "is_secret": batch.is_secret,
        "tag": tag or batch.tag,
        "created_at": act.now,
    }


def end_batch(act: Act, batch: CodeBatch) -> None:
    if batch.state is not BatchState.DONE:
        batch.state, batch.ended_at = BatchState.DONE, act.now


def list_batches(session: Session, most: int = 50) -> list[CodeBatch]:
    """The newest batches, with how far each is."""
    statement = sa.select(CodeBatch).order_by(CodeBatch.id.desc()).limit(most)
    return list(session.scalars(statement))
