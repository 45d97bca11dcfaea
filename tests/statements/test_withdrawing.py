"""A file that was read wrongly: withdrawn, kept as evidence, and imported again."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.payments.books import count_totals, prove
from portal.payments.statements.booking import MatchRefused, Share
from portal.payments.statements.decisions import confirm_match
from portal.payments.statements.formats.csv_table import ColumnMapping
from portal.payments.statements.formats.reading import read_statement
from portal.payments.statements.models import LineState, StatementFile, Suggestion
from portal.payments.statements.operations import (
    Imported,
    WithdrawalRefused,
    ignore_lines,
    import_statement,
    reopen_line,
    withdraw_file,
)
from portal.payments.statements.queries import LineFilter, find_file, list_lines
from tests.conftest import NOW
from tests.statements.clerk import DAY, Clerk, rbc
from tests.workplace import act_in, at

RIGHT = ColumnMapping(date=0, message=(1,), debit=2, credit=3, decimal_mark=".")
WRONG = ColumnMapping(date=0, message=(1,), debit=3, credit=2, decimal_mark=".")


def two_columns(gift: Gift) -> bytes:
    """What a gift's transfer and a fee look like in two columns of amounts."""
    rows = (f"{DAY},{gift.reference},,75.53", f"{DAY},FEE,12.00,")
    return "\n".join(["Date,Details,Paid out,Paid in", *rows, ""]).encode()


def keep(clerk: Clerk, content: bytes, mapping: ColumnMapping) -> Imported:
    document = read_statement(content, filename="bank.csv", mapping=mapping, currency="CAD")
    return import_statement(
        at(clerk.place.services, NOW), document, content, filename="bank.csv", by=clerk.by
    )


def withdraw(clerk: Clerk, file_id: int, why: str = "columns swapped") -> int:
    with clerk.place.database.write() as session:
        return withdraw_file(act_in(session, NOW, actor=clerk.by), file_id, why=why)


def test_a_file_with_swapped_columns_comes_again_read_rightly(clerk: Clerk) -> None:
    gift = clerk.promise()
    content = two_columns(gift)
    wrong = keep(clerk, content, WRONG)
    clerk.match()
    assert keep(clerk, content, RIGHT).is_repeat
    assert withdraw(clerk, wrong.file_id) == 2
    clerk.check()
    right = keep(clerk, content, RIGHT)
    assert (right.new, right.is_repeat) == (2, False)
    assert clerk.match().automatic == 1
    assert clerk.status(gift) is Status.PAID
    gone = clerk.lines(LineState.WITHDRAWN)
    assert [(line.amount_minor, line.raw) for line in gone] == [
        (-7553, f"{DAY},{gift.reference},,75.53"),
        (1200, f"{DAY},FEE,12.00,"),
    ]
    assert {(line.note, line.decided_by) for line in gone} == {("columns swapped", clerk.by)}
    assert keep(clerk, content, RIGHT).file_id == right.file_id
    clerk.check()


def test_the_very_same_lines_may_come_again_too(clerk: Clerk) -> None:
    content = rbc(("offering", "20.00"), ("offering", "20.00"))
    for _time in range(3):
        kept = clerk.keep(content)
        assert (kept.new, kept.is_repeat) == (2, False)
        withdraw(clerk, kept.file_id)
        clerk.check()
    assert clerk.keep(content).new == 2
    assert len({line.key for line in clerk.lines()}) == 2
    assert len(clerk.lines()) == 8


def test_what_is_withdrawn_stands_in_no_list_and_no_total(clerk: Clerk) -> None:
    clerk.promise()
    kept = clerk.keep(rbc(("?", "75.53"), ("interest", "0.42")))
    assert clerk.match().suggested == 1
    interest = clerk.lines()[1].id
    with clerk.place.database.write() as session:
        ignore_lines(act_in(session, NOW, actor=clerk.by), [interest], reason="interest")
    withdraw(clerk, kept.file_id)
    with clerk.place.database.write() as session:
        assert not reopen_line(session, interest)
        assert list_lines(session, LineFilter(state=None)).lines == ()
        assert list_lines(session, LineFilter(state=None, file_id=kept.file_id)).lines == ()
        asked = LineFilter(state=LineState.WITHDRAWN, file_id=kept.file_id)
        assert len(list_lines(session, asked).lines) == 2
        assert count_totals(session) == count_totals(session, kept.file_id) == []
        assert session.scalars(sa.select(Suggestion)).all() == []
        file = find_file(session, kept.file_id)
    assert file is not None
    assert (file.withdrawn_by, file.withdrawn_why, file.totals) == (clerk.by, "columns swapped", ())
    assert file.withdrawn_at == NOW
    worked = clerk.match()
    assert (worked.automatic, worked.suggested, worked.unmatched) == (0, 0, 0)


def test_a_withdrawn_line_is_booked_for_nothing(clerk: Clerk) -> None:
    gift = clerk.promise()
    kept = clerk.keep(rbc(("?", "75.53")))
    withdraw(clerk, kept.file_id)
    with pytest.raises(MatchRefused):
        clerk.confirm(clerk.lines()[0].id, Share(gift.id, gift.due))


@pytest.mark.parametrize("is_undone", [False, True], ids=["matched", "taken back"])
def test_a_file_of_which_something_was_booked_has_to_stay(clerk: Clerk, *, is_undone: bool) -> None:
    gift = clerk.promise()
    kept = clerk.keep(rbc((gift.reference, "75.53"), ("unknown", "10.00")))
    clerk.match()
    if is_undone:
        clerk.undo(clerk.matches()[0].id)
    with pytest.raises(WithdrawalRefused, match="is or was booked for a gift"):
        withdraw(clerk, kept.file_id)
    assert clerk.lines(LineState.WITHDRAWN) == []
    clerk.check()


def test_a_file_is_withdrawn_once(clerk: Clerk) -> None:
    kept = clerk.keep(rbc(("unknown", "10.00")))
    withdraw(clerk, kept.file_id, "first")
    for file_id in (kept.file_id, kept.file_id + 1):
        with pytest.raises(WithdrawalRefused, match="withdrawn already"):
            withdraw(clerk, file_id, "second")
    assert clerk.lines()[0].note == "first"


def test_a_withdrawal_waits_for_a_booking_under_way_and_is_refused(
    clerk: Clerk, other: Clerk
) -> None:
    gift = clerk.promise()
    kept = clerk.keep(rbc(("?", "75.53")))
    share = Share(gift.id, gift.due)
    with ThreadPoolExecutor(1) as pool:
        with clerk.place.database.write() as session:
            confirm_match(
                act_in(session, NOW, clerk.services, actor=clerk.by), clerk.lines()[0].id, [share]
            )
            under_way = pool.submit(withdraw, other, kept.file_id)
            with pytest.raises(TimeoutError):
                under_way.result(timeout=1)
        with pytest.raises(WithdrawalRefused, match="is or was booked for a gift"):
            under_way.result()
    assert clerk.status(gift) is Status.PAID
    clerk.check()


def test_an_import_of_the_same_file_waits_for_its_withdrawal(clerk: Clerk, other: Clerk) -> None:
    content = rbc(("?", "75.53"))
    kept = clerk.keep(content)
    with ThreadPoolExecutor(1) as pool:
        with clerk.place.database.write() as session:
            withdraw_file(act_in(session, NOW, actor=clerk.by), kept.file_id, why="columns")
            under_way = pool.submit(other.keep, content)
            with pytest.raises(TimeoutError):
                under_way.result(timeout=1)
        again = under_way.result()
    assert (again.new, again.is_repeat) == (1, False)
    clerk.check()


def test_a_file_withdrawn_by_half_does_not_prove(clerk: Clerk) -> None:
    clerk.keep(rbc(("unknown", "10.00")))
    with clerk.place.database.write() as session:
        session.execute(sa.update(StatementFile).values(withdrawn_at=NOW))
    with clerk.place.database.read() as session:
        assert prove(session) == [
            "File rbc.csv is withdrawn and its lines are not, or the other way round."
        ]
