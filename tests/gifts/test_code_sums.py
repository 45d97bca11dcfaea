"""Kept sums of what codes brought are what the gifts say, whatever changed, in whatever order."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal import schema
from portal.codes.models import CodeUse
from portal.database import Database
from portal.gifts.code_counting import find_wrong_sums, recount_codes
from portal.gifts.code_sums import CodeChange, CodeSum, catch_up, fold_codes
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, Plan, PlanStatus
from tests.conftest import NOW
from tests.partners.conftest import plant_tree
from tests.partners.gifts import email_of, plant_gifts

pytestmark = pytest.mark.both_engines
KEYS = ("grace", "hope", "other")
SUMMED = sa.select(CodeSum.__table__).order_by(*sa.inspect(CodeSum).primary_key)


def check(database: Database) -> None:
    with database.read() as session:
        assert find_wrong_sums(session, 20) == []


def read_sums(database: Database) -> list[tuple[object, ...]]:
    """All sums that are of anything."""
    with database.read() as session:
        return [tuple(row) for row in session.execute(SUMMED) if any(row[4:])]


def plant_plan(session: Session, donor: int) -> int:
    plant_gifts(session, "grace", [{"donor": donor}])
    donor_id = session.scalars(sa.select(Gift.donor_id).where(Gift.email == email_of(donor)))
    plan = Plan(
        token=f"plan{donor}",
        donor_id=donor_id.first(),
        amount_minor=1000,
        currency="CAD",
        status=PlanStatus.PENDING,
        created_at=NOW,
    )
    session.add(plan)
    session.flush()
    return plan.id


def plant_some(chance: random.Random, session: Session, plans: list[int]) -> None:
    for key in KEYS:
        gifts = [
            {
                "donor": chance.randrange(6),
                "minor": chance.randrange(1, 999),
                "fund": chance.choice(("missions", "media")),
                "currency": chance.choice(("CAD", "CAD", "USD")),
                "paid": chance.choice((0, 500)),
                "day": date(2026, chance.randrange(9, 12), 3),
                "plan": chance.choice([None, None, *plans]),
            }
            for _ in range(chance.randrange(1, 4))
        ]
        plant_gifts(session, key, gifts)


def change_one(chance: random.Random, session: Session, plans: list[int]) -> None:
    """Change anything that a sum has of a gift, or a plan."""
    if chance.randrange(4) == 0:
        status = chance.choice([*PlanStatus])
        of = sa.update(Plan).where(Plan.id == chance.choice(plans))
        session.execute(of.values(status=status))
        return
    gifts = session.scalars(sa.select(Gift.id).order_by(Gift.id)).all()
    donors = session.scalars(sa.select(Gift.donor_id).distinct()).all()
    change = chance.choice(
        [
            {"status": chance.choice([*Status])},
            {"paid_minor": chance.choice((0, 700)), "received_on": date(2026, 10, 9)},
            {"refunded_minor": chance.randrange(300)},
            {"mode": chance.choice(("card", "interac")), "amount_minor": 900},
            {"donor_id": chance.choice(donors)},
            {"plan_id": chance.choice([None, *plans])},
        ]
    )
    session.execute(sa.update(Gift).where(Gift.id == chance.choice(gifts)).values(**change))


@pytest.mark.parametrize("seed", range(3))
def test_they_are_what_the_gifts_say_after_any_changes(catalogued: Database, seed: int) -> None:
    chance = random.Random(seed)
    plant_tree(catalogued)
    with catalogued.write() as session:
        plans = [plant_plan(session, donor) for donor in range(2)]
    for _ in range(8):
        with catalogued.write() as session:
            plant_some(chance, session, plans)
        for _ in range(chance.randrange(5)):
            with catalogued.write() as session:
                change_one(chance, session, plans)
        if chance.randrange(2):
            with catalogued.write() as session:
                fold_codes(session)
        check(catalogued)
    assert catch_up(catalogued)
    check(catalogued)
    kept = read_sums(catalogued)
    assert kept
    with catalogued.write() as session:
        recount_codes(session)
    assert read_sums(catalogued) == kept


def test_changes_are_noted_for_gifts_with_a_code_alone(catalogued: Database) -> None:
    plant_tree(catalogued)
    with catalogued.write() as session:
        plant_gifts(session, "grace", [{"donor": 1}])
        session.execute(sa.delete(CodeChange))
        session.execute(sa.update(Gift).values(paid_minor=Gift.paid_minor, fee_minor=30))
        assert session.scalars(sa.select(CodeChange.id)).all() == []
        session.execute(sa.update(Gift).values(code=None))
        session.execute(sa.delete(CodeChange))
        session.execute(sa.update(Gift).values(paid_minor=1))
        assert session.scalars(sa.select(CodeChange.id)).all() == []


def test_gifts_of_before_are_in_the_sums(catalogued: Database) -> None:
    chance = random.Random(3)
    plant_tree(catalogued)
    with catalogued.write() as session:
        plans = [plant_plan(session, 1)]
        session.execute(sa.update(Plan).values(status=PlanStatus.ACTIVE))
        for _ in range(5):
            plant_some(chance, session, plans)
    assert catch_up(catalogued)
    kept = read_sums(catalogued)
    schema.downgrade(catalogued, "20261127_partner_users")
    schema.upgrade(catalogued)
    assert read_sums(catalogued) == kept
    check(catalogued)


@pytest.mark.parametrize("column", ["gross", "donors"])
def test_a_sum_that_was_tampered_with_is_found(catalogued: Database, column: str) -> None:
    plant_tree(catalogued)
    with catalogued.write() as session:
        plant_gifts(session, "grace", [{"donor": 1}])
    assert catch_up(catalogued)
    own = sa.update(CodeSum).where(CodeSum.dimension == "fund")
    with catalogued.write() as session:
        session.execute(own.values({column: CodeSum.__table__.c[column] + 1}))
    with catalogued.read() as session:
        assert {key.dimension for key in find_wrong_sums(session, 20)} == {"fund"}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_nothing_is_lost_or_doubled_while_many_give_and_look(catalogued: Database) -> None:
    plant_tree(catalogued)

    def work(number: int) -> None:
        chance = random.Random(number)
        for _ in range(6):
            if number < 3:
                with catalogued.write() as session:
                    change_one(chance, session, plans)
            else:
                catch_up(catalogued)

    with catalogued.write() as session:
        plans = [plant_plan(session, donor) for donor in range(2)]
        for _ in range(4):
            plant_some(random.Random(1), session, plans)
    with ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(work, number) for number in range(6)]:
            done.result(60)
    assert catch_up(catalogued)
    check(catalogued)
    with catalogued.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(CodeUse))
