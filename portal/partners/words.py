"""What the partners' pages call regions, funds, modes, months and states, in any language."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date

from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal

from portal.gifts.lifecycle import Status
from portal.i18n import current_locale, gettext, pick
from portal.records.partners import Dimension, What
from portal.regions.catalogue import Catalogue, Region

Names = Mapping[str, str]


def number(value: int) -> str:
    return str(format_decimal(value, locale=current_locale()))


def name_month(key: str) -> str:
    """`2026-11` as a reader writes it."""
    return str(format_skeleton("yMMM", _first_day(key), locale=current_locale()))


def name_day(key: str) -> str:
    """`2026-11-23` as a reader writes it; a dash for a day that is not told."""
    if not key:
        return "–"
    return str(format_date(date.fromisoformat(key), format="medium", locale=current_locale()))


def _first_day(month: str) -> date:
    return date.fromisoformat(f"{month}-01")


def name_keys(catalogue: Catalogue, scopes: Names) -> dict[Dimension, Callable[[str], str]]:
    """How the keys of each dimension are called; what the catalogue forgot has its key."""
    regions = (*catalogue.former.values(), *catalogue.regions.values())
    return {
        Dimension.MONTH: name_month,
        Dimension.FUND: _finder(_name_funds(regions)),
        Dimension.REGION: _finder({one.slug: pick(one.names) for one in regions}),
        Dimension.MODE: _finder(_name_modes(regions)),
        Dimension.CODE: _finder({}),
        Dimension.PARTNER: _finder(scopes),
    }


def _finder(names: Names) -> Callable[[str], str]:
    return lambda key: names.get(key) or key or "–"


def _name_funds(regions: Iterable[Region]) -> dict[str, str]:
    return {fund.key: pick(fund.names) for region in regions for fund in region.funds}


def _name_modes(regions: Iterable[Region]) -> dict[str, str]:
    return {mode.key: pick(mode.label) for region in regions for mode in region.modes}


def name_dimension(dimension: Dimension) -> str:
    return {
        Dimension.MONTH: gettext("By month"),
        Dimension.FUND: gettext("By fund"),
        Dimension.REGION: gettext("By region"),
        Dimension.MODE: gettext("By mode of payment"),
        Dimension.CODE: gettext("By code"),
        Dimension.PARTNER: gettext("By partner"),
    }[dimension]


def name_figure(what: What) -> str:
    return {
        What.STARTED: gettext("Started gifts"),
        What.GROSS: gettext("Raised"),
        What.NET: gettext("After refunds"),
        What.RECEIVED: gettext("Received"),
        What.REFUNDED: gettext("Gone back"),
        What.DISPUTED: gettext("In dispute"),
        What.PROMISED: gettext("Promised"),
    }[what]


def name_state(status: Status) -> str:
    """Where a gift stands, as far as a partner is concerned."""
    words = {
        Status.PAID: gettext("Received"),
        Status.PARTLY_PAID: gettext("Received in part"),
        Status.PARTLY_REFUNDED: gettext("Refunded in part"),
        Status.REFUNDED: gettext("Refunded"),
        Status.DISPUTED: gettext("In dispute"),
        Status.CHARGED_BACK: gettext("Taken back by the bank"),
        Status.PENDING: gettext("Promised"),
        Status.PROCESSING: gettext("Promised"),
    }
    return words.get(status) or gettext("Not paid")
