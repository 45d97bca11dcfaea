"""What a clerk sees: files with totals, lines by suggestion, gifts by whatever is typed."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.database import Document
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.money import Money
from portal.payments.books import count_totals, prove
from portal.payments.operations import accept
from portal.payments.statements.booking import Share
from portal.payments.statements.decisions import find_open_gifts
from portal.payments.statements.models import LineState
from portal.payments.statements.operations import ignore_lines
from portal.payments.statements.queries import (
    Cursor,
    LineFilter,
    LinePage,
    find_file,
    find_line,
    list_files,
    list_gift_lines,
    list_lines,
)
from tests.conftest import NOW
from tests.statements.clerk import DAY, Clerk, rbc
from tests.workplace import act_in

CAD = "CAD"


def page(
    clerk: Clerk, wanted: LineFilter, after: Cursor | None = None, limit: int = 50
) -> LinePage:
    with clerk.place.database.read() as session:
        return list_lines(session, wanted, after=after, limit=limit)


def search(clerk: Clerk, text: str, currency: str = CAD) -> list[str]:
    with clerk.place.database.read() as session:
        return [one.reference for one in find_open_gifts(session, text, currency=currency)]


def test_the_surest_suggestion_comes_first_and_pages_go_on(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.bring(
        *((f"unknown {number}", f"{number}.00") for number in range(1, 6)),
        (gift.reference, "70.00"),
    )
    first = page(clerk, LineFilter(), limit=4)
    assert first.lines[0].suggestions[0].gift.gift_id == gift.id
    assert first.lines[0].suggestions[0].gift.due == Money(7553, CAD)
    assert "amount_less" in first.lines[0].suggestions[0].reasons
    assert first.after is not None
    rest = page(clerk, LineFilter(), first.after)
    assert rest.after is None
    seen = [line.line_id for line in (*first.lines, *rest.lines)]
    assert sorted(seen) == [line.id for line in clerk.lines()]
    assert seen[1:] == sorted(seen[1:])


def test_lines_are_chosen_by_state_file_day_and_currency(clerk: Clerk) -> None:
    one = clerk.keep(rbc(("one", "1.00"), ("out", "-1.00")))
    clerk.keep(rbc(("two", "2.00"), day=DAY + timedelta(days=40)))
    clerk.keep(rbc(("three", "3.00"), column="USD"))
    with clerk.place.database.write() as session:
        ignore_lines(act_in(session, NOW, actor="staff:7"), [clerk.lines()[0].id], reason="a test")

    def minors(**wanted: object) -> list[int]:
        given: Document = {"state": None, **wanted}
        return [line.money.minor for line in page(clerk, LineFilter(**given)).lines]

    assert minors() == [100, 200, 300]
    assert minors(file_id=one.file_id) == [100]
    assert minors(state=LineState.OPEN) == [200, 300]
    assert minors(state=LineState.IGNORED) == [100]
    assert minors(since=DAY + timedelta(days=40)) == [200]
    assert minors(until=DAY) == [100, 300]
    assert minors(currency="USD") == [300]


def test_totals_of_a_file_always_come_to_what_came_in(clerk: Clerk) -> None:
    gift = clerk.promise()
    imported = clerk.keep(
        rbc((gift.reference, "75.53"), ("open", "10.00"), ("interest", "1.00"), ("fee", "-3.00"))
    )
    clerk.match()
    with clerk.place.database.write() as session:
        ignore_lines(
            act_in(session, NOW, actor="staff:7"), [clerk.lines()[2].id], reason="interest"
        )
    with clerk.place.database.read() as session:
        (row,) = list_files(session)
        assert find_file(session, imported.file_id) == row
        assert find_file(session, 999) is None
        (totals,) = row.totals
        assert totals == count_totals(session, imported.file_id)[0]
    assert (totals.lines, totals.open_lines) == (3, 1)
    assert totals.received == Money(8653, CAD)
    assert (totals.matched, totals.open, totals.ignored) == (
        Money(7553, CAD),
        Money(1000, CAD),
        Money(100, CAD),
    )
    assert totals.adds_up


def test_a_line_and_a_gift_tell_of_each_other_undone_matches_too(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.bring((gift.reference, "75.53"))
    clerk.undo(clerk.matches()[0].id, "a mistake")
    clerk.confirm(clerk.lines()[0].id, Share(gift.id, Money(7553, CAD)))
    with clerk.place.database.read() as session:
        (line,) = list_gift_lines(session, gift.id)
        assert find_line(session, line.line_id) == line
        assert find_line(session, 999) is None
    undone, standing = line.matches
    assert (undone.undone_by, undone.undo_reason) == ("staff:7", "a mistake")
    assert standing.undone_at is None
    assert standing.gift.reference == gift.reference


@pytest.mark.parametrize(
    "typed",
    [
        "{reference}",
        "{bare}",
        "paid for {reference} thanks",
        "{begun}",
        "O’Brien-Tremblay",
        "o’brien-tremblay, Adaeze",
        "Adaeze O’Brien-Tremblay",
        "adaeze",
        "adaeze@exam",
        "75.53",
        "75,53",
    ],
)
def test_an_open_gift_is_found_by_whatever_is_typed(clerk: Clerk, typed: str) -> None:
    gift = clerk.promise()
    clerk.promise(
        money=Money(100, CAD),
        donor={"first_name": "Zed", "last_name": "Zola", "email": "z@example.org"},
    )
    values = {
        "reference": gift.reference,
        "bare": gift.reference.replace("-", "").lower(),
        "begun": gift.reference[:6],
    }
    assert search(clerk, typed.format_map(values)) == [gift.reference]


NAMES = (
    ("Seán", "O’Brien"),
    ("María", "de la Cruz"),
    ("Łukasz", "Müller-Lüdenscheidt"),
    ("太郎", "山田"),
    ("Αικατερίνη", "Παπαδοπούλου"),
    ("Анна", "Щербакова"),
)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("OBrien", 0),
        ("O'Brien, Seán", 0),
        ("sean o brien", 0),
        ("Cruz", 1),
        ("CRUZ MARIA", 1),
        ("delacruz", 1),
        ("Lukasz", 2),
        ("Mueller", 2),
        ("muller ludenscheidt", 2),
        ("Ludens", 2),
        ("山田太郎", 3),
        ("太郎　山田", 3),
        ("Παπαδοπούλου", 4),
        ("Papadopoulou", 4),
        ("Щербакова Анна", 5),
        ("donor3@", 3),
        ("mail4.example", 4),
    ],
)
def test_an_open_gift_is_found_by_a_name_as_people_type_it(
    clerk: Clerk, typed: str, found: int
) -> None:
    gifts = [
        clerk.promise(
            donor={
                "first_name": first,
                "last_name": last,
                "email": f"donor{number}@mail{number}.example",
            }
        )
        for number, (first, last) in enumerate(NAMES)
    ]
    assert search(clerk, typed) == [gifts[found].reference]


def test_nothing_is_found_by_nothing_nor_what_is_paid_or_foreign(clerk: Clerk) -> None:
    gift = clerk.promise()
    assert search(clerk, "  ") == []
    assert search(clerk, gift.reference, currency="USD") == []
    clerk.bring((gift.reference, "75.53"))
    assert search(clerk, gift.reference) == []


TAMPERED = {
    "UPDATE statement_lines SET state = 'open' WHERE state = 'matched'": "Line",
    "UPDATE statement_files SET new_count = new_count + 1": "File",
    "UPDATE matches SET undone_at = made_at": "Match",
    "UPDATE gifts SET paid_minor = 1": "Gift",
    "UPDATE day_changes SET minor = minor + 1": "Day",
    "DELETE FROM day_changes": "Day",
    "INSERT INTO day_sums VALUES ('fee', '2026-11-23', 'CAD', 'ca', 5)": "Day",
}


@pytest.mark.parametrize(("statement", "names"), TAMPERED.items(), ids=TAMPERED.values())
def test_books_that_were_tampered_with_do_not_prove(
    clerk: Clerk, statement: str, names: str
) -> None:
    gift = clerk.promise()
    clerk.bring((gift.reference, "75.53"))
    clerk.check()
    with clerk.place.database.write() as session:
        session.execute(sa.text(statement))
    with clerk.place.database.read() as session:
        problems = prove(session)
    assert any(problem.startswith(names) for problem in problems), problems


def test_a_payment_without_its_line_does_not_prove(clerk: Clerk) -> None:
    gift: Gift = clerk.promise()
    stray = Claim(
        fact=FactKind.PAID,
        subject="line-99-1",
        occurred_at=NOW,
        money=gift.money,
        source=Source.STATEMENT,
        actor="staff:1",
    )
    with clerk.place.database.write() as session:
        accept(act_in(session, NOW, clerk.services), gift.id, [stray])
    with clerk.place.database.read() as session:
        assert len(prove(session)) == 2
