"""The gift list's filters, as its address carries them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from portal.codes.normalise import normalise_code
from portal.gifts.lifecycle import Status
from portal.plain import clean_line
from portal.staff.forms import read_day


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftFilters:
    """What to list. Empty means any; `since` and `until` are days, both included.

    They are days on which gifts began, in `timezone`: the region's, where one is chosen, else UTC.
    `received_since` and `received_until` are days on which money came, by each gift's issuer.
    """

    text: str = ""
    status: Status | None = None
    region: str = ""
    code: str = ""
    mode: str = ""
    fund: str = ""
    since: date | None = None
    until: date | None = None
    received_since: date | None = None
    received_until: date | None = None
    timezone: str = "UTC"
    unclear: Mapping[str, str] = field(default_factory=dict)

    @property
    def begins_at(self) -> datetime | None:
        return _midnight(self.since, self.timezone)

    @property
    def ends_at(self) -> datetime | None:
        """The first moment that is too late."""
        return _midnight(self.until + timedelta(days=1) if self.until else None, self.timezone)

    @property
    def is_empty(self) -> bool:
        return not self.as_args()

    def as_args(self) -> dict[str, str]:
        """The query arguments that read_filters reads back."""
        texts = {
            "q": self.text,
            "status": self.status.value if self.status else "",
            "region": self.region,
            "code": self.code,
            "mode": self.mode,
            "fund": self.fund,
            "from": self.since.isoformat() if self.since else "",
            "to": self.until.isoformat() if self.until else "",
            "received_from": self.received_since.isoformat() if self.received_since else "",
            "received_to": self.received_until.isoformat() if self.received_until else "",
        }
        return {name: text for name, text in (texts | dict(self.unclear)).items() if text}


def read_filters(args: Mapping[str, str], timezones: Mapping[str, str]) -> GiftFilters:
    """The filters of a query; `timezones` by region slug. What can't be read is kept apart."""
    region = args.get("region", "").strip().lower()
    unclear: dict[str, str] = {}
    status = args.get("status", "").strip()
    return GiftFilters(
        text=clean_line(args.get("q"))[:200],
        status=Status(status) if status in set(Status) else None,
        region=region,
        code=normalise_code(args.get("code", "")),
        mode=args.get("mode", "").strip(),
        fund=args.get("fund", "").strip(),
        since=_read_day(args, "from", unclear),
        until=_read_day(args, "to", unclear),
        received_since=_read_day(args, "received_from", unclear),
        received_until=_read_day(args, "received_to", unclear),
        timezone=timezones.get(region, "UTC"),
        unclear=unclear,
    )


def _read_day(args: Mapping[str, str], name: str, unclear: dict[str, str]) -> date | None:
    text = args.get(name, "").strip()
    day = read_day(text)
    if text and day is None:
        unclear[name] = text[:30]
    return day


def _midnight(day: date | None, timezone: str) -> datetime | None:
    if day is None:
        return None
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)
