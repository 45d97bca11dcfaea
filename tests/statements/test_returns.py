"""Payments that come back after they were matched: a clerk sees them, and decides."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.money import Money
from portal.payments.books import count_totals
from portal.payments.statements.booking import MatchRefused, Share
from portal.payments.statements.decisions import claim_unattributed
from portal.payments.statements.formats.entries import StatementDocument, StatementEntry
from portal.payments.statements.match_run import find_returns
from portal.payments.statements.models import LineState, StatementLine
from portal.payments.statements.operations import ignore_lines, import_statement, reopen_line
from portal.payments.statements.queries import Line, LineFilter, list_lines
from tests.conftest import NOW
from tests.statements.clerk import DAY, Clerk, rbc
from tests.workplace import act_in, at

LATER = DAY + timedelta(days=4)


def returned(gift: Gift, amount: str = "-75.53") -> tuple[str, str]:
    return f"RETURNED NSF {gift.reference}", amount


def listed(clerk: Clerk, state: LineState | None = LineState.OPEN) -> list[Line]:
    with clerk.place.database.read() as session:
        return list(list_lines(session, LineFilter(state=state)).lines)


def paid(clerk: Clerk) -> Gift:
    gift = clerk.promise()
    assert clerk.bring((gift.reference, "75.53")).automatic == 1
    return gift


def ignore(clerk: Clerk, line_id: int) -> None:
    with clerk.place.database.write() as session:
        ignore_lines(act_in(session, NOW, actor="staff:7"), [line_id], reason="the bank’s error")


def test_a_return_in_a_later_file_waits_for_a_clerk_with_the_line_it_may_return(
    clerk: Clerk,
) -> None:
    gift = paid(clerk)
    worked = clerk.bring(returned(gift), ("interest", "0.05"), day=LATER)
    assert (worked.automatic, worked.suggested, worked.unmatched) == (0, 0, 1)
    credit, debit, interest = clerk.lines()
    assert (debit.state, debit.returns_id) == (LineState.OPEN, credit.id)
    first, second = listed(clerk)
    assert (first.line_id, first.returns) == (debit.id, credit.id)
    assert (second.line_id, second.returns) == (interest.id, None)
    assert clerk.status(gift) is Status.PAID
    clerk.check()


def test_an_open_return_is_in_no_total(clerk: Clerk) -> None:
    gift = paid(clerk)
    clerk.bring(returned(gift), day=LATER)
    with clerk.place.database.read() as session:
        (totals,) = count_totals(session)
        (of_file,) = count_totals(session, clerk.lines()[0].file_id)
    assert totals == of_file
    assert totals.adds_up
    assert (totals.lines, totals.open_lines, totals.open) == (1, 0, Money(0, "CAD"))
    clerk.check()


def test_a_return_stays_once_it_is_seen_whatever_is_imported_next(clerk: Clerk) -> None:
    gift = paid(clerk)
    content = rbc(returned(gift), day=LATER)
    clerk.keep(content)
    for filename in ("again.csv", "once-more.csv"):
        clerk.keep(content, filename)
        clerk.match()
    clerk.bring(returned(gift), ("overlap", "1.00"), day=LATER)
    debits = [line for line in clerk.lines() if line.amount_minor < 0]
    assert [line.state for line in debits] == [LineState.OPEN]
    ignore(clerk, debits[0].id)
    clerk.bring(("next", "2.00"), day=LATER)
    (debit,) = (line for line in clerk.lines() if line.amount_minor < 0)
    assert (debit.state, debit.note) == (LineState.IGNORED, "the bank’s error")
    clerk.check()


def test_a_return_that_was_kept_before_its_payment_was_matched_is_seen_too(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.keep(rbc((gift.reference, "75.53")))
    clerk.bring(returned(gift), day=LATER)
    credit, debit = clerk.lines()
    assert (credit.state, debit.state) == (LineState.OPEN, LineState.IGNORED)
    clerk.confirm(credit.id, Share(gift.id, Money(7553, "CAD")))
    clerk.match()
    assert clerk.lines()[1].state is LineState.OPEN
    clerk.check()


@pytest.mark.parametrize(
    ("message", "amount", "day"),
    [
        ("RENT", "-75.53", LATER),
        ("RETURNED NSF {reference}", "-75.52", LATER),
        ("RETURNED NSF {reference}", "-75.53", DAY - timedelta(days=1)),
    ],
    ids=["no mark in common", "another amount", "before the payment"],
)
def test_a_debit_that_mirrors_nothing_stays_ignored(
    clerk: Clerk, message: str, amount: str, day: date
) -> None:
    gift = paid(clerk)
    clerk.bring((message.format(reference=gift.reference), amount), day=day)
    (debit,) = (line for line in clerk.lines() if line.amount_minor < 0)
    assert (debit.state, debit.note) == (LineState.IGNORED, "money that went out")
    assert debit.id not in {line.line_id for line in listed(clerk, None)}
    clerk.check()


def entry(position: int, minor: int, day: date, **marks: str) -> StatementEntry:
    return StatementEntry(
        position=position, booked_on=day, money=Money(minor, "CAD"), message="x", **marks
    )


def keep(clerk: Clerk, *entries: StatementEntry) -> None:
    document = StatementDocument(format="x", account="1", currency="CAD", entries=entries)
    import_statement(
        at(clerk.place.services, NOW), document, repr(entries).encode(), filename="x", by="x"
    )


@pytest.mark.parametrize("mark", ["interac_reference", "bank_reference"])
def test_a_return_is_known_by_the_banks_or_interacs_reference(clerk: Clerk, mark: str) -> None:
    keep(clerk, entry(1, 7553, DAY, **{mark: "CAb7Kd92Qx"}), entry(2, 7553, DAY))
    gift = clerk.promise()
    first, second = clerk.lines()
    for line in (first, second):
        clerk.confirm(line.id, Share(gift.id, Money(7553, "CAD"), may_exceed=True))
    keep(clerk, entry(1, -7553, LATER, **{mark: "CAb7Kd92Qx"}), entry(2, -7553, LATER))
    clerk.match()
    assert [(line.money.minor, line.returns) for line in listed(clerk)] == [(-7553, first.id)]
    clerk.check()


def test_of_several_payments_the_last_before_it_is_the_one_returned(clerk: Clerk) -> None:
    gift = paid(clerk)
    clerk.keep(rbc((gift.reference, "75.53"), day=DAY + timedelta(days=1)))
    clerk.keep(rbc((gift.reference, "75.53"), day=LATER + timedelta(days=1)))
    for line in clerk.lines(LineState.OPEN):
        clerk.confirm(line.id, Share(gift.id, Money(7553, "CAD"), may_exceed=True))
    clerk.bring(returned(gift), day=LATER)
    assert [line.returns for line in listed(clerk)] == [clerk.lines()[1].id]
    clerk.check()


def test_a_return_is_matched_to_nothing_and_may_be_ignored_and_opened_again(clerk: Clerk) -> None:
    gift, other = paid(clerk), clerk.promise()
    clerk.bring(returned(gift), day=LATER)
    credit, debit = clerk.lines()
    with pytest.raises(MatchRefused, match="can’t pay a gift"):
        clerk.confirm(debit.id, Share(other.id, Money(7553, "CAD")))
    with (
        pytest.raises(MatchRefused, match="can’t pay a gift"),
        clerk.place.database.write() as session,
    ):
        claim_unattributed(act_in(session, NOW, clerk.services, actor="staff:7"), debit.id)
    ignore(clerk, debit.id)
    assert [line.line_id for line in listed(clerk, LineState.IGNORED)] == [debit.id]
    with clerk.place.database.write() as session:
        assert reopen_line(session, debit.id)
    clerk.match()
    assert [line.returns for line in listed(clerk)] == [credit.id]
    clerk.check()


def test_what_is_taken_back_for_its_return_is_not_booked_again(clerk: Clerk) -> None:
    gift = paid(clerk)
    clerk.bring(returned(gift), day=LATER)
    clerk.undo(clerk.matches()[0].id, "the bank returned it")
    assert clerk.match().automatic == 0
    for line in listed(clerk):
        ignore(clerk, line.line_id)
    assert listed(clerk) == []
    assert clerk.status(gift) is Status.PENDING
    clerk.check()


def test_returns_are_found_in_a_fixed_number_of_looks(clerk: Clerk) -> None:
    """However many lines and debits share amount, day and even the bank's word for them."""
    many = 300
    keep(clerk, *(entry(n, 500, DAY, bank_reference=f"R{n % 7}") for n in range(1, many)))
    with clerk.place.database.write() as session:
        session.execute(sa.update(StatementLine).values(state=LineState.MATCHED))
    keep(clerk, *(entry(n, -500, LATER, bank_reference=f"R{n % 9}") for n in range(1, many)))
    asked: list[str] = []
    with clerk.place.database.read() as session:
        connection = session.connection()
        sa.event.listen(connection, "before_cursor_execute", lambda *told: asked.append(told[2]))
        found = find_returns(session)
    assert len(found) == sum(n % 9 < 7 for n in range(1, many))
    assert len(asked) == 2
