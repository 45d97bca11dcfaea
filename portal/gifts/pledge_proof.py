"""That donors' pledges are told as the ledger has it: their gifts found and summed another way.

What fulfils one is summed by the database from gifts (`portal.gifts.commitments`). Here the rule of
partners' pledges (`Aim`) chooses among all that the ledger holds of the same donors. A partner's
are kept sums, and proven with those (`portal.gifts.code_counting`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import CodeUse
from portal.donors import Donor
from portal.gifts.code_weighing import Aim, read_path
from portal.gifts.commitments import Fulfilled, read_fulfilled
from portal.gifts.models import Commitment, Gift, LedgerEntry

# So many pledges are looked at in one step.
AT_ONCE = 500
# Which movements of the ledger are money that came, and money that went back.
CAME = {"gift": 1, "gift-withdrawn": -1}
WENT_BACK = {"refund": 1, "refund-returned": -1, "dispute-lost": 1}


class Held(NamedTuple):
    """What the ledger holds of a gift, and what it was given for."""

    paid_minor: int
    refunded_minor: int
    currency: str
    received_on: date | None
    fund: str
    path: str
    code_id: int | None

    @property
    def scopes(self) -> list[int]:
        return read_path(self.path)


def find_wrong_pledges(session: Session, most: int) -> list[int]:
    """The numbers of donors' pledges that are told otherwise; all must be seen as of one moment."""
    wrong: list[int] = []
    for pledges in _list_pledges(session):
        told = read_fulfilled(session, pledges)
        held = _read_ledger(session, {one.donor_id for one in pledges if one.donor_id})
        wrong += [
            one.id
            for one in pledges
            if _sum(one, held.get(one.donor_id or 0, ())) != _plain(told.get(one.id, Fulfilled()))
        ]
        if len(wrong) >= most:
            break
    return wrong[:most]


def _list_pledges(session: Session) -> Iterator[Sequence[Commitment]]:
    """All pledges of donors, some at a time."""
    after = 0
    donors = sa.select(Commitment).where(Commitment.donor_id.is_not(None))
    while page := session.scalars(
        donors.where(Commitment.id > after).order_by(Commitment.id).limit(AT_ONCE)
    ).all():
        yield page
        after = page[-1].id


def _sum(pledge: Commitment, gifts: Sequence[Held]) -> tuple[int, int, int]:
    """What came and went back for a pledge, and by how many gifts."""
    aim = Aim._make(getattr(pledge, name) for name in Aim._fields)
    own = [gift for gift in gifts if aim.counts(gift)]
    return (
        sum(gift.paid_minor for gift in own),
        sum(gift.refunded_minor for gift in own),
        len(own),
    )


def _plain(told: Fulfilled) -> tuple[int, int, int]:
    return told.gross, told.refunded, told.gifts


def _read_ledger(session: Session, donors: set[int]) -> dict[int, list[Held]]:
    """What the ledger holds of donors' gifts, by the numbers of the donors.

    A gift that was never put down to a donor is theirs by its address.
    """
    found: dict[int, list[Held]] = defaultdict(list)
    theirs = Donor.id == Gift.donor_id
    by_address = sa.and_(Gift.donor_id.is_(None), Donor.email == Gift.email)
    for belongs in (theirs, by_address):
        for donor_id, came, went, *rest in session.execute(_select_held(belongs, donors)):
            found[donor_id].append(Held(int(came), int(went), *rest))
    return found


def _select_held(belongs: sa.ColumnElement[bool], donors: set[int]) -> sa.Select[Any]:
    said = (Gift.received_on, Gift.fund, sa.func.coalesce(CodeUse.path, ""), CodeUse.code_id)
    held: tuple[Any, ...] = (Donor.id, _signed(CAME), _signed(WENT_BACK), LedgerEntry.currency)
    return (
        sa.select(*held, *said)
        .join_from(Donor, Gift, belongs)
        .join(LedgerEntry, LedgerEntry.gift_id == Gift.id)
        .outerjoin(CodeUse, CodeUse.gift_id == Gift.id)
        .where(Donor.id.in_(donors))
        .group_by(Donor.id, Gift.id, LedgerEntry.currency, *said)
    )


def _signed(movements: Mapping[str, int]) -> sa.ColumnElement[int]:
    """The sum of movements of these names, each with its sign."""
    moved = LedgerEntry.amount_minor
    cases = [(LedgerEntry.key.like(f"{name}:%"), sign * moved) for name, sign in movements.items()]
    return sa.func.sum(sa.case(*cases, else_=0))
