"""Counting the uses of codes, in the transaction that keeps the gift.

A use is taken by one conditional update a counter, before there is a gift; where none is left,
nothing is kept. A gift holds its use while it may still be paid and while it is; it gives it back
when it fails, lapses, is refunded whole or lost. Money that comes after that is booked, and its
use marked as over the limit. Codes without a limit touch no counter.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import (
    BY_CODE,
    BY_DONOR,
    BY_POLICY,
    CodeClaim,
    CodeUse,
    UseCounter,
)
from portal.codes.refusals import Reason
from portal.codes.terms import Code, Renewals, Via
from portal.database import Document, insert_statement, table_of
from portal.driver import add, ask
from portal.limits import anonymise
from portal.services import Act


@dataclass(frozen=True, slots=True)
class Attribution:
    """How a donor came by the code, and the code that they came with, if another.

    Codes don't add up: a gift has the terms of the one in its form, which a donor may have typed
    over the one that their link brought.
    """

    via: Via = Via.TYPED
    first_code: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """One counter that a use is taken from: of a code, a policy, or a policy and a donor."""

    kind: str
    owner_id: int
    who: str
    most: int


class NoUseLeft(Exception):
    """A counter is full; `reason` says which kind. The transaction must be undone."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


# What a gift's status is while it takes no use of its code, or has given it back.
WITHOUT_USE = frozenset({"failed", "expired", "refunded", "charged_back"})
_USES, _CLAIMS, _COUNTERS = table_of(CodeUse), table_of(CodeClaim), table_of(UseCounter)


def take(act: Act, code: Code, email: str) -> list[Claim]:
    """Take one use of a code for a donor; raises `NoUseLeft`."""
    who = anonymise(act.services.settings.secret_key.get_secret_value(), plain_address(email))
    claims = list(_list_claims(code, who))
    for claim in claims:
        if not _take(act.session, claim):
            raise NoUseLeft(Reason.USED_BY_DONOR if claim.kind == BY_DONOR else Reason.USED_UP)
    return claims


def plain_address(email: str) -> str:
    """An address without case and without what its owner adds after a plus sign."""
    local, at, domain = email.strip().lower().rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{domain}"


def _list_claims(code: Code, who: str) -> Iterator[Claim]:
    """Always in the same order, so that two donors never wait for each other."""
    if code.max_uses is not None:
        yield Claim(BY_CODE, code.id, "", code.max_uses)
    for budget in sorted(code.budgets, key=lambda one: one.policy_id):
        if budget.most is not None:
            yield Claim(BY_POLICY, budget.policy_id, "", budget.most)
        if budget.most_a_donor is not None:
            yield Claim(BY_DONOR, budget.policy_id, who, budget.most_a_donor)


def _take(session: Session, claim: Claim) -> bool:
    row = {"kind": claim.kind, "owner_id": claim.owner_id, "who": claim.who, "used": 1}
    insert = insert_statement(session.get_bind().dialect.name, UseCounter).values(row)
    taken = insert.on_conflict_do_update(
        index_elements=["kind", "owner_id", "who"],
        set_={"used": _COUNTERS.c.used + 1},
        where=_COUNTERS.c.used < claim.most,
    )
    return session.execute(taken.returning(_COUNTERS.c.used)).first() is not None


def keep(act: Act, gift_id: int, code: Code, how: Attribution, claims: list[Claim]) -> None:
    """Keep what a gift's code was when it was given, and what it holds."""
    add(
        act.session,
        CodeUse,
        {
            "gift_id": gift_id,
            "code_id": code.id,
            "policy_id": code.policy_id,
            "policy_version": code.policy_version,
            "scope_id": code.scope_id,
            "path": code.path,
            "via": how.via,
            "first_code": how.first_code or code.code,
            "holds": True,
            "over_limit": False,
            "at": act.now,
        },
    )
    rows = [
        {
            "gift_id": gift_id,
            "kind": claim.kind,
            "owner_id": claim.owner_id,
            "who": claim.who,
            "most": claim.most,
        }
        for claim in claims
    ]
    if rows:
        add(act.session, CodeClaim, *rows)


def _counters_of(holds: bool) -> sa.ColumnElement[bool]:
    """The counters of a gift's use, while it is held or while it isn't."""
    return sa.exists().where(
        _CLAIMS.c.gift_id == sa.bindparam("gift"),
        _CLAIMS.c.kind == _COUNTERS.c.kind,
        _CLAIMS.c.owner_id == _COUNTERS.c.owner_id,
        _CLAIMS.c.who == _COUNTERS.c.who,
        _USES.c.gift_id == _CLAIMS.c.gift_id,
        _USES.c.holds == sa.literal_column("true" if holds else "false"),
    )


_GIVE_BACK = sa.update(_COUNTERS).where(_counters_of(True)).values(used=_COUNTERS.c.used - 1)
_TAKE_AGAIN = sa.update(_COUNTERS).where(_counters_of(False)).values(used=_COUNTERS.c.used + 1)
_LET_GO = (
    sa.update(_USES)
    .where(_USES.c.gift_id == sa.bindparam("gift"), _USES.c.holds)
    .values(holds=False)
)
_IS_OVER = sa.exists().where(
    _CLAIMS.c.gift_id == _USES.c.gift_id,
    _CLAIMS.c.kind == _COUNTERS.c.kind,
    _CLAIMS.c.owner_id == _COUNTERS.c.owner_id,
    _CLAIMS.c.who == _COUNTERS.c.who,
    _COUNTERS.c.used > _CLAIMS.c.most,
)
_HOLD = (
    sa.update(_USES)
    .where(_USES.c.gift_id == sa.bindparam("gift"), ~_USES.c.holds)
    .values(holds=True, over_limit=_IS_OVER)
)


# The order of `_list_claims`.
_LOCK = (
    sa.select(_COUNTERS.c.used)
    .join(
        _CLAIMS,
        sa.and_(
            _CLAIMS.c.kind == _COUNTERS.c.kind,
            _CLAIMS.c.owner_id == _COUNTERS.c.owner_id,
            _CLAIMS.c.who == _COUNTERS.c.who,
        ),
    )
    .where(_CLAIMS.c.gift_id == sa.bindparam("gift"))
    .order_by(_CLAIMS.c.kind != BY_CODE, _CLAIMS.c.owner_id, _CLAIMS.c.kind != BY_POLICY)
    .with_for_update(of=_COUNTERS)
)


def _lock_in_order(session: Session, gift_id: int) -> None:
    """Let nobody else have a gift's counters, in the order in which they are taken: one statement
    that changes several locks them as it finds them, and two such can wait for each other."""
    if session.get_bind().dialect.name == "postgresql":
        ask(session, _LOCK, {"gift": gift_id})


def give_back(session: Session, gift_id: int) -> None:
    """A gift that won't be paid, or whose money went back whole, gives its use back."""
    _lock_in_order(session, gift_id)
    ask(session, _GIVE_BACK, {"gift": gift_id})
    ask(session, _LET_GO, {"gift": gift_id})


def hold_again(session: Session, gift_id: int) -> None:
    """Money that came holds its use, though none may be left; that is marked then."""
    _lock_in_order(session, gift_id)
    ask(session, _TAKE_AGAIN, {"gift": gift_id})
    ask(session, _HOLD, {"gift": gift_id})


def take_again(session: Session, gift_id: int, code: Code | None) -> None:
    """A gift that gave its use back may be paid once more: take it again, by the limits of now.

    `NoUseLeft` where a counter is full; then what was taken of others must be undone.
    """
    limits = {(one.kind, one.owner_id): one.most for one in _list_claims(code, "")} if code else {}
    for claim in sorted(_list_given_back(session, gift_id), key=_in_order):
        # A limit that was lifted since refuses nobody.
        now = replace(claim, most=limits.get((claim.kind, claim.owner_id), MOST_EVER))
        if not _take(session, now):
            raise NoUseLeft(Reason.USED_BY_DONOR if claim.kind == BY_DONOR else Reason.USED_UP)
        if now != claim:
            key = {f"of_{name}": getattr(now, name) for name in ("kind", "owner_id", "who")}
            session.execute(_SET_MOST, {"gift": gift_id, "limit": now.most, **key})
    ask(session, _HOLD, {"gift": gift_id})


MOST_EVER = 2**31 - 1
_SET_MOST = (
    sa.update(_CLAIMS)
    .where(
        _CLAIMS.c.gift_id == sa.bindparam("gift"),
        *(_CLAIMS.c[name] == sa.bindparam(f"of_{name}") for name in ("kind", "owner_id", "who")),
    )
    .values(most=sa.bindparam("limit"))
)


def _list_given_back(session: Session, gift_id: int) -> Iterator[Claim]:
    rows = session.execute(
        sa.select(_CLAIMS.c.kind, _CLAIMS.c.owner_id, _CLAIMS.c.who, _CLAIMS.c.most)
        .join(_USES, _USES.c.gift_id == _CLAIMS.c.gift_id)
        .where(_USES.c.gift_id == gift_id, ~_USES.c.holds)
    )
    return (Claim(*row) for row in rows)


def _in_order(claim: Claim) -> tuple[bool, int, bool]:
    """As `_list_claims` has them."""
    return claim.kind != BY_CODE, claim.owner_id, claim.kind != BY_POLICY


_FIRST = sa.select(
    _USES.c.code_id,
    _USES.c.policy_id,
    _USES.c.policy_version,
    _USES.c.scope_id,
    _USES.c.path,
    _USES.c.via,
    _USES.c.first_code,
).where(_USES.c.gift_id == sa.bindparam("gift"))


def renew(act: Act, code: Code | None, first_gift: int) -> Document | None:
    """What a further month of a gift keeps of its code; None where it doesn't count for it.

    Its use is the first month's: the counters are left alone.
    """
    row = ask(act.session, _FIRST, {"gift": first_gift}).first()
    if row is None or code is None or not _counts(act, code):
        return None
    names = [column.name for column in _FIRST.selected_columns]
    return {
        **dict(zip(names, row, strict=True)),
        "holds": False,
        "over_limit": False,
        "at": act.now,
    }


def _counts(act: Act, code: Code) -> bool:
    if code.renewals is Renewals.CAMPAIGN:
        has_begun = code.starts_at is None or code.starts_at <= act.now
        return has_begun and (code.ends_at is None or act.now < code.ends_at)
    return code.renewals is Renewals.ALL


def keep_renewal(act: Act, gift_id: int, row: Document) -> None:
    add(act.session, CodeUse, {**row, "gift_id": gift_id})


def select_wrong_counters() -> sa.Select[Any]:
    """Counters that are not what the gifts hold, by kind and owner."""
    same = (
        _CLAIMS.c.kind == _COUNTERS.c.kind,
        _CLAIMS.c.owner_id == _COUNTERS.c.owner_id,
        _CLAIMS.c.who == _COUNTERS.c.who,
    )
    held = (
        sa.select(sa.func.count())
        .select_from(_CLAIMS.join(_USES, _USES.c.gift_id == _CLAIMS.c.gift_id))
        .where(*same, _USES.c.holds)
        .correlate(_COUNTERS)
        .scalar_subquery()
    )
    subject = _COUNTERS.c.kind + sa.literal(" ") + sa.cast(_COUNTERS.c.owner_id, sa.String)
    return sa.select(subject).where(held != _COUNTERS.c.used).order_by(subject)
