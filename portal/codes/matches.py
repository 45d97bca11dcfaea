"""What a pot adds to a gift: promised, matched, given back.

A gift's match is `min(ratio x given, rounded down; the cap; the rest of the pot)`, of what is given
without what covers the fee. It is promised by one conditional update in the transaction that keeps
the gift, is matched once the gift is paid, and goes back into the pot when the gift fails, lapses,
is refunded or lost, or its payment is taken back. Of a gift that is refunded in part the same rule
is asked anew for what is left of it: what came, less what went back, less what covers the fee,
which stays spent. It never grows over what was promised. Money that comes after its promise
lapsed takes what is left of the pot by then, maybe nothing.
"""

from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.pots import MATCHED, MOST_MINOR, POT, PROMISED, SEEN, GiftMatch, Moves, Pot
from portal.codes.terms import MatchOffer, match_minor
from portal.database import table_of
from portal.driver import add, ask
from portal.money import Money
from portal.services import Act

_POTS, _MATCHES = table_of(Pot), table_of(GiftMatch)
_LEFT = _POTS.c.total_minor - _POTS.c.promised_minor - _POTS.c.matched_minor


@dataclass(frozen=True, slots=True)
class Promise:
    """What a pot is to add to a gift that is about to be kept, `full_minor` if it had enough."""

    pot_id: int
    offer: MatchOffer
    full_minor: int
    money: Money


class MatchIsLess(Exception):
    """A pot has less for a gift than its donor was told: `left`, which may be nothing.

    The transaction must be undone, and the donor asked whether to give all the same.
    """

    def __init__(self, sponsor: str, left: Money) -> None:
        super().__init__(left)
        self.sponsor, self.left = sponsor, left


def _big(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.BigInteger)


_TAKEN = sa.case((_big("wanted") > _LEFT, _LEFT), else_=_big("wanted"))


def _taking(counter: str) -> sa.Update:
    """Take what is wanted, or all that is left, where that is enough; what was taken."""
    return (
        sa.update(_POTS)
        .where(
            _POTS.c.key == sa.bindparam("pot"),
            _POTS.c.currency == sa.bindparam("of_currency"),
            _POTS.c.closed_at.is_(None),
            _LEFT > 0,
            _big("least") <= _TAKEN,
        )
        .values({counter: _POTS.c[counter] + _TAKEN, "latest_minor": _TAKEN})
        .returning(_POTS.c.id, _POTS.c.latest_minor)
    )


_TAKE = {name: _taking(f"{name}_minor") for name in (PROMISED, MATCHED)}


def promise(
    session: Session, offer: MatchOffer, given: Money, told_minor: int | None
) -> Promise | None:
    """Take a gift's match out of the pot; None where there is none, in whole or in part.

    `told_minor` is the part of which the donor was told, None where nothing but the offer was. A
    gift in another currency than the pot's has no match, which the form says.
    """
    full = min(offer.match(given), MOST_MINOR)
    least = full if told_minor is None else min(told_minor, full)
    if full <= 0:
        return None
    asked = {"pot": offer.pot, "of_currency": given.currency, "wanted": full, "least": least}
    row = ask(session, _TAKE[PROMISED], asked).first()
    if row is not None:
        return Promise(row[0], offer, full, Money(row[1], given.currency))
    if least > 0:
        _refuse_less(session, offer, given, full)
    return None


def _refuse_less(session: Session, offer: MatchOffer, given: Money, full: int) -> None:
    row = ask(session, SEEN, {"pot": offer.pot}).first()
    if row is None:
        return
    sponsor, currency, left, closed_at = row
    if currency == given.currency:
        has_it = 0 if closed_at else min(left, full)
        raise MatchIsLess(sponsor, Money(has_it, currency))


def keep(act: Act, gift_id: int, code_id: int, promised: Promise) -> None:
    """Keep what was promised to a gift, and move it from the pot to what is promised."""
    offer, money = promised.offer, promised.money
    row = {
        "gift_id": gift_id,
        "pot_id": promised.pot_id,
        "code_id": code_id,
        "times": offer.times,
        "per": offer.per,
        "cap_minor": offer.cap(money.currency),
        "full_minor": promised.full_minor,
        "most_minor": money.minor,
        "wanted_minor": money.minor,
        "held_minor": money.minor,
        "is_paid": False,
        "at": act.now,
    }
    add(act.session, GiftMatch, row)
    moved = Moves(act, promised.pot_id, offer.pot, money.currency, gift_id)
    moved.add(POT, PROMISED, money.minor)
    moved.book()


@dataclass(frozen=True, slots=True)
class _Held:
    """A gift's match as it stands, with its pot."""

    pot_id: int
    key: str
    currency: str
    times: int
    per: int
    cap_minor: int | None
    most_minor: int
    wanted_minor: int
    held_minor: int
    is_paid: bool

    @property
    def account(self) -> str:
        return MATCHED if self.is_paid else PROMISED


_HELD = sa.select(
    _MATCHES.c.pot_id,
    _POTS.c.key,
    _POTS.c.currency,
    _MATCHES.c.times,
    _MATCHES.c.per,
    _MATCHES.c.cap_minor,
    _MATCHES.c.most_minor,
    _MATCHES.c.wanted_minor,
    _MATCHES.c.held_minor,
    _MATCHES.c.is_paid,
).where(_MATCHES.c.gift_id == sa.bindparam("gift"), _POTS.c.id == _MATCHES.c.pot_id)
_MOVE = (
    sa.update(_POTS)
    .where(_POTS.c.id == sa.bindparam("wanted_pot"))
    .values(
        promised_minor=_POTS.c.promised_minor + _big("promised_more"),
        matched_minor=_POTS.c.matched_minor + _big("matched_more"),
    )
)
_STAND = (
    sa.update(_MATCHES)
    .where(_MATCHES.c.gift_id == sa.bindparam("gift"))
    .values(
        wanted_minor=_big("wanted"),
        held_minor=_big("held"),
        is_paid=sa.bindparam("paid", type_=sa.Boolean),
    )
)


def follow(act: Act, gift_id: int, left_minor: int, *, is_paid: bool) -> None:
    """Let a gift's match be what it is for `left_minor` of the gift, promised or matched.

    The gift must be locked. What it needs more than before, it takes from what is left of the pot.
    """
    row = ask(act.session, _HELD, {"gift": gift_id}).first()
    if row is None:
        return
    before = _Held(*row)
    most = match_minor(left_minor, before.times, before.per, before.cap_minor)
    wanted = min(before.most_minor, most)
    after = replace(before, wanted_minor=wanted, is_paid=is_paid and wanted > 0)
    if after == before:
        return
    moves = Moves(act, before.pot_id, before.key, before.currency, gift_id)
    after = _settle(act.session, moves, before, after)
    if wanted > before.wanted_minor:
        after = _take_more(act.session, moves, after)
    standing = {"wanted": wanted, "held": after.held_minor, "paid": after.is_paid}
    ask(act.session, _STAND, {"gift": gift_id, **standing})
    moves.book()


def _settle(session: Session, moves: Moves, before: _Held, after: _Held) -> _Held:
    """Give back what is over, and move the rest to where it now stands."""
    kept = min(before.held_minor, after.wanted_minor)
    moves.add(before.account, POT, before.held_minor - kept)
    if before.account != after.account:
        moves.add(before.account, after.account, kept)
    more = {
        f"{name}_more": (kept if after.account == name else 0)
        - (before.held_minor if before.account == name else 0)
        for name in (PROMISED, MATCHED)
    }
    if any(more.values()):
        ask(session, _MOVE, {"wanted_pot": before.pot_id, **more})
    return replace(after, held_minor=kept)


def _take_more(session: Session, moves: Moves, held: _Held) -> _Held:
    """What is left of the pot, as far as it is wanted."""
    wanted = held.wanted_minor - held.held_minor
    asked = {"pot": held.key, "of_currency": held.currency, "wanted": wanted, "least": 1}
    row = ask(session, _TAKE[held.account], asked).first() if wanted > 0 else None
    taken = row[1] if row is not None else 0
    moves.add(POT, held.account, taken)
    return replace(held, held_minor=held.held_minor + taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldMatch:
    """A gift's match for readers; `full` is what the offer would add if the pot had enough."""

    sponsor: str
    pot: str
    full: Money
    most: Money
    wanted: Money
    held: Money
    is_paid: bool


def find_match(session: Session, gift_id: int) -> ToldMatch | None:
    """What a sponsor adds to a gift, if one does."""
    names = ("full_minor", "most_minor", "wanted_minor", "held_minor")
    row = session.execute(
        sa.select(Pot.sponsor, Pot.key, Pot.currency, GiftMatch)
        .join(GiftMatch, GiftMatch.pot_id == Pot.id)
        .where(GiftMatch.gift_id == gift_id)
    ).one_or_none()
    if row is None:
        return None
    sponsor, key, currency, match = row
    full, most, wanted, held = (Money(getattr(match, name), currency) for name in names)
    return ToldMatch(
        sponsor=sponsor,
        pot=key,
        full=full,
        most=most,
        wanted=wanted,
        held=held,
        is_paid=match.is_paid,
    )


@dataclass(frozen=True, slots=True)
class MatchSum:
    """What pots add to several gifts in one currency: promised, and matched."""

    promised: Money
    matched: Money


def sum_of_code(session: Session, code_id: int) -> list[MatchSum]:
    """What pots add to the gifts of a code, a currency each."""
    held = sa.func.sum(_MATCHES.c.held_minor)
    sums = (
        sa.func.coalesce(held.filter(_MATCHES.c.is_paid.is_(is_paid)), 0)
        for is_paid in (False, True)
    )
    rows = session.execute(
        sa.select(_POTS.c.currency, *sums)
        .where(_MATCHES.c.code_id == code_id, _POTS.c.id == _MATCHES.c.pot_id)
        .group_by(_POTS.c.currency)
        .order_by(_POTS.c.currency)
    )
    return [
        MatchSum(Money(int(promised), currency), Money(int(matched), currency))
        for currency, promised, matched in rows
    ]
