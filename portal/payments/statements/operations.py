"""Keeping a bank's file, every line once; setting lines aside, and opening them again.

A file is kept whole or not at all. A line is open, matched or ignored, or withdrawn with its
file; whatever is decided can be taken back, by a further fact, never by an edit.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Document, insert_new
from portal.i18n import gettext
from portal.payments.statements.formats.entries import StatementDocument, StatementEntry
from portal.payments.statements.models import (
    BY_ITSELF,
    LineState,
    Match,
    StatementFile,
    StatementLine,
    Suggestion,
)
from portal.plain import clean_line
from portal.services import Act, Services

BATCH = 500


@dataclass(frozen=True, slots=True)
class Imported:
    """What importing a file did: the file, its lines, and how many were not known before."""

    file_id: int
    lines: int
    new: int
    is_repeat: bool


def import_statement(
    services: Services, document: StatementDocument, content: bytes, *, filename: str, by: str
) -> Imported:
    """Keep a file and its lines in one transaction; the same content again changes nothing.

    What was withdrawn stands in nobody's way.
    """
    with services.write(by) as act:
        take_turns(act.session)
        imported = _keep_file(act, document, content, filename)
        detail = {"file": imported.file_id, "lines": imported.lines, "new": imported.new}
        act.note("statement_import", f"file:{imported.file_id}", detail)
        return imported


def _file_row(act: Act, document: StatementDocument, content: bytes, filename: str) -> Document:
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "filename": _safe_name(filename),
        "format": document.format,
        "account": clean_line(document.account),
        "line_count": len(document.entries),
        "new_count": 0,
        "imported_by": act.actor,
        "imported_at": act.now,
    }


def _keep_file(act: Act, document: StatementDocument, content: bytes, filename: str) -> Imported:
    file_row = _file_row(act, document, content, filename)
    added = insert_new(act.session, StatementFile, file_row)
    if not added:
        known = act.session.scalars(
            sa.select(StatementFile).where(
                StatementFile.sha256 == file_row["sha256"], StatementFile.withdrawn_at.is_(None)
            )
        ).one()
        return Imported(known.id, known.line_count, 0, is_repeat=True)
    new = _keep_lines(act.session, added[0], document)
    act.session.execute(
        sa.update(StatementFile).where(StatementFile.id == added[0]).values(new_count=new)
    )
    return Imported(added[0], len(document.entries), new, is_repeat=False)


def take_turns(session: Session) -> None:
    """One import or withdrawal after another: files overlap, and would wait for each other.

    SQLite lets one writer in at a time as it is.
    """
    if session.get_bind().dialect.name != "sqlite":
        session.execute(_ONE_IMPORT)


_ONE_IMPORT = sa.text("LOCK TABLE statement_files IN SHARE ROW EXCLUSIVE MODE")


def _safe_name(filename: str) -> str:
    """The last part of a file's name, for people to read; it is never used as a path."""
    return clean_line(filename.replace("\\", "/").rpartition("/")[2])[:200]


def _keep_lines(session: Session, file_id: int, document: StatementDocument) -> int:
    known = (entry for entry in document.taken_back if _is_known(session, entry))
    rows = _line_rows(file_id, document, chain(document.entries, known))
    new = 0
    while batch := list(islice(rows, BATCH)):
        new += len(insert_new(session, StatementLine, *batch))
    return new


def _is_known(session: Session, entry: StatementEntry) -> bool:
    """Whether the movement that this one takes back came in an earlier file."""
    earlier = sa.select(StatementLine.id).where(
        StatementLine.bank_reference == entry.bank_reference[:80],
        StatementLine.amount_minor == -entry.money.minor,
        StatementLine.state != LineState.WITHDRAWN,
    )
    return session.scalar(earlier.limit(1)) is not None


def _line_rows(
    file_id: int, document: StatementDocument, entries: Iterable[StatementEntry]
) -> Iterator[Document]:
    """Rows with their keys; movements of nothing are left out."""
    known: Counter[str] = Counter()
    for entry in entries:
        if not entry.money:
            continue
        # The key is of the bank's own text: files that were imported long ago had no other.
        content = content_key(document, entry)
        known[content] += 1
        key = hashlib.sha256(f"{content}:{known[content]}".encode()).hexdigest()
        yield _line_row(file_id, key, entry)


def _line_row(file_id: int, key: str, entry: StatementEntry) -> Document:
    return {
        "key": key,
        "file_id": file_id,
        "position": entry.position,
        "booked_on": entry.booked_on,
        "amount_minor": entry.money.minor,
        "currency": entry.money.currency,
        **_bounded_texts(entry.without_hidden()),
        "raw": entry.raw,
        "state": LineState.OPEN if entry.is_credit else LineState.IGNORED,
        "corrects": entry.corrects[:80],
        "note": _note(entry),
        "decided_by": "" if entry.is_credit else BY_ITSELF,
    }


def _bounded_texts(entry: StatementEntry) -> Document:
    """What the bank and the payer wrote, as long as the columns are."""
    return {
        "payer_name": entry.payer_name[:200],
        "payer_account": entry.payer_account[:80],
        "payer_email": entry.payer_email[:254],
        "message": entry.message,
        "bank_reference": entry.bank_reference[:80],
        "interac_reference": entry.interac_reference[:40],
    }


def _note(entry: StatementEntry) -> str:
    if not entry.is_credit:
        return "money that went out"
    return f"corrects {entry.corrects[:80]}" if entry.corrects else ""


def content_key(document: StatementDocument, entry: StatementEntry) -> str:
    """What makes two lines the same movement told twice, wherever they stand."""
    parts = (
        entry.account or document.account,
        entry.booked_on.isoformat(),
        str(entry.money),
        entry.bank_reference,
        entry.interac_reference,
        entry.payer_name,
        entry.payer_account,
        entry.message,
    )
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def ignore_lines(act: Act, line_ids: Sequence[int], *, reason: str) -> int:
    """Set open lines aside for a reason; how many were open."""
    result = act.session.execute(
        sa.update(StatementLine)
        .where(StatementLine.id.in_(line_ids), StatementLine.state == LineState.OPEN)
        .values(state=LineState.IGNORED, note=reason, decided_by=act.actor, decided_at=act.now)
        .returning(StatementLine.id)
    )
    return len(result.all())


def reopen_line(session: Session, line_id: int) -> bool:
    """Put a line back that somebody ignored; whether it was one."""
    result = session.execute(
        sa.update(StatementLine)
        .where(
            StatementLine.id == line_id,
            StatementLine.state == LineState.IGNORED,
            StatementLine.decided_by != BY_ITSELF,
        )
        .values(state=LineState.OPEN, returns_id=None, note="", decided_by="", decided_at=None)
        .returning(StatementLine.id)
    )
    return result.first() is not None


class WithdrawalRefused(Exception):
    """The file has to stand; the text is for the clerk."""


def withdraw_file(act: Act, file_id: int, *, why: str) -> int:
    """Take a file and its lines out of all that counts; how many lines it had.

    Raises WithdrawalRefused where it has to stand.
    """
    take_turns(act.session)
    line_ids = _lock_lines(act.session, file_id)
    hindrance = find_hindrance(act.session, file_id)
    if hindrance:
        raise WithdrawalRefused(hindrance)
    _mark_withdrawn(act, file_id, why)
    of_file = sa.select(StatementLine.id).where(StatementLine.file_id == file_id)
    act.session.execute(sa.delete(Suggestion).where(Suggestion.line_id.in_(of_file)))
    return len(line_ids)


def _mark_withdrawn(act: Act, file_id: int, why: str) -> None:
    """The file and each of its lines say that they were withdrawn, by whom and why."""
    act.session.execute(
        sa.update(StatementFile)
        .where(StatementFile.id == file_id)
        .values(withdrawn_at=act.now, withdrawn_by=act.actor, withdrawn_why=why)
    )
    act.session.execute(
        sa.update(StatementLine)
        .where(StatementLine.file_id == file_id)
        .values(state=LineState.WITHDRAWN, note=why, decided_by=act.actor, decided_at=act.now)
    )


def _lock_lines(session: Session, file_id: int) -> list[int]:
    """The file's lines, held so that none is matched meanwhile."""
    lines = (
        sa.select(StatementLine.id)
        .where(StatementLine.file_id == file_id)
        .order_by(StatementLine.id)
        .with_for_update()
    )
    return list(session.scalars(lines))


def find_hindrance(session: Session, file_id: int) -> str:
    """Why a file can't be withdrawn, in a sentence; empty where it can."""
    file = session.get(StatementFile, file_id)
    if file is None or file.withdrawn_at is not None:
        return gettext("This file was withdrawn already.")
    matched = sa.select(Match.id).join(StatementLine).where(StatementLine.file_id == file_id)
    if session.scalar(matched.limit(1)) is not None:
        return gettext(
            "A line of this file is or was booked for a gift, so the file has to stay. "
            "Correct its lines one by one."
        )
    return ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many of a file's lines are in each state; together they are all of its lines."""

    matched: int
    suggested: int
    without: int
    ignored: int
    went_out: int


def count_outcome(session: Session, file_id: int) -> Outcome:
    """Count a file's lines; one whose movement an earlier file brought is that file's."""
    came_in, state = StatementLine.amount_minor > 0, StatementLine.state
    is_open = sa.and_(came_in, state == LineState.OPEN)
    has_gift = sa.exists().where(Suggestion.line_id == StatementLine.id)
    conditions = (
        sa.and_(came_in, state == LineState.MATCHED),
        sa.and_(is_open, has_gift),
        sa.and_(is_open, ~has_gift),
        sa.and_(came_in, state == LineState.IGNORED),
        ~came_in,
    )
    row = session.execute(
        sa.select(*(sa.func.count().filter(condition) for condition in conditions))
        .select_from(StatementLine)
        .where(StatementLine.file_id == file_id)
    ).one()
    return Outcome(*(int(count) for count in row))
