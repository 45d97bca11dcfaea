"""Staff's changes to a region's modes of payment: which it has, their order and their words."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.orm import Session

from portal.database import Document
from portal.regions.catalogue import Region
from portal.regions.files import DATA, read_common_modes, read_region_documents
from portal.regions.models import RegionRecord
from portal.regions.operations import bump_version
from portal.regions.parsing import RegionError, parse_region
from portal.services import Act


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
    modes = list(document["modes"])
    try:
        modes[place_of(document, str(mode["key"]))] = dict(mode)
    except NoSuchMode:
        modes.append(dict(mode))
    return {**document, "modes": modes}


def list_spare_modes(document: Document, folder: Path = DATA) -> list[Document]:
    """The common modes that a region doesn't offer, ready to be filled in."""
    taken = {mode["key"] for mode in document["modes"]}
    return [mode for key, mode in read_common_modes(folder).items() if key not in taken]


def save_region(act: Act, record: RegionRecord, document: Document) -> Region:
    """Put a changed document in force; from then on its file no longer overwrites it.

    Raises `RegionError`, with the place of what is wrong, before anything is written.
    """
    region = parse_region(document, record.slug)
    if document != record.document:
        record.document, record.updated_at, record.edited_at = document, act.now, act.now
        bump_version(act.session)
    return region


def restore_region(act: Act, record: RegionRecord, folder: Path = DATA) -> None:
    """Follow the region's file again; raises `RegionError` where it has none."""
    for document in read_region_documents(folder).values():
        if document["slug"] == record.slug:
            record.document, record.updated_at, record.edited_at = document, act.now, None
            bump_version(act.session)
            return
    raise RegionError(f"{record.slug}: has no file to follow")


def take_out(act: Act, record: RegionRecord, *, is_out: bool) -> None:
    """Take a region out of the catalogue, or put it back; its gifts live on either way."""
    if is_out is (record.removed_at is not None):
        return
    record.removed_at = act.now if is_out else None
    bump_version(act.session)
