"""What a pot adds to gifts: promised with the gift, matched with its money, given back with it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.codes.matches import MatchIsLess, ToldMatch, find_match, sum_of_code
from portal.codes.models import find_code
from portal.codes.operations import Draft, add_code, add_policy
from portal.codes.parsing import CodeError
from portal.codes.pots import (
    GiftMatch,
    Pot,
    PotEntry,
    add_pot,
    close_pot,
    find_pot,
    raise_pot,
    with_pot,
)
from portal.codes.terms import Kind, match_minor
from portal.database import Database
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Gift
from portal.intake.start import GiftOrder, start_gift
from portal.money import Money
from portal.payments.books import prove
from portal.payments.operations import accept
from tests.conftest import NOW
from tests.workplace import Workplace, act_in, make_order, make_workplace

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NUMBERS = count()


def cad(amount: str) -> Money:
    return Money(cents(amount), "CAD")


def cents(amount: str) -> int:
    whole, _, rest = amount.partition(".")
    return int(whole) * 100 + int(f"{rest:0<2}" or 0)


@pytest.fixture
def place(catalogued: Database, database_url: str) -> Iterator[Workplace]:
    found = make_workplace(database_url, None)
    with found.database.write() as session:
        act = act_in(session, NOW)
        add_pot(act, "spring", "Grace Foundation", cad("100"))
        add_pot(act, "dollars", "Grace Foundation", Money(10_000, "USD"))
        terms = {
            "DOUBLE": {"match_pot": "spring"},
            "CAPPED": {"match_pot": "spring", "match_ratio": "2:1", "match_cap": {"CAD": "30"}},
            "HALF": {"match_pot": "spring", "match_ratio": "1:2"},
            "ABROAD": {"match_pot": "dollars"},
        }
        for name, document in terms.items():
            policy = add_policy(session, name, Draft(document=document), NOW)
            add_code(session, name, policy, NOW, kind=Kind.CAMPAIGN)
    yield found
    found.close()


def order(
    place: Workplace, amount: str = "20", code: str = "DOUBLE", cover: str = "0"
) -> GiftOrder:
    """An e-Transfer of somebody else each time."""
    donor = {"email": f"donor{next(NUMBERS)}@example.org"}
    money = {"money": cad(amount), "cover": cad(cover)}
    return make_order(place, code=code, mode="interac", donor=donor, **money)


def start(place: Workplace, amount: str = "20", code: str = "DOUBLE", cover: str = "0") -> str:
    return start_gift(place.services, order(place, amount, code, cover)).token


# Facts over no amount.
WORDS = {
    FactKind.FAILED,
    FactKind.EXPIRED,
    FactKind.REOPENED,
    FactKind.PROCESSING,
    FactKind.SETTLED,
}


def book(
    place: Workplace, token: str, fact: FactKind, amount: str = "", subject: str = "back"
) -> None:
    """Book a fact over an amount, or over the whole gift."""
    gift = place.gift(token)
    is_money = fact not in WORDS
    paid = f"{gift.id}-one"
    claim = Claim(
        fact=fact,
        subject=paid if fact in {FactKind.PAID, FactKind.WITHDRAWN} else f"{gift.id}-{subject}",
        occurred_at=NOW,
        money=(cad(amount) if amount else gift.money) if is_money else None,
        source=Source.PERSON,
        actor="staff:1",
        payment=paid if is_money and fact is not FactKind.PAID else None,
    )
    with place.services.write() as act:
        accept(act, gift.id, [claim])


def match_of(place: Workplace, token: str) -> ToldMatch:
    with place.database.read() as session:
        found = find_match(session, place.gift(token).id)
    assert found is not None
    return found


def held(place: Workplace, token: str) -> tuple[int, bool]:
    match = match_of(place, token)
    return match.held.minor, match.is_paid


def pot(place: Workplace, key: str = "spring") -> tuple[int, int, int]:
    """What is left of a pot, promised and matched; after the books were proven."""
    with place.database.read() as session:
        assert prove(session) == []
        found = find_pot(session, key)
    assert found is not None
    assert found.left_minor + found.promised_minor + found.matched_minor == found.total_minor
    return found.left_minor, found.promised_minor, found.matched_minor


@pytest.mark.parametrize(
    ("given_minor", "times", "per", "cap_minor", "match"),
    [
        (2000, 1, 1, None, 2000),
        (2000, 2, 1, None, 4000),
        (2000, 2, 1, 3000, 3000),
        (1499, 2, 1, 3000, 2998),
        (1500, 2, 1, 3000, 3000),
        (1501, 2, 1, 3000, 3000),
        (1, 1, 2, None, 0),
        (3, 1, 2, None, 1),
        (100, 1, 3, None, 33),
        (100, 2, 3, None, 66),
        (7553, 3, 2, None, 11_329),
        (5, 999, 1, 100, 100),
        (2000, 1, 1, 0, 0),
        (0, 2, 1, None, 0),
        (-5, 2, 1, None, 0),
        (10**12, 1, 1, None, 10**12),
    ],
)
def test_a_match_is_the_ratio_rounded_down_and_at_most_the_cap(
    given_minor, times, per, cap_minor, match
):
    assert match_minor(given_minor, times, per, cap_minor) == match


def test_a_match_is_promised_with_the_gift_and_booked_with_its_money(place):
    token = start(place, "20", "CAPPED", cover="0.77")
    assert (held(place, token), pot(place)) == ((3000, False), (7000, 3000, 0))
    book(place, token, FactKind.PAID)
    assert (held(place, token), pot(place)) == ((3000, True), (7000, 0, 3000))
    book(place, token, FactKind.REFUNDED, "10")
    assert (held(place, token), pot(place)) == ((2000, True), (8000, 0, 2000))
    with place.database.read() as session:
        code = find_code(session, "CAPPED")
        assert code is not None
        [total] = sum_of_code(session, code.id)
        moved = session.execute(
            sa.select(PotEntry.credit_account, PotEntry.debit_account, PotEntry.amount_minor)
            .where(PotEntry.gift_id == place.gift(token).id)
            .order_by(PotEntry.id)
        ).all()
    assert (total.promised.minor, total.matched.minor) == (0, 2000)
    assert [tuple(row) for row in moved] == [
        ("pot:spring", "promised:spring", 3000),
        ("promised:spring", "matched:spring", 3000),
        ("matched:spring", "pot:spring", 1000),
    ]


@ON_SQLITE
def test_what_covers_the_fee_is_not_matched(place):
    token = start(place, "20", cover="0.77")
    assert held(place, token) == (2000, False)


@ON_SQLITE
@pytest.mark.parametrize("end", [FactKind.FAILED, FactKind.EXPIRED])
def test_a_gift_that_is_not_paid_gives_its_match_back(place, end):
    token = start(place)
    book(place, token, end)
    assert (held(place, token), pot(place)) == ((0, False), (10_000, 0, 0))
    book(place, token, FactKind.PAID)
    assert (held(place, token), pot(place)) == ((2000, True), (8000, 0, 2000))


@ON_SQLITE
@pytest.mark.parametrize("end", [FactKind.REFUNDED, FactKind.DISPUTE_LOST, FactKind.WITHDRAWN])
def test_money_that_goes_back_gives_the_match_back(place, end):
    token = start(place)
    book(place, token, FactKind.PAID)
    book(place, token, end)
    assert (held(place, token), pot(place)) == ((0, False), (10_000, 0, 0))


@ON_SQLITE
def test_an_open_dispute_keeps_the_match_until_it_is_lost(place):
    token = start(place)
    book(place, token, FactKind.PAID)
    book(place, token, FactKind.DISPUTE_OPENED)
    assert held(place, token) == (2000, True)
    book(place, token, FactKind.DISPUTE_LOST, "5")
    assert held(place, token) == (1500, True)
    assert pot(place) == (8500, 0, 1500)


@ON_SQLITE
def test_a_part_that_came_stays_promised_and_is_matched_as_it_is_once_accepted(place):
    token = start(place, "20", cover="1")
    book(place, token, FactKind.PAID, "15")
    assert (place.gift(token).status, held(place, token)) == (Status.PARTLY_PAID, (2000, False))
    book(place, token, FactKind.SETTLED)
    assert (place.gift(token).status, held(place, token)) == (Status.PAID, (1400, True))
    assert pot(place) == (8600, 0, 1400)


@ON_SQLITE
def test_the_last_of_a_pot_is_told_before_it_is_promised(place):
    start(place, "87.50")
    wanted = order(place, "20")
    with pytest.raises(MatchIsLess) as caught:
        start_gift(place.services, wanted)
    assert (caught.value.sponsor, caught.value.left) == ("Grace Foundation", cad("12.50"))
    assert count_gifts(place) == 1
    token = start_gift(place.services, replace(wanted, told_minor=1250)).token
    match = match_of(place, token)
    assert (match.held.minor, match.most.minor, match.full.minor) == (1250, 1250, 2000)
    assert pot(place) == (0, 10_000, 0)


def count_gifts(place: Workplace) -> int:
    with place.database.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Gift)) or 0


@ON_SQLITE
def test_an_empty_pot_is_told_too_and_then_the_gift_is_like_any_other(place):
    start(place, "100")
    wanted = order(place)
    with pytest.raises(MatchIsLess) as caught:
        start_gift(place.services, wanted)
    assert caught.value.left == cad("0")
    token = start_gift(place.services, replace(wanted, told_minor=0)).token
    assert not place.gift(token).is_matched


@ON_SQLITE
def test_what_a_donor_was_told_is_kept_or_they_are_asked_again(place):
    start(place, "87.50")
    wanted = replace(order(place, "20"), told_minor=1250)
    start(place, "2.50")
    with pytest.raises(MatchIsLess) as caught:
        start_gift(place.services, wanted)
    assert caught.value.left == cad("10")


@ON_SQLITE
def test_money_that_comes_after_its_promise_lapsed_takes_what_is_left(place):
    late = start(place, "30")
    book(place, late, FactKind.EXPIRED)
    start(place, "80")
    book(place, late, FactKind.PAID)
    match = match_of(place, late)
    assert (match.held.minor, match.wanted.minor, match.is_paid) == (2000, 3000, True)
    assert pot(place) == (0, 8000, 2000)
    later = start_gift(place.services, replace(order(place), told_minor=0)).token
    book(place, later, FactKind.PAID)
    book(place, late, FactKind.REFUNDED, "15")
    assert (held(place, late), pot(place)) == ((1500, True), (500, 8000, 1500))


@ON_SQLITE
def test_money_that_comes_when_nothing_is_left_is_booked_without_a_match(place):
    late = start(place, "30")
    book(place, late, FactKind.EXPIRED)
    start(place, "100")
    book(place, late, FactKind.PAID)
    match = match_of(place, late)
    assert (match.held.minor, match.wanted.minor, place.gift(late).status) == (0, 3000, Status.PAID)
    assert pot(place) == (0, 10_000, 0)


@ON_SQLITE
def test_a_pot_in_another_currency_adds_nothing(place):
    token = start(place, "20", "ABROAD")
    assert not place.gift(token).is_matched
    assert pot(place, "dollars") == (10_000, 0, 0)


@ON_SQLITE
def test_a_gift_too_small_for_a_match_is_given_without_one(place):
    assert match_minor(1, 1, 2, None) == 0
    assert held(place, start(place, "5.01", "HALF")) == (250, False)


@ON_SQLITE
def test_the_same_form_sent_twice_is_one_promise(place):
    wanted = order(place)
    assert start_gift(place.services, wanted).token == start_gift(place.services, wanted).token
    assert pot(place) == (8000, 2000, 0)


@ON_SQLITE
def test_a_pot_is_raised_and_closed_and_keeps_its_promises(place):
    token, lapsed = start(place), start(place)
    with place.services.write("staff:1") as act:
        spring = find_pot(act.session, "spring", to_change=True)
        raise_pot(act, spring, cad("50"))
        with pytest.raises(CodeError, match="is in CAD"):
            raise_pot(act, spring, Money(100, "USD"))
        assert close_pot(act, spring)
        assert not close_pot(act, spring)
        with pytest.raises(CodeError, match="it is closed"):
            raise_pot(act, spring, cad("1"))
    assert pot(place) == (11_000, 4000, 0)
    book(place, token, FactKind.PAID)
    book(place, lapsed, FactKind.EXPIRED)
    book(place, lapsed, FactKind.PAID)
    assert (held(place, token), held(place, lapsed)[0]) == ((2000, True), 0)
    with place.database.read() as session:
        code = find_code(session, "DOUBLE")
        assert code is not None
        seen = with_pot(session, code).pot
    assert seen is not None
    assert (seen.is_open, seen.left_minor) == (False, 0)


@ON_SQLITE
@pytest.mark.parametrize(
    ("key", "sponsor", "total", "says"),
    [
        ("Spring!", "Grace", cad("1"), "is 2 to 40 small letters"),
        ("spring", "Grace", cad("1"), "another one has it"),
        ("other", " ", cad("1"), "has 1 to 200 characters"),
        ("other", "x" * 201, cad("1"), "has 1 to 200 characters"),
        ("other", "Grace", cad("0"), "is more than nothing"),
        ("other", "Grace", Money(10**16, "CAD"), "no more than a pot can hold"),
    ],
)
def test_a_pot_that_cannot_be_says_why(place, key, sponsor, total, says):
    with pytest.raises(CodeError, match=says), place.services.write() as act:
        add_pot(act, key, sponsor, total)


@ON_SQLITE
def test_terms_name_a_pot_that_there_is(place):
    with place.database.write() as session, pytest.raises(CodeError, match="match_pot"):
        add_policy(session, "Other", Draft(document={"match_pot": "nowhere"}), NOW)


def test_sixty_four_at_once_share_out_exactly_what_is_left(place):
    """Whoever was told to take what there is gets it; nobody gets what another one has."""
    start(place, "90.50")
    prepared = [replace(order(place, "3"), told_minor=0) for _ in range(64)]
    with ThreadPoolExecutor(16) as pool:
        tokens = list(pool.map(lambda one: start_gift(place.services, one).token, prepared))
    with place.database.read() as session:
        kept = session.scalars(sa.select(GiftMatch.held_minor).order_by(GiftMatch.held_minor)).all()
    assert (len({*tokens}), kept) == (64, [50, 300, 300, 300, 9050])
    assert pot(place) == (0, 10_000, 0)


def test_sixty_four_at_once_who_were_told_of_the_whole_get_it_or_are_asked(place):
    start(place, "90.50")
    prepared = [order(place, "3") for _ in range(64)]

    def attempt(wanted: GiftOrder) -> bool:
        try:
            start_gift(place.services, wanted)
        except MatchIsLess:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(attempt, prepared)) == 3
    assert (count_gifts(place), pot(place)) == (4, (50, 9950, 0))


@ON_SQLITE
def test_the_books_say_where_a_pot_or_a_match_is_wrong(place):
    token = start(place)
    book(place, token, FactKind.PAID)

    def told(*statements: sa.Update | sa.Delete) -> str:
        with place.database.write() as session:
            for statement in statements:
                session.execute(statement)
            said = " ".join(prove(session))
            session.rollback()
        return said

    spring = sa.update(Pot).where(Pot.key == "spring")
    assert "Pot spring: its counters are not" in told(spring.values(matched_minor=1999))
    assert "Pot spring: its accounts do not" in told(spring.values(total_minor=10_001))
    wrong = sa.update(GiftMatch).values(is_paid=False)
    assert "what is matched of it" in told(wrong)
    assert told() == ""


@ON_SQLITE
def test_entries_of_a_pot_are_never_changed(place):
    for statement in (sa.update(PotEntry).values(amount_minor=1), sa.delete(PotEntry)):
        with pytest.raises(sa.exc.DBAPIError), place.database.write() as session:
            session.execute(statement)


FACTS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(
            [
                (FactKind.FAILED, ""),
                (FactKind.EXPIRED, ""),
                (FactKind.REOPENED, ""),
                (FactKind.PROCESSING, ""),
                (FactKind.PAID, ""),
                (FactKind.PAID, ""),
                (FactKind.REFUNDED, "7"),
                (FactKind.REFUNDED, ""),
                (FactKind.REFUND_FAILED, ""),
                (FactKind.WITHDRAWN, ""),
                (FactKind.SETTLED, ""),
                (FactKind.DISPUTE_OPENED, ""),
                (FactKind.DISPUTE_WON, ""),
                (FactKind.DISPUTE_LOST, "4.50"),
                (FactKind.DISPUTE_LOST, ""),
            ]
        ),
    ),
    max_size=12,
)
QUIET = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@ON_SQLITE
@QUIET
@given(happened=FACTS, room=st.integers(0, 9000))
def test_the_pot_is_right_after_any_history(place, happened, room):
    """Counters, rows and entries agree, nothing is below zero, and no more is out than is in."""
    key = f"pot-{next(NUMBERS)}"
    with place.services.write() as act:
        add_pot(act, key, "Grace", Money(1000 + room, "CAD"))
        policy = add_policy(act.session, key, Draft(document={"match_pot": key}), NOW)
        add_code(act.session, key, policy, NOW, kind=Kind.CAMPAIGN)
    orders = [replace(order(place, "20", key, "0.61"), told_minor=0) for _ in range(4)]
    tokens = [start_gift(place.services, one).token for one in orders]
    for at, (fact, amount) in happened:
        book(place, tokens[at], fact, amount, subject=f"{fact[:6]}{amount}")
    left, promised, matched = pot(place, key)
    assert min(left, promised, matched) >= 0
    assert left + promised + matched == 1000 + room


@ON_SQLITE
@QUIET
@given(happened=FACTS.map(lambda told: [fact for _, fact in told]), data=st.data())
def test_a_match_is_the_same_in_whatever_order_its_facts_come(place, happened, data):
    """Where the pot holds out; `held` follows from the set of facts alone."""
    with place.services.write() as act:
        raise_pot(act, find_pot(act.session, "spring", to_change=True), cad("1000"))
    facts = list(dict.fromkeys(happened))
    told = []
    for one in (facts, data.draw(st.permutations(facts))):
        token = start(place, "20", cover="0.61")
        for fact, amount in one:
            book(place, token, fact, amount, subject=f"{fact[:6]}{amount}")
        told.append((place.gift(token).status, held(place, token)))
    assert told[0] == told[1]
