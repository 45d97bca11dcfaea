"""Proofs that donors send: kept outside any web root, under names of our own."""

import contextlib
import hashlib
import io
import os
import secrets
import warnings
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import filetype
import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.lifecycle import EventKind
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift, record_event
from portal.payments.transfers import ProofFile
from portal.services import Services

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


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


def _read_through(picture: "Picture") -> None:
    """To the end, in little memory: JPEG has no sums to verify, so it is read at a small size."""
    if picture.format == "JPEG":
        picture.draft("L", (128, 128))
        picture.load()
    else:
        picture.verify()


def _open_picture(content: bytes, name: str) -> None:
    """Fail where Pillow can't read the picture, or where it is larger than any screen."""
    from PIL import Image  # noqa: PLC0415 - few web processes ever see a picture

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


MOST_PROOFS = 5


class ProofRefused(Exception):
    """The file was not kept, and nothing else changed."""


class EmptyProof(ProofRefused):
    """Nothing was sent, or a file without content."""


class WrongKindOfProof(ProofRefused):
    """It is no picture and no PDF, whatever its name says."""


class TooManyProofs(ProofRefused):
    """This gift has as many proofs as we keep."""


class ProofNotKept(ProofRefused):
    """The folder can't be written just now."""


def keep_proof(services: Services, folder: Path, gift: Gift, content: bytes) -> bool:
    """Keep a proof of a gift; False where the same file is kept already.

    The file is whole on disk before its row is committed: a row never lacks its file.
    """
    proof = _judge(gift, content, services.now())
    with services.database.read() as session:
        if not _is_new(session, proof):
            return False
    path = _write(folder, proof.stored_name, content)
    is_kept = False
    try:
        with services.write() as act:
            lock_gift(act.session, gift.id)
            is_kept = _is_new(act.session, proof)
            if is_kept:
                act.session.add(proof)
                record_event(act, gift, EventKind.PROOF_SENT, actor="donor")
    finally:
        if not is_kept:
            path.unlink(missing_ok=True)
    return is_kept


def _judge(gift: Gift, content: bytes, now: datetime) -> ProofFile:
    """The row of a proof, under a name nobody can guess or choose."""
    if not content:
        raise EmptyProof
    try:
        media_type = read_media_type(content)
    except NotAProof as error:
        raise WrongKindOfProof from error
    return ProofFile(
        gift_id=gift.id,
        stored_name=f"{secrets.token_hex(16)}.{EXTENSIONS[media_type]}",
        media_type=media_type,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        uploaded_at=now,
    )


def _is_new(session: Session, proof: ProofFile) -> bool:
    """Whether the gift has no such file yet; `TooManyProofs` where it has enough others."""
    kept = list_proofs(session, proof.gift_id)
    if any(one.sha256 == proof.sha256 for one in kept):
        return False
    if len(kept) >= MOST_PROOFS:
        raise TooManyProofs
    return True


def _write(folder: Path, name: str, content: bytes) -> Path:
    """The whole file or none, readable by nobody else on the machine."""
    unfinished = folder / f"{name}.part"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return unfinished.replace(folder / name)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise ProofNotKept(type(error).__name__) from error


def list_proofs(session: Session, gift_id: int) -> Sequence[ProofFile]:
    """A gift's proofs, oldest first."""
    return session.scalars(
        sa.select(ProofFile).where(ProofFile.gift_id == gift_id).order_by(ProofFile.id)
    ).all()


def find_proof(session: Session, gift_id: int, proof_id: int) -> ProofFile | None:
    return session.scalar(
        sa.select(ProofFile).where(ProofFile.id == proof_id, ProofFile.gift_id == gift_id)
    )


def read_proof(folder: Path, proof: ProofFile) -> bytes | None:
    """A proof's content as it was sent; None where the file is gone or not what it was."""
    try:
        content = (folder / proof.stored_name).read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == proof.sha256 else None
