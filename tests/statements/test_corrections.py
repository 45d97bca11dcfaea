"""A bank's correction of a movement is never a second credit, in one file or in a later one."""

import pytest
import sqlalchemy as sa

from portal.gifts.lifecycle import Status
from portal.payments.statements.models import LineState, StatementLine
from portal.payments.statements.operations import ignore_lines, reopen_line
from tests.conftest import NOW
from tests.statements.clerk import DAY, Clerk
from tests.statements.samples import read_text
from tests.workplace import act_in


def ofx(*movements: str) -> str:
    told = "".join(f"<STMTTRN><DTPOSTED>{DAY:%Y%m%d}{movement}</STMTTRN>" for movement in movements)
    return f"<OFX><STMTRS><CURDEF>CAD<ACCTID>1<BANKTRANLIST>{told}</BANKTRANLIST></STMTRS></OFX>"


def paid(fitid: str, amount: str = "75.53", memo: str = "GIFT") -> str:
    return f"<TRNAMT>{amount}<FITID>{fitid}<MEMO>{memo}"


def corrects(fitid: str, action: str) -> str:
    return f"<CORRECTFITID>{fitid}<CORRECTACTION>{action}"


FIRST = paid("A1")
DELETED = paid("A2") + corrects("A1", "DELETE")
REPLACED = paid("A2", "80.00") + corrects("A1", "REPLACE")


@pytest.mark.parametrize(
    ("movements", "amounts"),
    [
        ((FIRST, DELETED), []),
        ((DELETED, FIRST), []),
        ((FIRST, REPLACED), [8000]),
        ((REPLACED, FIRST), [8000]),
        ((FIRST, REPLACED, paid("A3") + corrects("A2", "DELETE")), []),
        ((FIRST, REPLACED, paid("A3", "9.00") + corrects("A2", "REPLACE")), [900]),
        ((FIRST, paid("A2") + corrects("A2", "REPLACE")), [7553, 7553]),
        ((FIRST, paid("A1", "80.00") + corrects("A1", "REPLACE")), [8000]),
        ((paid("A1", "80.00") + corrects("A1", "REPLACE"), FIRST), [8000]),
        ((FIRST, paid("A1") + corrects("A1", "DELETE")), []),
        ((FIRST, paid("", "80.00") + corrects("A1", "REPLACE")), [8000]),
        ((FIRST, paid("") + corrects("A1", "DELETE")), []),
        ((FIRST, *(paid("A1", much) + corrects("A1", "REPLACE") for much in "89")), [900]),
    ],
)
def test_a_correction_stands_in_the_place_of_the_first(
    movements: tuple[str, ...], amounts: list[int]
) -> None:
    document = read_text(ofx(*movements))
    assert [entry.money.minor for entry in document.entries] == amounts


@pytest.mark.parametrize("empty", ["<CHECKNUM>", "<REFNUM>\n", "<FITID>", "<CHECKNUM></CHECKNUM>"])
def test_an_element_left_empty_takes_in_none_behind_it(empty: str) -> None:
    (entry,) = read_text(ofx(f"<TRNAMT>75.53{empty}<NAME>JANE DOE<MEMO>GIFT")).entries
    assert (entry.payer_name, entry.message) == ("JANE DOE", "GIFT JANE DOE")


@pytest.mark.parametrize("beside", [(), (FIRST,)])
def test_what_a_later_file_deletes_is_not_booked(clerk: Clerk, beside: tuple[str, ...]) -> None:
    gift = clerk.promise()
    clerk.keep(ofx(paid("A1", memo=gift.reference)).encode())
    clerk.keep(ofx(*beside, DELETED).encode())
    assert clerk.match().automatic == 0
    assert clerk.status(gift) is not Status.PAID


def test_what_is_deleted_after_it_was_booked_waits_for_a_clerk(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.keep(ofx(paid("A1", memo=gift.reference)).encode())
    assert clerk.match().automatic == 1
    clerk.keep(ofx(DELETED).encode())
    clerk.match()
    (debit,) = clerk.lines(LineState.OPEN)
    assert debit.amount_minor == -7553
    assert debit.returns_id is not None


def test_what_replaces_an_earlier_file_s_movement_is_not_booked(clerk: Clerk) -> None:
    first, second = clerk.promise(), clerk.promise()
    clerk.keep(ofx(paid("A1", memo=first.reference)).encode())
    assert clerk.match().automatic == 1
    again = paid("A2", memo=second.reference) + corrects("A1", "REPLACE")
    clerk.keep(ofx(again).encode())
    assert clerk.match().automatic == 0
    (line,) = clerk.lines(LineState.OPEN)
    assert line.corrects == "A1"
    with clerk.place.database.write() as session:
        act = act_in(session, NOW, actor=clerk.by)
        ignore_lines(act, [line.id], reason="not yet")
        assert reopen_line(session, line.id)
    assert clerk.match().automatic == 0


def test_the_words_of_a_note_decide_nothing(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.keep(ofx(paid("A1", "5.00"), paid("A2", memo=gift.reference)).encode())
    with clerk.place.database.write() as session:
        session.execute(sa.update(StatementLine).values(note="corrects A1"))
    assert clerk.match().automatic == 1


def test_a_replacement_of_what_nobody_imported_is_money_like_other(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.keep(ofx(paid("A2", memo=gift.reference) + corrects("A1", "REPLACE")).encode())
    assert clerk.match().automatic == 1
