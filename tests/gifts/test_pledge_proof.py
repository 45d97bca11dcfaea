"""What is told of donors' pledges is what the ledger says, after any history."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import count

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.gifts.commitments import Owner, Said, add_commitment, committing, read_fulfilled
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Commitment, Gift
from portal.gifts.pledge_proof import find_wrong_pledges
from portal.gifts.progress import Rhythm
from portal.money import Money
from portal.payments.books import prove
from tests.partners.conftest import plant_tree
from tests.partners.gifts import book, email_of, give
from tests.workplace import Workplace, at, make_workplace

pytestmark = pytest.mark.both_engines
DONORS = range(1, 4)
STEPS = 60
# What may happen to a gift; the facts of one subject come in any order.
HAPPENS = (
    (FactKind.PAID, "paid"),
    (FactKind.PAID, "paid"),
    (FactKind.PAID, "again"),
    (FactKind.WITHDRAWN, "again"),
    (FactKind.REFUNDED, "refund"),
    (FactKind.REFUND_FAILED, "refund"),
    (FactKind.DISPUTE_OPENED, "dispute"),
    (FactKind.DISPUTE_LOST, "dispute"),
    (FactKind.DISPUTE_WON, "won"),
)


@pytest.fixture
def place(catalogued: Database, database_url: str) -> Iterator[Workplace]:
    found = make_workplace(database_url, None)
    plant_tree(found.database)
    yield found
    found.close()


def pledge(place: Workplace, chance: random.Random) -> None:
    """A donor's, of any span, for a fund, a partner or a code, or for anything."""
    month = chance.randrange(1, 9)
    owner = Owner(
        email=email_of(chance.choice(DONORS)),
        partner=chance.choice(("", "", "grace", "zone")),
        code=chance.choice(("", "", "GRACE")),
    )
    said = Said(
        money=Money(10_000, chance.choice(("CAD", "CAD", "CAD", "USD"))),
        rhythm=Rhythm.ONCE,
        since=date(2026, month, 1),
        until=chance.choice((None, date(2026, 12, chance.randrange(1, 32)))),
        fund=chance.choice(("", "", "missions")),
    )
    if owner.partner == "zone" and owner.code:
        owner = Owner(email=owner.email, code=owner.code)
    with committing(place.services, "system", is_partners=False) as act:
        add_commitment(act, owner, said)


def happen(place: Workplace, chance: random.Random, gifts: list[tuple[int, int]]) -> None:
    """A gift more, or a fact of one, on any day of the year."""
    day = datetime(2026, chance.randrange(1, 13), chance.randrange(1, 29), 12, tzinfo=UTC)
    services = at(place.services, day)
    if not gifts or chance.randrange(3) == 0:
        minor = 1000 + next(NUMBERS)
        code, fund = chance.choice(("GRACE", "HOPE", "")), chance.choice(("general", "missions"))
        gifts.append((give(services, code, chance.choice(DONORS), minor, fund=fund), minor))
        if chance.randrange(4) == 0:
            loosen(place, gifts[-1][0])
    gift_id, minor = chance.choice(gifts)
    fact, subject = chance.choice(HAPPENS)
    whole = fact in {FactKind.PAID, FactKind.WITHDRAWN}
    book(services, gift_id, fact, f"{gift_id}-{subject}", minor if whole else minor // 4)


NUMBERS = count(1)


def loosen(place: Workplace, gift_id: int) -> None:
    """Let a gift be of nobody known: it is theirs by its address."""
    with place.database.write() as session:
        session.execute(sa.update(Gift).where(Gift.id == gift_id).values(donor_id=None))


def find_wrong(place: Workplace) -> list[int]:
    with place.database.read() as session:
        return find_wrong_pledges(session, 20)


def test_donors_pledges_are_told_as_the_ledger_has_them(place: Workplace) -> None:
    chance, gifts = random.Random(20261128), list[tuple[int, int]]()
    for step in range(STEPS):
        happen(place, chance, gifts)
        if step % 3 == 0:
            pledge(place, chance)
        if step % 10 == 9:
            assert find_wrong(place) == []
    with place.database.read() as session:
        pledges = session.scalars(sa.select(Commitment)).all()
        told = read_fulfilled(session, pledges)
        assert not [one for one in prove(session) if "Pledge" in one]
    assert len(told) > STEPS // 10
    assert sum(one.refunded for one in told.values()) > 0
    most = max(told, key=lambda number: told[number].gross)
    for name in ("paid_minor", "refunded_minor"):
        tamper(place, {name: Gift.__table__.c[name] + 1})
        assert most in find_wrong(place)
        with place.database.read() as session:
            assert f"Pledge {most}: what came for it" in " ".join(prove(session))
        tamper(place, {name: Gift.__table__.c[name] - 1})
    assert find_wrong(place) == []


def tamper(place: Workplace, values: dict[str, object]) -> None:
    with place.database.write() as session:
        session.execute(sa.update(Gift).where(Gift.paid_minor > 0).values(values))
