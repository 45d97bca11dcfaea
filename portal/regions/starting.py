"""A new region: what our own files know of a country, without anybody's name or account."""

from functools import cache
from typing import Any

from portal.database import Document
from portal.regions.catalogue import Region
from portal.regions.fields import LANGUAGES
from portal.regions.files import (
    DATA,
    Fault,
    RegionError,
    complete,
    parse_region,
    read_common,
    read_common_modes,
    read_region_documents,
)
from portal.regions.history import keep_change
from portal.regions.operations import bump_version, find_document, lock_catalogue, put_document
from portal.regions.queries import RegionRecord
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
