"""The catalogue's words for lists and filters, in the reader's language."""

from dataclasses import dataclass, replace
from functools import cache

from portal.i18n import current_locale
from portal.regions.catalogue import Catalogue, Texts
from portal.regions.files import read_common_modes
from portal.staff.labels import name_funds, name_modes, name_regions, name_shared_modes
from portal.web import services


@dataclass(frozen=True, slots=True)
class Names:
    """Regions, funds and modes by key; `modes` are called as lists across regions call them."""

    regions: dict[str, str]
    funds: dict[str, str]
    modes: dict[str, str]
    modes_by_region: dict[tuple[str, str], str]

    def mode(self, region: str, key: str) -> str:
        """What the donors of a region were told this mode is."""
        return self.modes_by_region.get((region, key)) or self.modes.get(key, key)


def current_catalogue() -> Catalogue:
    return services().catalogue


def current_names() -> Names:
    """The names by the catalogue as it is now; made once for each language."""
    catalogue, locale = current_catalogue(), current_locale()
    of, found = _kept.get(locale, (None, None))
    if found is None or of is not catalogue:
        found = _name_all(_all_regions(catalogue))
        _kept[locale] = catalogue, found
    return found


# The last catalogue that was asked for, by locale.
_kept: dict[str, tuple[Catalogue, Names]] = {}


def _name_all(catalogue: Catalogue) -> Names:
    return Names(
        name_regions(catalogue),
        name_funds(catalogue),
        name_shared_modes(catalogue, _common_modes()),
        name_modes(catalogue),
    )


@cache
def _common_modes() -> dict[str, Texts]:
    """The common modes' labels by key: a file of the program's own, read once."""
    return {key: mode["label"] for key, mode in read_common_modes().items()}


def _all_regions(catalogue: Catalogue) -> Catalogue:
    """With those that were taken out: their gifts are listed and filtered like all."""
    return replace(catalogue, regions={**catalogue.regions, **catalogue.former})


def all_currencies() -> list[str]:
    """Every currency that some region takes."""
    regions = _all_regions(current_catalogue()).regions.values()
    return sorted({option.currency for region in regions for option in region.currencies})
