"""The mail server: whether it takes a message, and which addresses it can reach."""

import contextlib
import smtplib
import ssl
import time
from functools import cache
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from portal.mail.mime import Sealed, needs_utf8
from portal.plain import clean_line
from portal.settings import Settings

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
