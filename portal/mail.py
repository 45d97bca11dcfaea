"""Mail: one row a message, one Message-ID for ever, sent by SMTP.

A message is rendered and stored before it is sent, under a key that names its purpose;
sending it again after a crash sends the same message with the same Message-ID.
"""

import contextlib
import smtplib
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import (
    Base,
    BigId,
    Database,
    Document,
    insert_new,
    partial_index,
    table_of,
)
from portal.i18n import direction, gettext, html_lang, ngettext, use_locale
from portal.paths import TEMPLATES
from portal.plain import clean_line, drop_hidden
from portal.settings import Settings

TIMEOUT_SECONDS = 20
# From which try on staff are shown what the server says.
WORRYING_TRIES = 2
LONGEST_PROBLEM = 300
LONGEST_WORDS = 240
# How long a server's answer about SMTPUTF8 is believed, and how long it may take.
ASK_EVERY_SECONDS = 600.0
ASK_TIMEOUT_SECONDS = 4


class Email(Base):
    """A message that was, or is to be, sent. `gift_id` has no foreign key: any gift or none.

    `noted_at` is when its gift's story told that it went out.
    """

    __tablename__ = "emails"
    __table_args__ = (partial_index("ix_emails_waiting", "id", where="sent_at IS NULL"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(120), unique=True)
    gift_id: Mapped[int | None] = mapped_column(sa.BigInteger, index=True)
    message: Mapped[str] = mapped_column(sa.String(40))
    recipient: Mapped[str] = mapped_column(sa.String(254))
    subject: Mapped[str] = mapped_column(sa.String(300))
    locale: Mapped[str] = mapped_column(sa.String(12))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    noted_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(sa.String(300), default="")
    tries: Mapped[int] = mapped_column(default=0, server_default="0")

    @property
    def is_failing(self) -> bool:
        """Whether it did not go out at its second try; the first may only have been unlucky."""
        return self.sent_at is None and self.tries >= WORRYING_TRIES and bool(self.problem)


class MailNotSent(Exception):
    """The mail server could not be reached or refused; worth another try."""


class MailNotConfigured(MailNotSent):
    """There is no mail server in the settings."""


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
class Outgoing:
    """A letter on its way; `key` names its purpose for ever, so that it goes out once."""

    key: str
    letter: Letter
    message: str
    locale: str
    gift_id: int | None = None


# Writes down, in a transaction of its own, that a message went out: `mark_sent`, and its story.
Note = Callable[[Outgoing, int], None]


def has_failing(session: Session, gift_id: int) -> bool:
    """Whether mail about a gift does not reach its giver."""
    emails = session.scalars(sa.select(Email).where(Email.gift_id == gift_id))
    return any(email.is_failing for email in emails)


def deliver(
    database: Database,
    settings: Settings,
    letters: Sequence[Outgoing],
    now: datetime,
    note: Note,
) -> dict[str, Exception]:
    """Send letters that were not sent yet, over one connection; by its key, why one was not.

    Each is noted as soon as the server has taken it: whoever is killed between the two sends it
    again, so that moment is kept as short as can be. To register them is also the proof that the
    database takes writes: what can't be noted as sent would be sent again at each try.
    """
    if not letters:
        return {}
    letters = list({letter.key: letter for letter in letters}.values())
    registered = _register(database, letters, now)
    failed: dict[str, Exception] = {}
    with Post(settings) as post:
        for letter in letters:
            email = registered[letter.key]
            try:
                if email.sent_at is None:
                    at = email.created_at
                    post.send(compose(settings, letter.letter, key=letter.key, at=at))
                if email.noted_at is None:
                    note(letter, email.id)
            except (MailNotSent, ValueError) as error:
                # A message that can't be written is a ValueError: of an address, or of a header.
                failed[letter.key] = error
    _note_problems(database, {registered[key].id: str(why) for key, why in failed.items()})
    return failed


def _register(database: Database, letters: Sequence[Outgoing], now: datetime) -> dict[str, Any]:
    """The rows of these messages by key, each made once; one more try of the unsent is counted.

    The address may have been corrected since the last try.
    """
    rows = [_email_row(letter, now) for letter in letters]
    tries = [{"one": letter.key, "to": letter.letter.recipient} for letter in letters]
    with database.write() as session:
        insert_new(session, Email, *rows)
        session.execute(_TRY, tries)
        found = session.execute(_FIND, {"keys": [letter.key for letter in letters]})
        return {row.key: row for row in found}


def _email_row(letter: Outgoing, now: datetime) -> Document:
    return {
        "key": letter.key,
        "gift_id": letter.gift_id,
        "message": letter.message,
        "recipient": letter.letter.recipient,
        "subject": letter.letter.subject,
        "locale": letter.locale,
        "created_at": now,
        "problem": "",
        "tries": 0,
    }


# Made once: to build and to hash a statement costs more than to run it.
_EMAILS = table_of(Email)
_TRY = (
    sa.update(_EMAILS)
    .where(_EMAILS.c.key == sa.bindparam("one"), _EMAILS.c.sent_at.is_(None))
    .values(tries=_EMAILS.c.tries + 1, recipient=sa.bindparam("to"))
)
_FIND = sa.select(
    _EMAILS.c.id, _EMAILS.c.key, _EMAILS.c.created_at, _EMAILS.c.sent_at, _EMAILS.c.noted_at
).where(_EMAILS.c.key.in_(sa.bindparam("keys", expanding=True)))
_AT = sa.bindparam("at", type_=_EMAILS.c.sent_at.type)
_MARK = (
    sa.update(_EMAILS)
    .where(_EMAILS.c.id == sa.bindparam("one"), _EMAILS.c.noted_at.is_(None))
    .values(
        sent_at=sa.func.coalesce(_EMAILS.c.sent_at, _AT),
        noted_at=_AT,
        problem="",
    )
    .returning(_EMAILS.c.id)
)
_PROBLEM = (
    sa.update(_EMAILS)
    .where(_EMAILS.c.id == sa.bindparam("one"), _EMAILS.c.sent_at.is_(None))
    .values(problem=sa.bindparam("why"))
)


def mark_sent(session: Session, email_id: int, now: datetime) -> bool:
    """Note that a message went out; whether its gift's story has still to tell of it, once."""
    return session.execute(_MARK, {"one": email_id, "at": now}).first() is not None


def find_noted(session: Session, keys: Sequence[str]) -> set[str]:
    """Which of these messages went out and were told of."""
    noted = sa.select(Email.key).where(Email.key.in_(keys), Email.noted_at.is_not(None))
    return set(session.scalars(noted))


def _note_problems(database: Database, problems: dict[int, str]) -> None:
    rows = [{"one": one, "why": why[:LONGEST_PROBLEM]} for one, why in problems.items()]
    if rows:
        with database.write() as session:
            session.execute(_PROBLEM, rows)


def compose(settings: Settings, letter: Letter, *, key: str, at: datetime) -> EmailMessage:
    """The message on the wire; its Message-ID follows from `key`, so a repeat is recognised."""
    message = EmailMessage()
    domain = wire_address(settings.mail_from).rpartition("@")[2] or "localhost"
    message["Message-ID"] = f"<{key}@{domain}>"
    message["Date"] = format_datetime(at)
    message["From"] = _address(letter.sender_name, settings.mail_from)
    # A name that was kept long ago may hold line ends, which no header can, or overrides.
    message["To"] = _address(letter.recipient_name, letter.recipient)
    if letter.reply_to:
        message["Reply-To"] = _address("", letter.reply_to)
    message["Subject"] = letter.subject
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    for attachment in letter.attachments:
        message.add_attachment(
            attachment.content,
            maintype=attachment.maintype,
            subtype=attachment.subtype,
            filename=attachment.filename,
        )
    return message


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

    def send(self, message: EmailMessage) -> None:
        """Return once the mail server has taken the message; `MailNotSent` if it does not.

        A server that hangs up on a connection it has served for a while is called once more; one
        that can't be reached is not asked again for the messages after this one.
        """
        was_open = self._server is not None
        try:
            self._open().send_message(message)
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


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES / "email"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"_": gettext, "gettext": gettext, "ngettext": ngettext}
    return environment


def render_letter(message: str, locale: str, **values: object) -> tuple[str, str, str]:
    """Subject, text body and HTML body of `message`.

    A value that a template needs and nobody gave is an error, never an empty place.
    """
    with use_locale(locale):
        given = {**values, "html_lang": html_lang(locale), "direction": direction(locale)}
        subject, text, html = (
            _templates().get_template(f"{message}/{part}").render(given)
            for part in ("subject.txt", "body.txt", "body.html")
        )
    return clean_line(subject), drop_hidden(text).strip() + "\n", drop_hidden(html)
