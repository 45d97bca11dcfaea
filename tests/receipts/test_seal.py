"""The seal: what judges from outside say of a sealed document, and the key it is made with."""

import asyncio
import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy as sa
from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pypdf import PdfReader

from portal.cli import main
from portal.commands.seal_key import ensure_key, examine_seal
from portal.database import Database
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.money import Money
from portal.receipts.composition import compose_snapshot, receipt_mark
from portal.receipts.pdf import render_pdf
from portal.receipts.register import ReceiptDocument
from portal.receipts.rendering import render_receipt
from portal.receipts.seal import Sealer, find_sealer
from portal.receipts.seal_key import SealKey, SealUnusable, make_key, read_key, write_key
from portal.services import Services
from tests.receipts.samples import NOW, book_gift, claim, issue, make_gift, region
from tests.workplace import at, make_settings

TITLE = "Seal of who issued this document"


def judge(name: str, *arguments: str) -> str:
    """What a judge from outside says; skipped where it isn't on the machine."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not on this machine")
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    found = subprocess.run(
        [name, *arguments], check=False, capture_output=True, text=True, env=environment
    )
    return found.stdout


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seal") / "seal.pem"
    write_key(path, make_key("give.example.org", NOW))
    return path


@pytest.fixture(scope="module")
def plain() -> bytes:
    numbered = {"number": "2026-000417", "verify_at": "x.example/verify", "verify_code": "AB-CD"}
    return render_pdf({**compose_snapshot(make_gift(), region(), NOW), **numbered})


@pytest.fixture(scope="module")
def sealed(key_file: Path, plain: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sealed") / "receipt.pdf"
    path.write_bytes(find_sealer(key_file).seal(plain, NOW, TITLE))
    return path


def test_pdfsig_finds_the_seal_valid_over_all_of_the_file(sealed: Path):
    said = judge("pdfsig", str(sealed))
    assert "Signature is Valid" in said
    assert "Total document signed" in said
    assert "ETSI.CAdES.detached" in said
    assert "Signing Time: Nov 23 2026 12:00:00" in said
    assert "Common Name: give.example.org" in said


@pytest.mark.parametrize("place", [0.001, 0.3, 0.6])
def test_one_changed_byte_breaks_the_seal(sealed: Path, tmp_path: Path, place: float):
    content = bytearray(sealed.read_bytes())
    content[int(20 + place * len(content))] ^= 1
    changed = tmp_path / "changed.pdf"
    changed.write_bytes(content)
    assert "Signature is Valid" not in judge("pdfsig", str(changed))


def test_qpdf_finds_no_fault(sealed: Path):
    assert "No syntax or stream encoding errors found" in judge("qpdf", "--check", str(sealed))


def test_document_before_its_seal_is_still_there_to_the_byte(sealed: Path, plain: bytes):
    assert sealed.read_bytes().startswith(plain)


def test_seal_keeps_what_the_standards_ask_for(sealed: Path, plain: bytes):
    """What veraPDF would look at in a signed file, as far as it can be read."""
    reader, before = PdfReader(sealed), PdfReader(io.BytesIO(plain))
    root = reader.trailer["/Root"]
    [field] = root["/AcroForm"]["/Fields"]
    widget = field.get_object()
    page = reader.pages[0]
    # PDF/A-3, 6.3.2 and 6.3.3: printed, not hidden; no appearance only where it has no size.
    assert widget["/F"] & 0b100111 == 0b100
    left, bottom, right, top = (float(edge) for edge in widget["/Rect"])
    assert (right - left, top - bottom) == (0, 0)
    # PDF/UA-1, 7.18: a name that is read aloud, the order of the tags, or outside the page.
    assert widget["/TU"] == TITLE
    assert page["/Tabs"] == "/S"
    assert right < page.mediabox.left
    assert "/NeedAppearances" not in root["/AcroForm"]
    assert root["/Perms"]["/DocMDP"].get_object()["/Reference"][0]["/TransformParams"]["/P"] == 1
    for same in ("/MarkInfo", "/StructTreeRoot", "/Lang", "/Metadata", "/OutputIntents", "/AF"):
        assert _write(root[same]) == _write(before.trailer["/Root"][same])
    assert reader.metadata == before.metadata
    assert list(reader.attachments) == ["receipt.json"]


def _write(value: object) -> str:
    """A PDF object, without what Python calls its file."""
    return re.sub(r"(IndirectObject\(\d+, \d+), \d+", r"\1", str(value))


def test_key_on_an_elliptic_curve_brought_as_pkcs12_seals(
    plain: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bought = _buy_key()
    (tmp_path / "bought.p12").write_bytes(bought)
    monkeypatch.setenv("PORTAL_SECRET_KEY", "x" * 40)
    monkeypatch.setenv("PORTAL_SEAL_KEY", str(tmp_path / "seal.pem"))
    arguments = ["receipts", "key", "import", str(tmp_path / "bought.p12")]
    wrong = CliRunner().invoke(main, arguments, env={"PORTAL_NEW_PASSWORD": "other"})
    assert (wrong.exit_code, "is the password right?" in wrong.output) == (1, True)
    done = CliRunner().invoke(main, arguments, env={"PORTAL_NEW_PASSWORD": "open"})
    assert done.exit_code == 0, done.output
    assert "sealed as Trusted Seal" in done.output
    path = tmp_path / "sealed.pdf"
    path.write_bytes(find_sealer(tmp_path / "seal.pem").seal(plain, NOW, TITLE))
    assert "Signature is Valid" in judge("pdfsig", str(path))


def _buy_key() -> bytes:
    """A key on a curve with a certificate, as an authority would hand it out."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = make_key("Trusted Seal", NOW, key)
    return pkcs12.serialize_key_and_certificates(
        b"seal", key, made.certificate, None, serialization.BestAvailableEncryption(b"open")
    )


def test_key_is_made_once_and_put_aside_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "keys" / "seal.pem"
    monkeypatch.setenv("PORTAL_SECRET_KEY", "x" * 40)
    monkeypatch.setenv("PORTAL_SEAL_KEY", str(path))
    monkeypatch.setenv("PORTAL_BASE_URL", "https://give.example.org")
    make = ["receipts", "key", "make"]
    assert "sealed as give.example.org until 20" in CliRunner().invoke(main, make).output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = path.read_bytes()
    again = CliRunner().invoke(main, make)
    assert (again.exit_code, "is there already" in again.output) == (1, True)
    assert path.read_bytes() == first
    replaced = CliRunner().invoke(main, [*make, "--name", "Sample Ministries", "--replace"])
    assert "sealed as Sample Ministries" in replaced.output
    assert {one.read_bytes() == first for one in path.parent.iterdir()} == {True, False}


def test_installation_gets_a_key_where_it_has_one_machine(tmp_path: Path):
    ours = make_settings(f"sqlite:///{tmp_path / 'portal.db'}", None)
    ensure_key(ours)
    first = (tmp_path / "seal.pem").read_bytes()
    ensure_key(ours)
    assert (tmp_path / "seal.pem").read_bytes() == first
    elsewhere = make_settings("postgresql://localhost/portal", None)
    ensure_key(elsewhere)
    assert not elsewhere.seal_path.exists()


def test_doctor_says_how_documents_are_sealed(tmp_path: Path, key_file: Path):
    path = tmp_path / "seal.pem"
    unset = make_settings(f"sqlite:///{tmp_path / 'portal.db'}", None)
    given = make_settings("sqlite://", None, seal_key=str(path))
    assert (examine_seal(unset).is_well, examine_seal(given).is_well) == (True, False)
    assert "not sealed" in examine_seal(unset).text
    write_key(path, make_key("Sample", datetime.now(UTC)))
    assert examine_seal(given).is_well
    assert "as Sample, until 20" in examine_seal(given).text
    path.chmod(0o640)
    assert "others may read" in examine_seal(given).text
    path.chmod(0o600)
    for content, said in ((b"", "no key with its certificate"), (_mix(path, key_file), "another")):
        path.write_bytes(content)
        assert (examine_seal(given).is_well, said in examine_seal(given).text) == (False, True)
    path.unlink()
    write_key(path, make_key("Old", datetime.now(UTC) - timedelta(days=3640)))
    assert "make or bring another key" in examine_seal(given).text


def _mix(one: Path, other: Path) -> bytes:
    """The key of one file with the certificate of another."""
    key = one.read_bytes().partition(b"-----BEGIN CERT")[0]
    return key + b"-----BEGIN CERT" + other.read_bytes().partition(b"-----BEGIN CERT")[2]


def test_a_thread_whose_loop_runs_seals_too(key_file: Path, plain: bytes):
    # Another file, so that all of its sealer is made within the loop.
    os.utime(key_file, (1, 1))

    async def seal() -> bytes:
        return find_sealer(key_file).seal(plain, NOW, TITLE)

    # In a thread of its own, since a browser's tests leave this one with a loop.
    with ThreadPoolExecutor(1) as own:
        assert own.submit(lambda: asyncio.run(seal())).result().startswith(plain)


def test_certificate_that_has_ended_seals_nothing(key_file: Path, plain: bytes):
    with pytest.raises(SealUnusable):
        find_sealer(key_file).seal(plain, NOW + timedelta(days=4000), TITLE)


def test_time_stamp_authority_that_is_away_leaves_the_seal(key_file: Path, plain: bytes):
    sealer = find_sealer(key_file, "http://127.0.0.1:9/")
    assert sealer.seal(plain, NOW, TITLE).startswith(plain)


@pytest.fixture
def authority(key_file: Path) -> Iterator[str]:
    """The address of a time-stamp authority on this machine."""
    key = read_key(key_file)
    der = serialization.Encoding.DER
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    stamper = DummyTimeStamper(
        asn1_x509.Certificate.load(key.certificate.public_bytes(der)),
        asn1_keys.PrivateKeyInfo.load(key.key.private_bytes(der, *plain)),
        fixed_dt=NOW,
    )

    class Authority(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = tsp.TimeStampReq.load(self.rfile.read(int(self.headers["Content-Length"])))
            answer = stamper.request_tsa_response(asked).dump()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Authority) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_authority_stamps_the_time(key_file: Path, plain: bytes, authority: str, tmp_path: Path):
    path = tmp_path / "stamped.pdf"
    path.write_bytes(find_sealer(key_file, authority).seal(plain, NOW, TITLE))
    [signature] = PdfFileReader(io.BytesIO(path.read_bytes())).embedded_signatures
    kinds = {one["type"].native for one in signature.signer_info["unsigned_attrs"]}
    assert kinds == {"signature_time_stamp_token"}
    assert "Signature is Valid" in judge("pdfsig", str(path))


@pytest.fixture
def sealing(database: Database, key_file: Path) -> Services:
    url = database.url.render_as_string(hide_password=False)
    return at(database, NOW, make_settings(url, None, seal_key=str(key_file)))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_sealed_is_what_is_kept_and_hashed(sealing: Services):
    database = sealing.database
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    first = render_receipt(sealing, receipt_id)
    assert PdfReader(io.BytesIO(first)).get_fields()["Seal"]["/V"]["/M"] == "D:20261123120000Z"
    assert render_receipt(sealing, receipt_id) == first
    claim(database, gift_id, FactKind.REFUNDED, "re_1", Money(7550, "CAD"))
    with database.read() as session:
        mark = receipt_mark(session.get_one(Gift, gift_id))
    marked = render_receipt(sealing, receipt_id, mark=mark)
    assert b"/ByteRange" in marked
    assert marked != first
    assert render_receipt(sealing, receipt_id, mark=mark) == marked
    with database.read() as session:
        kept = session.scalars(sa.select(ReceiptDocument)).all()
    assert {one.pdf for one in kept} == {first, marked}
    assert all(one.sha256 == hashlib.sha256(one.pdf).hexdigest() for one in kept)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_broken_key_leaves_a_donor_the_document(sealing: Services, tmp_path: Path):
    broken = tmp_path / "seal.pem"
    broken.write_text("no key")
    services = at(
        sealing,
        NOW,
        sealing.settings.model_copy(update={"seal_key": str(broken)}),
    )
    receipt_id = issue(sealing.database, book_gift(sealing.database))
    assert b"/ByteRange" not in render_receipt(services, receipt_id)


def test_another_key_in_the_file_is_seen(tmp_path: Path):
    path = tmp_path / "seal.pem"
    write_key(path, make_key("one", NOW))
    assert _name(find_sealer(path)) == "one"
    path.unlink()
    write_key(path, make_key("other", NOW))
    assert _name(find_sealer(path)) == "other"


def _name(sealer: Sealer) -> str:
    assert isinstance(sealer.key, SealKey)
    return sealer.key.name


def test_key_is_read_as_it_was_written(key_file: Path):
    key = read_key(key_file)
    assert key.name == "give.example.org"
    assert key.is_valid_at(NOW)
    assert not key.is_valid_at(NOW - timedelta(days=1))
