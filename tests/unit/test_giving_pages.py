"""The cache of ready pages, the accent sheet and the meaning of an address."""

import gzip
import re

from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from portal import PACKAGE, TEMPLATES
from portal.giving.form.cache import (
    LIFE_SECONDS,
    MOST_ADDRESSES,
    MOST_PAGES,
    Page,
    PageCache,
    make_frame,
)
from portal.giving.form.fields import choose_locale, read_query
from portal.giving.texts import coded_money, format_rate, short_money
from portal.i18n import use_locale
from portal.money import Money
from portal.regions.branding import accent_sheet, contrast, parse_colour
from portal.regions.files import read_catalogue


class Hands:
    """A monotonic clock to set by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def page(text: str = "hello", now: float = 0.0, version: int = 1) -> Page:
    frame = make_frame(text, {"Cache-Control": "public"}, version=version, now=now)
    return frame.make_page({})


def test_finds_a_page_by_address_and_by_meaning() -> None:
    cache = PageCache(Hands())
    cache.keep("/give/ca?code=LWCAN", "meaning", page())
    assert cache.find("/give/ca?code=LWCAN", 1) is not None
    assert cache.find("/give/ca?code=lw-can&utm=x", 1) is None
    assert cache.find_meaning("/give/ca?code=lw-can&utm=x", "meaning", 1) is not None
    assert cache.find("/give/ca?code=lw-can&utm=x", 1) is not None


def test_forgets_a_page_after_its_life_and_with_a_new_catalogue() -> None:
    clock = Hands()
    cache = PageCache(clock)
    cache.keep("a", "a", page())
    assert cache.find("a", 2) is None
    clock.at = LIFE_SECONDS
    assert cache.find("a", 1) is None


def test_keeps_no_more_than_it_may_and_drops_the_one_asked_longest_ago() -> None:
    cache = PageCache(Hands())
    for number in range(MOST_PAGES):
        cache.keep(number, number, page(str(number)))
    assert cache.find(0, 1) is not None
    cache.keep("new", "new", page())
    assert cache.find(1, 1) is None
    assert cache.find(0, 1) is not None
    for number in range(MOST_ADDRESSES + 5):
        cache.find_meaning(f"junk{number}", "new", 1)
    assert cache.find("junk0", 1) is None


def test_a_page_packs_to_the_same_bytes_under_one_tag() -> None:
    made = page("hello")
    assert gzip.decompress(made.packed.body) == made.plain.body == b"hello"
    assert dict(made.plain.headers)["ETag"] == f'"{made.tag}"'
    assert dict(made.packed.headers)["ETag"] == f'"{made.tag}-gz"'
    assert set(made.plain.unchanged) <= set(made.plain.headers)
    assert page("hello").tag == made.tag
    assert page("other").tag != made.tag


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_any_accent_can_be_read_on_its_own_ground(colour: tuple[int, int, int]) -> None:
    sheet = accent_sheet("#{:02x}{:02x}{:02x}".format(*colour))
    values = [parse_colour(text) for text in re.findall(r"#[0-9a-f]{6}", sheet)]
    for accent, strong, ink, soft in (values[:4], values[4:]):
        assert contrast(accent, ink) >= 4.5
        assert contrast(accent, soft) >= 4.5
        assert contrast(strong, ink) >= 4.5


def test_a_colour_that_is_none_gives_the_products_own() -> None:
    assert accent_sheet("red; } body { display: none") == accent_sheet("#0f5f57")


def test_an_address_means_the_same_however_it_is_written() -> None:
    canada = read_catalogue().by_slug("ca")
    assert canada is not None
    one = read_query(canada, MultiDict({"code": "lw-can", "currency": "cad", "utm": "x"}))
    other = read_query(canada, MultiDict({"code": " LWCAN", "currency": "CAD", "lang": "en"}))
    assert one == other
    assert one.address() == "/give/ca?code=LWCAN&currency=CAD&lang=en"


def test_a_region_speaks_the_wished_language_or_its_own() -> None:
    canada = read_catalogue().by_slug("ca")
    assert canada is not None
    wishes = {"": "en_CA", "fr": "fr_CA", "fr-CA": "fr_CA", "fr_FR": "fr_CA", "xx": "en_CA"}
    assert {wish: choose_locale(canada, wish) for wish in wishes} == wishes


def test_money_is_written_short_or_with_its_code() -> None:
    with use_locale("en_CA"):
        assert short_money(Money(5000, "CAD")) == "$50"
        assert short_money(Money(7550, "CAD")) == "$75.50"
        assert coded_money(Money(7550, "CAD")) == "CAD\u00a075.50"
        assert coded_money(Money(500000, "JPY")) == "JPY\u00a0500,000"
        assert format_rate(290) == "2.9%"
    with use_locale("fr_CA"):
        assert short_money(Money(5000, "CAD")) == "50\u00a0$"
        assert coded_money(Money(7550, "CAD")) == "75,50\u00a0CAD"


def test_no_text_for_donors_calls_every_region_s_paper_a_receipt() -> None:
    """What it is called, the region's title says; a text for all says document."""
    rooms = ("account", "giving", "email")
    places = [path for room in rooms for path in (TEMPLATES / room).rglob("*.*")]
    places += [*(PACKAGE / "giving").rglob("*.py"), *(PACKAGE / "receipts").rglob("*.py")]
    called = re.compile(r"(?:gettext|\b_)\(\s*((?:\"[^\"]*\"\s*)+)")
    found = [
        text
        for path in places
        for text in called.findall(path.read_text())
        if re.search(r"\breceipt", text, re.IGNORECASE)
    ]
    assert found == []
