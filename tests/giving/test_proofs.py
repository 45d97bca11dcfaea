"""Proofs donors send: what is kept, what is refused, and who may have it."""

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image
from werkzeug.test import TestResponse

from portal.database import Database
from portal.gifts.models import Gift
from portal.payments.proofs import MOST_PROOFS, NotAProof, read_media_type, read_proof
from portal.payments.transfers import ProofFile
from tests.giving.visits import begin, text_of
from tests.pages import CheckedClient

PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, (20, 90, 80)).save(made, kind)
    return made.getvalue()


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "uploads"


@pytest.fixture
def settings_values(uploads: Path) -> dict[str, Any]:
    return {"uploads": str(uploads), "upload_megabytes": 1}


def send(
    client: CheckedClient, gift: Gift, content: bytes, name: str = "proof.png"
) -> TestResponse:
    """Send a file as a browser does, under whatever name."""
    head = f'--frontier\r\nContent-Disposition: form-data; name="proof"; filename="{name}"\r\n\r\n'
    return client.post(
        f"/gift/{gift.token}/proof",
        data=head.encode() + content + b"\r\n--frontier--\r\n",
        content_type="multipart/form-data; boundary=frontier",
    )


def kept(database: Database) -> list[ProofFile]:
    with database.read() as session:
        return list(session.scalars(sa.select(ProofFile).order_by(ProofFile.id)))


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*")) if folder.exists() else []


KINDS = {
    "image/png": (picture("PNG"), ".png"),
    "image/jpeg": (picture("JPEG"), ".jpg"),
    "image/webp": (picture("WEBP"), ".webp"),
    "image/heic": (HEIC, ".heic"),
    "application/pdf": (PDF, ".pdf"),
}


@pytest.mark.parametrize("media_type", KINDS)
def test_a_picture_or_pdf_is_kept_under_a_name_of_ours(
    client: CheckedClient, catalogued: Database, uploads: Path, media_type: str
) -> None:
    content, ending = KINDS[media_type]
    gift = begin(client, catalogued)
    answer = send(client, gift, content, "../../x.pdf")
    assert (answer.status_code, answer.location) == (303, f"/gift/{gift.token}#proof")
    (proof,) = kept(catalogued)
    assert (proof.gift_id, proof.media_type) == (gift.id, media_type)
    assert proof.size_bytes == len(content)
    assert proof.sha256 == hashlib.sha256(content).hexdigest()
    (path,) = files(uploads)
    assert path == uploads / proof.stored_name
    assert path.suffix == ending
    assert "x" not in path.stem
    assert path.stat().st_mode & 0o077 == 0
    assert read_proof(uploads, proof) == content
    assert "What you sent us" in text_of(client.get(f"/gift/{gift.token}"))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (SVG, "proof.svg"),
        (SVG, "proof.png"),
        (HTML, "proof.png"),
        (b"", "proof.png"),
        (b"GIF89a" + bytes(50), "proof.gif"),
        (b"PK\x03\x04" + bytes(50), "proof.pdf"),
        (picture("PNG")[:60], "short.png"),
        (picture("JPEG", (400, 400))[:700], "short.jpg"),
        (b"\x89PNG\r\n\x1a\n" + HTML, "half.png"),
        (b"\xff\xd8\xff\xe0" + HTML, "half.jpg"),
        (b"%PDF-1.7\n" + HTML, "half.pdf"),
    ],
)
def test_what_is_no_picture_and_no_pdf_is_refused_whatever_its_name(
    client: CheckedClient, catalogued: Database, uploads: Path, content: bytes, name: str
) -> None:
    gift = begin(client, catalogued)
    answer = send(client, gift, content, name)
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert 'href="#proof-file"' in answer.text
    assert not kept(catalogued)
    assert not files(uploads)


def test_a_form_without_a_file_asks_for_one(client: CheckedClient, catalogued: Database) -> None:
    gift = begin(client, catalogued)
    answer = client.post(f"/gift/{gift.token}/proof")
    assert answer.status_code == 422
    assert "Choose a picture or PDF" in text_of(answer)


@pytest.mark.parametrize("size", [1_000_001, 1_300_000])
def test_too_large_a_file_is_refused_with_the_limit(
    client: CheckedClient, catalogued: Database, uploads: Path, size: int
) -> None:
    gift = begin(client, catalogued)
    answer = send(client, gift, PDF.ljust(size, b" "))
    assert answer.status_code == 413
    assert "Choose a file of at most 1 MB" in text_of(answer)
    assert not files(uploads)


def test_the_same_file_twice_is_kept_once(
    client: CheckedClient, catalogued: Database, uploads: Path
) -> None:
    gift = begin(client, catalogued)
    for _ in range(2):
        assert send(client, gift, PDF).status_code == 303
    assert len(kept(catalogued)) == len(files(uploads)) == 1


def test_a_gift_takes_only_so_many(
    client: CheckedClient, catalogued: Database, uploads: Path
) -> None:
    gift = begin(client, catalogued)
    for number in range(MOST_PROOFS):
        assert send(client, gift, PDF + bytes([number])).status_code == 303
    assert send(client, gift, picture()).status_code == 422
    assert len(kept(catalogued)) == len(files(uploads)) == MOST_PROOFS
    assert 'name="proof"' not in client.get(f"/gift/{gift.token}").text


def test_a_visitor_sends_only_so_many_an_hour(client: CheckedClient, catalogued: Database) -> None:
    gift = begin(client, catalogued)
    answers = [send(client, gift, SVG).status_code for _ in range(22)]
    assert answers == [422] * 20 + [429] * 2


def test_a_card_gift_takes_no_proof(
    client: CheckedClient, catalogued: Database, uploads: Path
) -> None:
    gift = begin(client, catalogued, mode="card")
    assert send(client, gift, PDF).status_code == 303
    assert not kept(catalogued)
    assert not files(uploads)


def test_a_folder_that_can_not_be_written_is_said_and_nothing_is_half_kept(
    client: CheckedClient, catalogued: Database, uploads: Path
) -> None:
    gift = begin(client, catalogued)
    uploads.parent.mkdir(parents=True)
    uploads.write_text("a file stands where the folder should be")
    answer = send(client, gift, PDF)
    assert answer.status_code == 503
    assert "try again in a minute" in text_of(answer)
    assert not kept(catalogued)


def test_nothing_under_uploads_has_an_address(
    client: CheckedClient, catalogued: Database, uploads: Path
) -> None:
    gift = begin(client, catalogued)
    send(client, gift, PDF)
    (proof,) = kept(catalogued)
    for path in (f"/static/../kept/uploads/{proof.stored_name}", f"/uploads/{proof.stored_name}"):
        assert client.get(path).status_code == 404
    assert proof.stored_name not in client.get(f"/gift/{gift.token}").text


def test_a_picture_larger_than_any_screen_is_refused_before_it_is_unpacked() -> None:
    bomb = picture("PNG", (12_000, 12_000))
    assert len(bomb) < 1_000_000
    with pytest.raises(NotAProof):
        read_media_type(bomb)


def test_a_file_that_was_changed_on_disk_is_not_given_out(
    client: CheckedClient, catalogued: Database, uploads: Path
) -> None:
    gift = begin(client, catalogued)
    send(client, gift, PDF)
    (proof,) = kept(catalogued)
    (uploads / proof.stored_name).write_bytes(HTML)
    assert read_proof(uploads, proof) is None
