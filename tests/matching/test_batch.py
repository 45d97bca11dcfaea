"""Lines beside each other: one gift, one line; what comes back pays nothing."""

from datetime import date
from typing import Any

from portal.money import Money
from portal.payments.matching.matcher import DOUBTED, Decision, Kind, Matcher, match_all
from portal.payments.matching.scoring import Reason
from portal.payments.statements.formats.entries import StatementEntry
from tests.matching.samples import OTHER, REFERENCE, again, gift, line, misread

TWO_GIFTS = (gift(), gift(2, name="Grace Hopper"))


def decide(*entries: StatementEntry, gifts=TWO_GIFTS, **more: Any) -> list[Decision]:
    return list(match_all(Matcher(gifts), entries, **more))


def kinds(decisions: list[Decision]) -> list[Kind]:
    return [decision.kind for decision in decisions]


def test_each_line_alone_is_decided_as_by_itself() -> None:
    entries = (line(), line(OTHER, payer_name="Grace Hopper"), line("offering", payer_name="X Y"))
    matcher = Matcher((gift(), gift(2, name="Grace Hopper")))
    assert list(match_all(matcher, entries)) == [matcher.match(entry) for entry in entries]


def test_of_a_doubled_line_only_the_first_pays() -> None:
    first, second = decide(line(), again(line()))
    assert first.kind is Kind.AUTOMATIC
    assert second.kind is Kind.SUGGESTED
    assert Reason.CLAIMED_TWICE in second.candidates[0].reasons


def test_the_earlier_day_is_the_first_wherever_it_stands() -> None:
    late, early = line(), again(line(), booked_on=date(2026, 11, 22))
    assert kinds(decide(late, early)) == [Kind.SUGGESTED, Kind.AUTOMATIC]


def test_the_surer_line_keeps_the_gift() -> None:
    unsure = line(misread())
    assert kinds(decide(unsure, again(line()))) == [Kind.SUGGESTED, Kind.AUTOMATIC]


def test_the_line_of_the_donors_own_name_keeps_the_gift() -> None:
    spouse = line(payer_name="William Lovelace")
    assert kinds(decide(spouse, again(line()))) == [Kind.SUGGESTED, Kind.AUTOMATIC]


def test_equally_sure_lines_of_two_payers_both_wait_for_a_clerk() -> None:
    """A reference read out to a whole group is everybody's."""
    anonymous = (gift(name="", email=""),)
    first, second = line(payer_name="Grace Hopper"), again(line(payer_name="Mary Roy"))
    decisions = decide(first, second, gifts=anonymous)
    assert kinds(decisions) == [Kind.SUGGESTED, Kind.SUGGESTED]
    assert all(Reason.CLAIMED_TWICE in one.candidates[0].reasons for one in decisions)


def test_a_payment_that_bounced_is_not_certain() -> None:
    paid = line()
    back = again(paid, money=-paid.money)
    decision, returned = decide(paid, back)
    assert Reason.REVERSED in decision.candidates[0].reasons
    assert kinds([decision, returned]) == [Kind.SUGGESTED, Kind.UNMATCHED]


def test_a_bounce_is_known_by_the_banks_or_interacs_reference_too() -> None:
    for mark in ({"interac_reference": "CAb7Kd92Qx"}, {"bank_reference": "0091-TT"}):
        paid = line(**mark)
        back = again(paid, money=-paid.money, message="RETURNED ITEM")
        assert decide(paid, back)[0].kind is Kind.SUGGESTED


def test_other_debits_of_the_same_sum_are_no_bounce() -> None:
    rent = line("RENT", money=Money(-5037, "CAD"), bank_reference="NOTPROVIDED")
    assert decide(line(bank_reference="NOTPROVIDED"), again(rent))[0].kind is Kind.AUTOMATIC


def test_a_gift_that_another_line_pays_comes_last_in_suggestions() -> None:
    duplicates = (gift(), gift(2))
    named, unnamed = decide(line(REFERENCE), again(line("offering")), gifts=duplicates)
    assert named.kind is Kind.AUTOMATIC
    assert unnamed.kind is Kind.SUGGESTED
    assert [candidate.gift_id for candidate in unnamed.candidates] == [2, 1]
    assert Reason.TAKEN in unnamed.candidates[1].reasons


def test_what_is_objected_to_is_no_longer_sure_and_holds_up_no_other_line() -> None:
    def object_to(at: int, _gift_id: int) -> Reason | None:
        return Reason.TAKEN_BACK if at == 0 else None

    first, second = decide(line(), again(line()), object_to=object_to)
    assert (first.kind, second.kind) == (Kind.SUGGESTED, Kind.AUTOMATIC)
    (candidate,) = first.candidates
    assert candidate.reasons[-1] is Reason.TAKEN_BACK
    assert candidate.score == DOUBTED


def test_a_gift_that_was_taken_back_comes_last_in_suggestions() -> None:
    def object_to(_at: int, gift_id: int) -> Reason | None:
        return Reason.TAKEN_BACK if gift_id == 1 else None

    duplicates = (gift(), gift(2))
    (unsure,) = decide(line("offering"), gifts=duplicates, object_to=object_to)
    assert [candidate.gift_id for candidate in unsure.candidates] == [2, 1]
    assert Reason.TAKEN_BACK in unsure.candidates[1].reasons


def test_no_lines_no_decisions() -> None:
    assert decide() == []
