"""Small pieces of staff pages, made in Python: on a list each would be made hundreds of times.

They are HTML already. `status` and `time` of `staff/_parts.html` are these.
"""

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from markupsafe import Markup

from portal.gifts.lifecycle import Status
from portal.i18n import current_locale
from portal.staff.labels import TONES

_STATUS = Markup('<span class="status status--{}">{}</span>')
_TIME = '<time datetime="%s">%s</time>'


def show_status(status: Status) -> Markup:
    """A status in words, with its dot."""
    return _show_status(status, current_locale())


@lru_cache(maxsize=256)
def _show_status(status: Status, _locale: str) -> Markup:
    """Once for each locale, which is the current one."""
    return _STATUS.format(TONES[status], status.label)


def show_time(at: datetime, timezone: str = "UTC") -> Markup:
    """A moment in a zone, and for machines in UTC."""
    # Neither has a character that HTML knows.
    return Markup(_TIME % (format_iso(at), format_moment(at, timezone)))  # noqa: S704


def format_moment(at: datetime, timezone: str = "UTC") -> str:
    """Day and minute in a zone, the same for every reader: tables of times stay in line."""
    return f"{at.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}"


def format_iso(at: datetime) -> str:
    """For the `datetime` attribute of HTML."""
    return at.isoformat(timespec="seconds")
