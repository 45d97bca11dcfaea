"""The region files of a folder: TOML, one file a region, over what they have in common."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from portal import PACKAGE
from portal.database import Document
from portal.regions.catalogue import Catalogue, Region
from portal.regions.documents import RegionTable
from portal.regions.records import recorded

Record = TypeVar("Record")
DATA = PACKAGE / "regions" / "data"
COMMON = "common.toml"
# In a file, not in a document: the version of the region that the file was written from.
EXPORTED_FROM = "exported_from"


@dataclass(frozen=True, slots=True)
class RegionFile:
    """A region's whole document, checked, and the version its file was written from, if any."""

    document: Document
    exported_from: str = ""


def read_region_documents(folder: Path = DATA) -> dict[str, Document]:
    """Every region's whole document by file name; `RegionError` as for `read_region_files`."""
    return {name: file.document for name, file in read_region_files(folder).items()}


def read_region_files(folder: Path = DATA) -> dict[str, RegionFile]:
    """Every region's file by its name, checked; `common.toml` is laid under each.

    Raises `RegionError` with file and field where one can't be read as a region.
    """
    common = read_common(folder)
    paths = [path for path in sorted(folder.glob("*.toml")) if path.name != COMMON]
    if not paths:
        raise RegionError(f"{folder}: holds no region's file, such as ca.toml")
    return {path.name: _read_file(path, common) for path in paths}


def _read_file(path: Path, common: Document) -> RegionFile:
    said = _read(path)
    exported_from = str(said.pop(EXPORTED_FROM, ""))
    document = complete(said, common)
    if parse_region(document, path.name).slug != path.stem:
        raise RegionError(f"{path.name}: slug: is the file's name")
    return RegionFile(document, exported_from)


def read_common_modes(folder: Path = DATA) -> dict[str, Document]:
    """The modes that any region may offer, by key, as far as they are the same everywhere."""
    modes = read_common(folder).get("modes", {})
    return {key: {"key": key, **mode} for key, mode in modes.items()}


def read_common(folder: Path) -> Document:
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


@dataclass(frozen=True, slots=True)
class Fault:
    """`place` is a field's path (`modes[2].label.fr`), `what` what the field should be."""

    place: str
    what: str

    def tell(self, source: str) -> str:
        """One sentence: `ca.toml: address.required: …`."""
        return ": ".join(part for part in (source, self.place, self.what) if part)


class RegionError(ValueError):
    """A region's data is wrong; the text names file and field, and what it should be.

    It is about the first fault; `faults` has all, and none where it is the whole file.
    """

    def __init__(self, text: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(text)
        self.faults = faults


ADAPTER: TypeAdapter[Region] = TypeAdapter(Annotated[Region, recorded(RegionTable)])


def parse_region(document: Mapping[str, Any], source: str) -> Region:
    """The region a document describes; `source` is what errors call it (`ca.toml`)."""
    return parse(ADAPTER, document, source)


def parse(adapter: TypeAdapter[Record], document: Mapping[str, Any], source: str) -> Record:
    """What a document describes; `RegionError` with every fault."""
    try:
        return adapter.validate_python(document)
    except ValidationError as error:
        faults = tuple(list_faults(error, document))
        raise RegionError(faults[0].tell(source), faults) from error


# Pydantic's kinds of errors, as a rule in our words.
RULES = {
    "missing": "is missing",
    "extra_forbidden": "is no field here; check its spelling",
    "unexpected_keyword_argument": "is no field here; check its spelling",
    "string_type": "is a text in quotes",
    "bool_type": "is true or false",
    "int_type": "is a whole number",
    "tuple_type": "is a list",
    "dict_type": "is a table of texts by language",
    "model_type": "is a table of fields",
    "model_attributes_type": "is a table of fields",
    "dataclass_type": "is a table of fields",
    "union_tag_not_found": "is missing",
}
LIST_RULES = {"string_type": "is a list of texts", "int_type": "is a list of whole numbers"}
CHOICES = {"literal_error": "expected", "enum": "expected", "union_tag_invalid": "expected_tags"}


def list_faults(error: ValidationError, document: object) -> Iterator[Fault]:
    """Every fault, in the order of the record's fields; `document` is what was validated."""
    for found in error.errors(include_url=False):
        steps, kind, context = [*_walk(found["loc"], document)], found["type"], found.get("ctx", {})
        what = RULES.get(kind, found["msg"])
        if kind in CHOICES:
            choices = re.findall(r"'([^']*)'", str(context[CHOICES[kind]]))
            what = f"is one of {', '.join(choices)}"
        if kind.startswith("union_tag"):
            steps.append("kind")
        if kind in LIST_RULES and isinstance(steps[-1], int):
            steps, what = steps[:-1], LIST_RULES[kind]
        yield Fault(_write(steps, context.get("place", "")), what)


def _walk(location: tuple[int | str, ...], document: object) -> Iterator[int | str]:
    """An error's path without the tags of unions, which are no part of the document."""
    part: Any = document
    for at, step in enumerate(location):
        is_there = isinstance(part, list) or (isinstance(part, Mapping) and step in part)
        if is_there:
            part = part[step]
        if is_there or at == len(location) - 1:
            yield step


def _write(steps: list[int | str], below: str) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return ".".join(part for part in (path.lstrip("."), below) if part)
