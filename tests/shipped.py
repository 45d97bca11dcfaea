"""What the product shows itself with: names, numbers, addresses and codes of its samples."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from portal.codes.operations import SAMPLES
from portal.regions.exchange import PARTICULARS
from portal.regions.files import DATA, read_region_documents

# What an operator's own issuer and account have alike.
GENERAL = frozenset(
    {"label", "registration_label", "registration_kind", "signatory_title", "kind"}
    | {"timezone", "country", "place"}
)
# A town's name, say, which anybody may have; and figures, which anything may be.
COMMON = re.compile(r"[A-Z]?[a-z]+|[\d\s/.-]*")


def _list_shipped() -> frozenset[str]:
    documents = read_region_documents(DATA).values()
    modes = [mode for document in documents for mode in document["modes"]]
    codes = tomllib.loads(SAMPLES.read_text(encoding="utf-8"))
    parts: list[Any] = [document["issuer"] for document in documents]
    parts += [mode[name] for mode in modes for name in PARTICULARS if name in mode]
    parts += [codes["partners"], *(one["code"] for one in codes["codes"])]
    found = (text for part in parts for text in _texts(part))
    return frozenset(text for text in found if not COMMON.fullmatch(text))


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (
            text for name, one in part.items() if name not in GENERAL for text in _texts(one)
        )
    elif isinstance(part, list):
        yield from (text for one in part for text in _texts(one))
    elif isinstance(part, str):
        yield part


SHIPPED = _list_shipped()


def find_shipped(text: str) -> list[str]:
    """Whatever of it a text has."""
    return sorted(name for name in SHIPPED if name in text)
