"""Reading the catalogue as this installation can keep what it offers, and keeping it at hand.

A mode of payment that can't work here is not offered for new gifts; it still serves gifts begun
before. None needs mail: a gift's own page tells its donor all that the letter does. What decides
that, and which region a visitor is shown first, is pure.
"""

import json
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, Database, DatabaseUnavailable, Document
from portal.logs import get_logger
from portal.regions.catalogue import Catalogue, Frequency, Mode, Region
from portal.regions.files import parse_region
from portal.regions.schemes import ReceiptField, ReceiptScheme, is_reviewed, list_issuer_lacks
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


@dataclass(frozen=True, slots=True)
class OfficialLack:
    """What stands between an issuer and one kind of official receipt; `missing` may be empty."""

    region: Region
    scheme: ReceiptScheme
    missing: tuple[ReceiptField, ...]
    is_reviewed: bool

    @property
    def is_confirmed(self) -> bool:
        """Whether the issuer said from which day on it gives them out."""
        return self.region.issuer.official_receipts_from is not None

    @property
    def is_ready(self) -> bool:
        return self.is_confirmed and self.is_reviewed and not self.missing


def list_official(catalogue: Catalogue, day: date) -> Iterator[OfficialLack]:
    """The official receipts that the operator's own regions know and whose law holds on a day."""
    for region in catalogue.regions.values():
        for scheme in region.official:
            if not region.sample and scheme.is_in_force(day):
                issuer = region.issuer
                missing = list_issuer_lacks(issuer, scheme)
                yield OfficialLack(region, scheme, missing, is_reviewed(issuer, scheme))


def has_own(catalogue: Catalogue) -> bool:
    """Whether one region at least is the operator's own."""
    return any(not region.sample for region in catalogue.regions.values())


class RegionRecord(Base):
    """One region's whole document, as its file or staff wrote it.

    `edited_at` is set once staff changed it; its file no longer overwrites it then.
    `removed_at` is set while it is out of the catalogue: nothing new is given there, and the
    gifts that were are looked after by what the document says.
    """

    __tablename__ = "regions"

    slug: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    position: Mapped[int]
    document: Mapped[Document]
    updated_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]


class CatalogueState(Base):
    """One row: the version that grows with every change, so that processes notice it."""

    __tablename__ = "catalogue_state"
    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]


log = get_logger()


def read_version(session: Session) -> int:
    """The catalogue's version; 0 before anything was loaded."""
    return session.scalar(sa.select(CatalogueState.version)) or 0


def load_catalogue(session: Session) -> Catalogue:
    """The whole catalogue as the database has it now."""
    version = read_version(session)
    rows = session.execute(
        sa.select(
            RegionRecord.slug, RegionRecord.document, RegionRecord.removed_at.is_not(None)
        ).order_by(RegionRecord.position, RegionRecord.slug)
    )
    places: dict[bool, dict[str, Region]] = {False: {}, True: {}}
    for slug, document, is_removed in rows:
        places[is_removed][slug] = _parse_known(slug, json.dumps(document))
    return Catalogue(regions=places[False], former=places[True], version=version)


@lru_cache(maxsize=256)
def _parse_known(slug: str, document: str) -> Region:
    """A region by its document's text: when one region changes, the others are not read again."""
    return parse_region(json.loads(document), slug)


class CatalogueCache:
    """The catalogue for all threads of a process, at most `seconds` behind the database."""

    def __init__(
        self, database: Database, means: Means | None = None, *, seconds: float = 1.0
    ) -> None:
        """With `means`, modes that can't work here are not offered."""
        self._database = database
        self._means = means
        self._seconds = seconds
        self._kept: Catalogue | None = None
        self._look_again_at = 0.0
        self._turn = threading.Lock()

    @property
    def kept(self) -> Catalogue | None:
        """The catalogue as it was last seen, without asking anybody; None before the first look."""
        return self._kept

    def get(self) -> Catalogue:
        """The catalogue. While one thread looks for a newer one, the others take the kept one.

        A database that is away leaves the kept one in use; without one it raises
        `DatabaseUnavailable`.
        """
        kept = self._kept
        if kept is not None and time.monotonic() < self._look_again_at:
            return kept
        if not self._turn.acquire(blocking=kept is None):
            return kept or self.get()
        try:
            return self._refresh()
        finally:
            self._turn.release()

    def look_again(self) -> None:
        """Ask the database at the next `get`, however short ago the last look was."""
        self._look_again_at = 0.0

    def _refresh(self) -> Catalogue:
        kept = self._kept
        if kept is not None and time.monotonic() < self._look_again_at:
            return kept
        try:
            kept = self._read(kept)
        except DatabaseUnavailable:
            if kept is None:
                raise
            log.warning("catalogue_kept_without_database")
        self._kept = kept
        self._look_again_at = time.monotonic() + self._seconds
        return kept

    def _read(self, kept: Catalogue | None) -> Catalogue:
        with self._database.read() as session:
            if kept is not None and read_version(session) == kept.version:
                return kept
            found = load_catalogue(session)
        return narrow(found, self._means) if self._means else found


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
