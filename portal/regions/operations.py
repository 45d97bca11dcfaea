"""Writing the catalogue: its regions, their modes, and their issuers.

An issuer stands whole in every region that has it, and is changed in all of them at once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from portal.database import Document, insert_new
from portal.logs import get_logger
from portal.regions.catalogue import Issuer, Region
from portal.regions.files import (
    DATA,
    RegionError,
    parse,
    parse_region,
    read_region_documents,
)
from portal.regions.history import IssuerRecord, keep_change
from portal.regions.queries import CatalogueState, RegionRecord
from portal.regions.schemes import is_number
from portal.services import Act

log = get_logger()


def load_region_files(session: Session, now: datetime, folder: Path = DATA) -> list[str]:
    """Bring the catalogue up to its files; returns the slugs of the regions that changed.

    Regions that staff edited are left alone, regions without a file stay. Raises
    `RegionError` before anything is written where a file is wrong.
    """
    documents = read_region_documents(folder)
    lock_catalogue(session)
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


def lock_catalogue(session: Session) -> None:
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


def is_number_doubtful(issuer: Issuer) -> bool:
    """Whether the number fails the check digits of its kind; kinds without a rule never do."""
    return not is_number(issuer.registration_kind, issuer.registration_number)


class NoSuchMode(LookupError):
    """The region has no mode of this key."""


def find_document(session: Session, slug: str) -> RegionRecord | None:
    """A region's record, held against other changes until the transaction ends."""
    return session.get(RegionRecord, slug, with_for_update=True)


def find_mode(document: Document, key: str) -> Document:
    """A mode as the document holds it; raises `NoSuchMode`."""
    modes: list[Document] = document["modes"]
    return modes[place_of(document, key)]


def place_of(document: Document, key: str) -> int:
    """Where a mode stands in the region's order; raises `NoSuchMode`."""
    found = (at for at, mode in enumerate(document["modes"]) if mode["key"] == key)
    try:
        return next(found)
    except StopIteration:
        raise NoSuchMode(key) from None


def move_mode(document: Document, key: str, places: int) -> Document:
    """The document with a mode so many places further down; it stops at either end."""
    modes, at = list(document["modes"]), place_of(document, key)
    mode = modes.pop(at)
    modes.insert(min(max(at + places, 0), len(modes)), mode)
    return {**document, "modes": modes}


def offer_mode(document: Document, key: str, *, offered: bool) -> Document:
    """The document with a mode on the form or off it; gifts begun with it keep their page."""
    return put_mode(document, {**find_mode(document, key), "offered": offered})


def put_mode(document: Document, mode: Mapping[str, object]) -> Document:
    """The document with this mode in the place of its key's, or as the last."""
    return put_entry(document, "modes", mode)


def put_entry(document: Document, name: str, entry: Mapping[str, object]) -> Document:
    """The document with an entry of `modes` or `funds` in its key's place, or as the last."""
    entries = list(document[name])
    keys = [one["key"] for one in entries]
    at = keys.index(entry["key"]) if entry["key"] in keys else len(keys)
    return {**document, name: [*entries[:at], dict(entry), *entries[at + 1 :]]}


def save_region(
    act: Act, record: RegionRecord, document: Document, *, what: str = "region_edit"
) -> Region:
    """Put a changed document in force; from then on its file no longer overwrites it.

    Raises `RegionError`, with the place of what is wrong, before anything is written.
    """
    region = parse_region(document, record.slug)
    if document != record.document:
        keep_change(act, what, f"region:{record.slug}", record.document, document)
        put_document(act, record, document)
        record.position = region.position
        bump_version(act.session)
    return region


def put_document(act: Act, record: RegionRecord, document: Document) -> None:
    """Set a checked document, which is staff's from then on."""
    record.document, record.updated_at, record.edited_at = document, act.now, act.now


def restore_region(act: Act, record: RegionRecord, folder: Path = DATA) -> None:
    """Follow the region's file again; raises `RegionError` where it has none of its own.

    A sample is no file of an operator's region: it never takes its place.
    """
    for document in read_region_documents(folder).values():
        is_its = document["slug"] == record.slug
        if is_its and (record.document.get("sample") or not document.get("sample")):
            keep_change(act, "region_restore", f"region:{record.slug}", record.document, document)
            put_document(act, record, document)
            record.edited_at = None
            bump_version(act.session)
            return
    raise RegionError(f"{record.slug}: has no file to follow")


def take_out(act: Act, record: RegionRecord, *, is_out: bool) -> None:
    """Take a region out of the catalogue, or put it back; its gifts live on either way."""
    if is_out is (record.removed_at is not None):
        return
    what = "region_remove" if is_out else "region_readmit"
    keep_change(act, what, f"region:{record.slug}", record.document, record.document)
    record.removed_at = act.now if is_out else None
    bump_version(act.session)


ADAPTER: TypeAdapter[Issuer] = TypeAdapter(Issuer)


def parse_issuer(document: Document) -> Issuer:
    """The issuer that a document describes; `RegionError` as for a region."""
    return parse(ADAPTER, document, str(document.get("key", "")))


def list_issuers(session: Session, *, samples: bool) -> dict[str, Document]:
    """Every issuer by key, by name; as its regions have it, else as staff wrote it."""
    rows = session.scalars(sa.select(IssuerRecord)).all()
    found = {row.key: row.document for row in rows}
    for record in reversed(_list_records(session)):
        if samples or not record.document.get("sample"):
            found[record.document["issuer"]["key"]] = record.document["issuer"]
    return dict(sorted(found.items(), key=lambda item: item[1]["legal_name"].casefold()))


def list_homes(session: Session, key: str) -> list[RegionRecord]:
    """The regions that have this issuer, in order."""
    records = _list_records(session)
    return [record for record in records if record.document["issuer"]["key"] == key]


def _list_records(session: Session) -> Sequence[RegionRecord]:
    order = RegionRecord.position, RegionRecord.slug
    return session.scalars(sa.select(RegionRecord).order_by(*order)).all()


def save_issuer(act: Act, document: Document, *, what: str = "issuer_edit") -> Issuer:
    """Put an issuer in force in every region that has it; `RegionError` before anything is."""
    issuer = parse_issuer(document)
    lock_catalogue(act.session)
    record = act.session.get(IssuerRecord, issuer.key)
    homes = list_homes(act.session, issuer.key)
    before = homes[0].document["issuer"] if homes else record.document if record else {}
    if before != document:
        keep_change(act, what, f"issuer:{issuer.key}", before, document)
    if record is None:
        record = IssuerRecord(key=issuer.key)
        act.session.add(record)
    record.document, record.updated_at = document, act.now
    for home in homes:
        put_document(act, home, {**home.document, "issuer": document})
    bump_version(act.session)
    return issuer
