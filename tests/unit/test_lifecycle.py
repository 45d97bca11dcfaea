"""A gift's status and ledger are functions of the set of its facts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.gifts.evidence import Accounts, movements
from portal.gifts.lifecycle import Fact, FactKind, Status, weigh

AMOUNT = 7_553
ACCOUNTS = Accounts("stripe", "missions")


def fact(kind: FactKind, subject: str = "pi_1", minor: int = AMOUNT) -> Fact:
    return Fact(kind, subject, minor, "CAD")


K = FactKind
CASES: list[tuple[str, list[Fact], Status]] = [
    ("nothing happened", [], Status.PENDING),
    ("a debit is on its way", [fact(K.PROCESSING)], Status.PROCESSING),
    ("it failed", [fact(K.PROCESSING), fact(K.FAILED)], Status.FAILED),
    ("it came", [fact(K.PROCESSING), fact(K.PAID)], Status.PAID),
    ("a later success after a failure", [fact(K.FAILED), fact(K.PAID, "pi_2")], Status.PAID),
    ("the page expired", [fact(K.EXPIRED, "cs_1")], Status.EXPIRED),
    ("paid after it expired", [fact(K.EXPIRED, "cs_1"), fact(K.PAID)], Status.PAID),
    ("a second try is on its way", [fact(K.FAILED), fact(K.PROCESSING, "pi_2")], Status.PROCESSING),
    ("given back", [fact(K.PAID), fact(K.REFUNDED, "re_1")], Status.REFUNDED),
    ("partly given back", [fact(K.PAID), fact(K.REFUNDED, "re_1", 51)], Status.PARTLY_REFUNDED),
    (
        "two halves given back",
        [fact(K.PAID), fact(K.REFUNDED, "re_1", 53), fact(K.REFUNDED, "re_2", AMOUNT - 53)],
        Status.REFUNDED,
    ),
    (
        "the refund came back",
        [fact(K.PAID), fact(K.REFUNDED, "re_1"), fact(K.REFUND_FAILED, "re_1")],
        Status.PAID,
    ),
    ("a refund is on its way", [fact(K.PAID), fact(K.REFUND_PENDING, "re_1")], Status.PAID),
    (
        "paid twice, once given back",
        [fact(K.PAID), fact(K.PAID, "pi_2"), fact(K.REFUNDED, "re_1")],
        Status.PARTLY_REFUNDED,
    ),
    ("a part came", [fact(K.PAID, "match-1", 53)], Status.PARTLY_PAID),
    ("the rest came", [fact(K.PAID, "m-1", 53), fact(K.PAID, "m-2", AMOUNT - 53)], Status.PAID),
    ("a part is enough", [fact(K.PAID, "m-1", 53), fact(K.SETTLED, "gift")], Status.PAID),
    ("it was another's", [fact(K.PAID, "m-1"), fact(K.WITHDRAWN, "m-1")], Status.PENDING),
    ("more than promised", [fact(K.PAID, "m-1", AMOUNT + 100)], Status.PAID),
    ("an expired gift revived", [fact(K.EXPIRED, "gift"), fact(K.PAID, "m-1")], Status.PAID),
    ("tried otherwise", [fact(K.FAILED), fact(K.REOPENED)], Status.PENDING),
    ("the other page expired", [fact(K.EXPIRED, "cs"), fact(K.REOPENED, "cs")], Status.PENDING),
    (
        "the first try succeeded all the same",
        [fact(K.FAILED), fact(K.REOPENED), fact(K.PAID)],
        Status.PAID,
    ),
    (
        "given up once more",
        [fact(K.EXPIRED, "a"), fact(K.REOPENED, "a"), fact(K.EXPIRED, "b")],
        Status.EXPIRED,
    ),
    ("disputed", [fact(K.PAID), fact(K.DISPUTE_OPENED, "dp_1")], Status.DISPUTED),
    (
        "a dispute won",
        [fact(K.PAID), fact(K.DISPUTE_OPENED, "dp_1"), fact(K.DISPUTE_WON, "dp_1")],
        Status.PAID,
    ),
    ("a dispute lost", [fact(K.PAID), fact(K.DISPUTE_LOST, "dp_1")], Status.CHARGED_BACK),
    (
        "a part disputed and lost",
        [fact(K.PAID), fact(K.DISPUTE_OPENED, "dp_1", 51), fact(K.DISPUTE_LOST, "dp_1", 51)],
        Status.PARTLY_REFUNDED,
    ),
    (
        "a part lost, another in dispute",
        [fact(K.PAID), fact(K.DISPUTE_LOST, "dp_1", 51), fact(K.DISPUTE_OPENED, "dp_2", 53)],
        Status.DISPUTED,
    ),
    (
        "partly given back, the rest lost",
        [fact(K.PAID), fact(K.REFUNDED, "re_1", 51), fact(K.DISPUTE_LOST, "dp_1", AMOUNT - 51)],
        Status.CHARGED_BACK,
    ),
    (
        "lost in two parts",
        [
            fact(K.PAID),
            fact(K.DISPUTE_LOST, "dp_1", 51),
            fact(K.DISPUTE_LOST, "dp_2", AMOUNT - 51),
        ],
        Status.CHARGED_BACK,
    ),
    (
        "paid twice, one payment lost",
        [fact(K.PAID), fact(K.PAID, "pi_2"), fact(K.DISPUTE_LOST, "dp_1")],
        Status.PARTLY_REFUNDED,
    ),
]


@pytest.mark.parametrize(("story", "facts", "status"), CASES, ids=[case[0] for case in CASES])
def test_derives_the_status(story: str, facts: list[Fact], status: Status) -> None:
    assert weigh(AMOUNT, facts).status is status


# What each payment, refund or dispute is about is the same in all that is said of it.
MINOR = {
    "pi_1": AMOUNT,
    "pi_2": AMOUNT,
    "re_1": 53,
    "re_2": AMOUNT - 1_054,
    "dp_1": 1_001,
    "dp_2": AMOUNT,
}
FACTS = st.lists(
    st.builds(
        lambda kind, subject: fact(kind, subject, MINOR[subject]),
        st.sampled_from(FactKind),
        st.sampled_from(sorted(MINOR)),
    ),
    max_size=12,
)


def total(facts: list[Fact], kind: FactKind, without: FactKind | None = None) -> int:
    """What the subjects of one kind of fact come to, less those of another."""
    left_out = {one.subject for one in facts if one.kind is without}
    return sum(
        MINOR[name] for name in {one.subject for one in facts if one.kind is kind} - left_out
    )


@given(FACTS)
def test_a_gift_is_charged_back_once_losses_and_refunds_reach_what_was_paid(
    facts: list[Fact],
) -> None:
    lost = total(facts, K.DISPUTE_LOST)
    back = lost + total(facts, K.REFUNDED, without=K.REFUND_FAILED)
    paid = total(facts, K.PAID, without=K.WITHDRAWN) or AMOUNT
    standing = weigh(AMOUNT, facts)
    assert standing.refunded_minor == back
    assert (standing.status is Status.CHARGED_BACK) is (lost > 0 and back >= paid)
    assert (standing.status is Status.REFUNDED) is (lost == 0 and back >= paid)


@given(FACTS, st.randoms(use_true_random=False))
def test_order_does_not_matter(facts: list[Fact], chance: random.Random) -> None:
    shuffled = list(facts)
    chance.shuffle(shuffled)
    assert weigh(AMOUNT, shuffled).status is weigh(AMOUNT, facts).status


@given(FACTS, FACTS)
def test_what_was_received_stays_received(facts: list[Fact], later: list[Fact]) -> None:
    kept = [one for one in later if one.kind is not FactKind.WITHDRAWN]
    if weigh(AMOUNT, facts).status.is_received:
        assert weigh(AMOUNT, [*facts, *kept]).status.is_received


@given(FACTS)
def test_movements_name_themselves_once(facts: list[Fact]) -> None:
    by_key: dict[str, object] = {}
    for one in facts:
        for movement in movements(one, ACCOUNTS):
            assert by_key.setdefault(movement.key, movement) == movement


def test_a_failed_refund_leaves_nothing_in_the_balance() -> None:
    posted = list(movements(fact(K.REFUND_FAILED, "re_1"), ACCOUNTS))
    assert [(one.debit, one.credit) for one in posted] == [
        ("income:missions", "clearing:stripe"),
        ("clearing:stripe", "income:missions"),
    ]


def test_a_fact_without_money_moves_none() -> None:
    assert not list(movements(Fact(K.PAID, "pi_1"), ACCOUNTS))


def test_a_payment_taken_back_leaves_nothing_in_the_balance() -> None:
    posted = list(movements(fact(K.WITHDRAWN, "line-1-1"), ACCOUNTS))
    assert [(one.debit, one.credit) for one in posted] == [
        ("clearing:stripe", "income:missions"),
        ("income:missions", "clearing:stripe"),
    ]
