"""A letter on its way out: the bytes of its message, and the mail server that takes it or not.

A message is as RFC 5322 and RFC 2045 have it. Only its head is written by Python's library: that
writes a PDF line by line, three times over, and reads each head of a part again, which cost as
much as to draw the PDF. Of the server it is also asked which addresses it can reach.
"""

import binascii
import contextlib
import re
import smtplib
import ssl
import time
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import encode_rfc2231, format_datetime
from functools import cache
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

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


TIMEOUT_SECONDS = 20
LONGEST_WORDS = 240
# How long a server's answer about SMTPUTF8 is believed, and how long it may take.
ASK_EVERY_SECONDS = 600.0
ASK_TIMEOUT_SECONDS = 4
SENDER_TAKEN = 250


class MailNotSent(Exception):
    """The mail server could not be reached or refused; worth another try."""


class MailNotConfigured(MailNotSent):
    """There is no mail server in the settings."""


class Post:
    """The way to the mail server: opened by the first message, and kept for those after it."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.mail_url
        self._server: smtplib.SMTP | None = None
        self._away: MailNotSent | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._drop()

    def send(self, message: Sealed) -> None:
        """Return once the mail server has taken the message; `MailNotSent` if it does not.

        A server that hangs up on a connection it has served for a while is called once more; one
        that can't be reached is not asked again for the messages after this one.
        """
        was_open = self._server is not None
        try:
            _hand_over(self._open(), message)
        except OSError as error:
            is_no = isinstance(error, smtplib.SMTPException)
            is_lost = not is_no or isinstance(error, smtplib.SMTPServerDisconnected)
            if is_lost:
                self._drop()
            if not (is_lost and was_open):
                raise _not_taken(error) from error
            self.send(message)

    def _open(self) -> smtplib.SMTP:
        if self._away is not None:
            raise self._away
        if self._server is None:
            self._server = self._connect()
        return self._server

    def _connect(self) -> smtplib.SMTP:
        if not self._url:
            self._away = MailNotConfigured("No mail server is set: set PORTAL_MAIL_URL.")
            raise self._away
        try:
            return _connect(self._url)
        except (OSError, smtplib.SMTPException) as error:
            self._away = _not_taken(error)
            raise self._away from error

    def _drop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()


def _hand_over(server: smtplib.SMTP, message: Sealed) -> None:
    options = ["BODY=8BITMIME"] if message.needs_utf8 else []
    server.ehlo_or_helo_if_needed()
    if message.needs_utf8:
        if not server.has_extn("smtputf8"):
            raise smtplib.SMTPNotSupportedError("the server has no SMTPUTF8")
        options.append("SMTPUTF8")
    server.sendmail(message.sender, [message.recipient], message.content, options)


def _not_taken(error: Exception) -> MailNotSent:
    return MailNotSent(f"The mail server did not take it ({_server_words(error)}).")


def _server_words(error: Exception) -> str:
    """What the server said, as `550 5.1.1 No such user`; else what kind of failure it was."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        refused = next(iter(error.recipients.values()))
        return _reply(*refused)
    if isinstance(error, smtplib.SMTPResponseException):
        return _reply(error.smtp_code, error.smtp_error)
    return clean_line(f"{type(error).__name__}: {error}")[:LONGEST_WORDS]


def _reply(code: int, words: bytes | str) -> str:
    said = words.decode(errors="replace") if isinstance(words, bytes) else words
    return clean_line(f"{code} {said}")[:LONGEST_WORDS]


# When each server was asked, and whether it has SMTPUTF8.
_utf8_servers: dict[str, tuple[float, bool]] = {}


def can_reach(settings: Settings, address: str) -> bool:
    """Whether mail for an address can go out by its form; a server is asked once in a while.

    A server that does not answer is no reason to refuse anybody: what then can't be sent is
    shown to staff.
    """
    if not settings.mail_url or not needs_utf8(address):
        return True
    asked_at, has_it = _utf8_servers.get(settings.mail_url, (-ASK_EVERY_SECONDS, True))
    if time.monotonic() - asked_at >= ASK_EVERY_SECONDS:
        has_it = _ask_for_utf8(settings.mail_url)
        _utf8_servers[settings.mail_url] = (time.monotonic(), has_it)
    return has_it


def try_sender(settings: Settings) -> None:
    """Sign in at the mail server and offer it our sender, and send nothing.

    Raises `MailNotSent` with the server's words.
    """
    try:
        with _connect(settings.mail_url, timeout=ASK_TIMEOUT_SECONDS) as server:
            server.ehlo_or_helo_if_needed()
            code, words = server.mail(settings.mail_from)
            server.rset()
    except (OSError, smtplib.SMTPException) as error:
        raise _not_taken(error) from error
    if code != SENDER_TAKEN:
        raise MailNotSent(f"The mail server refuses {settings.mail_from} ({_reply(code, words)}).")


def _ask_for_utf8(url: str) -> bool:
    try:
        with _connect(url, timeout=ASK_TIMEOUT_SECONDS) as server:
            server.ehlo_or_helo_if_needed()
            return server.has_extn("smtputf8")
    except (OSError, smtplib.SMTPException):
        return True


@cache
def _tls() -> ssl.SSLContext:
    """Made once: to read the authorities' certificates takes longer than to send a message."""
    return ssl.create_default_context()


def _connect(url: str, timeout: float = TIMEOUT_SECONDS) -> smtplib.SMTP:
    parts = urlsplit(url)
    host, secure = parts.hostname or "localhost", parts.scheme == "smtps"
    if secure:
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, parts.port or 465, timeout=timeout, context=_tls()
        )
    else:
        server = smtplib.SMTP(host, parts.port or 25, timeout=timeout)
        server.ehlo()
        if server.has_extn("starttls") or parts.username:
            server.starttls(context=_tls())
    if parts.username:
        server.login(unquote(parts.username), unquote(parts.password or ""))
    return server
