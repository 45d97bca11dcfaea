"""What a partner may see of pledges: its own against what came, donors' as sums alone.

A partner's own pledge is told where nothing is that its figures don't tell already: the days,
funds and codes that it is of are shown there, and five donors stand behind it. Of donors' pledges
under its codes sums are told, where five donors stand behind them and behind the rest; one is
named only where its donor agreed to that with the pledge.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import Scope
from portal.donors import PARTNER, Consent
from portal.gifts.commitments import NAMED, Told
from portal.gifts.models import Commitment, Gift
from portal.gifts.progress import Progress
from portal.money import Money
from portal.plain import full_name
from portal.records.partners import FEWEST_DONORS, Account, Dimension, is_small


def list_below(session: Session, scope_id: int) -> list[int]:
    """A scope and all that stand below it now."""
    top = sa.select(sa.literal(scope_id, sa.BigInteger).label("id")).cte("below", recursive=True)
    below = top.union_all(sa.select(Scope.id).join(top, Scope.parent_id == top.c.id))
    return list(session.scalars(sa.select(below.c.id)))


def is_under(scope_ids: Iterable[int]) -> sa.ColumnElement[bool]:
    """Whether a pledge is of some scopes, or to them."""
    return Commitment.scope_id.in_(list(scope_ids))


def may_tell(told: Told, account: Account | None, top: int) -> bool:
    """Whether what came for a partner's own pledge may be told to who sees all below `top`."""
    if account is None or account.total is None or is_small((told.fulfilled.donors,)):
        return False
    row = told.row
    cells = [
        (Dimension.FUND, row.fund),
        (Dimension.CODE, told.spelling),
        (Dimension.PARTNER, str(row.scope_id) if row.scope_id != top else ""),
    ]
    asked = [(of, key) for of, key in cells if key]
    hidden = account.breakdowns[Dimension.MONTH].hidden
    last = row.until.strftime("%Y-%m") if row.until else "9999"
    inside = {key for key in hidden if row.since.strftime("%Y-%m") <= key <= last}
    # All that is withheld together is what the shown months leave of the total.
    is_known = not inside or (inside == hidden and not asked)
    return is_known and all(key in account.shown[of] for of, key in asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Donors' pledges in one currency; None where few people would be told of."""

    currency: str
    pledges: int | None
    donors: int | None
    given: Money | None
    due: Money | None


def sum_up(
    found: Sequence[Told], accounts: Mapping[str, Account], named: Iterable[int]
) -> list[Sum]:
    """Donors' pledges that go on, a currency each; `named` are the numbers of those with a name."""
    by_currency = defaultdict[str, list[Told]](list)
    for told in found:
        if told.reckoning.state is not Progress.CANCELLED:
            by_currency[told.row.currency].append(told)
    shown = {*named}
    return [
        _sum_one(currency, own, accounts.get(currency), shown)
        for currency, own in sorted(by_currency.items())
    ]


def _sum_one(currency: str, own: list[Told], account: Account | None, named: set[int]) -> Sum:
    pledging = {told.row.donor_id for told in own}
    others = {told.row.donor_id for told in own if told.row.id not in named}
    if is_small((len(pledging),)) or (others != pledging and is_small((len(others),))):
        return Sum(currency=currency, pledges=None, donors=None, given=None, due=None)
    return Sum(
        currency=currency,
        pledges=len(own),
        donors=len(pledging),
        given=_sum_given(currency, own, account),
        due=Money(sum(told.reckoning.due.minor for told in own), currency),
    )


def _sum_given(currency: str, own: list[Told], account: Account | None) -> Money | None:
    """What came for them, unless few gave it, or the rest of all that came."""
    given = Money(sum(told.fulfilled.net for told in own), currency)
    giving = {told.row.donor_id for told in own if told.fulfilled.gifts}
    total = account.total if account else None
    if total is None:
        return given if not giving else None
    rest = total.donors - len(giving)
    is_all = rest == 0 and total.net == given.minor
    return given if not is_small((len(giving),)) and (is_all or rest >= FEWEST_DONORS) else None


def name_donors(session: Session, found: Iterable[Told]) -> dict[int, str]:
    """Who made some pledges, by their numbers: those who agreed to be named, as they wrote it."""
    own = {f"{NAMED}{told.row.id}": told.row for told in found}
    agreed = sa.select(Consent.source).where(
        Consent.channel == PARTNER, Consent.withdrawn_at.is_(None), Consent.source.in_(own)
    )
    rows = [own[source] for source in session.scalars(agreed)]
    names = _list_names(session, {row.donor_id for row in rows if row.donor_id is not None})
    return {row.id: names[row.donor_id] for row in rows if row.donor_id in names}


def _list_names(session: Session, donor_ids: Iterable[int]) -> dict[int | None, str]:
    """By the newest gift of each, of those that aren't anonymous."""
    newest = (
        sa.select(sa.func.max(Gift.id))
        .where(Gift.donor_id.in_(list(donor_ids)), Gift.anonymous.is_(False))
        .group_by(Gift.donor_id)
    )
    rows = session.execute(
        sa.select(Gift.donor_id, Gift.first_name, Gift.last_name).where(Gift.id.in_(newest))
    )
    return {donor: name for donor, *parts in rows if (name := full_name(*parts))}
