"""Codes from somebody's table, in blocks: what can't be taken is told row by row, the rest kept.

A file is known by its content. One that is imported again, as after it was broken off, goes on
under the policy of the first time: what is there as the file says it is passed over.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa

from portal.codes.batches import Order, describe_code, end_batch, hold_batch, open_batch
from portal.codes.models import CodeBatch, CodeRecord, Scope
from portal.codes.parsing import CodeError, check_spelling
from portal.codes.revising import LONGEST_TAG, clean_display
from portal.codes.sheets import Line, SheetError
from portal.codes.terms import CodeState
from portal.database import Document, insert_new, table_of
from portal.services import SYSTEM, Act, Services

COLUMNS = ("code", "tag", "state", "partner")
BLOCK = 500
MOST_ROWS = 100_000

_CODES = table_of(CodeRecord)
# What must be the same for a code to be the one that the row means.
SAME = ("policy_id", "scope_id", "state", "tag")
DIFFERS = "there is one already, and it differs"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not taken: its number, what it says, and why not."""

    number: int
    text: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """How many rows there were, how many codes are new, and how many were there already."""

    rows: int = 0
    new: int = 0
    known: int = 0
    rejected: int = 0


def find_import(act: Act, sha256: str) -> CodeBatch | None:
    """The batch of a file that was imported before, whole or in part."""
    newest = sa.select(CodeBatch).where(CodeBatch.sha256 == sha256).order_by(CodeBatch.id.desc())
    return act.session.scalars(newest.limit(1)).first()


def begin_import(act: Act, order: Order, sha256: str) -> CodeBatch:
    """The batch of a file that was not imported before."""
    batch = open_batch(act, order, sha256=sha256)
    act.note("codes_import", f"batch:{batch.id}", {})
    return batch


Kept = Callable[[Act, Imported, Imported, list["Rejected"]], object]


def import_lines(
    services: Services,
    batch_id: int,
    lines: Iterator[Line],
    reject: Callable[[Rejected], object] | None = None,
    *,
    done: Imported | None = None,
    keep: Kept | None = None,
    end: Callable[[Act], object] | None = None,
    actor: str = SYSTEM,
) -> Imported:
    """Keep the codes of a table's rows; `reject` hears of each that isn't taken, in order.

    A block is whole or not there, with what `keep` does of it: that gets what there was before, and
    with it. `done` was kept before: so many rows are passed over. `end` is done with the end of the
    batch. `SheetError` where there are too many rows: those before are kept.
    """
    seen: dict[str, int] = {}
    total = done or Imported()
    _pass_over(services, batch_id, islice(lines, total.rows), seen)
    while block := list(islice(lines, BLOCK)):
        if total.rows + len(block) > MOST_ROWS:
            raise SheetError(
                f"The file has more than {MOST_ROWS} rows, and was imported up to row"
                f" {total.rows}: divide it."
            )
        with services.write(actor) as act:
            batch = hold_batch(act.session, batch_id)
            part, rejected = _import_block(act, batch, block, seen)
            before, total = total, _add(total, part)
            if keep:
                keep(act, before, total, rejected)
        if reject:
            for one in rejected:
                reject(one)
    with services.write(actor) as act:
        _end(act, batch_id, total)
        if end:
            end(act)
    return total


def _pass_over(
    services: Services, batch_id: int, lines: Iterator[Line], seen: dict[str, int]
) -> None:
    """Know what stands in rows that were kept before."""
    with services.reading() as act:
        batch = act.session.get_one(CodeBatch, batch_id)
        while block := list(islice(lines, BLOCK)):
            _read_block(act, batch, block, seen)


def try_lines(act: Act, batch: CodeBatch, lines: Iterator[Line]) -> tuple[Imported, list[Rejected]]:
    """What would become of rows; `batch` need not be kept, and nothing is."""
    seen: dict[str, int] = {}
    total, all_rejected = Imported(), list[Rejected]()
    while block := list(islice(lines, BLOCK)):
        wanted, rejected = _read_block(act, batch, block, seen)
        there = _find_there(act, wanted)
        known = _compare(there, wanted, rejected)
        new = len(wanted) - len(there)
        part = Imported(rows=len(block), new=new, known=known, rejected=len(rejected))
        total = _add(total, part)
        all_rejected += sorted(rejected, key=lambda one: one.number)
    return total, all_rejected


def _add(one: Imported, other: Imported) -> Imported:
    return Imported(
        rows=one.rows + other.rows,
        new=one.new + other.new,
        known=one.known + other.known,
        rejected=one.rejected + other.rejected,
    )


def _end(act: Act, batch_id: int, total: Imported) -> None:
    batch = hold_batch(act.session, batch_id)
    batch.wanted = batch.made
    end_batch(act, batch)
    detail = {"rows": total.rows, "new": total.new}
    act.note("codes_import", f"batch:{batch.id}", detail)


def _import_block(
    act: Act, batch: CodeBatch, block: list[Line], seen: dict[str, int]
) -> tuple[Imported, list[Rejected]]:
    wanted, rejected = _read_block(act, batch, block, seen)
    new, known = _keep(act, batch, wanted, rejected)
    rejected.sort(key=lambda one: one.number)
    done = Imported(rows=len(block), new=new, known=known, rejected=len(rejected))
    return done, rejected


Wanted = dict[str, tuple[Line, Document]]


def _read_block(
    act: Act, batch: CodeBatch, block: list[Line], seen: dict[str, int]
) -> tuple[Wanted, list[Rejected]]:
    """The codes of a block's rows by their spelling, and the rows that can't be any."""
    rejected: list[Rejected] = []
    wanted: Wanted = {}
    scopes = _find_scopes(act, block)
    for line in block:
        try:
            row = _read_row(act, batch, line, scopes)
            _check_once(row["code"], line, seen)
        except CodeError as error:
            rejected.append(Rejected(line.number, line.text, str(error)))
        else:
            wanted[row["code"]] = line, row
    return wanted, rejected


def _check_once(code: str, line: Line, seen: dict[str, int]) -> None:
    if code in seen:
        raise CodeError(f"it stands in row {seen[code]} already")
    seen[code] = line.number


def _find_scopes(act: Act, block: Iterable[Line]) -> dict[str, int]:
    keys = {line.cells["partner"] for line in block if line.cells.get("partner")}
    rows = act.session.execute(sa.select(Scope.key, Scope.id).where(Scope.key.in_(keys)))
    return {row.key: row.id for row in rows}


def _read_row(act: Act, batch: CodeBatch, line: Line, scopes: Mapping[str, int]) -> Document:
    """A code's row of a line; `CodeError` says in a few words why it can't be."""
    if line.fault:
        raise CodeError(line.fault)
    said = line.cells
    if not said.get("code"):
        raise CodeError("the code is blank")
    try:
        check_spelling(said["code"])
    except CodeError as error:
        raise CodeError(str(error).partition(": ")[2]) from None
    return describe_code(
        batch,
        clean_display(said["code"]),
        act,
        state=_read_state(said.get("state", "")),
        tag=_read_tag(said.get("tag", "")),
        scope_id=_read_partner(said.get("partner", ""), scopes),
    )


def _read_state(text: str) -> CodeState:
    if text and text.lower() not in {*CodeState}:
        raise CodeError(f"state: it is one of {', '.join(CodeState)}")
    return CodeState(text.lower() or CodeState.ACTIVE)


def _read_tag(text: str) -> str:
    if len(text) > LONGEST_TAG or not text.isprintable():
        raise CodeError(f"tag: it has {LONGEST_TAG} characters at most")
    return text


def _read_partner(text: str, scopes: Mapping[str, int]) -> int | None:
    if text and text not in scopes:
        raise CodeError("partner: there is none of this key; `portal scope add` makes one")
    return scopes.get(text)


def _keep(
    act: Act,
    batch: CodeBatch,
    wanted: Wanted,
    rejected: list[Rejected],
) -> tuple[int, int]:
    """Add what is not there; how many are new, and how many were there as the file says.

    The table's constraint decides: whoever adds the same one meanwhile comes before or after.
    """
    if not wanted:
        return 0, 0
    new = {*insert_new(act.session, CodeRecord, *(row for _line, row in wanted.values()))}
    batch.made += len(new)
    act.session.flush()
    there = [found for found in _find_there(act, wanted) if found.id not in new]
    return len(new), _compare(there, wanted, rejected)


def _compare(there: Iterable[Any], wanted: Wanted, rejected: list[Rejected]) -> int:
    """How many of those that are there are as the file says; the others are rejected."""
    known = 0
    for found in there:
        line, row = wanted[found.code]
        if all(getattr(found, name) == row[name] for name in SAME):
            known += 1
        else:
            rejected.append(Rejected(line.number, line.text, DIFFERS))
    return known


def _find_there(act: Act, codes: Iterable[str]) -> list[Any]:
    columns = (_CODES.c[name] for name in ("id", "code", *SAME))
    return list(act.session.execute(sa.select(*columns).where(_CODES.c.code.in_(list(codes)))))
