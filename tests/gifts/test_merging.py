"""Two donors made one, and two again: everything of theirs is where it belongs, in any order."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.database import Database
from portal.donors import Donor, find_or_add_donor, record_consent, spell
from portal.gifts.code_counting import find_wrong_sums
from portal.gifts.code_sums import catch_up
from portal.gifts.models import Commitment, Gift
from portal.gifts.operations import add_plan, lock_gift
from portal.gifts.progress import Rhythm
from portal.money import Money
from portal.payments.books import prove
from portal.payments.stripe.event_gifts import find_or_add_renewal
from portal.payments.stripe.reading import Renewal
from portal.receipts.declarations import list_of_donors, read_declared
from portal.receipts.register import Receipt
from portal.records.doubles import find_doubles, go_through_doubles, list_newest_doubles
from portal.records.merging import (
    MODELS,
    NotMergeable,
    Undone,
    count_things,
    list_merges,
    merge_donors,
    undo_merge,
)
from portal.services import Act, AuditEntry, Services
from portal.signin.donor_accounts import find_donor, find_own, open_account
from tests.conftest import NOW
from tests.partners.conftest import plant_tree
from tests.partners.gifts import email_of, plant_gifts
from tests.receipts.gift_aid_samples import give
from tests.workplace import Workplace, follow

MAYA, OTHER, THIRD = "maya.b@gmail.com", "Mayab+gifts@googlemail.com", "maya@work.example"


@pytest.fixture
def services(app: Flask) -> Services:
    found: Services = app.extensions["portal"]
    return found


@dataclass
class Scene:
    """Three addresses of one person, each with something of every kind."""

    services: Services
    ids: dict[str, int]

    @property
    def database(self) -> Database:
        return self.services.database

    def merge(self, kept: str, gone: str) -> int:
        return merge_donors(self.services, "staff:1", self.ids[kept], self.ids[gone], "one person")

    def undo(self, number: int) -> Undone:
        return undo_merge(self.services, "staff:1", number)

    def all_of(self, email: str) -> dict[str, int]:
        with self.database.read() as session:
            return count_things(session, self.ids[email])

    def refuses(self, work: Callable[[], Any]) -> str:
        with pytest.raises(NotMergeable) as refused:
            work()
        return refused.value.why


@pytest.fixture
def scene(services: Services) -> Scene:
    ids = {}
    with services.write() as act:
        for email in (MAYA, OTHER, THIRD):
            gift = give(act.session, email=email, first_name="Maya", last_name="Baker")
            plan = add_plan(act, gift.donor_id or 0, gift.money)
            gift.plan_id = plan.id
            follow(act.session, plan, f"sub_{gift.id}")
            record_consent(act, gift.donor_id or 0, wording="News", locale="en", source="a stall")
            pledge = {"amount_minor": 100, "currency": "GBP", "rhythm": Rhythm.ONCE}
            act.session.add(
                Commitment(donor_id=gift.donor_id, since=date(2026, 1, 1), created_at=NOW, **pledge)
            )
            ids[email] = gift.donor_id or 0
    return Scene(services, ids)


ONE = {"gift": 1, "plan": 1, "declaration": 1, "pledge": 1, "consent": 1}
NONE = dict.fromkeys(ONE, 0)


def times(number: int) -> dict[str, int]:
    return {what: number * count for what, count in ONE.items()}


def read_all(database: Database) -> list[tuple[object, ...]]:
    """Whose everything is, and what receipts say."""
    found: list[tuple[object, ...]] = []
    with database.read() as session:
        for what, model in MODELS.items():
            rows = session.execute(sa.select(model.id, model.donor_id).order_by(model.id))
            found += [(what, *row) for row in rows]
        donors = session.scalars(sa.select(Donor.id)).all()
        found += [("declaration", one.key, one.donor_id) for one in list_of_donors(session, donors)]
        found += [tuple(row) for row in session.execute(sa.select(Receipt.id, Receipt.snapshot))]
        donors_now = session.execute(sa.select(Donor.id, Donor.merged_into_id))
        found += [tuple(row) for row in donors_now]
    return sorted(found, key=repr)


@pytest.mark.both_engines
def test_all_moves_and_comes_back(scene: Scene) -> None:
    before = read_all(scene.database)
    number = scene.merge(MAYA, OTHER)
    assert (scene.all_of(MAYA), scene.all_of(OTHER)) == (times(2), NONE)
    with scene.database.read() as session:
        assert read_declared(session, "sample-gb", "Europe/London", [scene.ids[OTHER]]) == {}
        (told,) = list_merges(session)
        assert (told.kept, told.gone, told.moved) == (MAYA, OTHER.lower(), ONE)
    assert scene.undo(number) == Undone(ONE, stayed=0)
    assert read_all(scene.database) == before
    with scene.database.read() as session:
        mine = read_declared(session, "sample-gb", "Europe/London", [scene.ids[MAYA]])
        assert [len(several) for several in mine.values()] == [1], "what went back is no more hers"
        acts = session.scalars(sa.select(AuditEntry.act).order_by(AuditEntry.id)).all()
        assert acts == ["donor_merge", "donor_merge_undo"]
        assert prove(session) == []
        assert list_merges(session) == []
    assert scene.refuses(lambda: scene.undo(number)) == "undone"
    assert scene.refuses(lambda: scene.undo(99)) == "unknown"


@pytest.mark.both_engines
def test_what_came_since_stays_where_it_arrived(scene: Scene) -> None:
    """A month of a plan that moved, a form with the address, and a pledge made by staff."""
    number = scene.merge(MAYA, OTHER)
    with scene.services.write() as act:
        first = act.session.scalars(sa.select(Gift).where(Gift.email == OTHER.lower())).one()
        renewal = Renewal(invoice_id="in_7", money=first.money)
        assert find_or_add_renewal(act, first, renewal).donor_id == scene.ids[MAYA]
        assert find_or_add_donor(act, OTHER) == scene.ids[MAYA]
        give(act.session, declares=False, email=OTHER)
    place = Workplace(scene.services)
    place.start(region="gb", mode="card", money=Money(501, "GBP"), donor={"email": OTHER})
    undone = scene.undo(number)
    assert (undone.returned, undone.stayed) == (ONE, 3)
    assert scene.all_of(OTHER) == ONE
    assert scene.all_of(MAYA) == {**ONE, "gift": 4}


@pytest.mark.both_engines
def test_chains_are_undone_in_any_order(scene: Scene) -> None:
    before = read_all(scene.database)
    for orders in ((0, 1), (1, 0)):
        merges = [scene.merge(MAYA, OTHER), scene.merge(THIRD, MAYA)]
        assert scene.all_of(THIRD) == times(3)
        with scene.services.write() as act:
            assert find_or_add_donor(act, OTHER) == scene.ids[THIRD]
        scene.undo(merges[orders[0]])
        assert scene.all_of(THIRD) == (times(2) if orders[0] == 0 else ONE)
        scene.undo(merges[orders[1]])
        assert read_all(scene.database) == before


def test_what_cannot_be_one_is_refused(scene: Scene) -> None:
    assert scene.refuses(lambda: scene.merge(MAYA, MAYA)) == "same"
    assert scene.refuses(lambda: merge_donors(scene.services, "x", 999, 1, "")) == "unknown"
    scene.merge(MAYA, OTHER)
    for pair in ((MAYA, OTHER), (OTHER, THIRD), (THIRD, OTHER), (OTHER, MAYA)):
        assert scene.refuses(lambda pair=pair: scene.merge(*pair)) == "merged"
    with scene.services.write() as act:
        act.session.get_one(Donor, scene.ids[THIRD]).email = "forgotten-3"
    assert scene.refuses(lambda: scene.merge(MAYA, THIRD)) == "forgotten"


@pytest.mark.both_engines
def test_what_staff_put_elsewhere_since_stays_there(scene: Scene) -> None:
    number = scene.merge(MAYA, OTHER)
    with scene.services.write() as act:
        gift = act.session.scalars(sa.select(Gift).where(Gift.email == OTHER.lower())).one()
        gift.donor_id = scene.ids[THIRD]
    assert scene.undo(number).returned == {**ONE, "gift": 0}
    assert scene.all_of(THIRD)["gift"] == 2


@pytest.mark.both_engines
def test_two_at_once_merge_once(scene: Scene) -> None:
    """Several staff, both ways round; whatever comes first, nothing is lost or in a circle."""
    pairs = [(MAYA, OTHER), (OTHER, MAYA), (OTHER, THIRD), (THIRD, MAYA)] * 2

    def try_one(pair: tuple[str, str]) -> int | None:
        with suppress(NotMergeable):
            return scene.merge(*pair)
        return None

    with ThreadPoolExecutor(4) as pool:
        made = [one for one in pool.map(try_one, pairs) if one]
    assert 1 <= len(made) <= 2
    sums = [scene.all_of(email)["gift"] for email in (MAYA, OTHER, THIRD)]
    assert sorted(sums) in ([0, 0, 3], [0, 1, 2])
    for number in made:
        scene.undo(number)
    assert all(scene.all_of(email) == ONE for email in (MAYA, OTHER, THIRD))


def first_of(act: Act) -> Gift:
    wanted = sa.select(Gift).where(Gift.email == OTHER.lower()).order_by(Gift.id)
    return act.session.scalars(wanted.limit(1)).one()


def begin_form(act: Act) -> Callable[[], object]:
    """A form has looked whose its address is; it keeps its gift a moment later."""
    donor_id = find_or_add_donor(act, OTHER)
    plan = Money(100, "GBP")
    return lambda: add_plan(act, donor_id, plan)


def begin_renewal(act: Act) -> Callable[[], object]:
    """A month's charge has its first gift in hand, and locks it a moment later."""
    first = first_of(act)
    invoice = f"in_{first.id}_{act.now}_{time.monotonic()}"
    renewal = Renewal(invoice_id=invoice[:80], money=Money(100, "GBP"))
    return lambda: find_or_add_renewal(act, first, renewal)


def begin_locked_renewal(act: Act) -> Callable[[], object]:
    """The same, which has locked it already."""
    lock_gift(act.session, first_of(act).id)
    return begin_renewal(act)


@pytest.mark.both_engines
def test_what_is_on_its_way_during_a_merge_is_not_left_behind(scene: Scene) -> None:
    """Whichever comes first: the merge waits for what has begun, or that sees what it did."""
    for begin in (begin_form, begin_renewal, begin_locked_renewal):
        with ThreadPoolExecutor(1) as pool:
            with scene.services.write() as act:
                finish = begin(act)
                merging = pool.submit(scene.merge, MAYA, OTHER)
                time.sleep(0.3)
                finish()
            number = merging.result()
        assert scene.all_of(OTHER) == NONE, begin.__doc__
        scene.undo(number)


@pytest.mark.both_engines
def test_many_arrivals_and_merges_at_once_lose_nothing(scene: Scene) -> None:
    """Forms and months on one side, merges and undoes on the other."""

    def arrive(at: int) -> None:
        with scene.services.write() as act:
            if at % 2:
                begin_renewal(act)()
            else:
                give(act.session, declares=False, email=OTHER)

    with ThreadPoolExecutor(4) as pool:
        arrivals = [pool.submit(arrive, at) for at in range(12)]
        for _ in range(3):
            scene.undo(scene.merge(MAYA, OTHER))
        for one in arrivals:
            one.result()
    last = scene.merge(MAYA, OTHER)
    assert (scene.all_of(OTHER), scene.all_of(MAYA)["gift"]) == (NONE, 14)
    scene.undo(last)
    assert scene.all_of(MAYA)["gift"] + scene.all_of(OTHER)["gift"] == 14


def test_an_account_sees_what_is_its_persons(scene: Scene) -> None:
    """Signed in by either address, before, while and after two are one; to be forgotten, too."""
    accounts = {}
    with scene.services.write() as act:
        for email in (MAYA, OTHER):
            donor_id = find_donor(act.session, email, NOW)
            assert donor_id is not None
            accounts[email] = open_account(act, donor_id).id

    def own(email: str) -> tuple[set[int], set[str]]:
        with scene.database.read() as session:
            found = find_own(session, accounts[email])
        return {*found.donor_ids}, {*found.emails}

    apart = {email: ({scene.ids[email]}, {email.lower()}) for email in (MAYA, OTHER)}
    assert {email: own(email) for email in apart} == apart
    number = scene.merge(MAYA, OTHER)
    both = {MAYA, OTHER.lower()}
    assert own(MAYA) == own(OTHER) == ({scene.ids[MAYA]}, both)
    scene.undo(number)
    assert {email: own(email) for email in apart} == apart


@pytest.mark.both_engines
def test_doubles_are_found_by_spelling_and_by_person(scene: Scene) -> None:
    with scene.database.read() as session:
        found = [(one.first.id, one.later.id, one.sign) for one in find_doubles(session)]
        assert list_newest_doubles(session) == find_doubles(session)
    ids = scene.ids
    assert found == [
        (ids[OTHER], ids[THIRD], "person"),
        (ids[MAYA], ids[THIRD], "person"),
        (ids[MAYA], ids[OTHER], "address"),
    ]
    scene.merge(THIRD, OTHER)
    assert [one.sign for one in go_through_doubles(scene.database)] == ["person"]


def test_an_address_is_spelled_one_way() -> None:
    assert spell("Maya.B+x@GoogleMail.com ") == spell(MAYA) == "mayab@gmail.com"
    assert spell("a.b+c@example.org") == "a.b@example.org"
    assert (spell("+a@example.org"), spell("forgotten-1")) == ("+a@example.org", "")


STEPS = st.lists(
    st.tuples(st.sampled_from(["merge", "undo", "give"]), st.integers(0, 3), st.integers(0, 3)),
    max_size=12,
)


def sums_by_donor(database: Database, gifts: set[int]) -> dict[int, int]:
    with database.read() as session:
        summed = sa.select(Gift.donor_id, sa.func.sum(Gift.paid_minor)).where(Gift.id.in_(gifts))
        return {row[0]: row[1] for row in session.execute(summed.group_by(Gift.donor_id))}


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(steps=STEPS)
def test_undone_all_is_as_it_was_and_the_books_hold(services: Services, steps: Any) -> None:
    """Whatever was merged, given and undone between, in any order."""
    database = services.database
    with database.read() as session:
        is_empty = session.scalar(sa.select(sa.func.count(Gift.id))) == 0
    if is_empty:
        plant_tree(database)
        with database.write() as session:
            plant_gifts(session, "grace", [{"donor": at, "minor": 100 + at} for at in range(4)])
    with database.read() as session:
        ids = session.scalars(sa.select(Donor.id).order_by(Donor.id).limit(4)).all()
        gifts = {*session.scalars(sa.select(Gift.id))}
    before = sums_by_donor(database, gifts)
    standing: list[int] = []
    for what, one, two in steps:
        with suppress(NotMergeable):
            if what == "merge":
                standing.append(merge_donors(services, "x", ids[one], ids[two], ""))
            elif what == "undo" and standing:
                undo_merge(services, "x", standing.pop(one % len(standing)))
            elif what == "give":
                with services.write() as act:
                    find_or_add_donor(act, email_of(one))
        assert sum(sums_by_donor(database, gifts).values()) == sum(before.values())
    while standing:
        undo_merge(services, "x", standing.pop(len(standing) // 2))
    assert sums_by_donor(database, gifts) == before
    catch_up(database)
    with database.read() as session:
        assert find_wrong_sums(session, 20) == []
        assert not session.scalars(
            sa.select(Donor.id).where(Donor.merged_into_id.is_not(None))
        ).all()
