"""Pots: what sponsors set aside to add to gifts, by the offer of a code's terms.

Every move of a pot's money is an entry from an account to another: what `sponsor:KEY` owes is in
`pot:KEY`, in `promised:KEY` or in `matched:KEY`. The pot's own counters, its gifts' rows
(`portal.codes.matches`) and these entries must say the same (`portal.payments.books`).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.codes.parsing import POT_KEY, CodeError
from portal.codes.terms import Code, PotView
from portal.database import Base, BigId, Database, Document, table_of
from portal.driver import add
from portal.money import Money
from portal.services import Act

LONGEST_SPONSOR = 200
SPONSOR, POT, PROMISED, MATCHED = "sponsor", "pot", "promised", "matched"


class Pot(Base):
    """What a sponsor sets aside, in one currency, in minor units; `closed_at` ends new promises.

    `latest_minor` is what the latest promise took: its taker reads it in the same statement.
    """

    __tablename__ = "pots"
    __table_args__ = (
        sa.CheckConstraint("promised_minor >= 0 AND matched_minor >= 0", name="not_negative"),
        sa.CheckConstraint("promised_minor + matched_minor <= total_minor", name="not_overdrawn"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(40), unique=True)
    sponsor: Mapped[str] = mapped_column(sa.String(LONGEST_SPONSOR))
    currency: Mapped[str] = mapped_column(sa.String(3))
    total_minor: Mapped[int] = mapped_column(sa.BigInteger)
    promised_minor: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    matched_minor: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    latest_minor: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    def money(self, minor: int) -> Money:
        return Money(minor, self.currency)

    @property
    def left_minor(self) -> int:
        """What is neither promised nor matched."""
        return self.total_minor - self.promised_minor - self.matched_minor


class GiftMatch(Base):
    """What a pot adds to a gift, by the offer as it was when the gift was given.

    `full_minor` is what the offer comes to where a pot has enough, `most_minor` what was promised
    first; `wanted_minor` what the rule says of what is left of
    the gift, `held_minor` what the pot has for it, which is less where it held no more.
    """

    __tablename__ = "gift_matches"
    __table_args__ = (
        sa.Index("ix_gift_matches_pot_id", "pot_id"),
        sa.Index("ix_gift_matches_code_id", "code_id"),
        sa.CheckConstraint("held_minor >= 0 AND held_minor <= wanted_minor", name="held_part"),
        sa.CheckConstraint("wanted_minor <= most_minor", name="wanted_part"),
    )

    gift_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("gifts.id"), primary_key=True, autoincrement=False
    )
    pot_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("pots.id"))
    code_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("codes.id"))
    times: Mapped[int]
    per: Mapped[int]
    cap_minor: Mapped[int | None] = mapped_column(sa.BigInteger)
    full_minor: Mapped[int] = mapped_column(sa.BigInteger)
    most_minor: Mapped[int] = mapped_column(sa.BigInteger)
    wanted_minor: Mapped[int] = mapped_column(sa.BigInteger)
    held_minor: Mapped[int] = mapped_column(sa.BigInteger)
    is_paid: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime]


class PotEntry(Base):
    """An amount moved from one of a pot's accounts to another; only ever added (migrations)."""

    __tablename__ = "pot_entries"
    __table_args__ = (
        sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
        sa.CheckConstraint("debit_account <> credit_account", name="two_accounts"),
        sa.Index("ix_pot_entries_pot_id", "pot_id"),
        sa.Index("ix_pot_entries_gift_id", "gift_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    pot_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("pots.id"))
    gift_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("gifts.id"))
    debit_account: Mapped[str] = mapped_column(sa.String(60))
    credit_account: Mapped[str] = mapped_column(sa.String(60))
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str] = mapped_column(sa.String(3))
    booked_at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(sa.String(80))


_POTS, _MATCHES, _ENTRIES = table_of(Pot), table_of(GiftMatch), table_of(PotEntry)
_LEFT = _POTS.c.total_minor - _POTS.c.promised_minor - _POTS.c.matched_minor


class Moves:
    """What is moved between the accounts of one pot, to be booked together."""

    def __init__(
        self, act: Act, pot_id: int, key: str, currency: str, gift_id: int | None = None
    ) -> None:
        self.act, self.key = act, key
        self.common = {
            "pot_id": pot_id,
            "gift_id": gift_id,
            "currency": currency,
            "booked_at": act.now,
            "actor": act.actor,
        }
        self.rows: list[Document] = []

    def add(self, source: str, target: str, minor: int) -> None:
        """`minor` from the account of one name to that of another; nothing where it is none."""
        names = {"credit_account": f"{source}:{self.key}", "debit_account": f"{target}:{self.key}"}
        if minor > 0:
            self.rows.append({**self.common, **names, "amount_minor": minor})

    def book(self) -> None:
        if self.rows:
            add(self.act.session, PotEntry, *self.rows)


def find_pot(session: Session, key: str, *, to_change: bool = False) -> Pot | None:
    """The pot of this key; held until the transaction ends where it is to be changed."""
    found = sa.select(Pot).where(Pot.key == key)
    return session.scalar(found.with_for_update() if to_change else found)


def list_pots(session: Session) -> list[Pot]:
    """All pots, those that are open first, by their key."""
    return list(session.scalars(sa.select(Pot).order_by(Pot.closed_at.is_not(None), Pot.key)))


SEEN = sa.select(
    _POTS.c.sponsor, _POTS.c.currency, _LEFT.label("left_minor"), _POTS.c.closed_at
).where(_POTS.c.key == sa.bindparam("pot"))


def see_pot(database: Database, code: Code) -> Code:
    """The same code with the pot of its offer, where it has one."""
    offer = code.offer
    row = database.fetch_one(SEEN, {"pot": offer.pot}) if offer else None
    return replace(code, pot=_view(row)) if row else code


def with_pot(session: Session, code: Code) -> Code:
    """The same within a transaction."""
    offer = code.offer
    row = session.execute(SEEN, {"pot": offer.pot}).one_or_none() if offer else None
    return replace(code, pot=_view(row)) if row else code


def _view(row: Any) -> PotView:
    is_open = row.closed_at is None
    left = row.left_minor if is_open else 0
    return PotView(sponsor=row.sponsor, currency=row.currency, left_minor=left, is_open=is_open)


def check_pot(session: Session, name: str, terms: Mapping[str, Any]) -> None:
    """Raise `CodeError` where terms name a pot that there isn't."""
    key = terms.get("match_pot")
    if key and session.scalar(sa.select(Pot.id).where(Pot.key == key)) is None:
        raise CodeError(name, "match_pot", "is the key of a pot that there is")


def add_pot(act: Act, key: str, sponsor: str, total: Money) -> Pot:
    """A new pot; raises `CodeError` where it can't be."""
    sponsor = sponsor.strip()
    if not POT_KEY.fullmatch(key):
        raise CodeError(key, "key", "is 2 to 40 small letters, digits and hyphens")
    if not 0 < len(sponsor) <= LONGEST_SPONSOR or not sponsor.isprintable():
        raise CodeError(key, "sponsor", f"has 1 to {LONGEST_SPONSOR} characters")
    _check_amount(key, total)
    pot = Pot(key=key, sponsor=sponsor, currency=total.currency, created_at=act.now, total_minor=0)
    act.session.add(pot)
    try:
        act.session.flush()
    except sa.exc.IntegrityError as error:
        raise CodeError(key, "key", "another one has it") from error
    _fill(act, pot, total)
    act.note("pot_add", f"pot:{pot.id}", {})
    return pot


def raise_pot(act: Act, pot: Pot, more: Money) -> None:
    """Set more aside; the pot's row must be held. `CodeError` where it is closed."""
    if pot.closed_at is not None:
        raise CodeError(pot.key, "key", "it is closed")
    if more.currency != pot.currency:
        raise CodeError(pot.key, "amount", f"is in {pot.currency}")
    _check_amount(pot.key, more)
    _fill(act, pot, more)
    act.note("pot_raise", f"pot:{pot.id}", {"amount": str(more)})


def close_pot(act: Act, pot: Pot) -> bool:
    """Promise nothing more out of it; what is promised stays so. Whether that is new."""
    if pot.closed_at is not None:
        return False
    pot.closed_at = act.now
    act.session.flush()
    act.note("pot_close", f"pot:{pot.id}", {})
    return True


# A pot holds at most so many minor units, far from what the database can count.
MOST_MINOR = 10**15


def _check_amount(key: str, money: Money) -> None:
    if not 0 < money.minor <= MOST_MINOR:
        raise CodeError(key, "amount", "is more than nothing, and no more than a pot can hold")


def _fill(act: Act, pot: Pot, money: Money) -> None:
    if pot.total_minor + money.minor > MOST_MINOR:
        raise CodeError(pot.key, "amount", "is more than nothing, and no more than a pot can hold")
    pot.total_minor += money.minor
    act.session.flush()
    moves = Moves(act, pot.id, pot.key, pot.currency)
    moves.add(SPONSOR, POT, money.minor)
    moves.book()


# Statements that the books ask (`portal.payments.books`): each gives what is wrong, by name.


def select_wrong_pots() -> sa.Select[Any]:
    """Pots whose counters are not what their gifts hold."""

    def held(*, is_paid: bool) -> sa.ColumnElement[int]:
        return (
            sa.select(sa.func.coalesce(sa.func.sum(_MATCHES.c.held_minor), 0))
            .where(_MATCHES.c.pot_id == _POTS.c.id, _MATCHES.c.is_paid.is_(is_paid))
            .correlate(_POTS)
            .scalar_subquery()
        )

    differs = sa.or_(
        _POTS.c.promised_minor != held(is_paid=False),
        _POTS.c.matched_minor != held(is_paid=True),
        _LEFT < 0,
    )
    return sa.select(_POTS.c.key).where(differs).order_by(_POTS.c.key)


def select_unbooked_pots() -> sa.Select[Any]:
    """Pots whose accounts don't hold what the pot says."""
    said = {
        SPONSOR: -_POTS.c.total_minor,
        POT: _LEFT,
        PROMISED: _POTS.c.promised_minor,
        MATCHED: _POTS.c.matched_minor,
    }
    differs = (_balance(name) != minor for name, minor in said.items())
    return sa.select(_POTS.c.key).where(sa.or_(*differs)).order_by(_POTS.c.key)


def _balance(name: str) -> sa.ColumnElement[int]:
    account = sa.literal(f"{name}:") + _POTS.c.key
    moved = _ENTRIES.c.amount_minor
    signed = sa.case(
        (_ENTRIES.c.debit_account == account, moved),
        (_ENTRIES.c.credit_account == account, -moved),
        else_=0,
    )
    return (
        sa.select(sa.func.coalesce(sa.func.sum(signed), 0))
        .where(_ENTRIES.c.pot_id == _POTS.c.id)
        .correlate(_POTS)
        .scalar_subquery()
    )
