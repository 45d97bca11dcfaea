"""The same money told twice: by a camt.053 and a camt.054, or by a bank's CSV and its OFX.

Exports of one kind and account know each other's lines by their keys. Between kinds no line is
the same letter for letter; so one is doubted that has the day and the amount of an earlier line
of another export, and names the same payment by a reference, by its payer or by its words.
It is never booked by itself: a clerk ignores it, or finds that it is another payment.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Bundle, Session, aliased

from portal.payments.matching.identifiers import find_references, fold_words
from portal.payments.matching.matcher import NO_REFERENCE
from portal.payments.matching.pool import payer_keys
from portal.payments.statements.formats.entries import StatementEntry
from portal.payments.statements.loading import LINE_COLUMNS, entry_of
from portal.payments.statements.models import LineState, StatementFile, StatementLine

READ_BATCH = 2_000
# Names of one word are too many people's.
WORDS_OF_A_NAME = 2

_TOLD = (LineState.OPEN, LineState.MATCHED)


def find_duplicates(session: Session, *conditions: sa.ColumnElement[bool]) -> dict[int, int]:
    """The open lines of money that came in and that fit, as far as an earlier line of another
    export may be the same payment: each with the first such line.
    """
    if not _has_several_exports(session):
        return {}
    found: dict[int, int] = {}
    for line_id, pairs in groupby(_read_pairs(session, conditions), lambda pair: pair[0]):
        earlier = next((pair[2] for pair in pairs if is_one_payment(pair[1], pair[3])), None)
        if earlier is not None:
            found[line_id] = earlier
    return found


def find_corrected(session: Session) -> set[int]:
    """The open lines that their bank says instead of earlier ones, and those earlier ones."""
    says = sa.and_(_IS_OPEN_MONEY, StatementLine.corrects != "")
    rows = session.execute(sa.select(StatementLine.id, StatementLine.corrects).where(says))
    references: dict[int, str] = dict(rows.all())
    if not references:
        return set()
    earlier = session.execute(
        sa.select(StatementLine.id, StatementLine.bank_reference).where(
            StatementLine.bank_reference.in_(sorted(set(references.values()))),
            StatementLine.state != LineState.WITHDRAWN,
        )
    ).all()
    known = {reference for _, reference in earlier}
    return {line_id for line_id, _ in earlier}.union(
        line_id for line_id, reference in references.items() if reference in known
    )


_IS_OPEN_MONEY = sa.and_(StatementLine.state == LineState.OPEN, StatementLine.amount_minor > 0)


def count_duplicates(session: Session, file_id: int) -> int:
    """How many open lines of a file an earlier export may have told."""
    return len(find_duplicates(session, StatementLine.file_id == file_id))


def is_one_payment(one: StatementEntry, other: StatementEntry) -> bool:
    """Whether two lines of one day and amount, told by two exports, may be one payment."""
    if one.interac_reference and other.interac_reference:
        return one.interac_reference == other.interac_reference
    return (
        not _marks(one).isdisjoint(_marks(other))
        or _names_payer(one, other)
        or _names_payer(other, one)
        or (bool(_words(one)) and _words(one) == _words(other))
    )


def _marks(entry: StatementEntry) -> set[str]:
    """What names a payment or its payer, whoever writes it."""
    marks = {f"gift:{reference}" for reference in find_references(entry.message)}
    if entry.bank_reference not in NO_REFERENCE:
        marks.add(f"bank:{entry.bank_reference}")
    return marks.union(payer_keys(entry))


def _words(entry: StatementEntry) -> frozenset[str]:
    return frozenset(fold_words(f"{entry.payer_name} {entry.message}"))


def _names_payer(one: StatementEntry, other: StatementEntry) -> bool:
    """Whether the payer's name stands somewhere in the other line."""
    name = set(fold_words(one.payer_name))
    return len(name) >= WORDS_OF_A_NAME and name <= _words(other)


def _has_several_exports(session: Session) -> bool:
    """Whether files came in more than one format, or of more than one account."""
    exports = (
        sa.select(StatementFile.format, StatementFile.account)
        .where(StatementFile.withdrawn_at.is_(None))
        .distinct()
        .limit(2)
    )
    return len(session.execute(exports).all()) > 1


def _read_pairs(
    session: Session, conditions: tuple[sa.ColumnElement[bool], ...]
) -> Iterator[tuple[int, StatementEntry, int, StatementEntry]]:
    """Each open line with every earlier one of its day and amount that another export told."""
    earlier, other_file = aliased(StatementLine), aliased(StatementFile)
    rows = session.execute(
        _select_pairs(earlier, other_file).where(*conditions),
        execution_options={"yield_per": READ_BATCH},
    )
    for one, other in rows:
        yield one.id, entry_of(one), other.id, entry_of(other)


def _is_same_movement(earlier: Any) -> sa.ColumnElement[bool]:
    """Whether an earlier line tells of as much on the same day, and counts."""
    return sa.and_(
        earlier.booked_on == StatementLine.booked_on,
        earlier.amount_minor == StatementLine.amount_minor,
        earlier.currency == StatementLine.currency,
        earlier.id < StatementLine.id,
        earlier.state.in_(_TOLD),
    )


def _select_pairs(earlier: Any, other_file: Any) -> sa.Select[Any]:
    return (
        sa.select(_bundle("one", StatementLine), _bundle("other", earlier))
        .join(StatementFile, StatementFile.id == StatementLine.file_id)
        .join(earlier, _is_same_movement(earlier))
        .join(
            other_file,
            sa.and_(
                other_file.id == earlier.file_id,
                sa.or_(
                    other_file.format != StatementFile.format,
                    other_file.account != StatementFile.account,
                ),
            ),
        )
        .where(StatementLine.state == LineState.OPEN, StatementLine.amount_minor > 0)
        .order_by(StatementLine.id, earlier.id)
    )


def _bundle(name: str, line: Any) -> Bundle[Any]:
    return Bundle(name, *(getattr(line, key) for key in LINE_COLUMNS))
