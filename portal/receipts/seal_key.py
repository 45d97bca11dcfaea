"""The key that seals documents: a file of our own, which only its owner can read.

It is made here, with a certificate by which it vouches for itself and nobody else does, or brought
as PKCS#12 (RFC 7292). A reader that doesn't know the certificate will say so.
"""

import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

KEY_BITS = 2048
LASTS = timedelta(days=3653)
# Clocks of those who look at it differ.
BEFORE = timedelta(hours=1)
LONGEST_NAME = 64


class SealUnusable(Exception):
    """The key can't be made, read or used; the text is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class SealKey:
    """A private key, its certificate, and those that vouch for it, from the nearest on."""

    key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def name(self) -> str:
        """Whom the certificate names."""
        found = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(found[0].value) if found else self.certificate.subject.rfc4514_string()

    @property
    def ends_at(self) -> datetime:
        return self.certificate.not_valid_after_utc

    def is_valid_at(self, at: datetime) -> bool:
        return self.certificate.not_valid_before_utc <= at <= self.ends_at


def make_key(name: str, now: datetime, given: PrivateKey | None = None) -> SealKey:
    """A new key or the `given` one, and a certificate by which it vouches for itself.

    It lasts ten years.
    """
    key = given or rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:LONGEST_NAME])])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        **dict.fromkeys(_OTHER_USES, False),
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + LASTS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return SealKey(key, certificate)


_OTHER_USES = (
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def read_pkcs12(content: bytes, password: str) -> SealKey:
    """The key that somebody else made, from a PKCS#12 file."""
    try:
        found = pkcs12.load_pkcs12(content, password.encode() or None)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SealUnusable("The file can’t be opened: is the password right?") from error
    if found.cert is None:
        raise SealUnusable("The file has no certificate that belongs to its key.")
    further = tuple(one.certificate for one in found.additional_certs)
    return SealKey(_accept(found.key), found.cert.certificate, further)


def _accept(key: object) -> PrivateKey:
    """The kinds of keys that readers of PDF know."""
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return key
    raise SealUnusable("The file has no RSA and no elliptic-curve key.")


def write_key(path: Path, key: SealKey) -> None:
    """Keep a key where only its owner can read it: whole or not at all, and never over another.

    Raises `FileExistsError` where there is one, and `OSError` where the folder can't be written.
    """
    content = key.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for certificate in (key.certificate, *key.chain):
        content += certificate.public_bytes(serialization.Encoding.PEM)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(part)
    finally:
        part.unlink(missing_ok=True)


def put_aside(path: Path) -> None:
    """Give the key that is there a name that is free, so that another can take its place."""
    if path.exists():
        path.rename(path.with_name(f"{path.name}.{secrets.token_hex(4)}.old"))


def read_key(path: Path) -> SealKey:
    """The key of a file; `SealUnusable` says why it can't be had."""
    try:
        content = path.read_bytes()
        key = _accept(serialization.load_pem_private_key(content, password=None))
        certificate, *chain = x509.load_pem_x509_certificates(content)
    except OSError as error:
        raise SealUnusable(f"{path} can’t be read ({type(error).__name__}).") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SealUnusable(f"{path} has no key with its certificate.") from error
    if certificate.public_key() != key.public_key():
        raise SealUnusable(f"The certificate in {path} is another key’s.")
    return SealKey(key, certificate, tuple(chain))
