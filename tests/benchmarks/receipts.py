"""Receipts a second on one core: the PDF from its snapshot and its seal, nothing stored.

Beside them what they are made with, bare: typst's compiler with its inputs ready, and pyHanko's own
signer with a key that it has read, as its documentation shows it.
"""

import io
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar, cast

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner, sign_pdf

from portal.database import Document
from portal.receipts.composition import compose_snapshot
from portal.receipts.pdf import RECEIPT, STANDARDS, compiler_of, render_pdf, write_inputs
from portal.receipts.seal import Sealer, find_sealer
from portal.receipts.seal_key import SealKey, make_key, write_key
from tests.benchmarks import table
from tests.benchmarks.ground import Ground
from tests.receipts.samples import NOW, make_gift, region

LEAST = 0.7
TITLE = "Seal of who issued this document"
BARE = PdfSignatureMetadata(
    field_name="Seal",
    certify=True,
    subfilter=SigSeedSubFilter.PADES,
    docmdp_permissions=MDPPerm.NO_CHANGES,
)
Given = TypeVar("Given")


def run(ground: Ground) -> Iterator[table.Line]:
    count = 50 if ground.quick else 300
    key = make_key("give.example.org", NOW)
    sealer, signer = _load(key), _load_bare(key)
    # Each of its own numbers: what was compiled before is kept by typst.
    first, second, third = (_number(count, at) for at in (1, 2, 3))
    rendered = _measure(render_pdf, first)
    ours = _measure(lambda one: sealer.seal(render_pdf(one), NOW, TITLE), second)
    inputs = [write_inputs(one) for one in third]
    bare = _measure(lambda one: _sign_bare(signer, compile_bare(one)), inputs)
    yield table.Line("receipts rendered on one core", table.per_second(rendered))
    what = "receipts rendered and sealed on one core, against typst and pyHanko bare"
    yield table.at_least(what, ours, bare, LEAST, table.per_second)
    yield table.Line("of which the seal", table.milliseconds(1 / ours - 1 / rendered))


def _number(count: int, year: int) -> list[Document]:
    return [
        {
            **compose_snapshot(make_gift(amount_minor=5_000 + number), region("ca"), NOW),
            "number": f"{2000 + year}-{number:06d}",
            "verify_at": "give.example.org/verify",
            "verify_code": secrets.token_hex(4),
        }
        for number in range(count + 1)
    ]


def _measure(make: Callable[[Given], bytes], given: Sequence[Given]) -> float:
    """How many a second of one core's time, once the first one is made."""
    make(given[0])
    started = time.process_time()
    for one in given[1:]:
        make(one)
    return (len(given) - 1) / (time.process_time() - started)


def _load(key: SealKey) -> Sealer:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seal.pem"
        write_key(path, key)
        return find_sealer(path)


def _load_bare(key: SealKey) -> SimpleSigner:
    content = pkcs12.serialize_key_and_certificates(
        b"seal", key.key, key.certificate, None, BestAvailableEncryption(b"open")
    )
    return SimpleSigner.load_pkcs12_data(content, [], b"open")


def compile_bare(inputs: dict[str, str], template: Path = RECEIPT) -> bytes:
    pdf = compiler_of(RECEIPT).compile(
        template, format="pdf", sys_inputs=inputs, pdf_standards=STANDARDS
    )
    return cast(bytes, pdf)


def _sign_bare(signer: SimpleSigner, pdf: bytes) -> bytes:
    file = io.BytesIO(pdf)
    sign_pdf(IncrementalPdfFileWriter(file), BARE, signer, in_place=True)
    return file.getvalue()
