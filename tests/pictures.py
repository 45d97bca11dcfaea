"""Take the pictures of `docs/pictures/`: what donors see, on a phone and a desk, in light and dark.

`python -m tests.pictures` runs a demo and the machine's browser, and writes a PNG for each; names
behind it take those alone: `python -m tests.pictures korea arabic`.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests.demo_process import running_demo
from tests.journeys.browser import ARGUMENTS, DESKTOP, PHONE, Visitor, find_chromium, visiting
from tests.journeys.giving import fill_form, new_donor

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
# The machine may have none for these scripts; the receipts' own package has one.
FONT_PACKAGE = "noto_cjk_sans_jp_regular"
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<dir>{folder}</dir><cachedir>{cache}</cachedir></fontconfig>"""
PAGES = {
    "canada": "/give/ca?code=LWCAN",
    "germany": "/give/de?lang=de",
    "japan": "/give/jp?lang=ja",
    "korea": "/give/kr?lang=ko",
    "nigeria": "/give/ng",
    "arabic": "/give/world?lang=ar",
    "unknown-code": "/c/LWCANADA",
}
TRANSFER = "transfer"
SIZES = {"phone": PHONE, "desk": DESKTOP}
SCHEMES = ("light", "dark")
# In a picture of a whole page, what sticks to the window's edge would stand across its middle.
AT_ITS_PLACE = ".closing, .closing-bar { position: static !important }"
# A sheet that is made rather than written into the page: its policy allows no other.
ADD_STYLE = """style => { const sheet = new CSSStyleSheet();
    sheet.replaceSync(style); document.adoptedStyleSheets.push(sheet); }"""
COLOURS = 64


def main(names: list[str]) -> None:
    """Take the pictures named, or all."""
    FOLDER.mkdir(exist_ok=True)
    wanted = names or [*PAGES, TRANSFER]
    with (
        TemporaryDirectory() as folder,
        _browser(Path(folder)) as browser,
        running_demo(Path(folder) / "demo") as demo,
        visiting(browser, demo, extra_http_headers=new_donor().headers) as visitor,
    ):
        for name in wanted:
            _go_to(visitor, name)
            _take_all(visitor, name)


@contextmanager
def _browser(folder: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(),
            args=[*ARGUMENTS, "--font-render-hinting=none"],
            env={**os.environ, "FONTCONFIG_FILE": str(_write_fonts(folder))},
        )
        yield browser
        browser.close()


def _write_fonts(folder: Path) -> Path:
    """Settings that add the package's font to the machine's own."""
    spec = find_spec(FONT_PACKAGE)
    assert spec, f"{FONT_PACKAGE} is not installed"
    assert spec.origin
    path = folder / "fonts.conf"
    path.write_text(FONTS.format(folder=Path(spec.origin).parent, cache=folder / "fonts"))
    return path


def _go_to(visitor: Visitor, name: str) -> None:
    if name == TRANSFER:
        visitor.open(PAGES["canada"])
        fill_form(visitor, new_donor(), mode="interac", amount="75.50")
        visitor.send()
    else:
        visitor.expect_status(404)
        visitor.open(PAGES[name])


def _take_all(visitor: Visitor, name: str) -> None:
    visitor.page.evaluate(ADD_STYLE, AT_ITS_PLACE)
    for width, size in SIZES.items():
        visitor.page.set_viewport_size(ViewportSize(**size))
        for scheme in SCHEMES:
            visitor.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its words
            _keep(visitor.page.screenshot(full_page=True), f"{name}-{width}-{scheme}.png")


def _keep(png: bytes, name: str) -> None:
    """Write a picture by few colours: a page has few, and the folder stays small."""
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
            FOLDER / name, optimize=True
        )


if __name__ == "__main__":
    main(sys.argv[1:])
