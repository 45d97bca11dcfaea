"""An issuer's accent as a small style sheet, darkened or lightened until it can be read. Pure.

Contrast is WCAG 2.2's (1.4.3): relative luminance of sRGB colours, 4.5 to 1 for text.
"""

import colorsys
import re
from functools import lru_cache

Colour = tuple[int, int, int]

DEFAULT = "#0f5f57"
READABLE = 5.0
STEPS = 60
LIGHT_PAPER: Colour = (0xF6, 0xF4, 0xEF)
LIGHT_INK: Colour = (0xFF, 0xFF, 0xFF)
DARK_SURFACE: Colour = (0x19, 0x1F, 0x1D)
DARK_INK: Colour = (0x0B, 0x12, 0x11)
BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)

SHEET = """:root {{
  --accent: {accent};
  --accent-strong: {strong};
  --accent-ink: {ink};
  --accent-soft: {soft};
}}
"""


def parse_colour(text: str) -> Colour:
    """`#0f5f57` as three numbers; the product's own accent where it is no such colour."""
    match = re.fullmatch(r"#([0-9a-f]{6})", text.strip().lower())
    digits = match.group(1) if match else DEFAULT[1:]
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def luminance(colour: Colour) -> float:
    """Relative luminance, 0 for black to 1 for white."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """From 1 (the same) to 21 (black on white)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """`colour` with `share` (0 to 1) of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def shade(colour: Colour, lightness: float) -> Colour:
    """The same hue and saturation at another lightness (HLS, 0 to 1)."""
    hue, _lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in colour))
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def readable(colour: Colour, surfaces: tuple[Colour, ...], *, towards: float) -> Colour:
    """The nearest shade on the way to black (0) or white (1) that reads on all `surfaces`."""
    start = colorsys.rgb_to_hls(*(part / 255 for part in colour))[1]
    shades = (shade(colour, start + (towards - start) * step / STEPS) for step in range(STEPS + 1))
    return next(
        one for one in shades if all(contrast(one, surface) >= READABLE for surface in surfaces)
    )


def shown_in_light(colour: Colour) -> Colour:
    """The accent on light pages."""
    return readable(colour, (LIGHT_PAPER, mix(colour, WHITE, 0.9), LIGHT_INK), towards=0)


def shown_in_dark(colour: Colour) -> Colour:
    """The accent on dark pages."""
    soft = mix(colour, DARK_SURFACE, 0.78)
    return readable(colour, (DARK_SURFACE, soft, DARK_INK), towards=1)


def write_colour(colour: Colour) -> str:
    """`#0f5f57`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


@lru_cache(maxsize=64)
def accent_sheet(accent: str) -> str:
    """The style sheet that sets an issuer's accent, for light and dark."""
    colour = parse_colour(accent)
    soft, dark_soft = mix(colour, WHITE, 0.9), mix(colour, DARK_SURFACE, 0.78)
    light, dark = shown_in_light(colour), shown_in_dark(colour)
    light_sheet = _sheet(light, mix(light, BLACK, 0.25), LIGHT_INK, soft)
    dark_sheet = _sheet(dark, mix(dark, WHITE, 0.3), DARK_INK, dark_soft)
    return f"{light_sheet}\n@media (prefers-color-scheme: dark) {{\n{dark_sheet}}}\n"


def _sheet(accent: Colour, strong: Colour, ink: Colour, soft: Colour) -> str:
    named = {"accent": accent, "strong": strong, "ink": ink, "soft": soft}
    return SHEET.format(**{name: write_colour(one) for name, one in named.items()})
