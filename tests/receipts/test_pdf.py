"""The PDF: tagged, kept, readable in every script, and the same bytes each time."""

import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from portal.receipts.composition import Marking, compose_snapshot
from portal.receipts.pdf import (
    FAMILIES,
    PLAIN,
    _covered,
    drawable,
    fonts,
    render_pdf,
    write_canonical,
)
from tests.receipts.samples import NOW, catalogue, make_gift, region

LETTER = (612, 792)
A4 = (595.28, 841.89)


NUMBERED = {
    "number": "2026-000417",
    "verify_at": "give.example.org/verify",
    "verify_code": "ABCD-EFGH",
}


def read(pdf: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(pdf))


def text_of(pdf: bytes) -> str:
    """All text on one line, as a reader that joins lines has it."""
    return " ".join(" ".join(page.extract_text() for page in read(pdf).pages).split())


def render(slug: str = "ca", marking: Marking | None = None, **changes: object) -> bytes:
    snapshot = compose_snapshot(make_gift(region=slug, **changes), region(slug), NOW)
    return render_pdf({**snapshot, **NUMBERED}, marking)


def test_page_says_all_that_an_auditor_looks_for():
    text = text_of(render(cover_minor=255, frequency="monthly"))
    issuer = region().issuer
    for needed in (
        issuer.legal_name,
        issuer.registration_number,
        issuer.address_lines[0],
        issuer.signatory_name,
        "No. 2026-000417",
        "Issued in Toronto, Ontario on November 23, 2026",
        "November 19, 2026",
        "Grace Okafor",
        "Montréal QC H2Y 1Y9",
        "$75.50 CAD",
        "Missions",
        "LW7K-3QXD-9",
        "canada.ca/charities-giving",
        "No. 2026-000417 · Page 1 of 1",
        "Verify at give.example.org/verify: 2026-000417, code ABCD-EFGH",
    ):
        assert needed in text


def test_document_is_tagged_titled_and_has_a_language():
    root = read(render(locale="fr_CA")).trailer["/Root"]
    assert isinstance(root, DictionaryObject)
    assert bool(root["/MarkInfo"]["/Marked"])  # type: ignore[index]  # a PDF dictionary
    assert "/StructTreeRoot" in root
    assert root["/Lang"] == "fr"
    assert bool(root["/ViewerPreferences"]["/DisplayDocTitle"])  # type: ignore[index]  # as above


def test_document_claims_both_standards():
    """typst refuses to write a file that breaks the rules it claims."""
    metadata = read(render()).xmp_metadata
    assert metadata is not None
    raw = metadata.stream.get_data().decode()
    assert "<pdfuaid:part>1</pdfuaid:part>" in raw
    assert "<pdfaid:part>3</pdfaid:part>" in raw
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in raw


def test_document_carries_its_snapshot_as_data():
    snapshot = {**compose_snapshot(make_gift(), region("ca"), NOW), **NUMBERED}
    attached = read(render_pdf(snapshot)).attachments
    [[content]] = attached.values()
    assert list(attached) == ["receipt.json"]
    assert content == write_canonical(snapshot).encode()
    assert json.loads(content) == snapshot
    root = read(render_pdf(snapshot)).trailer["/Root"]
    [file] = root["/AF"]  # type: ignore[index]  # a PDF dictionary
    assert file.get_object()["/AFRelationship"] == "/Data"
    kind = file.get_object()["/EF"]["/F"].get_object()["/Subtype"]
    assert kind == "/application/json"


def test_data_of_a_marked_copy_says_its_mark():
    marking = Marking("Refunded", "This gift was refunded in full on 4 March 2026.")
    [[content]] = read(render(marking=marking)).attachments.values()
    assert json.loads(content)["marking"] == {"title": marking.title, "text": marking.text}


def test_document_of_an_older_snapshot_names_no_place_of_proof():
    snapshot = compose_snapshot(make_gift(), region("ca"), NOW)
    assert "Verify at" not in text_of(render_pdf({**snapshot, "number": "2026-000417"}))


def test_metadata_names_title_and_issuer():
    metadata = read(render()).metadata
    assert metadata is not None
    assert metadata.title == "Acknowledgement of your gift 2026-000417"
    assert metadata.author == region().issuer.legal_name


def test_same_snapshot_gives_the_same_bytes_in_every_thread():
    with ThreadPoolExecutor(4) as pool:
        copies = set(pool.map(lambda _: render(), range(8)))
    assert len(copies) == 1


@pytest.mark.parametrize("slug", sorted(catalogue().regions))
def test_every_region_fits_one_page_of_its_own_paper(slug: str):
    here = region(slug)
    for locale in ("en", "fr"):
        pages = read(
            render(slug, locale=locale, currency=here.currencies[0].currency, cover_minor=100)
        ).pages
        assert len(pages) == 1
        size = tuple(float(edge) for edge in pages[0].mediabox[2:])
        assert size == pytest.approx(LETTER if slug in {"us", "ca"} else A4, abs=1)


def test_marked_copy_says_so_in_large_letters():
    marking = Marking("Refunded", "This gift was refunded in full on 4 March 2026.")
    text = text_of(render(marking=marking))
    assert "REFUNDED" in text
    assert marking.text in text
    assert "REFUNDED" not in text_of(render())


def test_fullest_french_receipt_fits_one_page():
    marking = Marking("Remboursé en partie", "10,00 $ CAD de ce don ont été remboursés. " * 3)
    pdf = render(
        locale="fr_CA",
        marking=marking,
        cover_minor=255,
        frequency="monthly",
        address_line2="App. 4",
        dedication="À la mémoire de ma grand-mère, Hélène Bélanger-Desrosiers, qui a tant donné",
    )
    assert len(read(pdf).pages) == 1


def test_long_name_and_dedication_stay_whole():
    name = "Papadimitriou-Schwarzenbergstraße von und zu Hohenlohe-Waldenburg-Schillingsfürst"
    dedication = "in loving memory of everyone who gave before us " * 6
    pdf = render(last_name=name, dedication=dedication.strip())
    assert len(read(pdf).pages) == 1
    assert "Schillingsfürst" in text_of(pdf)
    assert text_of(pdf).count("before us") == 6


NAMES = [
    "山田 太郎",
    "김철수",
    "李小龍",
    "अनन्या शर्मा",
    "প্রিয়া",
    "தமிழ்",
    "తెలుగు",
    "สมชาย",
    "አበበ",
    "Nguyễn Thị Ánh",
    "Ọlúwaṣẹ́un",
    "Ελένη",
    "Иван",
]


@pytest.mark.parametrize("name", NAMES)
def test_name_is_written_in_its_own_script(name: str):
    """No empty boxes: the fonts have every sign, so that none is rewritten."""
    assert drawable(name) == name
    assert len(render(first_name=name, last_name="")) > 10_000


@pytest.mark.parametrize("name", ["محمد بن عبد الله", "יוסף"])
def test_name_that_runs_from_right_to_left_is_drawn(name: str):
    assert drawable(name) == name
    assert len(render(first_name=name, last_name="")) > 10_000


def test_script_without_a_font_is_written_in_latin_letters():
    assert drawable("ગુજરાતી") == "gujrati"


def test_pictures_and_control_signs_are_left_out():
    assert drawable("Grace\u0000 Okafor🎉\nHall") == "Grace Okafor Hall"


def test_nothing_turns_a_line_of_a_receipt_around():
    assert drawable("Ada \u202erofakO\u2069") == "Ada rofakO"


def test_plain_signs_are_all_in_the_fonts():
    plain = {at for first, last in PLAIN for at in range(first, last + 1)}
    assert {at for at in plain if chr(at).isprintable()} <= _covered() | {0xA0, 0xAD}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60), st.text(max_size=200))
def test_whatever_was_typed_makes_a_receipt(name: str, dedication: str):
    assert render(first_name=name, dedication=dedication).startswith(b"%PDF-")


def test_every_family_comes_from_a_declared_package():
    known = {font.family for font in fonts().fonts()}
    assert set(FAMILIES) <= known
