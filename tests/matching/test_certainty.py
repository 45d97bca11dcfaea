"""What would make an automatic match wrong: each suspicion, one test."""

from dataclasses import replace
from datetime import date

import pytest

from portal.money import Money
from portal.payments.matching.matcher import Decision, Kind, Matcher
from portal.payments.matching.pool import PayerAlias, payer_keys
from portal.payments.matching.scoring import Reason
from tests.matching.samples import (
    OTHER,
    REFERENCE,
    gift,
    line,
    misread,
    neighbour,
    notice,
    reference_of,
)

TOO_LITTLE = Money(5036, "CAD")
TOO_MUCH = Money(5038, "CAD")


def match(*gifts, entry=None, **world) -> Decision:
    return Matcher(gifts or (gift(),), **world).match(entry or line())


def first_reasons(decision: Decision) -> set[Reason]:
    assert decision.kind is Kind.SUGGESTED
    return set(decision.candidates[0].reasons)


def test_reference_amount_and_currency_together_are_certain() -> None:
    decision = match(gift(), gift(2))
    assert decision.kind is Kind.AUTOMATIC
    assert [candidate.gift_id for candidate in decision.candidates] == [1]


def test_a_corrected_reference_with_the_amount_is_certain() -> None:
    decision = match(entry=line(misread(), payer_name=""))
    assert decision.kind is Kind.AUTOMATIC
    assert Reason.REFERENCE_CORRECTED in decision.candidates[0].reasons


@pytest.mark.parametrize("money", [TOO_LITTLE, TOO_MUCH])
def test_another_amount_is_never_certain(money: Money) -> None:
    assert first_reasons(match(entry=line(money=money))) & {
        Reason.AMOUNT_LESS,
        Reason.AMOUNT_MORE,
    }


@pytest.mark.parametrize("money", [TOO_LITTLE, TOO_MUCH, Money(5037, "USD")])
def test_another_amount_is_never_certain_however_well_the_payer_is_known(money: Money) -> None:
    entry = line(money=money, payer_email="ada@example.org", payer_account="12-3")
    aliases = [PayerAlias(key, "ada@example.org") for key in payer_keys(entry)]
    decision = match(entry=entry, aliases=aliases)
    assert decision.kind is Kind.SUGGESTED
    assert decision.candidates[0].score <= (0.75 if money.currency == "USD" else 0.85)


@pytest.mark.parametrize("currency", ["USD", "EUR", "JPY"])
def test_the_same_figure_in_another_currency_is_never_certain(currency: str) -> None:
    reasons = first_reasons(match(entry=line(money=Money(5037, currency))))
    assert Reason.CURRENCY_FOREIGN in reasons
    assert Reason.AMOUNT not in reasons


def test_foreign_money_without_a_reference_is_not_even_suggested_by_its_name() -> None:
    assert match(entry=line("", money=Money(5037, "USD"))).kind is Kind.UNMATCHED


def test_two_gifts_of_one_donor_and_amount_are_told_apart_by_the_reference_alone() -> None:
    duplicates = (gift(), gift(2))
    assert match(*duplicates, entry=line(OTHER)).candidates[0].gift_id == 2
    undecided = match(*duplicates, entry=line("offering", payer_email="ada@example.org"))
    assert undecided.kind is Kind.SUGGESTED
    assert {candidate.gift_id for candidate in undecided.candidates} == {1, 2}


def test_a_corrected_reference_beside_another_gift_that_fits_the_payer_is_not_certain() -> None:
    donorless = gift(name="", email="")
    decision = match(donorless, gift(2), entry=line(misread()))
    assert first_reasons(decision) >= {Reason.REFERENCE_CORRECTED, Reason.AMOUNT}
    assert {candidate.gift_id for candidate in decision.candidates} == {1, 2}


def test_the_reference_of_one_gift_with_the_amount_of_another_is_not_certain() -> None:
    other = gift(2, money=Money(8000, "CAD"))
    decision = match(gift(), other, entry=line(REFERENCE, money=other.money))
    assert Reason.AMOUNT_MORE in first_reasons(decision)
    assert [candidate.gift_id for candidate in decision.candidates] == [1, 2]
    assert Reason.NAMES_ANOTHER in decision.candidates[1].reasons


@pytest.mark.parametrize("second", [OTHER, misread(OTHER)])
def test_a_line_that_names_two_gifts_is_not_certain_of_either(second: str) -> None:
    other = gift(2, money=Money(1, "CAD"), name="", email="")
    decision = match(gift(), other, entry=line(f"{REFERENCE} {second}"))
    assert Reason.SEVERAL_NAMED in first_reasons(decision)
    assert decision.candidates[0].gift_id == 1


def test_a_line_that_also_names_a_settled_gift_is_not_certain() -> None:
    decision = match(entry=line(f"{REFERENCE}, again like {OTHER}"), settled={OTHER})
    assert Reason.SEVERAL_NAMED in first_reasons(decision)
    assert decision.settled == (OTHER,)


def test_a_line_for_a_settled_gift_says_so_and_takes_no_other_for_certain() -> None:
    decision = match(gift(), entry=line(OTHER), settled={OTHER})
    assert Reason.NAMES_ANOTHER in first_reasons(decision)
    assert decision.settled == (OTHER,)


def test_a_correction_that_fits_a_settled_gift_as_well_is_not_certain() -> None:
    wrong = misread()
    settled = {neighbour(wrong, REFERENCE)}
    assert match(entry=line(wrong)).kind is Kind.AUTOMATIC
    assert Reason.REFERENCE_DOUBTFUL in first_reasons(match(entry=line(wrong), settled=settled))


def test_a_correction_that_fits_two_open_gifts_is_not_certain() -> None:
    wrong = misread()
    other = gift(2, reference=neighbour(wrong, REFERENCE), name="Charles Babbage", email="")
    decision = match(gift(), other, entry=line(wrong))
    assert Reason.REFERENCE_DOUBTFUL in first_reasons(decision)
    assert decision.candidates[0].gift_id == 1


@pytest.mark.parametrize("paid", [5037, 5036, 3038, 1])
def test_a_partly_paid_gift_takes_its_rest_and_nothing_else(paid: int) -> None:
    partly = gift(due_minor=3037)
    assert match(partly, entry=line(money=Money(paid, "CAD"))).kind is Kind.SUGGESTED
    assert match(partly, entry=line(money=Money(3037, "CAD"))).kind is Kind.AUTOMATIC


def test_a_fully_paid_gift_takes_nothing() -> None:
    assert match(gift(due_minor=0)).kind is Kind.UNMATCHED


def test_another_payers_name_needs_a_clerk_for_the_receipts_sake() -> None:
    assert Reason.NAME_DIFFERS in first_reasons(match(entry=line(payer_name="Charles Babbage")))


def test_a_spouse_or_a_joint_account_is_no_contradiction() -> None:
    assert match(entry=line(payer_name="WILLIAM LOVELACE")).kind is Kind.AUTOMATIC


def test_money_that_came_before_the_promise_is_not_certain() -> None:
    early = line(booked_on=date(2026, 11, 18))
    assert Reason.BEFORE_PROMISE in first_reasons(match(entry=early))
    assert match(entry=line(booked_on=date(2026, 11, 19))).kind is Kind.AUTOMATIC


@pytest.mark.parametrize("mode", ["card", "bank_debit"])
def test_a_gift_that_waits_for_stripe_is_not_certain(mode: str) -> None:
    assert Reason.PAID_ELSEWHERE in first_reasons(match(gift(mode=mode)))


@pytest.mark.parametrize("minor", [-5037, 0])
def test_money_that_went_out_pays_nothing(minor: int) -> None:
    assert match(entry=line(money=Money(minor, "CAD"))) == Decision(Kind.UNMATCHED)


def test_everything_but_the_reference_is_a_suggestion_at_best() -> None:
    entry = line("", payer_email="ada@example.org", payer_account="12-3")
    aliases = [PayerAlias(key, "ada@example.org") for key in payer_keys(entry)]
    assert first_reasons(match(entry=entry, aliases=aliases, notices=[notice()])) >= {
        Reason.EMAIL,
        Reason.ALIAS,
        Reason.NAME,
        Reason.AMOUNT,
    }


def test_an_amount_suggests_nobody_alone_or_with_a_surname() -> None:
    assert match(entry=line("", payer_name="")).kind is Kind.UNMATCHED
    assert match(entry=line("", payer_name="Alan Lovelace")).kind is Kind.UNMATCHED


class TestNotices:
    """Interac's mails help to find a gift; they prove nothing."""

    ENTRY = line("AUTODEPOSIT", interac_reference="CAb7Kd92Qx", payer_name="")

    def test_a_notice_leads_to_the_gift_and_leaves_it_to_a_clerk(self) -> None:
        decision = match(entry=self.ENTRY, notices=[notice()])
        assert Reason.NOTICE_REFERENCE in first_reasons(decision)

    def test_a_forged_notice_does_not_give_a_strangers_money_away(self) -> None:
        entry = line("AUTODEPOSIT", interac_reference="CAb7Kd92Qx", payer_name="Grace Hopper")
        forged = notice(name="Grace Hopper")
        assert match(entry=entry, notices=[forged]).kind is Kind.SUGGESTED

    def test_a_forged_notice_neither_makes_nor_breaks_what_the_bank_says(self) -> None:
        entry = line(interac_reference="CAb7Kd92Qx")
        forged = notice(message=OTHER, name="Mallory", email="mallory@example.org")
        gifts = (gift(), gift(2, name="Mallory", email="mallory@example.org"))
        assert match(*gifts, entry=entry, notices=[forged]) == match(*gifts, entry=entry)

    def test_a_notice_of_another_sum_is_not_about_this_line(self) -> None:
        decision = match(entry=self.ENTRY, notices=[notice(money=TOO_MUCH)])
        assert decision.kind is Kind.UNMATCHED

    def test_two_notices_that_contradict_each_other_are_not_believed(self) -> None:
        notices = [notice(), notice(message=OTHER)]
        assert match(gift(), gift(2), entry=self.ENTRY, notices=notices).kind is Kind.UNMATCHED

    def test_the_same_notice_twice_is_one(self) -> None:
        assert match(entry=self.ENTRY, notices=[notice(), notice()]).kind is Kind.SUGGESTED

    def test_interacs_reference_keeps_its_case(self) -> None:
        shouted = notice(interac_reference="CAB7KD92QX")
        assert match(entry=self.ENTRY, notices=[shouted]).kind is Kind.UNMATCHED

    def test_without_interacs_reference_the_only_fitting_notice_helps(self) -> None:
        entry = line("AUTODEPOSIT", payer_name="LOVELACE ADA")
        anonymous = gift(name="", email="")
        one = match(anonymous, entry=entry, notices=[notice()])
        assert Reason.NOTICE_REFERENCE in first_reasons(one)
        two = [notice(), notice(interac_reference="CAother111", message=OTHER)]
        undecided = match(anonymous, gift(2), entry=entry, notices=two)
        assert undecided.kind is Kind.SUGGESTED
        assert not any(Reason.NOTICE_REFERENCE in one.reasons for one in undecided.candidates)

    def test_an_old_notice_of_the_same_sender_is_not_about_this_line(self) -> None:
        entry = line("AUTODEPOSIT", payer_name="LOVELACE ADA")
        old = notice(received_on=date(2026, 11, 17))
        assert match(gift(name="", email=""), entry=entry, notices=[old]).kind is Kind.UNMATCHED


def test_learnt_payers_are_suggested_and_less_surely_when_they_paid_for_several() -> None:
    entry = line("", payer_name="Engine Works Ltd", payer_account="0042 77")
    alone = [PayerAlias("account:004277", "ada@example.org")]
    shared = [*alone, PayerAlias("account:004277", "charles@example.org")]
    sure, unsure = (match(gift(name=""), entry=entry, aliases=known) for known in (alone, shared))
    assert Reason.ALIAS in first_reasons(sure)
    assert sure.candidates[0].score > unsure.candidates[0].score


def test_a_long_list_of_namesakes_is_cut_to_a_few_best_first() -> None:
    gifts = [
        gift(n, reference=reference_of(f"B4N8PT{n:02}".replace("0", "A").replace("1", "C")))
        for n in range(2, 99)
    ]
    decision = match(*gifts, entry=line(""))
    assert len(decision.candidates) == 5
    scores = [candidate.score for candidate in decision.candidates]
    assert scores == sorted(scores, reverse=True)


def test_a_line_that_names_a_complete_gift_too_is_not_certain() -> None:
    """Its money may have been meant for the other one, given twice."""
    complete = replace(gift(2), reference=OTHER, due_minor=0)
    both = line(f"{REFERENCE} {OTHER}")
    assert match(gift(), complete, entry=both).kind is Kind.SUGGESTED
    assert match(gift(), entry=both).kind is Kind.AUTOMATIC
