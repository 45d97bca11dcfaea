"""Pictures of the operator's: made anew from what was sent, so that nothing else comes along.

What a file is, its content says and never its name; what it carried beside its pixels is gone.
A picture is called by its content's hash, and its address may be kept for ever.
"""

import hashlib
import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import insert_new
from portal.regions.models import Picture
from portal.services import Act

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels

# SVG can carry scripts and is not here.
FORMATS = ("PNG", "JPEG", "WEBP")
ACCEPTED = "image/png,image/jpeg,image/webp"
MOST_BYTES = 10_000_000
MOST_PIXELS = 50_000_000
LEAST_SIDE = 16
WHOLE = (10_000, 10_000)


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
