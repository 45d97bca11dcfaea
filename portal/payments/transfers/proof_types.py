"""What an uploaded proof really is: judged by its content, never by its name. Pure.

A picture is opened, not only looked at: one that Pillow can't read is none, and so is one
whose first signs are a picture's and whose rest is a page or a script.
"""

import io
import warnings

import filetype
from PIL import Image

# By Pillow's name where Pillow reads them. SVG and HTML can carry scripts and are not here.
PICTURES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/heic": "heic",
    "application/pdf": "pdf",
}
ACCEPTED = ",".join(EXTENSIONS)
MOST_PIXELS = 100_000_000
PDF_END = b"%%EOF"


class NotAProof(ValueError):
    """The content is no picture and no PDF that we take."""


def read_media_type(content: bytes) -> str:
    """The media type of a proof, or `NotAProof`."""
    media_type = str(filetype.guess_mime(content) or "")
    if media_type not in EXTENSIONS:
        raise NotAProof(media_type or "unknown")
    if media_type in PICTURES:
        _open_picture(content, PICTURES[media_type])
    if media_type == "application/pdf" and PDF_END not in content[-2048:]:
        raise NotAProof("a PDF without its end")
    return media_type


def _read_through(picture: Image.Image) -> None:
    """To the end, in little memory: JPEG has no sums to verify, so it is read at a small size."""
    if picture.format == "JPEG":
        picture.draft("L", (128, 128))
        picture.load()
    else:
        picture.verify()


def _open_picture(content: bytes, name: str) -> None:
    """Fail where Pillow can't read the picture, or where it is larger than any screen."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=[name]) as picture:
                too_large = picture.width * picture.height > MOST_PIXELS
                _read_through(picture)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombWarning) as error:
        raise NotAProof(type(error).__name__) from error
    except Image.DecompressionBombError as error:
        raise NotAProof("a bomb") from error
    if too_large:
        raise NotAProof("too many pixels")
