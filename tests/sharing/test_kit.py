"""The share kit: lines to copy, QR codes as a camera reads them, and a poster to print."""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime

import html5lib
import pypdf
import pytest
import zxingcpp
from PIL import Image

from portal.codes.terms import Code, Frequency, Kind
from portal.i18n import LANGUAGES, use_locale
from portal.sharing.kit import Kit, make_kit, write_png
from portal.sharing.panel import make_element
from portal.sharing.poster import plan_poster, render_poster
from tests.unit.samples import CATALOGUE

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BASE = "https://give.example.org"
LWCAN = Code(
    code="LWCAN",
    display="LW-CAN",
    kind=Kind.PARTNER,
    partner_name="Loveworld Canada",
    regions=frozenset(["ca"]),
    funds=("partnership",),
    modes=("interac", "card"),
    message={"en": "You give as a partner.", "ar": "أنت تعطي كشريك."},
)
LONG = {
    "ar": "عطاء" * 8,
    "ja": "山田太郎感謝祭特別献金" * 2 + "一二三四五六七八九十",
    "ko": "감사헌금특별주일" * 4,
    "en": "ABCDEFGH" * 4,
}


def kit_of(code: Code = LWCAN) -> Kit:
    return make_kit(code, CATALOGUE, NOW, base_url=f"{BASE}/", element=make_element(BASE))


def read(picture: bytes) -> str:
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("L"))
    return str(found.text)


def test_it_has_the_codes_addresses() -> None:
    kit = kit_of()
    assert kit.link == f"{BASE}/c/LWCAN"
    assert kit.shown == "give.example.org/c/LWCAN"
    assert kit.scanned == f"{BASE}/c/LWCAN?via=qr"
    assert kit.policy == f"script-src {BASE}; frame-src {BASE}"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_its_lines_are_valid_html_with_a_link_in_each(lang: str) -> None:
    with use_locale(lang):
        kit = kit_of()
    for lines in (kit.element, kit.lasting, kit.frame, kit.plain):
        tree = html5lib.HTMLParser(strict=True).parseFragment(lines)
        links = tree.iter("{http://www.w3.org/1999/xhtml}a")
        assert all(one.get("href").startswith(f"{BASE}/") for one in links)
        assert "<a href=" in lines
        assert f"lang={lang}" in lines


def test_the_plain_panel_says_what_the_origins_does() -> None:
    plain = kit_of().plain
    for told in (
        "Please select your preferred mode of payment",
        "Code: LW-CAN (For Canada only)",
        "partnership@loveworldcan.ca",
        f"{BASE}/give/ca?code=LWCAN&amp;mode=interac&amp;via=embed&amp;lang=en",
    ):
        assert told in plain
    for sign in ("<script", "<iframe", "<form", "style", " on"):
        assert sign not in re.sub(r">[^<]*<", "><", plain)


def test_a_plain_panel_of_several_regions_and_of_everywhere() -> None:
    several = kit_of(replace(LWCAN, regions=frozenset(["ca", "us"]), funds=None)).plain
    assert f"{BASE}/give/us?code=LWCAN&amp;via=embed&amp;lang=en" in several
    everywhere = kit_of(replace(LWCAN, regions=None, funds=None)).plain
    assert f"{BASE}/c/LWCAN?via=embed&amp;lang=en" in everywhere
    assert "<ul>" not in kit_of(replace(LWCAN, regions=frozenset(["zz"]))).plain


def test_a_plain_panel_links_only_to_what_can_be_paid() -> None:
    monthly = replace(LWCAN, frequencies=(Frequency.MONTHLY,))
    plain = kit_of(monthly).plain
    assert "mode=card&amp;frequency=monthly" in plain
    assert "interac" not in plain


def test_what_a_partner_is_called_stays_text() -> None:
    named = replace(LWCAN, display='A"><script>', regions=frozenset(["ca"]))
    kit = kit_of(named)
    for lines in (kit.element, kit.frame, kit.plain):
        assert "A&#34;&gt;&lt;script&gt;" in lines


@pytest.mark.parametrize("name", ["LWCAN", *LONG.values()])
def test_its_qr_code_is_read_as_it_was_meant(name: str) -> None:
    kit = kit_of(replace(LWCAN, code=name, display=name))
    assert read(write_png(kit.scanned)) == kit.scanned
    assert kit.scanned.isascii()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", ["LWCAN", *LONG.values()])
def test_its_poster_is_one_page_and_its_code_is_read(lang: str, name: str) -> None:
    code = replace(LWCAN, code=name, display=name, headline={lang: (name * 2)[:40]})
    with use_locale(lang):
        kit = kit_of(code)
        poster = plan_poster(code, kit, CATALOGUE)
        drawn = render_poster(poster, "png")
    assert read(drawn) == kit.scanned


@pytest.mark.parametrize("lang", ["ar", "ja", "de"])
def test_a_poster_of_very_many_words_is_one_page(lang: str) -> None:
    words = {"ar": "شكرا لكم ", "ja": "ご支援ありがとうございます", "de": "Herzlichen Dank "}[
        lang
    ] * 60
    code = replace(LWCAN, headline={lang: words}, message={lang: words}, display=LONG["ja"])
    with use_locale(lang):
        kit = kit_of(code)
        pdf = render_poster(plan_poster(code, kit, CATALOGUE))
    assert len(pypdf.PdfReader(io.BytesIO(pdf)).pages) == 1


def test_a_poster_is_an_accessible_file_of_one_a4_page() -> None:
    kit = kit_of()
    with use_locale("fr"):
        pdf = render_poster(plan_poster(LWCAN, kit, CATALOGUE))
    read_pdf = pypdf.PdfReader(io.BytesIO(pdf))
    (page,) = read_pdf.pages
    assert [round(float(side)) for side in page.mediabox[2:]] == [595, 842]
    text = " ".join(page.extract_text().split())
    for told in ("Loveworld Canada", "LW-CAN", "Pour le Canada seulement", kit.shown):
        assert told in text
    assert str(read_pdf.trailer["/Root"]["/Lang"]).startswith("fr")
