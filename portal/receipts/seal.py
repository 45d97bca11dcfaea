"""The seal on a document: who issued it, and that not a byte was changed since.

A PAdES signature (ETSI EN 319 142-1, B-B, or B-T with a time-stamp authority) that certifies the
document and forbids every change. Its field shows nothing, and lies outside the page: in PDF/A-3
an annotation may not be hidden, and in PDF/UA-1 (7.18.1) one that is on the page needs a tag.

pyHanko does the signing. Its own signer reads the key anew and signs twice for each document, which
costs ten times the signature itself; ours keeps the key, and what never differs.
"""

import asyncio
import io
import secrets
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import InvisSigSettings, MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes, Signer
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko.sign.timestamps.requests_client import RequestsHTTPTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore
from pyhanko_certvalidator.util import get_pyca_cryptography_hash

from portal.logs import get_logger
from portal.receipts.seal_key import SealKey, SealUnusable, read_key

log = get_logger()

Stamper = RequestsHTTPTimeStamper | None

FIELD, HASH = "Seal", "sha256"
# What a signature has beside its certificates, and what a time-stamp adds.
SIGNED_BYTES = 2_000
STAMP_BYTES = 8_000
TSA_SECONDS = 5


class _KeptSigner(Signer):
    """Signs with a key that stays as it was read."""

    def __init__(self, key: SealKey) -> None:
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # it names no types
        store.register_multiple(_to_asn1([*key.chain]))
        [own] = _to_asn1([key.certificate])
        super().__init__(signing_cert=own, cert_registry=store)
        self.key = key.key
        self.certificate_bytes = sum(len(one.dump()) for one in (own, *store))

    async def async_sign_raw(
        self, data: bytes, digest_algorithm: str, dry_run: bool = False
    ) -> bytes:
        digest = get_pyca_cryptography_hash(digest_algorithm)
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), digest)
        return self.key.sign(data, ec.ECDSA(digest))


def _to_asn1(certificates: Sequence[x509.Certificate]) -> list[asn1_x509.Certificate]:
    der = serialization.Encoding.DER
    return [asn1_x509.Certificate.load(one.public_bytes(der)) for one in certificates]


@dataclass(frozen=True, slots=True)
class _Frame:
    """A signature as pyHanko builds it (RFC 5652), with places for a document's two values.

    With an RSA key nothing else differs between documents. To build it anew took five times as
    long as all the rest of a seal.
    """

    key: rsa.RSAPrivateKey
    signed: bytes
    whole: bytes
    digest: bytes
    signature: bytes

    def fill(self, digest: bytes) -> bytes:
        """The signature of a document with this hash."""
        signature = self.key.sign(
            self.signed.replace(self.digest, digest), padding.PKCS1v15(), hashes.SHA256()
        )
        return self.whole.replace(self.digest, digest).replace(self.signature, signature)


def _build_frame(signer: _KeptSigner) -> _Frame | None:
    if not isinstance(signer.key, rsa.RSAPrivateKey):
        return None
    digest = secrets.token_bytes(32)
    built = _wait_for(signer.async_sign(digest, HASH, use_pades=True))
    [info] = built["content"]["signer_infos"]
    frame = _Frame(
        signer.key,
        info["signed_attrs"].untag().dump(),
        built.dump(),
        digest,
        info["signature"].native,
    )
    counts = (frame.signed.count(digest), frame.whole.count(digest))
    if counts != (1, 1) or frame.whole.count(frame.signature) != 1:
        raise SealUnusable("The signature has not the form that is known here.")
    return frame


def _wait_for(work: Coroutine[Any, Any, Any]) -> Any:
    """What it brings, by a loop of its own: the caller's thread may have one that runs."""
    with ThreadPoolExecutor(1) as own:
        return own.submit(asyncio.run, work).result()


class _Writer(IncrementalPdfFileWriter):
    """Adds to a document, whose data of itself stay: a seal is no other version of it."""

    def _update_meta(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Sealer:
    """What seals documents: a key as it was read, and who stamps the time, if anybody does."""

    key: SealKey
    signer: _KeptSigner
    stamper: Stamper
    frame: _Frame | None

    def seal(self, pdf: bytes, now: datetime, title: str) -> bytes:
        """The document with its seal; `title` is what a reader aloud says of the field.

        Without the time-stamp where its authority doesn't give one.
        """
        if not self.key.is_valid_at(now):
            raise SealUnusable(f"The certificate of the seal was valid until {self.key.ends_at}.")
        try:
            return self._seal(pdf, now, title, self.stamper)
        except TimestampRequestError as error:
            log.warning("time_stamp_missing", error=type(error).__name__)
            return self._seal(pdf, now, title, None)

    def _seal(self, pdf: bytes, now: datetime, title: str, stamper: Stamper) -> bytes:
        file = io.BytesIO(pdf)
        signing = PdfSigner(
            _METADATA, self.signer, timestamper=stamper, new_field_spec=_field(title)
        )
        session = signing.init_signing_session(_Writer(file))
        session.system_time = now
        prepared = session.prepare_tbs_document(None, bytes_reserved=self._room(stamper))
        hashed, _ = prepared.digest_tbs_document(in_place=True)
        if self.frame and not stamper:
            hashed.fill_with_cms(file, self.frame.fill(hashed.document_digest))
        else:
            _wait_for(prepared.perform_signature(hashed.document_digest, _NO_ATTRIBUTES))
        return file.getvalue()

    def _room(self, stamper: Stamper) -> int:
        """The place for the signature, in hexadecimal digits."""
        return 2 * (self.signer.certificate_bytes + SIGNED_BYTES + (STAMP_BYTES if stamper else 0))


# In PAdES the time stands in the document alone (EN 319 142-1, 6.3).
_NO_ATTRIBUTES = PdfCMSSignedAttributes()


def _field(title: str) -> SigFieldSpec:
    outside = InvisSigSettings(box_out_of_bounds=True)
    return SigFieldSpec(FIELD, invis_sig_settings=outside, readable_field_name=title)


_METADATA = PdfSignatureMetadata(
    field_name=FIELD,
    certify=True,
    subfilter=SigSeedSubFilter.PADES,
    md_algorithm=HASH,
    docmdp_permissions=MDPPerm.NO_CHANGES,
)


def find_sealer(path: Path, tsa_url: str = "") -> Sealer:
    """What seals with the key of a file, read once and again when the file is another one."""
    try:
        written = path.stat().st_mtime_ns
    except OSError as error:
        raise SealUnusable(f"{path} can’t be read ({type(error).__name__}).") from error
    return _load(path, tsa_url, written)


@lru_cache(maxsize=4)
def _load(path: Path, tsa_url: str, _written: int) -> Sealer:
    key = read_key(path)
    signer = _KeptSigner(key)
    return Sealer(key, signer, _make_stamper(tsa_url), _build_frame(signer))


def _make_stamper(tsa_url: str) -> Stamper:
    if not tsa_url:
        return None
    return RequestsHTTPTimeStamper(tsa_url, timeout=TSA_SECONDS)  # type: ignore[no-untyped-call]  # as above
