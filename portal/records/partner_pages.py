"""A page of the gifts behind a partner's figure, the newest first, however many gifts there are.

Those whose day may be told come first, along the index of the partner's gifts: the newest few of
them make a page of most figures. What few gifts make is looked for among those whose status can
make it, and a month's first among those begun in it, then among those begun before and after.
Gifts whose day is not told follow by what they brought. The kept sums say how many gifts make a
figure: where those are found, nothing is sought.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import table_of
from portal.donors import Consent
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, GiftStanding
from portal.plain import full_name
from portal.records.partner_lists import (
    USES,
    Choice,
    divide,
    gifts_of,
    narrow,
    tell_names,
)
from portal.records.partners import Dimension, What

PAGE = 50
MOST_PAGES = 20
# Among so many gifts for each that is wanted a page is looked for before all are walked.
REACHES = (2, 40)
# What comes in a month was begun in it, or most of it so long before.
BEFORE = timedelta(days=45)
# The statuses without which a gift adds nothing to a figure that few gifts make.
STATUSES = {
    What.DISPUTED: (Status.DISPUTED,),
    What.PROMISED: (Status.PENDING, Status.PROCESSING, Status.PARTLY_PAID),
    What.REFUNDED: (
        Status.PARTLY_REFUNDED,
        Status.REFUNDED,
        Status.DISPUTED,
        Status.CHARGED_BACK,
    ),
}
Span = tuple[int, int]
ALL: Span = (0, 2**62)


@dataclass(frozen=True, slots=True)
class Row:
    """A gift as a list shows it; `minor` is what it adds to the figure. Empty is not told."""

    day: str
    minor: int
    fund: str
    mode: str
    code: str
    status: Status
    donor: str


def list_gifts(session: Session, choice: Choice, page: int) -> list[Row]:
    """A page of them, and one more if there is one."""
    skip = (page - 1) * PAGE
    walk = _Walk(session, choice, skip + PAGE + 1)
    rows = walk.jump(skip) or walk.find()[skip:]
    names = _list_names(session, choice.partner, [row.id for row in rows])
    return [Row(*(*row[:-1], names.get(row.id, ""))) for row in rows]


class _Walk:
    """The first `most` of a list, sought in the order in which it has them."""

    def __init__(self, session: Session, choice: Choice, most: int) -> None:
        self._session, self._choice = session, choice
        self._most = most if choice.number is None else min(most, choice.number)
        self._dialect = session.get_bind().dialect.name
        self._found: list[Any] = []
        # None for what is in dispute, which few are anywhere, or where paths are many.
        is_plain = len(choice.paths) == 1 and choice.what is not What.DISPUTED
        self._reaches = list(REACHES) if is_plain else []

    def jump(self, skip: int) -> list[Any]:
        """All but the first so many, where they stand among the newest gifts; nothing elsewhere."""
        if not self._reaches or self._wanted <= skip:
            return []
        first, *self._reaches = self._reaches
        reach, span = first * self._most, next(self._spans())
        rows = self._ask(_LIST_NEAR, span, self._choice.paths[0], reach, skip)
        return rows if len(rows) == self._wanted - skip else []

    def find(self) -> list[Any]:
        for span in self._spans():
            if self._wanted:
                self._found += self._walk(span)
        if self._wanted:
            is_few = self._choice.what in STATUSES
            self._found += self._ask(_LIST_DAYLESS_BY_STATUS if is_few else _LIST_DAYLESS)
        return self._found

    @property
    def _wanted(self) -> int:
        return self._most - len(self._found)

    def _spans(self) -> Iterator[Span]:
        """The numbers among which gifts with a day are sought, one after the other."""
        if self._choice.by is not Dimension.MONTH:
            yield ALL
            return
        begins = datetime.fromisoformat(f"{self._choice.of}-01").replace(tzinfo=UTC)
        ends = (begins + timedelta(days=31)).replace(day=1)
        times = (begins - BEFORE, begins, ends)
        # In order and without a gap, whatever they are.
        before, first, after = sorted(self._find_first(at) for at in times)
        yield from ((first, after - 1), (before, first - 1), (after, ALL[1]), (ALL[0], before - 1))

    def _find_first(self, at: datetime) -> int:
        """The number of the first gift begun since then: they are counted up with time."""
        return self._session.scalar(_FIRST_SINCE, {"at": at}) or ALL[1]

    def _walk(self, span: Span) -> list[Any]:
        """The newest of a span: of each path, and of these the newest."""
        rows: list[Any] = []
        for path in self._choice.paths:
            near = self._look_near(span, path)
            if near is None and self._choice.what in STATUSES:
                return self._ask(_LIST_BY_STATUS, span)
            rows += self._ask(_LIST_ALL, span, path) if near is None else near
        return sorted(rows, key=lambda row: -row.id)[: self._wanted]

    def _look_near(self, span: Span, path: str) -> list[Any] | None:
        """The newest of a path, where they stand among the newest gifts of it."""
        for reach in self._reaches:
            rows = self._ask(_LIST_NEAR, span, path, reach * self._most)
            if len(rows) == self._wanted:
                return rows
        return None

    def _ask(
        self,
        way: "Way",
        span: Span = ALL,
        path: str | None = None,
        reach: int = 0,
        skip: int = 0,
    ) -> list[Any]:
        choice = self._choice
        statement = _prepare(way, choice.what, choice.by, self._dialect)
        given = {
            "first": span[0],
            "last": span[1],
            "paths": [path] if path else list(choice.paths),
            "reach": reach,
            "currency": choice.currency,
            "of": choice.of,
            "most": self._wanted - skip,
            "skip": skip,
            **{f"shown_{by.value}": sorted(choice.shown.get(by, ())) for by in Dimension},
        }
        return list(self._session.execute(statement, given))


def _list(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, expanding=True)


def _shown(by: Dimension) -> sa.BindParameter[Any]:
    return _list(f"shown_{by.value}")


_OWN = sa.select(USES.c.gift_id, USES.c.scope_id)
_IN_SPAN = USES.c.gift_id.between(sa.bindparam("first"), sa.bindparam("last"))
_ON_PATHS = USES.c.path.in_(_list("paths"))


def _all(_what: What) -> sa.Select[Any]:
    return _OWN.where(_ON_PATHS, _IN_SPAN)


def _near(what: What) -> sa.Select[Any]:
    newest = _all(what).order_by(USES.c.gift_id.desc())
    return newest.limit(sa.bindparam("reach", type_=sa.Integer))


def _by_status(what: What) -> sa.Select[Any]:
    """Those of its statuses, by their index; a use is looked up by its gift alone.

    So that a planner sees no other way, the statuses are written out, and no index has what is
    asked of a use.
    """
    status = table_of(GiftStanding).c.status
    wanted = [sa.bindparam(None, one, status.type, literal_execute=True) for one in STATUSES[what]]
    standing = sa.select(GiftStanding.gift_id).where(status.in_(wanted))
    own = sa.func.coalesce(USES.c.path, "").in_(_list("paths"))
    in_span = (USES.c.gift_id + 0).between(sa.bindparam("first"), sa.bindparam("last"))
    return _OWN.where(USES.c.gift_id.in_(standing), in_span, own)


@dataclass(frozen=True, slots=True)
class Way:
    """How gifts are found: among which uses, if few, and whether those with a day or the others."""

    uses: Callable[[What], sa.Select[Any]]
    is_dated: bool = True
    is_few: bool = False


_LIST_NEAR = Way(_near, is_few=True)
_LIST_ALL = Way(_all)
_LIST_BY_STATUS = Way(_by_status, is_few=True)
_LIST_DAYLESS = Way(_all, is_dated=False)
_LIST_DAYLESS_BY_STATUS = Way(_by_status, is_dated=False, is_few=True)
_FIRST_SINCE = (
    sa.select(Gift.id)
    .where(Gift.created_at >= sa.bindparam("at"))
    .order_by(Gift.created_at, Gift.id)
    .limit(sa.literal_column("1"))
)


# To build a statement costs more than to run it.
@cache
def _prepare(way: Way, what: What, by: Dimension | None, dialect: str) -> sa.Select[Any]:
    uses = way.uses(what).subquery()
    source = gifts_of(uses, sa.bindparam("currency"), dialect, is_few=way.is_few)
    parts = divide(source, what, _shown)
    found: sa.Select[Any] = sa.select(*parts.values(), source.c.status, source.c.id)
    found = narrow(found.select_from(source.rows), source, what, by, sa.bindparam("of"))
    month, shown = source.c[Dimension.MONTH.value], _shown(Dimension.MONTH)
    if way.is_dated:
        found = found.where(month.in_(shown)).order_by(source.c.id.desc())
    else:
        # Not by number, as that would tell when a gift without a day came.
        order = (parts["minor"].desc(), parts["fund"], source.c.id)
        found = found.where(month.not_in(shown)).order_by(*order)
    most, skip = (sa.bindparam(name, type_=sa.Integer) for name in ("most", "skip"))
    return found.limit(most).offset(skip)


_NAMES = tell_names(sa.bindparam("partner"), Gift.id, Gift.first_name, Gift.last_name).where(
    Consent.gift_id.in_(_list("gifts"))
)


def _list_names(session: Session, partner: str, gift_ids: list[int]) -> dict[int, str]:
    rows = session.execute(_NAMES, {"partner": partner, "gifts": gift_ids})
    return {gift_id: full_name(first, last) for gift_id, first, last in rows}
