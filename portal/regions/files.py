"""The region files of a folder: TOML, one file a region, over what they have in common."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portal.database import Document
from portal.paths import PACKAGE
from portal.regions.catalogue import Catalogue
from portal.regions.parsing import RegionError, parse_region

DATA = PACKAGE / "regions" / "data"
COMMON = "common.toml"


def read_region_documents(folder: Path = DATA) -> dict[str, Document]:
    """Every region's whole document by file name, checked; `common.toml` is laid under each.

    Raises `RegionError` with file and field where one can't be read as a region.
    """
    common = _read_common(folder)
    documents: dict[str, Document] = {}
    for path in sorted(folder.glob("*.toml")):
        if path.name == COMMON:
            continue
        document = complete(_read(path), common)
        if parse_region(document, path.name).slug != path.stem:
            raise RegionError(f"{path.name}: slug: is the file's name")
        documents[path.name] = document
    if not documents:
        raise RegionError(f"{folder}: holds no region's file, such as ca.toml")
    return documents


def read_common_modes(folder: Path = DATA) -> dict[str, Document]:
    """The modes that any region may offer, by key, as far as they are the same everywhere."""
    modes = _read_common(folder).get("modes", {})
    return {key: {"key": key, **mode} for key, mode in modes.items()}


def _read_common(folder: Path) -> Document:
    """What a folder's regions have in common; what ours have where it says nothing of that."""
    own = folder / COMMON
    return _read(own if own.is_file() else DATA / COMMON)


def read_catalogue(folder: Path = DATA) -> Catalogue:
    """The catalogue straight from its files, without a database."""
    documents = read_region_documents(folder)
    regions = sorted(
        (parse_region(document, name) for name, document in documents.items()),
        key=lambda region: (region.position, region.slug),
    )
    return Catalogue(regions={region.slug: region for region in regions}, version=0)


def complete(document: Mapping[str, Any], common: Mapping[str, Any]) -> Document:
    """A region's file with the common texts laid under it: what the file says, wins.

    `common` has `address`, `transfers`, and `modes` and `funds` by key; a fund may be named by
    its key alone.
    """
    whole = dict(document)
    for part in ("address", "transfers"):
        whole[part] = {**common.get(part, {}), **document.get(part, {})}
    for part in ("modes", "funds"):
        shared = common.get(part, {})
        whole[part] = [_over(shared, entry) for entry in document.get(part, [])]
    return whole


def _over(shared: Mapping[str, Any], entry: object) -> object:
    if isinstance(entry, str):
        return {"key": entry, **shared.get(entry, {})}
    if isinstance(entry, Mapping):
        return {**shared.get(entry.get("key", ""), {}), **entry}
    return entry


def _read(path: Path) -> Document:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RegionError(f"{path.name}: is no TOML ({error})") from error
