"""What a staff member may do with a bank's line or file: decided once, for all their pages."""

from dataclasses import dataclass

from portal.payments.statements.models import LineState
from portal.payments.statements.queries import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class LineActions:
    """Each is whether it may be done now, by this person.

    `is_return` is money that went out and waits for a clerk; `undo` the match to take back,
    the first that stands, by its id.
    """

    tick: bool
    book: bool
    is_return: bool
    ignore: bool
    undo: int | None
    reopen: bool


def list_line_actions(line: Line, *, is_finance: bool) -> LineActions:
    """What may be done with a line, whichever way its money went."""
    is_open = line.state is LineState.OPEN
    standing = [match.match_id for match in line.matches if not match.undone_at]
    was_ignored_by_hand = line.state is LineState.IGNORED and line.decided_by != "system"
    return LineActions(
        tick=is_open and is_finance,
        book=is_open and is_finance and line.money.minor > 0,
        is_return=is_open and line.money.minor < 0,
        ignore=is_open and is_finance,
        undo=standing[0] if standing and is_finance else None,
        reopen=was_ignored_by_hand and is_finance,
    )
