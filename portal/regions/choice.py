"""Which region a visitor is shown first. They can always change it. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from portal.regions.catalogue import Catalogue, Region

# What country headers say when they don't know: private use, Tor, continents.
_NO_COUNTRY = frozenset({"XX", "ZZ", "AP", "EU", "OO"})


class Why(StrEnum):
    """What a region was chosen by; `NOTHING` leads to the chooser."""

    ADDRESS = "address"
    CODE = "code"
    COUNTRY = "country"
    LANGUAGE = "language"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Choice:
    """The region, or None where the visitor is to choose."""

    region: Region | None
    why: Why


def choose_region(
    catalogue: Catalogue,
    *,
    slug: str | None = None,
    code_regions: Collection[str] = (),
    country: str | None = None,
    languages: Iterable[str] = (),
) -> Choice:
    """By the address (`slug`), else the code's regions, else the country a trusted header
    names, else the first language that names a country with a region of its own.

    A code that holds in several regions leaves the choice among them to country and
    language. `fr` alone names no country; `fr-CA` does. An unknown slug chooses nothing.
    """
    if slug is not None:
        return _chosen(catalogue.by_slug(slug), Why.ADDRESS)
    homes = {home.slug for home in catalogue.regions.values() if home.slug in {*code_regions}}
    if len(homes) == 1:
        return _chosen(catalogue.by_slug(next(iter(homes))), Why.CODE)
    by_country = _region_of_country(catalogue, country or "")
    spoken = [_region_of_language(catalogue, language) for language in languages]
    if homes:
        among = [region for region in (by_country, *spoken) if region and region.slug in homes]
        if among:
            return Choice(among[0], Why.CODE)
    if by_country:
        return Choice(by_country, Why.COUNTRY)
    return _chosen(next((region for region in spoken if region), None), Why.LANGUAGE)


def _chosen(region: Region | None, why: Why) -> Choice:
    return Choice(region, why if region else Why.NOTHING)


def _region_of_country(catalogue: Catalogue, country: str) -> Region | None:
    """The country's own region, else the rest of the world; None for what is no country."""
    code = country.strip().upper()
    if len(code) != 2 or not (code.isascii() and code.isalpha()) or code in _NO_COUNTRY:
        return None
    return catalogue.by_country(code) or catalogue.rest


def _region_of_language(catalogue: Catalogue, language: str) -> Region | None:
    """The region a tag's country has (`fr-CA`, `zh-Hant-HK`); a language alone has none."""
    countries = [part for part in language.replace("_", "-").split("-")[1:] if len(part) == 2]
    return catalogue.by_country(countries[0]) if countries else None
