"""Numbers that a series leaves out, each with the reason: what an auditor is told of them.

After a backup is restored, receipts that were numbered since are with their donors and nowhere
else. Their numbers must not be given again, so the series goes on behind them.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.receipts.register import ReceiptGap, ReceiptSeries
from portal.services import Act

LONGEST_WHY = 300
# A slip of the finger must not use up a series.
MOST_AT_ONCE = 10_000


class CannotSkip(Exception):
    """The series can't go on behind that number; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def skip_numbers(
    act: Act, issuer: str, year: int, until: int, why: str, *, series: str = ""
) -> ReceiptGap:
    """Give out no number up to `until`, and keep why. Raises CannotSkip."""
    row = _hold_series(act.session, issuer, year, series)
    last = row.last_number if row else 0
    if until <= last:
        raise CannotSkip(f"the last number given out is {last} already")
    if until - last > MOST_AT_ONCE:
        raise CannotSkip(f"{until - last:,} numbers are too many; the last given out is {last}")
    if row is None:
        row = ReceiptSeries(issuer=issuer, year=year, series=series)
        act.session.add(row)
    row.last_number = until
    gap = ReceiptGap(
        issuer=issuer,
        year=year,
        series=series,
        first=last + 1,
        last=until,
        why=why[:LONGEST_WHY],
        recorded_at=act.now,
        recorded_by=act.actor,
    )
    act.session.add(gap)
    act.session.flush()
    first_label, last_label = gap.labels
    act.note("receipts_skip", f"issuer:{issuer}", {"from": first_label, "to": last_label})
    return gap


def _hold_series(session: Session, issuer: str, year: int, series: str) -> ReceiptSeries | None:
    wanted = sa.select(ReceiptSeries).where(
        ReceiptSeries.issuer == issuer,
        ReceiptSeries.year == year,
        ReceiptSeries.series == series,
    )
    return session.scalar(wanted.with_for_update())


def find_gaps(
    session: Session, year: int, number: int, series: str = "", issuer: str = ""
) -> Sequence[ReceiptGap]:
    """What left this number out: one an issuer at most, or the one of `issuer`."""
    wanted = sa.select(ReceiptGap).where(
        ReceiptGap.year == year,
        ReceiptGap.series == series,
        ReceiptGap.first <= number,
        ReceiptGap.last >= number,
    )
    if issuer:
        wanted = wanted.where(ReceiptGap.issuer == issuer)
    return session.scalars(wanted.order_by(ReceiptGap.issuer)).all()


def list_gaps(session: Session, most: int = 50) -> Sequence[ReceiptGap]:
    """All that was left out, newest first."""
    return session.scalars(sa.select(ReceiptGap).order_by(ReceiptGap.id.desc()).limit(most)).all()


def list_last_numbers(session: Session) -> Sequence[ReceiptSeries]:
    """Every series with the last number that it gave out."""
    columns = (ReceiptSeries.issuer, ReceiptSeries.year, ReceiptSeries.series)
    return session.scalars(sa.select(ReceiptSeries).order_by(*columns)).all()
