"""Short texts that the database keeps and can't read: encrypted by what is in no backup of it.

AES-256-GCM (NIST SP 800-38D) by a key derived from the secret key; a kept text names its key. Those
of `former_secret_keys` still read what was kept by them, until it is written anew.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Iterator

from portal.settings import Settings

NONCE_BYTES = 12
NAME_LENGTH = 8


class Unreadable(Exception):
    """A kept text's key is not among the settings, or the text was changed; never says which."""


def encrypt(settings: Settings, text: str, purpose: str) -> str:
    """`text` as it may be kept; it opens for the same `purpose` alone."""
    # Imported here, as in `decrypt`: 7 MiB that most web processes never need.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    key = next(_keys(settings))
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, text.encode(), purpose.encode())
    return f"{_name(key)}.{base64.urlsafe_b64encode(sealed).decode()}"


def decrypt(settings: Settings, kept: str, purpose: str) -> str:
    """The text that was kept; or `Unreadable`."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    name, _, body = kept.partition(".")
    try:
        key = next(key for key in _keys(settings) if _name(key) == name)
        sealed = base64.urlsafe_b64decode(body)
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        return AESGCM(key).decrypt(nonce, rest, purpose.encode()).decode()
    except (StopIteration, InvalidTag, binascii.Error, ValueError):
        raise Unreadable from None


def name_keys(settings: Settings) -> tuple[str, ...]:
    """What kept texts begin with, by the keys that read them; the one that writes is the first."""
    return tuple(_name(key) for key in _keys(settings))


def _keys(settings: Settings) -> Iterator[bytes]:
    for secret in (settings.secret_key, *settings.former_secret_keys):
        yield hmac.digest(secret.get_secret_value().encode(), b"encrypt", "sha256")


def _name(key: bytes) -> str:
    """A key's own, that says nothing of it."""
    return hmac.digest(key, b"name", "sha256").hex()[:NAME_LENGTH]
