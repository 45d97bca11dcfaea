"""What the operator's pages look like: an issuer's accent, and the operator's pictures.

An accent is a small style sheet, darkened or lightened until it can be read. Contrast is WCAG
2.2's (1.4.3): relative luminance of sRGB colours, 4.5 to 1 for text.

Pictures are made anew from what was sent, so that nothing else comes along. What a file is, its
content says and never its name; what it carried beside its pixels is gone. A picture is called by
its content's hash, and its address may be kept for ever.
"""

import colorsys
import hashlib
import io
import re
import warnings
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, insert_new
from portal.services import Act

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels


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


# SVG can carry scripts and is not here.
FORMATS = ("PNG", "JPEG", "WEBP")
ACCEPTED = "image/png,image/jpeg,image/webp"
MOST_BYTES = 10_000_000
MOST_PIXELS = 50_000_000
LEAST_SIDE = 16
WHOLE = (10_000, 10_000)


class Picture(Base):
    """A picture of the operator's, made anew from what was sent; named by its content's hash.

    Only ever added: receipts name the signature that stood on them.
    """

    __tablename__ = "catalogue_pictures"

    name: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    media_type: Mapped[str] = mapped_column(sa.String(20))
    width: Mapped[int]
    height: Mapped[int]
    content: Mapped[bytes]
    kept_at: Mapped[datetime]


class NotAPicture(ValueError):
    """The content is no picture that we take."""


class TooLarge(NotAPicture):
    """It has more bytes or pixels than any screen needs."""


@dataclass(frozen=True, slots=True)
class Made:
    """A picture as it is kept and served."""

    name: str
    media_type: str
    width: int
    height: int
    content: bytes


def make_picture(content: bytes, *, box: tuple[int, int]) -> Made:
    """The picture of a file, no larger than `box` (pixels), upright, without anything else.

    What has transparent parts stays PNG, photographs become JPEG. Raises `NotAPicture`.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415 - few web processes ever see a picture

    if len(content) > MOST_BYTES:
        raise TooLarge
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as sent:
                if sent.width * sent.height > MOST_PIXELS:
                    raise TooLarge
                is_photo = sent.format == "JPEG"
                sent.load()
                pixels = ImageOps.exif_transpose(sent)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombWarning) as error:
        raise (
            error if isinstance(error, NotAPicture) else NotAPicture(type(error).__name__)
        ) from error
    except Image.DecompressionBombError as error:
        raise TooLarge from error
    if min(pixels.size) < LEAST_SIDE:
        raise NotAPicture("too small to see")
    pixels = pixels.convert("RGB" if is_photo else "RGBA")
    pixels.thumbnail(box)
    return _write(pixels, "JPEG" if is_photo else "PNG")


def _write(pixels: "Pixels", kind: str) -> Made:
    from PIL import Image  # noqa: PLC0415 - as above

    # Only its pixels go on: no EXIF, no profile, no comment.
    plain = Image.frombytes(pixels.mode, pixels.size, pixels.tobytes())
    written = io.BytesIO()
    if kind == "JPEG":
        plain.save(written, kind, quality=85, optimize=True, progressive=True)
    else:
        plain.save(written, kind, optimize=True)
    content = written.getvalue()
    return Made(
        name=hashlib.sha256(content).hexdigest(),
        media_type=f"image/{kind.lower()}",
        width=plain.width,
        height=plain.height,
        content=content,
    )


def read_picture(content: bytes, name: str) -> Made:
    """A picture that was made here once; `NotAPicture` where it is not what its name says."""
    from PIL import Image  # noqa: PLC0415 - as above

    if hashlib.sha256(content).hexdigest() != name:
        raise NotAPicture("not what its name says")
    # To be read at all it has to be one.
    make_picture(content, box=WHOLE)
    with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
        media_type = f"image/{str(picture.format).lower()}"
        return Made(name, media_type, picture.width, picture.height, content)


def keep_picture(act: Act, made: Made) -> None:
    """Keep a picture; the same one once."""
    row = {
        "name": made.name,
        "media_type": made.media_type,
        "width": made.width,
        "height": made.height,
        "content": made.content,
        "kept_at": act.now,
    }
    insert_new(act.session, Picture, row)


def find_picture(session: Session, name: str) -> Picture | None:
    return session.scalar(sa.select(Picture).where(Picture.name == name)) if name else None
