"""How fast Stripe is asked: pure, at a clock of the test's own."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.payments.stripe.wire import Pace, Share, TooMany, name_endpoint, share_out

CREATE, LOOK = "POST /v1/checkout/sessions", "GET /v1/invoices/*"


@dataclass
class Hand:
    """A clock that is moved by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def ask(pace: Pace, endpoint: str, patience: float, *, has_waited: bool = False) -> float | None:
    """The seconds until the turn; None where there is none."""
    try:
        return pace.take_turn(endpoint, patience=patience, has_waited=has_waited)
    except TooMany:
        return None


@given(
    asked=st.lists(
        st.tuples(
            st.sampled_from([CREATE, LOOK, "GET /v1/events"]),
            st.floats(0, 0.4),
            st.sampled_from([0.0, 0.5, 3.0]),
            st.booleans(),
        ),
        max_size=120,
    )
)
def test_no_second_has_more_than_its_share_wherever_it_begins(
    asked: list[tuple[str, float, float, bool]],
) -> None:
    hand = Hand()
    share = Share(by_endpoint=3, for_donors=4, in_all=6)
    pace, sent = Pace(share, hand), []
    for endpoint, later, patience, has_waited in asked:
        hand.now += later
        wait = ask(pace, endpoint, patience, has_waited=has_waited)
        if wait is not None:
            assert 0 <= wait <= patience
            sent.append((hand.now + wait, endpoint))
    for most, of in ((6, None), (4, CREATE), (3, LOOK)):
        times = sorted(at for at, endpoint in sent if of in {None, endpoint})
        for first, late in zip(times, times[most:], strict=False):
            assert late - first >= 1.0


def test_those_without_room_are_told_one_after_another_when_to_come_back() -> None:
    hand = Hand()
    pace = Pace(Share(by_endpoint=5, for_donors=5, in_all=50), hand)
    assert [ask(pace, CREATE, 0) for _ in range(5)] == [0] * 5
    told = []
    for _ in range(10):
        with pytest.raises(TooMany) as busy:
            pace.take_turn(CREATE, patience=0)
        told.append(busy.value.seconds)
    assert told[0] >= 1
    assert all(0.19 < late - early < 0.22 for early, late in pairwise(told))
    assert ask(pace, LOOK, 0) == 0, "another endpoint is not theirs"


def test_who_waited_goes_before_who_just_came() -> None:
    hand = Hand()
    pace = Pace(Share(by_endpoint=2, for_donors=2, in_all=50), hand)
    for _ in range(6):
        ask(pace, CREATE, 0)
    hand.now += 1.5
    assert ask(pace, CREATE, 0) is None
    assert ask(pace, CREATE, 0, has_waited=True) == 0


def test_once_the_line_is_over_everybody_goes_at_once() -> None:
    hand = Hand()
    pace = Pace(Share(by_endpoint=2, for_donors=2, in_all=50), hand)
    for _ in range(6):
        ask(pace, CREATE, 0)
    hand.now += 10
    assert ask(pace, CREATE, 0) == 0


def test_an_endpoint_that_had_enough_is_left_alone() -> None:
    hand = Hand()
    pace = Pace(Share(by_endpoint=9, for_donors=9, in_all=50), hand)
    pace.hold(CREATE, 4)
    assert ask(pace, CREATE, 1) is None
    assert ask(pace, CREATE, 60, has_waited=True) == 4
    assert ask(pace, LOOK, 0) == 0


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_shares_add_up_to_what_stripe_takes(workers: int) -> None:
    web = share_out(25, 100, workers=workers, is_background=False)
    worker = share_out(25, 100, workers=workers, is_background=True)
    assert web.in_all * workers + worker.in_all <= 100
    assert web.by_endpoint * workers + worker.by_endpoint <= 25
    assert 25 - workers < web.for_donors * workers <= 25


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("post", "/v1/checkout/sessions", "POST /v1/checkout/sessions"),
        ("get", "/v1/checkout/sessions/cs_test_a1B2?expand[0]=x", "GET /v1/checkout/sessions/*"),
        ("post", "/v1/checkout/sessions/cs_a1/expire", "POST /v1/checkout/sessions/*/expire"),
        ("get", "/v1/invoice_payments?limit=1", "GET /v1/invoice_payments"),
        ("get", "/v1/balance_transactions/txn_1AbC", "GET /v1/balance_transactions/*"),
        ("delete", "/v1/subscriptions/sub_9", "DELETE /v1/subscriptions/*"),
    ],
)
def test_an_endpoint_is_named_without_ids(method: str, path: str, name: str) -> None:
    assert name_endpoint(method, f"https://api.stripe.com{path}") == name
