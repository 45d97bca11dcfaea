"""Processes that give with limited codes at once, and what must hold however many are killed.

Each works through its own steps: a gift that it begins as the form does, then news of gifts whose
steps are done: paid, failed, lapsed, refunded, lost. A step is noted only once it is whole; who is
killed in it does it again, which must resume the gift and never double it. A further kind of limit
is a policy in `POLICIES`, and a further truth a function in `TRUTHS`.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import CodeClaim, CodeUse, UseCounter
from portal.codes.operations import Draft, add_code, add_policy
from portal.codes.pots import GiftMatch, Pot, PotEntry, add_pot
from portal.codes.terms import Kind
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.intake.start import GiftOrder, NotAllowed, start_gift
from portal.money import Money
from portal.payments.books import prove
from portal.payments.operations import accept
from tests.conftest import NOW
from tests.workplace import Workplace, make_order, make_workplace

GIVERS, STEPS = 8, 10
DONORS = 9
# Each policy's terms, and its codes.
POLICIES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "Shared": ({"max_uses_in_all": 14, "max_uses_a_donor": 3}, ("SHARED", "SHARED2")),
    "Alone": ({"max_uses": 5}, ("ALONE",)),
    "Matched": ({"match_pot": "spring", "match_cap": {"CAD": "50"}}, ("MATCHED", "MATCHED2")),
}
# What a sponsor set aside for all: fewer gifts than are given with it use it up.
POT = Money(25_000, "CAD")
CODES = [code for _terms, codes in POLICIES.values() for code in codes]
# Of a gift that is begun, the most likely news is that it is paid.
NEWS = (
    *(FactKind.PAID, FactKind.PAID, FactKind.PAID),
    *(FactKind.FAILED, FactKind.EXPIRED, FactKind.PROCESSING),
    *(FactKind.REFUNDED, FactKind.DISPUTE_LOST),
)
OF_MONEY = {FactKind.PAID, FactKind.REFUNDED, FactKind.DISPUTE_LOST}
NEWS_A_STEP = 2


def prepare(place: Workplace) -> None:
    """Make the pot, and the codes that are given with."""
    with place.services.write() as act:
        add_pot(act, "spring", "Grace Foundation", POT)
    with place.database.write() as session:
        for name, (terms, codes) in POLICIES.items():
            policy = add_policy(session, name, Draft(document=terms), NOW)
            for code in codes:
                add_code(session, code, policy, NOW, kind=Kind.PROMOTION)


def give(url: str, number: int, seed: str, done: Any, refused: Any) -> None:
    """A giver's life: the steps that are not done. `done` and `refused` are seen by all, and each
    writes its own place alone: no lock dies with its holder."""
    place = make_workplace(url, None)
    chance = random.Random(seed)
    for step in count(done[number]):
        if step == STEPS:
            break
        try:
            start_gift(place.services, make_step(place, number, step))
        except NotAllowed:
            refused[number] += 1
        for _ in range(NEWS_A_STEP):
            tell(place, chance, list(done))
        done[number] = step + 1
    place.close()


def make_step(place: Workplace, number: int, step: int) -> GiftOrder:
    """The form of a step: the same each time that the step is begun, and of no other step."""
    drawn = random.Random(f"{number} {step}")
    donor = {"email": f"donor{drawn.randrange(DONORS)}@example.org"}
    made = make_order(place, mode="interac", donor=donor, money=Money(_minor(number, step), "CAD"))
    # Told of no part, who gives takes what is left of the pot.
    pledge = replace(made.pledge, code=drawn.choice(CODES))
    return replace(made, pledge=pledge, told_minor=0)


def _minor(number: int, step: int) -> int:
    return 1_000 * (number + 1) + step


def tell(place: Workplace, chance: random.Random, done: list[int]) -> None:
    """Book a piece of news of some gift whose step is done, in whatever order it comes."""
    steps = [(number, step) for number, many in enumerate(done) for step in range(many)]
    if not steps:
        return
    about, fact = _minor(*chance.choice(steps)), chance.choice(NEWS)
    with place.services.write() as act:
        gift = act.session.scalar(sa.select(Gift).where(Gift.amount_minor == about))
        if gift is not None:
            accept(act, gift.id, [_claim(gift, fact, act.now)])


def _claim(gift: Gift, fact: FactKind, now: Any) -> Claim:
    is_back = fact in OF_MONEY - {FactKind.PAID}
    return Claim(
        fact=fact,
        subject=f"{gift.id}-{'paid' if fact is FactKind.PAID else fact}",
        occurred_at=now,
        money=gift.money if fact in OF_MONEY else None,
        source=Source.PERSON,
        actor="staff:1",
        payment=f"{gift.id}-paid" if is_back else None,
    )


def find_counters_apart(session: Session) -> list[str]:
    """Counters that are not what the gifts' rows come to."""
    kept = {
        (one.kind, one.owner_id, one.who): one.used
        for one in session.scalars(sa.select(UseCounter))
    }
    held = _count_held(session)
    return [
        f"{key}: {kept.get(key)}, not {held[key]}"
        for key in kept.keys() | held
        if kept.get(key, 0) != held[key]
    ]


def find_overdrawn(session: Session) -> list[str]:
    """Counters of which more uses are held than may be, those left out that came too late."""
    held = _count_held(session, ~CodeUse.over_limit)
    limits = session.execute(
        sa.select(
            CodeClaim.kind, CodeClaim.owner_id, CodeClaim.who, sa.func.max(CodeClaim.most)
        ).group_by(CodeClaim.kind, CodeClaim.owner_id, CodeClaim.who)
    )
    return [
        f"{key}: {held[tuple(key)]} of {most}" for *key, most in limits if held[tuple(key)] > most
    ]


def _count_held(session: Session, *conditions: Any) -> Counter[tuple[Any, ...]]:
    rows = session.execute(
        sa.select(CodeClaim.kind, CodeClaim.owner_id, CodeClaim.who)
        .join(CodeUse, CodeUse.gift_id == CodeClaim.gift_id)
        .where(CodeUse.holds, *conditions)
    )
    return Counter(map(tuple, rows))


def find_doubles(session: Session) -> list[str]:
    """Steps that made more than one gift."""
    amount = Gift.amount_minor
    doubled = sa.select(amount).group_by(amount).having(sa.func.count() > 1)
    return [f"step {minor} twice" for minor in session.scalars(doubled)]


def find_pots_apart(session: Session) -> list[str]:
    """Pots that are not what was put in less what their gifts hold, by counters and by accounts."""
    pot = session.scalars(sa.select(Pot)).one()
    held = {
        is_paid: session.scalar(
            sa.select(sa.func.coalesce(sa.func.sum(GiftMatch.held_minor), 0)).where(
                GiftMatch.is_paid.is_(is_paid)
            )
        )
        or 0
        for is_paid in (False, True)
    }
    accounts = Counter[str]()
    for entry in session.scalars(sa.select(PotEntry)):
        accounts[entry.debit_account] += entry.amount_minor
        accounts[entry.credit_account] -= entry.amount_minor
    rest = POT.minor - sum(held.values())
    said = {"pot": rest, "promised": held[False], "matched": held[True], "sponsor": -POT.minor}
    kept = {"pot": pot.left_minor, "promised": pot.promised_minor, "matched": pot.matched_minor}
    faults = [
        f"{name} {accounts[f'{name}:spring']}, not {minor}"
        for name, minor in said.items()
        if accounts[f"{name}:spring"] != minor
    ]
    return faults + [
        f"{name} {kept[name]}" for name in kept if kept[name] != said[name] or rest < 0
    ]


# What must hold in the end, and, but for the slow proof of all books, at every moment.
ALWAYS: tuple[Callable[[Session], list[str]], ...] = (
    find_counters_apart,
    find_overdrawn,
    find_doubles,
    find_pots_apart,
)
TRUTHS = (*ALWAYS, prove)


def list_faults(place: Workplace, truths: tuple[Callable[[Session], list[str]], ...]) -> list[str]:
    """What doesn't hold, as of one moment."""
    with place.database.read() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return [fault for find in truths for fault in find(session)]
