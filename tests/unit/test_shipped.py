"""No text that people see names what only a demo has: nobody would know whose it is."""

from collections.abc import Iterator
from pathlib import Path

from portal import PACKAGE, TEMPLATES
from tests.shipped import SHIPPED, find_shipped

PLACES = (TEMPLATES, PACKAGE / "static", PACKAGE / "translations")
KINDS = {".html", ".txt", ".typ", ".js", ".css", ".svg", ".po"}


def list_files() -> Iterator[Path]:
    for place in PLACES:
        yield from (path for path in place.rglob("*") if path.suffix in KINDS)


def test_no_text_names_a_sample() -> None:
    found = {path.name: find_shipped(path.read_text(encoding="utf-8")) for path in list_files()}
    assert {name: names for name, names in found.items() if names} == {}


def test_samples_of_every_kind_are_known() -> None:
    assert {"LWCAN", "Loveworld Canada", "Sample Ministries Canada", "Alex Sample"} <= SHIPPED
    assert {"partnership@loveworldcan.ca", "DE36 0000 0000 0000 0000 00", "Sample Bank"} <= SHIPPED
    assert not {"CA", "America/Toronto", "Treasurer", "Dublin", "partnership"} & SHIPPED
