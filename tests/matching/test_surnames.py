"""A last name and the exact amount of the one gift that fits are a hint, and never more."""

from datetime import date

import pytest

from portal.money import Money
from portal.payments.matching.matcher import LIKELY, Decision, Kind, Matcher
from portal.payments.matching.scoring import Reason
from tests.matching.samples import gift, line

WORDINGS = (
    "INTERAC E-TRANSFER LOVELACE",
    "E-TRANSFER 4821 LOVELACE",
    "VIREMENT INTERAC LOVELACE",
    "VIREMENT RECU LOVELACE",
    "INTERAC ETRF LOVELACE AUTODEPOSIT",
    "Lovelace",
)


def decide(message: str, *gifts: object, name: str = "") -> Decision:
    return Matcher(gifts or [gift()]).match(line(message, payer_name=name))  # type: ignore[arg-type]


@pytest.mark.parametrize("message", WORDINGS)
def test_a_surname_and_the_amount_are_a_low_suggestion(message: str) -> None:
    decision = decide(message)
    assert decision.kind is Kind.SUGGESTED
    (hint,) = decision.candidates
    assert (hint.gift_id, hint.score) == (1, LIKELY)
    assert hint.reasons == (Reason.SURNAME, Reason.AMOUNT)


def test_a_surname_alone_as_the_payer_is_one_too() -> None:
    assert decide("GIFT", name="LOVELACE").kind is Kind.SUGGESTED


@pytest.mark.parametrize(
    "gifts",
    [
        (gift(), gift(2, name="Ben Lovelace")),
        (gift(due_minor=1),),
        (gift(money=Money(5037, "USD")),),
        (gift(created_on=date(2026, 12, 20)),),
        (gift(name="Lovelace Ada"),),
    ],
)
def test_several_or_another_are_none(gifts: tuple[object, ...]) -> None:
    assert decide("VIREMENT INTERAC LOVELACE", *gifts).kind is Kind.UNMATCHED


def test_another_person_s_full_name_is_none() -> None:
    assert decide("GIFT", name="WILLIAM LOVELACE").kind is Kind.UNMATCHED
