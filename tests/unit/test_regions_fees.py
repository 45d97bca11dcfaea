"""Covering the fee."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from portal.money import Money
from portal.regions.catalogue import Fee, cover_fee
from tests.unit.samples import region

amounts = st.integers(0, 10**12)
fees = st.builds(
    lambda points, fixed: Fee(basis_points=points, fixed_minor={"CAD": fixed}),
    st.integers(0, 4999),
    st.integers(0, 10_000),
)


def kept(total: int, fee: Fee) -> Fraction:
    """What the processor keeps of `total`, exactly."""
    exact = Fraction(total * fee.basis_points, 10_000) + fee.fixed_minor["CAD"]
    return min(exact, Fraction(fee.maximum_minor.get("CAD", exact)))


@given(amounts, fees)
def test_the_gift_is_whole_after_the_fee_on_everything(minor, fee):
    cover = cover_fee(Money(minor, "CAD"), fee).minor
    assert minor + cover - kept(minor + cover, fee) >= minor


@given(amounts, fees)
def test_one_cent_less_would_not_do(minor, fee):
    cover = cover_fee(Money(minor, "CAD"), fee).minor
    assert cover >= 0
    if cover:
        assert minor + cover - 1 - kept(minor + cover - 1, fee) < minor


@given(amounts, fees, st.integers(0, 100_000))
def test_a_capped_fee_is_covered_and_never_overpaid(minor, fee, cap):
    capped = Fee(
        basis_points=fee.basis_points,
        fixed_minor=fee.fixed_minor,
        maximum_minor={"CAD": cap},
    )
    cover = cover_fee(Money(minor, "CAD"), capped).minor
    assert cover <= cap
    assert minor + cover - kept(minor + cover, capped) >= minor


@given(amounts, amounts, fees)
def test_more_given_never_means_less_cover(one, other, fee):
    less, more = sorted((one, other))
    assert cover_fee(Money(less, "CAD"), fee) <= cover_fee(Money(more, "CAD"), fee)


def test_a_known_card_fee_comes_out_to_the_cent():
    fee = region("ca").mode("card").fee
    assert cover_fee(Money(7550, "CAD"), fee) == Money(257, "CAD")


def test_nothing_is_asked_where_the_fee_is_not_known_in_the_currency():
    fee = Fee(basis_points=290, fixed_minor={"CAD": 30})
    assert cover_fee(Money(7550, "USD"), fee) == Money(0, "USD")
    assert region("ca").mode("interac").cover(Money(7550, "CAD")) == Money(0, "CAD")
