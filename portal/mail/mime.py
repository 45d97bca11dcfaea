"""A letter as the bytes of a message (RFC 5322, RFC 2045).

Only the head is written by Python's library: that writes a PDF line by line, three times over,
and reads each head of a part again, which cost as much as to draw the PDF.
"""

import binascii
import re
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import encode_rfc2231, format_datetime

from portal.plain import clean_line
from portal.settings import Settings


@dataclass(frozen=True, slots=True)
class Attachment:
    filename: str
    content: bytes
    maintype: str = "application"
    subtype: str = "pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A rendered message to one person."""

    recipient: str
    recipient_name: str
    subject: str
    text: str
    html: str
    sender_name: str = ""
    reply_to: str = ""
    attachments: tuple[Attachment, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Sealed:
    """A message as a mail server takes it; `needs_utf8` where only one with SMTPUTF8 can."""

    sender: str
    recipient: str
    content: bytes
    needs_utf8: bool


def compose(settings: Settings, letter: Letter, *, key: str, at: datetime) -> Sealed:
    """The message on the wire; its Message-ID follows from `key`, so a repeat is recognised.

    ValueError for what no message can hold: an address that is none, a line end in a header.
    """
    sender = wire_address(settings.mail_from)
    only_utf8 = needs_utf8(letter.recipient) or needs_utf8(sender)
    head = EmailMessage(policy=SMTPUTF8 if only_utf8 else SMTP)
    head["Message-ID"] = f"<{key}@{sender.rpartition('@')[2] or 'localhost'}>"
    head["Date"] = format_datetime(at)
    head["From"] = _address(letter.sender_name, settings.mail_from)
    # A name that was kept long ago may hold line ends, which no header can, or overrides.
    head["To"] = _address(letter.recipient_name, letter.recipient)
    if letter.reply_to:
        head["Reply-To"] = _address("", letter.reply_to)
    head["Subject"] = letter.subject
    head["Auto-Submitted"] = "auto-generated"
    head["MIME-Version"] = "1.0"
    content = head.as_bytes().rstrip(CRLF) + CRLF + _write_body(letter)
    return Sealed(sender, wire_address(letter.recipient), content, only_utf8)


CRLF = b"\r\n"
PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def _write_body(letter: Letter) -> bytes:
    bodies = _write_parts(
        "alternative",
        [_write_text("plain", letter.text), _write_text("html", letter.html)],
    )
    if not letter.attachments:
        return bodies
    return _write_parts("mixed", [bodies, *map(_write_attachment, letter.attachments)])


def _write_parts(kind: str, parts: Sequence[bytes]) -> bytes:
    """RFC 2046's multipart. No part holds the boundary: neither base64 nor quoted-printable
    ever writes `=_` (RFC 2045, 6.7)."""
    boundary = f"=_{kind}"
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'
    rows = b"".join(f"--{boundary}\r\n".encode() + part + CRLF for part in parts)
    return head.encode() + rows + f"--{boundary}--\r\n".encode()


def _write_text(subtype: str, text: str) -> bytes:
    head = (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    lines = text.replace(CRLF.decode(), "\n").encode()
    return head.encode() + _with_crlf(binascii.b2a_qp(lines))


def _write_attachment(attachment: Attachment) -> bytes:
    name = attachment.filename
    is_plain = PLAIN_NAME.fullmatch(name) is not None
    filename = f'filename="{name}"' if is_plain else f"filename*={encode_rfc2231(name, 'utf-8')}"
    head = (
        f"Content-Type: {attachment.maintype}/{attachment.subtype}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment; {filename}\r\n\r\n"
    )
    return head.encode() + _with_crlf(encodebytes(attachment.content))


def _with_crlf(lines: bytes) -> bytes:
    return lines.replace(b"\n", CRLF)


def wire_address(address: str) -> str:
    """An address as mail servers know it: its domain in ASCII, as RFC 5891 writes it.

    The part before the @ stays as it is: only SMTPUTF8 (RFC 6531) carries one beyond ASCII.
    Raises UnicodeError for a domain that can't be.
    """
    local, at, domain = address.rpartition("@")
    if domain.isascii():
        return address
    import idna  # noqa: PLC0415 - its tables are rarely wanted

    return f"{local}{at}{idna.encode(domain, uts46=True).decode()}"


def needs_utf8(address: str) -> bool:
    """Whether only a server with SMTPUTF8 takes mail for this address."""
    return not address.rpartition("@")[0].isascii()


def _address(name: str, address: str) -> Address:
    local, _, domain = wire_address(address).rpartition("@")
    return Address(display_name=clean_line(name), username=local, domain=domain)
