"""How often a code is used: counted with the gift, given back with it, exact under a crowd."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.codes.models import CodeClaim, CodeUse, Policy, UseCounter, find_code
from portal.codes.operations import (
    Draft,
    add_code,
    add_policy,
    add_scope,
    change_policy,
    change_scope,
    find_scope,
)
from portal.codes.parsing import CodeError
from portal.codes.policy import Reason
from portal.codes.terms import Kind, LevelKind, Via
from portal.codes.uses import Attribution, plain_address
from portal.database import Database
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Gift
from portal.gifts.operations import WITHOUT_USE
from portal.intake.start import GiftOrder, NotAllowed, Started, start_gift
from portal.payments.books import prove
from portal.payments.operations import accept
from tests.conftest import NOW
from tests.workplace import Workplace, make_order, make_workplace


@pytest.fixture
def place(catalogued: Database, database_url: str) -> Iterator[Workplace]:
    found = make_workplace(database_url, None)
    with found.database.write() as session:
        policy = add_policy(session, "Spring", Draft(document={"max_uses": 3}), NOW)
        add_code(session, "SPRING", policy, NOW, kind=Kind.CAMPAIGN)
        pair = {"max_uses_in_all": 2, "max_uses_a_donor": 1}
        shared = add_policy(session, "Pair", Draft(document=pair), NOW)
        for name in ("ONE", "TWO", "THREE"):
            add_code(session, name, shared, NOW, kind=Kind.PROMOTION)
        first = Draft(document={"first_gift_only": True})
        add_code(session, "WELCOME", first, NOW, kind=Kind.CAMPAIGN)
        secret = add_policy(session, "Secret", Draft(document={"max_uses": 1}), NOW)
        add_code(session, "HIDDEN7Q", secret, NOW, kind=Kind.PROMOTION, is_secret=True)
    yield found
    found.close()


def order(place: Workplace, number: int, code: str = "SPRING", **choices: Any) -> GiftOrder:
    """An e-Transfer of somebody else each time."""
    donor = {"email": choices.pop("email", f"donor{number}@example.org")}
    return make_order(place, code=code, mode="interac", donor=donor, **choices)


def start(place: Workplace, number: int, code: str = "SPRING", **choices: Any) -> Started:
    return start_gift(place.services, order(place, number, code, **choices))


def refused(place: Workplace, wanted: GiftOrder) -> Reason:
    with pytest.raises(NotAllowed) as caught:
        start_gift(place.services, wanted)
    return caught.value.refusal.reason


def book(place: Workplace, token: str, fact: FactKind, subject: str = "one") -> None:
    gift = place.gift(token)
    is_money = fact in {FactKind.PAID, FactKind.REFUNDED, FactKind.DISPUTE_LOST}
    claim = Claim(
        fact=fact,
        subject=f"{gift.id}-{subject}",
        occurred_at=place.services.now(),
        money=gift.money if is_money else None,
        source=Source.PERSON,
        actor="staff:1",
        payment=f"{gift.id}-one" if fact is not FactKind.PAID and is_money else None,
    )
    with place.services.write() as act:
        accept(act, gift.id, [claim])


def check_counters(database: Database) -> None:
    """Every counter is what its uses come to: from rows, not from the counters."""
    with database.read() as session:
        kept = {
            (one.kind, one.owner_id, one.who): one.used
            for one in session.scalars(sa.select(UseCounter))
        }
        held = session.execute(
            sa.select(CodeClaim.kind, CodeClaim.owner_id, CodeClaim.who, sa.func.count())
            .join(CodeUse, CodeUse.gift_id == CodeClaim.gift_id)
            .where(CodeUse.holds)
            .group_by(CodeClaim.kind, CodeClaim.owner_id, CodeClaim.who)
        )
        counted = {(kind, owner, who): many for kind, owner, who, many in held}
        assert prove(session) == []
    assert {key: used for key, used in kept.items() if used} == counted


def used(place: Workplace, kind: str = "code") -> int:
    with place.database.read() as session:
        total = sa.select(sa.func.sum(UseCounter.used)).where(UseCounter.kind == kind)
        return session.scalar(total) or 0


def count_gifts(place: Workplace) -> int:
    with place.database.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Gift)) or 0


def test_a_limit_of_three_admits_three_and_the_fourth_leaves_nothing(place):
    prepared = [order(place, number) for number in range(4)]
    for one in prepared[:3]:
        start_gift(place.services, one)
    assert refused(place, prepared[3]) is Reason.USED_UP
    assert (count_gifts(place), used(place)) == (3, 3)
    check_counters(place.database)
    with place.database.read() as session:
        found = find_code(session, "SPRING")
    assert found is not None
    assert found.is_spent


def test_what_the_gift_was_given_under_is_kept(place):
    how = Attribution(Via.QR, "LWCAN")
    token = start_gift(place.services, replace(order(place, 1), how=how)).token
    with place.services.write() as act:
        policy = act.session.scalars(sa.select(Policy).where(Policy.name == "Spring")).one()
        change_policy(act.session, policy, Draft(document={"max_uses": 5}), NOW)
    second = start(place, 2).token
    with place.database.read() as session:
        first, later = (session.get_one(CodeUse, place.gift(one).id) for one in (token, second))
    assert (first.via, first.first_code, first.policy_version) == (Via.QR, "LWCAN", 1)
    assert (later.via, later.first_code, later.policy_version) == (Via.TYPED, "SPRING", 2)


def test_the_same_form_sent_twice_is_one_use(place):
    wanted = order(place, 1)
    assert start_gift(place.services, wanted).token == start_gift(place.services, wanted).token
    assert used(place) == 1


@pytest.mark.parametrize("end", [FactKind.FAILED, FactKind.EXPIRED])
def test_a_gift_that_is_not_paid_gives_its_use_back(place, end):
    token = start(place, 1).token
    book(place, token, end)
    assert used(place) == 0
    book(place, token, FactKind.PAID)
    assert used(place) == 1
    check_counters(place.database)


@pytest.mark.parametrize("end", [FactKind.REFUNDED, FactKind.DISPUTE_LOST])
def test_money_that_goes_back_gives_the_use_back(place, end):
    token = start(place, 1).token
    book(place, token, FactKind.PAID)
    book(place, token, end, "back")
    assert used(place) == 0
    check_counters(place.database)


def test_money_that_comes_too_late_is_booked_and_marked(place):
    late = start(place, 0).token
    book(place, late, FactKind.EXPIRED)
    for number in (1, 2, 3):
        book(place, start(place, number).token, FactKind.PAID)
    book(place, late, FactKind.PAID)
    assert place.gift(late).status is Status.PAID
    with place.database.read() as session:
        marked = session.scalars(sa.select(CodeUse.gift_id).where(CodeUse.over_limit)).all()
    assert (marked, used(place)) == ([place.gift(late).id], 4)
    check_counters(place.database)


def test_one_donor_uses_a_policy_once_however_they_write_their_address(place):
    start(place, 1, "ONE", email="ada@example.org")
    third = order(place, 4, "THREE", email="third@example.org")
    again = order(place, 2, "TWO", email="ADA+spring@Example.org")
    assert refused(place, again) is Reason.USED_BY_DONOR
    start(place, 3, "TWO", email="obi@example.org")
    assert refused(place, third) is Reason.USED_UP
    check_counters(place.database)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("Ada+x@Example.ORG", "ada@example.org"),
        (" ada@example.org ", "ada@example.org"),
        ("+ada@example.org", "+ada@example.org"),
        ("a+b+c@d", "a@d"),
        ("", ""),
    ],
)
def test_addresses_of_one_person_are_one(typed, plain):
    assert plain_address(typed) == plain


def test_a_code_for_a_first_gift_is_refused_to_who_gave_before(place):
    token = start(place, 1, "WELCOME", email="ada@example.org").token
    book(place, token, FactKind.PAID)
    again = order(place, 2, "WELCOME", email="Ada@example.org")
    assert refused(place, again) is Reason.FIRST_GIFT_ONLY


def test_a_secret_code_that_is_used_up_is_one_that_nobody_has(place):
    late = order(place, 2, "HIDDEN7Q")
    start(place, 1, "HIDDEN7Q")
    assert refused(place, late) is Reason.UNKNOWN_CODE


def test_a_limit_is_not_lowered_under_its_use(place):
    for number in (1, 2):
        start(place, number)
    with pytest.raises(CodeError, match="max_uses: is at least 2, which were used"):
        change_spring(place, {"max_uses": 1})
    change_spring(place, {"max_uses": 2})
    change_spring(place, {})


def change_spring(place: Workplace, document: dict[str, Any]) -> None:
    change_named(place, "Spring", document)


def test_sixty_four_at_once_on_the_last_three_uses_are_three(place):
    prepared = [order(place, number) for number in range(64)]

    def attempt(wanted: GiftOrder) -> str | None:
        try:
            return start_gift(place.services, wanted).token
        except NotAllowed:
            return None

    with ThreadPoolExecutor(16) as pool:
        started = [token for token in pool.map(attempt, prepared) if token]
    assert (len(started), count_gifts(place), used(place)) == (3, 3, 3)
    check_counters(place.database)


NUMBERS = count(100)


def test_a_first_limit_counts_what_was_used_before(place):
    """Also of codes that hang below what gets it; what was given back is none."""
    with place.database.write() as session:
        partner = add_scope(session, LevelKind.PARTNER, "choir", "Choir", NOW)
        add_code(session, "SONGS", Draft(), NOW, kind=Kind.PARTNER, scope=partner)
    tokens = [start(place, number, "SONGS").token for number in range(4)]
    book(place, tokens[0], FactKind.PAID)
    book(place, tokens[1], FactKind.EXPIRED)
    with place.services.write() as act:
        scope = find_scope(act.session, "choir")
        assert scope is not None
        policy = add_policy(act.session, "Choir", Draft(), NOW)
        values = {"name": "Choir", "parent": None, "policy": policy, "active": True}
        change_scope(act.session, scope, **values)
    with pytest.raises(CodeError, match="is at least 3, which were used"):
        change_named(place, "Choir", {"max_uses_in_all": 2})
    change_named(place, "Choir", {"max_uses_in_all": 4, "max_uses": 4})
    assert (used(place, "policy"), used(place, "code")) == (3, 3)
    check_counters(place.database)
    book(place, tokens[2], FactKind.FAILED)
    assert (used(place, "policy"), used(place, "code")) == (2, 2)
    check_counters(place.database)


def change_named(place: Workplace, name: str, document: dict[str, Any]) -> None:
    with place.services.write() as act:
        policy = act.session.scalars(sa.select(Policy).where(Policy.name == name)).one()
        change_policy(act.session, policy, Draft(document=document), NOW)


def test_the_books_say_where_a_counter_or_a_use_is_wrong(place):
    held = place.gift(start(place, 1).token)
    book(place, held.token, FactKind.PAID)
    with place.database.write() as session:
        session.execute(sa.update(UseCounter).values(used=2))
        assert "the counter is not what its gifts hold" in " ".join(prove(session))
        session.execute(sa.update(UseCounter).values(used=1))
        session.execute(sa.update(CodeUse).values(holds=False))
        assert f"Gift {held.reference} holds a use" in " ".join(prove(session))


FACTS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(
            [
                FactKind.FAILED,
                FactKind.EXPIRED,
                FactKind.PROCESSING,
                FactKind.PAID,
                FactKind.REFUNDED,
                FactKind.DISPUTE_LOST,
            ]
        ),
    ),
    max_size=10,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(happened=FACTS)
def test_the_counters_are_right_after_any_history(place, happened):
    change_spring(place, {"max_uses": 1000})
    numbers = [next(NUMBERS) for _ in range(4)]
    tokens = [start(place, number).token for number in numbers]
    for at, fact in happened:
        book(place, tokens[at], fact, f"{fact}")
    check_counters(place.database)
    with place.database.read() as session:
        rows = session.execute(
            sa.select(Gift.status, CodeUse.holds).join(CodeUse, CodeUse.gift_id == Gift.id)
        ).all()
    for status, holds in rows:
        if status in WITHOUT_USE:
            assert not holds
        elif status.is_received:
            assert holds
