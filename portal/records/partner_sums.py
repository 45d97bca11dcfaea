"""What a scope's codes brought, from the sums that are kept of it.

A use has the scopes as they were when the gift was given (`/3/17/`): a scope sees the gifts in
whose path it stands, whoever stood between, and no others. A page reads some hundred sums
(`portal.gifts.code_sums`), however many gifts there are; `portal.records.partner_lists` lists the
gifts behind a figure.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import Scope
from portal.database import table_of
from portal.driver import ask, pipelined
from portal.gifts.code_sums import CodeSum
from portal.gifts.code_weighing import LOYALTY, MONTHLY, NUMBERS, TOTAL
from portal.records.partners import (
    Account,
    Breakdown,
    Dimension,
    Figures,
    break_down,
    count_loyalty,
    count_monthly,
    show_total,
)

# What a page shows of a dimension that may have a million cells, and how many more it looks at.
MOST_CELLS, MORE_CELLS = 50, 20
MANY = (Dimension.CODE, Dimension.PARTNER)
_SUMS = table_of(CodeSum)
_FIGURES = tuple(_SUMS.c[name] for name in NUMBERS)


# Made once: to build a statement costs more than to run it.
_OWN = sa.select(_SUMS.c.dimension, _SUMS.c.key, *_FIGURES).where(
    _SUMS.c.scope_id == sa.bindparam("scope"), _SUMS.c.currency == sa.bindparam("of")
)
_FEW = _OWN.where(*(_SUMS.c.dimension != one for one in (TOTAL, *MANY)))
_GREATEST = (
    _OWN.where(_SUMS.c.dimension == sa.bindparam("by"))
    .order_by(_SUMS.c.gross.desc())
    .limit(sa.literal_column(str(MOST_CELLS + MORE_CELLS)))
)
_TOTALS = sa.select(_SUMS.c.currency, *_FIGURES).where(
    _SUMS.c.scope_id == sa.bindparam("scope"),
    _SUMS.c.dimension == sa.literal_column(f"'{TOTAL}'"),
    _SUMS.c.started > sa.literal_column("0"),
)


def sum_currencies(session: Session, scope_id: int) -> dict[str, Figures]:
    """What came in each currency, the one with the most gifts first."""
    rows = ask(session, _TOTALS, {"scope": scope_id}).rows()
    found = [(currency, _read(figures)) for currency, *figures in rows]
    return dict(sorted(found, key=lambda one: (-one[1].started, one[0])))


def _read(row: Any) -> Figures:
    return Figures(**{name: int(value) for name, value in zip(NUMBERS, row, strict=True)})


def read_account(session: Session, scope_id: int, currency: str, total: Figures) -> Account:
    """All that may be shown of a currency; `total` is what `sum_currencies` has of it."""
    shown = show_total(total)
    if shown is None:
        return Account(currency=currency, total=None)
    sums = read_sums(session, scope_id, currency)
    loyalty, monthly = sums.pop(LOYALTY, {}), sums.pop(MONTHLY, {})
    donors = {key: figures.donors for key, figures in loyalty.items()}
    return Account(
        currency=currency,
        total=shown,
        loyalty=count_loyalty(donors.get("once", 0), donors.get("again", 0)),
        monthly=count_monthly({key: (one.gifts, one.donors) for key, one in monthly.items()}),
        breakdowns={one: _break_down(one, sums.get(one.value, {})) for one in Dimension},
    )


def read_sums(session: Session, scope_id: int, currency: str) -> dict[str, dict[str, Figures]]:
    """The sums by dimension and key; of `MANY` those alone that brought the most."""
    own = {"scope": scope_id, "of": currency}
    greatest = [{**own, "by": dimension.value} for dimension in MANY]
    with pipelined(session):
        few, most = ask(session, _FEW, own), ask(session, _GREATEST, *greatest)
    rows = [*few.rows(), *most.rows()]
    found = defaultdict[str, dict[str, Figures]](dict)
    for dimension, key, *figures in rows:
        one = _read(figures)
        if one.started or one.donors:
            found[dimension][key] = one
    return found


def _break_down(dimension: Dimension, found: Mapping[str, Figures]) -> Breakdown:
    if dimension not in MANY or len(found) <= MOST_CELLS:
        return break_down(dimension, found)
    order = sorted(found, key=lambda key: (-found[key].gross, key))
    others = [found[key].counts for key in order[MOST_CELLS:]]
    shown = {key: found[key] for key in order[:MOST_CELLS]}
    return break_down(dimension, shown, others)


def name_scopes(session: Session, scope_ids: list[str]) -> dict[str, str]:
    """The names of scopes by their numbers, as text."""
    wanted = [int(one) for one in scope_ids if one]
    rows = session.execute(sa.select(Scope.id, Scope.name).where(Scope.id.in_(wanted)))
    return {str(scope_id): name for scope_id, name in rows}
