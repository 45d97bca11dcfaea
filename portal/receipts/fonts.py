"""The fonts of a receipt: typst's own Libertinus, and Noto for the scripts it lacks.

All come from declared packages, none from the machine, so that a receipt looks the same
wherever it is printed. A name must never turn into empty boxes: what no font has is
written in Latin letters, and pictures are left out.
"""

import unicodedata
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGES = (
    "fontpkg_noto_sans",
    "justmytype_intl_rtl",
    "justmytype_intl_south_asia",
    "justmytype_intl_sea",
    "justmytype_intl_africa",
    "noto_cjk_sans_jp_regular",
)
FAMILIES = (
    "Libertinus Serif",
    "Noto Sans",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Tamil",
    "Noto Sans Telugu",
    "Noto Sans Thai",
    "Noto Sans Lao",
    "Noto Sans Khmer",
    "Noto Sans Myanmar",
    "Noto Sans Ethiopic",
    "Noto Sans CJK JP",
)
# Latin with its extensions: Libertinus and Noto Sans have all of it, so nobody need look.
PLAIN_BELOW = 0x250


def font_folders() -> list[Path]:
    """Where the packages keep their files; LookupError names a package that is not there."""
    return [_folder(package) for package in PACKAGES]


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise LookupError(f"The font package {package} is not installed.")
    return Path(spec.origin).parent


@cache
def _covered() -> frozenset[int]:
    """Every code point one of the packages' fonts has a glyph for."""
    # Imported here: most receipts are written in Latin letters and never ask.
    from fontTools.ttLib import (  # type: ignore[import-untyped]  # it brings no types  # noqa: PLC0415
        TTFont,
    )

    found: set[int] = set()
    for folder in font_folders():
        for path in sorted((*folder.rglob("*.ttf"), *folder.rglob("*.otf"))):
            with TTFont(path, lazy=True) as font:
                found.update(font.getBestCmap())
    return frozenset(found)


def drawable(text: str) -> str:
    """`text` as the fonts can draw it: normal form C, no control signs, no gaps."""
    normal = unicodedata.normalize("NFC", text)
    return "".join(_draw(sign) for sign in normal)


def _draw(sign: str) -> str:
    if unicodedata.category(sign) in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return " " if sign.isspace() else ""
    if ord(sign) < PLAIN_BELOW or ord(sign) in _covered():
        return sign
    return "" if unicodedata.category(sign) == "So" else _in_latin(sign)


def _in_latin(sign: str) -> str:
    # Imported here, as above: its tables are rarely wanted.
    from anyascii import anyascii  # noqa: PLC0415

    return str(anyascii(sign))
