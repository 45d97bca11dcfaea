"""Counting the uses that there were before: when a limit is new, or a code's terms its own."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import (
    BY_CODE,
    BY_DONOR,
    BY_POLICY,
    CodeClaim,
    CodeRecord,
    CodeUse,
    Scope,
    UseCounter,
)
from portal.codes.uses import WITHOUT_USE
from portal.database import insert_statement, table_of

_USES, _CLAIMS = table_of(CodeUse), table_of(CodeClaim)
# The terms that are limits of all, and how each is counted.
LIMITS = {"max_uses": BY_CODE, "max_uses_in_all": BY_POLICY}
# The room of gifts stands above this one; its table is known by name.
_GIFTS = sa.table("gifts", *map(sa.column, ("id", "status", "origin", "is_counted")))


def count_earlier(session: Session, policy_id: int, kind: str, most: int) -> None:
    """Let the counters of a kind have every use of the codes that a policy's terms hold for."""
    codes = _list_codes(session, policy_id)
    earlier = (
        sa.select(_USES.c.gift_id)
        .join(_GIFTS, _GIFTS.c.id == _USES.c.gift_id)
        # What a provider charged by itself, a further month, is no use of its own.
        .where(_USES.c.code_id.in_(codes), _GIFTS.c.origin.is_(None))
    )
    _settle_holds(session, earlier)
    owner = _USES.c.code_id if kind == BY_CODE else sa.literal(policy_id, sa.BigInteger)
    rows = sa.select(
        _USES.c.gift_id, sa.literal(kind), owner, sa.literal(""), sa.literal(most)
    ).where(_USES.c.gift_id.in_(earlier))
    claims = insert_statement(session.get_bind().dialect.name, CodeClaim)
    names = ["gift_id", "kind", "owner_id", "who", "most"]
    session.execute(claims.from_select(names, rows).on_conflict_do_nothing())
    session.execute(sa.update(_GIFTS).where(_GIFTS.c.id.in_(earlier)).values(is_counted=True))
    _sum_up(session, kind, codes if kind == BY_CODE else [policy_id])


def _list_codes(session: Session, policy_id: int) -> sa.Select[int]:
    """The codes of a policy, and of all scopes that hang on it or stand below one that does."""
    hanging = session.scalars(sa.select(Scope.id).where(Scope.policy_id == policy_id)).all()
    scopes = _with_all_below(session, hanging)
    return sa.select(CodeRecord.id).where(
        sa.or_(CodeRecord.policy_id == policy_id, CodeRecord.scope_id.in_(scopes))
    )


def _with_all_below(session: Session, tops: Sequence[int]) -> set[int]:
    found, waiting = set(tops), list(tops)
    while waiting:
        below = session.scalars(sa.select(Scope.id).where(Scope.parent_id.in_(waiting))).all()
        waiting = [one for one in below if one not in found]
        found |= {*waiting}
    return found


def _settle_holds(session: Session, earlier: sa.Select[int]) -> None:
    """Whether each holds its use, which nobody kept while nothing was counted."""
    uncounted = sa.select(_GIFTS.c.id).where(
        _GIFTS.c.id == _USES.c.gift_id, sa.not_(_GIFTS.c.is_counted)
    )
    is_over = sa.select(_GIFTS.c.id).where(
        _GIFTS.c.id == _USES.c.gift_id, _GIFTS.c.status.in_(sorted(WITHOUT_USE))
    )
    session.execute(
        sa.update(_USES)
        .where(_USES.c.gift_id.in_(earlier), uncounted.exists())
        .values(holds=~is_over.exists())
    )


def _sum_up(session: Session, kind: str, owners: Iterable[int] | sa.Select[int]) -> None:
    held = (
        sa.select(
            _CLAIMS.c.kind,
            _CLAIMS.c.owner_id,
            _CLAIMS.c.who,
            sa.func.count().filter(_USES.c.holds),
        )
        .join(_USES, _USES.c.gift_id == _CLAIMS.c.gift_id)
        .where(_CLAIMS.c.kind == kind, _CLAIMS.c.owner_id.in_(owners))
        .group_by(_CLAIMS.c.kind, _CLAIMS.c.owner_id, _CLAIMS.c.who)
    )
    insert = insert_statement(session.get_bind().dialect.name, UseCounter)
    counters = insert.from_select(["kind", "owner_id", "who", "used"], held)
    session.execute(
        counters.on_conflict_do_update(
            index_elements=["kind", "owner_id", "who"], set_={"used": counters.excluded.used}
        )
    )


def copy_claims(session: Session, code_id: int, policy_id: int, own_id: int) -> None:
    """Count a code's uses, which a policy counts, by another one as well, that is to be its own."""
    kinds = (BY_POLICY, BY_DONOR)
    columns = (_CLAIMS.c.who, _CLAIMS.c.most)
    owner = sa.literal(own_id, sa.BigInteger)
    rows = (
        sa.select(_CLAIMS.c.gift_id, _CLAIMS.c.kind, owner, *columns)
        .join(_USES, _USES.c.gift_id == _CLAIMS.c.gift_id)
        .where(_USES.c.code_id == code_id, _CLAIMS.c.owner_id == policy_id)
        .where(_CLAIMS.c.kind.in_(kinds))
    )
    names = ["gift_id", "kind", "owner_id", "who", "most"]
    session.execute(sa.insert(_CLAIMS).from_select(names, rows))
    for kind in kinds:
        _sum_up(session, kind, [own_id])
