"""The same money told by two exports is booked once, and a clerk sees where."""

from dataclasses import replace

import pytest

from portal.gifts.lifecycle import Status
from portal.money import Money
from portal.payments.matching.matcher import DOUBTED
from portal.payments.matching.scoring import Reason
from portal.payments.statements.booking import Share
from portal.payments.statements.duplicates import find_duplicates, is_one_payment
from portal.payments.statements.formats.entries import StatementDocument, StatementEntry
from portal.payments.statements.models import LineState
from portal.payments.statements.operations import (
    ignore_lines,
    import_statement,
    reopen_line,
    withdraw_file,
)
from portal.payments.statements.queries import Line, LineFilter, list_lines
from tests.conftest import NOW
from tests.statements.clerk import DAY, Clerk
from tests.workplace import act_in, at

PAYER = "Adaeze O’Brien-Tremblay"


def entry(message: str, minor: int = 7553, **said: str) -> StatementEntry:
    """A movement of the day."""
    money = Money(minor, "CAD")
    return StatementEntry(position=1, booked_on=DAY, money=money, message=message, **said)


def keep(clerk: Clerk, form: str, *entries: StatementEntry, account: str = "12345") -> int:
    """A file of this format and account with these movements; its id."""
    told = [replace(one, position=position) for position, one in enumerate(entries, start=1)]
    document = StatementDocument(format=form, account=account, currency="CAD", entries=told)
    content = repr((form, account, told)).encode()
    return import_statement(
        at(clerk.place.services, NOW), document, content, filename=form, by="x"
    ).file_id


def listed(clerk: Clerk) -> list[Line]:
    with clerk.place.database.read() as session:
        return list(list_lines(session, LineFilter(state=LineState.OPEN)).lines)


def duplicates(clerk: Clerk) -> dict[int, int]:
    with clerk.place.database.read() as session:
        return find_duplicates(session)


def test_a_part_that_another_export_told_is_not_booked_as_the_rest(clerk: Clerk) -> None:
    gift = clerk.promise(money=Money(15106, "CAD"))
    keep(clerk, "camt.053", entry(gift.reference, payer_name=PAYER))
    clerk.match()
    (first,) = clerk.lines()
    clerk.confirm(first.id, Share(gift.id, Money(7553, "CAD")))
    assert clerk.status(gift) is Status.PARTLY_PAID
    keep(clerk, "camt.054", entry(f"{gift.reference} ROOF", payer_name=PAYER))
    worked = clerk.match()
    assert (worked.automatic, worked.suggested) == (0, 1)
    (line,) = listed(clerk)
    assert line.duplicate == first.id
    assert Reason.REPORTED_TWICE in line.suggestions[0].reasons
    assert line.suggestions[0].score <= DOUBTED * 100
    clerk.check()


def test_the_next_gift_of_a_donor_is_no_sure_suggestion_for_it(clerk: Clerk) -> None:
    gift, other = clerk.promise(), clerk.promise()
    payer = {"payer_name": gift.name, "payer_email": gift.email}
    keep(clerk, "RBC", entry("for the roof", **payer))
    clerk.match()
    clerk.confirm(clerk.lines()[0].id, Share(gift.id, gift.money))
    keep(clerk, "OFX", entry("ROOF", **payer))
    clerk.match()
    (line,) = listed(clerk)
    assert [one.gift.gift_id for one in line.suggestions] == [other.id]
    assert line.suggestions[0].reasons[-1] == Reason.REPORTED_TWICE
    assert line.suggestions[0].score <= DOUBTED * 100
    clerk.check()


def test_two_accounts_may_receive_as_much_on_one_day(clerk: Clerk) -> None:
    gifts = clerk.promise(), clerk.promise()
    for account, gift in zip(("12345", "67890"), gifts, strict=True):
        keep(clerk, "RBC", entry(gift.reference), account=account)
        assert clerk.match().automatic == 1
    assert duplicates(clerk) == {}
    clerk.check()


def test_one_export_tells_nothing_twice(clerk: Clerk) -> None:
    keep(clerk, "RBC", entry("for the roof", payer_name=PAYER))
    keep(clerk, "RBC", entry("for the bell", payer_name=PAYER))
    assert duplicates(clerk) == {}
    keep(clerk, "RBC", entry("for the door", payer_name=PAYER), account="67890")
    first, _, third = clerk.lines()
    assert duplicates(clerk) == {third.id: first.id}


def test_what_was_ignored_or_withdrawn_was_not_told(clerk: Clerk) -> None:
    file_id = keep(clerk, "CSV", entry("for the roof", payer_name=PAYER))
    keep(clerk, "OFX", entry("ROOF", payer_name=PAYER))
    first, second = clerk.lines()
    assert duplicates(clerk) == {second.id: first.id}
    with clerk.place.database.write() as session:
        ignore_lines(act_in(session, NOW, actor="x"), [first.id], reason="not a gift")
    assert duplicates(clerk) == {}
    with clerk.place.database.write() as session:
        reopen_line(session, first.id)
        withdraw_file(act_in(session, NOW, actor="x"), file_id, why="wrong columns")
    assert duplicates(clerk) == {}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (entry("a", bank_reference="F1"), entry("b", bank_reference="F1"), True),
        (entry("a", bank_reference="NONREF"), entry("b", bank_reference="NONREF"), False),
        (entry("a", payer_name=PAYER), entry("b", payer_name="OBRIEN TREMBLAY ADAEZE"), True),
        (entry("a", payer_name=PAYER), entry("b", payer_name="Chidi Tremblay"), False),
        (entry("a", payer_name=PAYER), entry("b", payer_name=PAYER.upper()), True),
        (entry("a", payer_account="CA 12"), entry("b", payer_account="CA12"), True),
        (entry("a", payer_email="a@b.ca"), entry("b", payer_email="A@B.ca"), True),
        (entry("", payer_name="Ng, Amy"), entry("E-TRANSFER FROM AMY NG 0042"), True),
        (entry("", payer_name="Amy"), entry("E-TRANSFER FROM AMY NG 0042"), False),
        (entry("DEPOSIT 17"), entry("Deposit 18"), True),
        (entry("17"), entry("18"), False),
        (entry("for 8SAF-UTKP-U"), entry("8saf utkp u, roof"), True),
        (
            entry("", payer_name=PAYER, interac_reference="CA1"),
            entry("", payer_name=PAYER, interac_reference="CA2"),
            False,
        ),
        (entry("a", interac_reference="CA1"), entry("b", interac_reference="CA1"), True),
    ],
)
def test_what_makes_two_lines_one_payment(
    one: StatementEntry, other: StatementEntry, expected: bool
) -> None:
    assert is_one_payment(one, other) is is_one_payment(other, one) is expected
