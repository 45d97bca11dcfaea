"""Writing the catalogue."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session
from stdnum import luhn
from stdnum.au import abn
from stdnum.us import ein

from portal.database import Document, insert_new
from portal.logs import get_logger
from portal.regions.catalogue import Issuer
from portal.regions.files import DATA, read_region_documents
from portal.regions.models import CatalogueState, RegionRecord
from portal.regions.parsing import parse_region

log = get_logger()


def load_region_files(session: Session, now: datetime, folder: Path = DATA) -> list[str]:
    """Bring the catalogue up to its files; returns the slugs of the regions that changed.

    Regions that staff edited are left alone, regions without a file stay. Raises
    `RegionError` before anything is written where a file is wrong.
    """
    documents = read_region_documents(folder)
    _lock_catalogue(session)
    changed = [
        document["slug"]
        for name, document in documents.items()
        if _store_document(session, name, document, now)
    ]
    if changed:
        bump_version(session)
    return changed


def bump_version(session: Session) -> None:
    """Let every process read the catalogue again; call in the transaction of a change."""
    session.execute(sa.update(CatalogueState).values(version=CatalogueState.version + 1))


def _lock_catalogue(session: Session) -> None:
    """One writer at a time, from the very first start on."""
    insert_new(session, CatalogueState, {"id": 1, "version": 0})
    session.execute(sa.select(CatalogueState.version).with_for_update())


def _is_news(record: RegionRecord, document: Document) -> bool:
    """What staff edited stays; a sample gives way to the operator's own, and never the reverse."""
    was_sample, is_sample = bool(record.document.get("sample")), bool(document.get("sample"))
    if is_sample and not was_sample:
        # As it was loaded before samples were marked.
        return {**record.document, "sample": True} == document
    if record.edited_at is not None:
        return was_sample and not is_sample
    return record.document != document


def _store_document(session: Session, name: str, document: Document, now: datetime) -> bool:
    """Whether the file said something new about a region that is still the file's."""
    region = parse_region(document, name)
    if is_number_doubtful(region.issuer):
        log.warning("registration_number_doubtful", region=region.slug)
    record = session.get(RegionRecord, region.slug)
    if record is None:
        record = RegionRecord(slug=region.slug)
        session.add(record)
    elif not _is_news(record, document):
        return False
    record.edited_at = None
    record.position, record.document, record.updated_at = region.position, document, now
    session.flush()
    return True


def _is_canadian_charity(number: str) -> bool:
    """Nine digits with a Luhn check, RR and four digits (`stdnum.ca.bn` refuses RR)."""
    match = re.fullmatch(r"(\d{9})RR\d{4}", number.replace(" ", "").upper(), flags=re.ASCII)
    return match is not None and bool(luhn.is_valid(match.group(1)))


CHECKS: dict[str, Callable[[str], bool]] = {
    "ca_rr": _is_canadian_charity,
    "us_ein": lambda number: bool(ein.is_valid(number)),
    "au_abn": lambda number: bool(abn.is_valid(number)),
}


def is_number_doubtful(issuer: Issuer) -> bool:
    """Whether the number fails the check digits of its kind; kinds without a rule never do."""
    check = CHECKS.get(issuer.registration_kind)
    return check is not None and not check(issuer.registration_number)
