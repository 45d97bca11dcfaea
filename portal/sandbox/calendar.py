"""Billing periods, counted from the anchor so that the 31st comes back after February."""

import calendar
from datetime import UTC, datetime, timedelta


def period_end(anchor: int, interval: str, periods: int) -> int:
    """When the `periods`-th period after `anchor` (Unix seconds) ends."""
    start = datetime.fromtimestamp(anchor, UTC)
    if interval in ("day", "week"):
        days = periods * (7 if interval == "week" else 1)
        return int((start + timedelta(days=days)).timestamp())
    months = periods * (12 if interval == "year" else 1)
    return int(_plus_months(start, months).timestamp())


def _plus_months(start: datetime, months: int) -> datetime:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return start.replace(year=year, month=month + 1, day=min(start.day, last))
