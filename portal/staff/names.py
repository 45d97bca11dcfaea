"""The catalogue's words for lists and filters, in the reader's language."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from portal.regions.catalogue import Catalogue
from portal.regions.queries import CatalogueCache
from portal.staff.labels import name_funds, name_modes, name_regions


@dataclass(frozen=True, slots=True)
class Names:
    """Regions, funds and modes by key."""

    regions: dict[str, str]
    funds: dict[str, str]
    modes: dict[str, str]


def current_cache() -> CatalogueCache:
    return cast(CatalogueCache, current_app.extensions["catalogue"])


def current_catalogue() -> Catalogue:
    return current_cache().get()


def current_names() -> Names:
    catalogue = current_catalogue()
    return Names(name_regions(catalogue), name_funds(catalogue), name_modes(catalogue))


def timezone_of(region: str) -> str:
    """The zone a region's times are shown in."""
    found = current_catalogue().by_slug(region)
    return found.timezone if found else "UTC"


def all_currencies() -> list[str]:
    """Every currency that some region takes."""
    regions = current_catalogue().regions.values()
    return sorted({option.currency for region in regions for option in region.currencies})
