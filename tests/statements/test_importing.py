"""Files kept: whole or not at all, once, by however many clerks at once; money never doubled."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Gift
from portal.money import Money
from portal.payments.operations import accept
from portal.payments.statements.booking import MatchRefused, Share
from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.formats.texts import FILE_LIMIT, read_file
from portal.payments.statements.match_run import BATCH, match_open_lines
from portal.payments.statements.models import LineState
from portal.payments.statements.operations import Imported
from portal.payments.statements.queries import find_file
from portal.payments.stripe.reading import stripe_claim
from tests.conftest import NOW
from tests.statements.clerk import DAY, Clerk, rbc
from tests.statements.samples import sample
from tests.workplace import act_in, at

Result = TypeVar("Result")


def at_once(*works: Callable[[], Result]) -> list[Result]:
    """What several threads return that begin at the same moment."""
    barrier = Barrier(len(works))

    def begin(work: Callable[[], Result]) -> Result:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return [one.result() for one in [pool.submit(begin, work) for work in works]]


def test_the_same_file_again_changes_nothing(clerk: Clerk) -> None:
    gift = clerk.promise()
    content = rbc((gift.reference, "75.53"), ("unknown", "10.00"))
    assert clerk.keep(content).new == 2
    clerk.match()
    again = clerk.keep(content, filename="the same by another name.csv")
    assert (again.new, again.lines, again.is_repeat) == (0, 2, True)
    clerk.match()
    assert len(clerk.lines()) == 2
    assert clerk.gift(gift).paid_minor == 7553
    clerk.check()


def test_equal_lines_of_one_day_stay_as_many_as_the_file_has(clerk: Clerk) -> None:
    duplicates = (("offering", "20.00"), ("offering", "20.00"))
    assert clerk.keep(rbc(*duplicates)).new == 2
    longer = rbc(*duplicates, ("offering", "20.00"), ("other", "5.00"))
    overlapping = clerk.keep(longer)
    assert (overlapping.lines, overlapping.new) == (4, 2)
    assert len({line.key for line in clerk.lines()}) == 4
    clerk.check()


def test_a_line_keeps_what_the_bank_wrote(clerk: Clerk) -> None:
    clerk.keep(sample("rbc.csv"))
    first, *_ = clerk.lines()
    assert first.raw.startswith("Chequing,00012-0012345,11/2/2026,,")
    assert first.interac_reference == "C1Ab4kQpT9z"
    out = [line for line in clerk.lines() if line.amount_minor < 0]
    assert {line.state for line in out} == {LineState.IGNORED}
    clerk.check()


@pytest.mark.parametrize("name", ["../../etc/x.csv", "C:\\fakepath\\x.csv", "/x.csv", "x.csv"])
def test_of_a_file_s_name_only_the_last_part_is_kept(clerk: Clerk, name: str) -> None:
    kept = clerk.keep(sample("rbc.csv"), filename=name)
    with clerk.place.database.read() as session:
        file = find_file(session, kept.file_id)
    assert file is not None
    assert file.filename == "x.csv"


@pytest.mark.parametrize(
    "break_it",
    [
        lambda content: content.replace(b"75.53", b"seventy"),
        lambda content: content + b'Chequing,1,13/13/2026,,"x","y",1.00,,\n',
        lambda content: content[:-30],
        lambda _content: b"",
    ],
    ids=["an amount", "a date", "cut short", "empty"],
)
def test_of_a_damaged_file_nothing_is_kept(
    clerk: Clerk, break_it: Callable[[bytes], bytes]
) -> None:
    good = rbc(("one", "1.00"), ("two", "75.53"), ("three", '3.00",'))
    with pytest.raises(StatementError) as refused:
        clerk.keep(break_it(good))
    assert str(refused.value)
    assert not clerk.lines()


@pytest.mark.parametrize("hidden", [*"\u202e\u200b\U000e0041"])
def test_nothing_hidden_is_kept_of_what_a_payer_wrote(clerk: Clerk, hidden: str) -> None:
    content = rbc((f"For {hidden}Grace", "75.53"), payer=f"ADA{hidden} OKAFOR")
    assert clerk.keep(content, filename=f"rbc{hidden}.csv").new == 1
    [line] = clerk.lines()
    assert line.payer_name == "ADA OKAFOR"
    assert line.message.endswith("ADA OKAFOR For Grace")
    assert hidden in line.raw
    assert clerk.keep(content + b"\n", filename="again.csv").new == 0


def test_a_file_of_200_mb_is_refused_unread(tmp_path: Path) -> None:
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as stream:
        stream.truncate(200 * 1024 * 1024)
    assert huge.stat().st_size > FILE_LIMIT
    with pytest.raises(StatementError, match="larger than"):
        read_file(huge)


def test_two_clerks_with_the_same_file_keep_it_once(clerk: Clerk, other: Clerk) -> None:
    gift = clerk.promise()
    content = rbc((gift.reference, "75.53"), *((f"gift {n}", "5.00") for n in range(300)))

    def work(one: Clerk) -> Imported:
        imported = one.keep(content)
        one.match()
        return imported

    done = at_once(lambda: work(clerk), lambda: work(other))
    assert sorted(imported.new for imported in done) == [0, 301]
    assert len(clerk.lines()) == 301
    assert clerk.gift(gift).paid_minor == 7553
    assert len(clerk.matches()) == len(clerk.receipts(gift)) == 1
    clerk.check()


def test_two_files_that_overlap_the_other_way_round_never_wait_in_a_circle(
    clerk: Clerk, other: Clerk
) -> None:
    rows = [(f"gift {number}", f"{number}.00") for number in range(1, 1500)]
    forward, backward = rbc(*rows), rbc(*reversed(rows))
    done = at_once(lambda: clerk.keep(forward), lambda: other.keep(backward))
    assert sum(imported.new for imported in done) == len(rows)
    assert len(clerk.lines()) == len(rows)
    clerk.check()


def test_two_clerks_decide_one_line_once(clerk: Clerk, other: Clerk) -> None:
    gifts = [clerk.promise(), clerk.promise()]
    clerk.keep(rbc(("for one of them", "75.53")))
    (line,) = clerk.lines()

    def work(one: Clerk, gift: Gift) -> str:
        try:
            one.confirm(line.id, Share(gift.id, Money(7553, "CAD")))
        except MatchRefused:
            return "refused"
        return "booked"

    done = at_once(lambda: work(clerk, gifts[0]), lambda: work(other, gifts[1]))
    assert sorted(done) == ["booked", "refused"]
    assert sum(clerk.gift(gift).paid_minor for gift in gifts) == 7553
    clerk.check()


def test_a_match_raced_by_stripe_loses_nothing_and_doubles_nothing(
    clerk: Clerk, other: Clerk
) -> None:
    gifts = [clerk.promise() for _ in range(8)]
    clerk.keep(rbc(*((gift.reference, "75.53") for gift in gifts)))

    def webhooks() -> None:
        for gift in reversed(gifts):
            paid = stripe_claim(
                fact=FactKind.PAID, subject=f"pi_{gift.id}", occurred_at=NOW, money=gift.money
            )
            for _ in range(2):
                with other.place.database.write() as session:
                    accept(act_in(session, NOW, other.services), gift.id, [paid])

    at_once(clerk.match, other.match, webhooks)
    matched = {match.gift_id for match in clerk.matches()}
    waiting = [line for line in clerk.lines() if line.state is LineState.OPEN]
    assert len(matched) + len(waiting) == len(gifts)
    for gift in gifts:
        after = clerk.gift(gift)
        assert after.status is Status.PAID
        assert after.paid_minor == 7553 * (2 if gift.id in matched else 1)
    assert clerk.balance("clearing:stripe") == 7553 * len(gifts)
    assert clerk.balance("clearing:statement") == 7553 * len(matched)
    clerk.check()


def test_what_stripe_paid_first_is_not_paid_again_by_itself(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.keep(rbc((gift.reference, "75.53"), day=DAY + timedelta(days=1)))
    paid = stripe_claim(fact=FactKind.PAID, subject="pi_1", occurred_at=NOW, money=gift.money)
    with clerk.place.database.write() as session:
        accept(act_in(session, NOW, clerk.services), gift.id, [paid])
    assert clerk.match().automatic == 0
    assert clerk.lines()[0].state is LineState.OPEN
    assert clerk.gift(gift).paid_minor == 7553
    clerk.check()


def test_gifts_that_share_a_series_and_a_line_never_wait_in_a_circle(
    clerk: Clerk, other: Clerk
) -> None:
    """A split holds several gifts and the series of receipts; a webhook one gift, then it."""
    gifts = [clerk.promise() for _ in range(6)]
    clerk.keep(rbc(*((f"split {number}", "151.06") for number in range(3))))
    lines = clerk.lines()

    def split() -> None:
        for line, pair in zip(lines, (gifts[:2], gifts[2:4], gifts[4:]), strict=True):
            clerk.confirm(
                line.id,
                *(Share(gift.id, Money(7553, "CAD"), may_exceed=True) for gift in pair[::-1]),
            )

    def webhooks() -> None:
        for gift in reversed(gifts):
            paid = stripe_claim(
                fact=FactKind.PAID, subject=f"pi_{gift.id}", occurred_at=NOW, money=gift.money
            )
            with other.place.database.write() as session:
                accept(act_in(session, NOW, other.services), gift.id, [paid])

    at_once(split, webhooks)
    assert {clerk.gift(gift).paid_minor for gift in gifts} == {15_106}
    clerk.check()


def test_what_is_decided_between_matching_and_booking_is_left_alone(clerk: Clerk) -> None:
    """The matcher decides all lines first; each hundred is booked by what holds by then."""
    taken, paid, chosen = (clerk.promise() for _ in range(3))
    clerk.keep(
        rbc(
            *((f"unknown {number}", "1.00") for number in range(BATCH)),
            (taken.reference, "75.53"),
            (paid.reference, "75.53"),
        )
    )
    told = stripe_claim(fact=FactKind.PAID, subject="pi_1", occurred_at=NOW, money=paid.money)
    *_, first, second = clerk.lines()

    def meanwhile(lines: int) -> None:
        if lines == BATCH:
            clerk.confirm(first.id, Share(chosen.id, Money(7553, "CAD")))
            with clerk.place.database.write() as session:
                accept(act_in(session, NOW, clerk.services), paid.id, [told])

    worked = match_open_lines(at(clerk.place.services, NOW), progress=meanwhile)
    assert worked.automatic == 0
    assert [match.gift_id for match in clerk.matches()] == [chosen.id]
    assert clerk.status(taken) is Status.PENDING
    assert clerk.gift(paid).paid_minor == 7553
    assert clerk.lines()[-1].id == second.id
    assert clerk.lines()[-1].state is LineState.OPEN
    clerk.check()
