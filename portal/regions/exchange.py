"""Regions from files: a new one from our own, and whole ones that go out and come back.

Our own files know of a country, without anybody's name or account. A file that went out says which
version it was written from. So a file that was changed while staff changed the same region is
told, and overwrites nothing.
"""

from collections.abc import Iterable
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Document
from portal.regions.branding import find_picture, keep_picture, read_picture
from portal.regions.catalogue import Region
from portal.regions.files import (
    DATA,
    EXPORTED_FROM,
    Fault,
    RegionError,
    RegionFile,
    complete,
    parse_region,
    read_common,
    read_common_modes,
    read_region_documents,
)
from portal.regions.history import keep_change, version_of
from portal.regions.operations import (
    bump_version,
    find_document,
    lock_catalogue,
    put_document,
    save_region,
)
from portal.regions.queries import RegionRecord
from portal.regions.records import LANGUAGES
from portal.services import Act

# What a sample says of itself, and what of a mode is somebody's own.
SAMPLES = ("sample", "issuer")
PARTICULARS = ("recipient", "account", "security", "details", "link")
FIRST_FUND, FIRST_MODE = "general", "card"
TITLE = {"en": "Acknowledgement of your gift", "fr": "Accusé de réception de votre don"}


@cache
def _files() -> dict[str, Document]:
    """Our own regions' documents by slug, in the order that choosers have."""
    documents = sorted(read_region_documents(DATA).values(), key=lambda one: one["position"])
    return {document["slug"]: document for document in documents}


def list_starts() -> dict[str, dict[str, str]]:
    """The names of the countries that a new region can begin from, by slug."""
    return {slug: document["names"] for slug, document in _files().items()}


def start_region(like: str) -> Document:
    """What is known of a region before its operator says anything; it has no issuer yet.

    `like` is a slug of `list_starts`; another one begins with what all countries have.
    """
    found = _files().get(like)
    if found is None:
        return _start_bare()
    document = {name: value for name, value in found.items() if name not in SAMPLES}
    charged = [mode for mode in found["modes"] if mode["kind"] != "instructions"]
    funds = [fund for fund in found["funds"] if fund["key"] == FIRST_FUND]
    return {**document, "modes": charged, "funds": funds}


def _start_bare() -> Document:
    nothing: dict[str, Any] = {"en": "", "fr": ""}
    said = {
        "slug": "",
        "names": nothing,
        "place": nothing,
        "welcome": nothing,
        "countries": [],
        "locales": list(LANGUAGES),
        "timezone": "UTC",
        "currencies": [],
        "receipt": {"key": "acknowledgement", "title": TITLE},
        "modes": [FIRST_MODE],
        "funds": [FIRST_FUND],
    }
    return complete(said, read_common(DATA))


def list_spare_modes(document: Document) -> list[Document]:
    """The modes that a region doesn't have, ready to be filled in: the common and its country's.

    None has anybody's account.
    """
    own = _files().get(document["slug"], {}).get("modes", [])
    blank = [
        {name: value for name, value in mode.items() if name not in PARTICULARS} for mode in own
    ]
    known = {**read_common_modes(DATA), **{mode["key"]: mode for mode in blank}}
    taken = {mode["key"] for mode in document["modes"]}
    return [mode for key, mode in known.items() if key not in taken]


def list_spare_funds(document: Document) -> list[Document]:
    """The common funds that a region doesn't have."""
    taken = {fund["key"] for fund in document["funds"]}
    common = read_common(DATA)["funds"].items()
    return [{"key": key, **fund} for key, fund in common if key not in taken]


def add_region(act: Act, document: Document) -> Region:
    """Put a new region in force; it takes a sample's place, and nobody else's.

    Raises `RegionError` with what is wrong, before anything is written.
    """
    region = parse_region(document, "")
    lock_catalogue(act.session)
    record = find_document(act.session, region.slug)
    if record is not None and not record.document.get("sample"):
        fault = Fault("slug", "is no other region's")
        raise RegionError(fault.tell(""), (fault,))
    if record is None:
        record = RegionRecord(slug=region.slug)
        act.session.add(record)
    keep_change(act, "region_add", f"region:{region.slug}", {}, document)
    record.position, record.removed_at = region.position, None
    put_document(act, record, document)
    bump_version(act.session)
    return region


PICTURES = "pictures"
SUFFIXES = {"image/png": "png", "image/jpeg": "jpg"}


class Taken(Enum):
    """What an import made of a file; the values are words for the command."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "as it was"


class Conflict(Exception):
    """The region was changed since the file was written from it."""


def export_regions(
    session: Session, folder: Path, slugs: Iterable[str] = (), *, as_own: bool = False
) -> list[Path]:
    """Write regions, or all, into a folder, a file each; the paths in the order of the catalogue.

    Where a region is not in the catalogue, our own file of that country is written, to begin from.
    `as_own` leaves out that they are samples. Raises `LookupError` with a slug that is none, and
    `FileExistsError` with a file that is there: what an operator wrote is never overwritten.
    """
    wanted = set(slugs)
    ours = {one["slug"]: ("", one) for one in read_region_documents().values()}
    records = session.scalars(sa.select(RegionRecord)).all()
    kept = {record.slug: (version_of(record.document), record.document) for record in records}
    found = ours | kept
    unknown = wanted - found.keys()
    if unknown:
        raise LookupError(min(unknown))
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [one for one in sorted(found.items(), key=_place_of) if not wanted or one[0] in wanted]
    paths = [_write(folder, document, version, as_own=as_own) for _, (version, document) in chosen]
    _write_pictures(session, folder / PICTURES, [document for _, (_, document) in chosen])
    return paths


def _list_pictures(document: Document) -> set[str]:
    """The names of all pictures in a region's document."""
    issuer, funds = document.get("issuer", {}), document.get("funds", [])
    named = [issuer.get("logo"), issuer.get("signature"), *(one.get("image") for one in funds)]
    return {name for name in named if name}


def _write_pictures(session: Session, folder: Path, documents: list[Document]) -> None:
    """The pictures that regions name, beside them, each once."""
    for name in sorted(set().union(*map(_list_pictures, documents))):
        picture = find_picture(session, name)
        if picture is not None:
            folder.mkdir(exist_ok=True)
            (folder / f"{name}.{SUFFIXES[picture.media_type]}").write_bytes(picture.content)


def import_pictures(act: Act, folder: Path, file: RegionFile) -> list[str]:
    """Keep the pictures that a region's file names and that lie beside it; what is lacking.

    Raises `NotAPicture` where what lies there is none, or not what its name says.
    """
    lacking = []
    for name in sorted(_list_pictures(file.document)):
        paths = list((folder / PICTURES).glob(f"{name}.*"))
        if paths:
            keep_picture(act, read_picture(paths[0].read_bytes(), name))
        elif find_picture(act.session, name) is None:
            lacking.append(name)
    return lacking


def _place_of(found: tuple[str, tuple[str, Document]]) -> tuple[int, str]:
    slug, (_version, document) = found
    return document.get("position", 1000), slug


def _write(folder: Path, document: Document, version: str, *, as_own: bool) -> Path:
    import tomli_w  # noqa: PLC0415 - a command alone writes files

    said = {key: value for key, value in document.items() if not (as_own and key == "sample")}
    path = folder / f"{document['slug']}.toml"
    begin = {EXPORTED_FROM: version} if version else {}
    text = tomli_w.dumps({**begin, **_without_none(said)})
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return path


def _without_none(value: Any) -> Any:
    """TOML says that nothing is there by saying nothing."""
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list) else value


def import_region(act: Act, file: RegionFile, *, replace: bool = False) -> Taken:
    """Put a file in force, on record; `Conflict` where it would undo somebody's change.

    From then on `PORTAL_REGIONS` and our samples leave the region alone. `replace` overwrites
    whatever is there.
    """
    lock_catalogue(act.session)
    slug, is_new = file.document["slug"], False
    record = act.session.get(RegionRecord, slug)
    if record is None:
        record, is_new = RegionRecord(slug=slug, document={}), True
        act.session.add(record)
    elif record.document == file.document:
        return Taken.SAME
    elif not replace and file.exported_from != version_of(record.document):
        raise Conflict(slug)
    record.position = parse_region(file.document, slug).position
    save_region(act, record, file.document, what="region_import")
    act.note("region_import", f"region:{slug}", {})
    return Taken.NEW if is_new else Taken.CHANGED
