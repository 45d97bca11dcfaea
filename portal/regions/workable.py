"""Which modes of payment can work in this installation, and why others can't: pure.

A mode that can't work is not offered for new gifts; it still serves gifts begun before. None
needs mail: a gift's own page tells its donor all that the letter does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from portal.regions.catalogue import Catalogue, Frequency, Mode, Region
from portal.settings import Settings

if TYPE_CHECKING:
    from portal.payments.providers import Providers

RECIPIENT = "{recipient}"


class Lack(StrEnum):
    """What a mode lacks here."""

    OWN_REGION = "own region"
    PROVIDER = "provider"
    MONTHLY = "monthly"
    RECIPIENT = "recipient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What this installation has: providers that are set up, and whether it may show samples.

    `monthly` are those of the providers that can charge every month.
    """

    providers: frozenset[str]
    monthly: frozenset[str]
    shows_samples: bool


def means_of(settings: Settings, providers: "Providers") -> Means:
    return Means(
        providers=frozenset(str(one.name) for one in providers),
        monthly=frozenset(str(one.name) for one in providers if one.monthly is not None),
        shows_samples=settings.environment == "demo",
    )


def find_lack(region: Region, mode: Mode, means: Means) -> Lack | None:
    """What keeps a mode from working here; None where nothing does."""
    if region.sample and not means.shows_samples:
        return Lack.OWN_REGION
    if mode.provider is not None:
        return _find_lack_of(mode, mode.provider, means)
    return None if _leads_somewhere(mode) else Lack.RECIPIENT


def _find_lack_of(mode: Mode, provider: str, means: Means) -> Lack | None:
    if provider not in means.providers:
        return Lack.PROVIDER
    is_asked = Frequency.MONTHLY in mode.frequencies
    return Lack.MONTHLY if is_asked and provider not in means.monthly else None


def _leads_somewhere(mode: Mode) -> bool:
    """Whether a donor learns where the money goes: all places that the texts name are known."""
    texts = [mode.link, *(text for step in mode.steps for text in step.values())]
    if any(RECIPIENT in text for text in texts):
        return bool(mode.recipient.strip())
    return bool(mode.recipient.strip() or mode.account or mode.details)


def narrow(catalogue: Catalogue, means: Means) -> Catalogue:
    """The catalogue as this installation can keep what it offers."""
    regions = {slug: _narrow_region(one, means) for slug, one in catalogue.regions.items()}
    former = {slug: _close(one) for slug, one in catalogue.former.items()}
    return replace(catalogue, regions=regions, former=former)


def _close(region: Region) -> Region:
    """Nothing is offered, and what was still says how it is paid."""
    return replace(region, modes=tuple(replace(mode, offered=False) for mode in region.modes))


def _narrow_region(region: Region, means: Means) -> Region:
    modes = tuple(
        replace(mode, offered=mode.offered and find_lack(region, mode, means) is None)
        for mode in region.modes
    )
    return replace(region, modes=modes)


def list_lacks(catalogue: Catalogue, means: Means) -> Iterator[tuple[Lack, str, str]]:
    """What is lacking, by region and mode, of all that would be offered."""
    for region in catalogue.regions.values():
        for mode in region.offered:
            lack = find_lack(region, mode, means)
            if lack is not None:
                yield lack, region.slug, mode.key


def has_own(catalogue: Catalogue) -> bool:
    """Whether one region at least is the operator's own."""
    return any(not region.sample for region in catalogue.regions.values())
