"""Mail: one row a message, one Message-ID for ever, sent by SMTP.

A message is rendered and stored before it is sent, under a key that names its purpose;
sending it again after a crash sends the same message with the same Message-ID.
"""

import contextlib
import smtplib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, BigId, Database, enum_column, partial_index
from portal.i18n import Labelled, direction, gettext, html_lang, ngettext, use_locale
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


class LetterKind(Labelled):
    """The letters that we send: each has a folder under `templates/email`."""

    RECEIPT = "receipt", "Receipt"
    GIFT_INSTRUCTIONS = "gift_instructions", "How to pay"
    GIFT_REMINDER = "gift_reminder", "Reminder"
    PART_RECEIVED = "part_received", "A part has arrived"
    PAYMENT_PROCESSING = "payment_processing", "Payment on its way"
    PAYMENT_FAILED = "payment_failed", "Payment failed"
    PAYMENT_RETURNED = "payment_returned", "Payment returned"
    REFUND_MADE = "refund_made", "Refund made"
    RECEIPT_CANCELLED = "receipt_cancelled", "Receipt cancelled"
    RENEWAL_FAILED = "renewal_failed", "Monthly payment failed"
    MONTHLY_ENDED = "monthly_ended", "Monthly gift ended"


class Email(Base):
    """A message that was, or is to be, sent. `gift_id` has no foreign key: any gift or none.

    `noted_at` is when its gift's story told that it went out.
    """

    __tablename__ = "emails"
    __table_args__ = (partial_index("ix_emails_waiting", "id", where="sent_at IS NULL"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(120), unique=True)
    gift_id: Mapped[int | None] = mapped_column(sa.BigInteger, index=True)
    message: Mapped[LetterKind] = enum_column(LetterKind, 40)
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


def register_email(
    session: Session,
    key: str,
    letter: Letter,
    *,
    message: LetterKind,
    locale: str,
    now: datetime,
    gift_id: int | None = None,
) -> Email:
    """The row of this message, made once; a message known by `key` is returned as it is."""
    email = session.scalar(sa.select(Email).where(Email.key == key))
    if email is None:
        email = Email(
            key=key,
            gift_id=gift_id,
            message=message,
            recipient=letter.recipient,
            subject=letter.subject,
            locale=locale,
            created_at=now,
            sent_at=None,
        )
        session.add(email)
        session.flush()
    return email


def has_failing(session: Session, gift_id: int) -> bool:
    """Whether mail about a gift does not reach its giver."""
    emails = session.scalars(sa.select(Email).where(Email.gift_id == gift_id))
    return any(email.is_failing for email in emails)


def deliver(
    database: Database, settings: Settings, email_id: int, letter: Letter, now: datetime
) -> bool:
    """Send a registered message unless it was sent; whether it went out now."""
    email = _begin(database, email_id, letter.recipient)
    if email is None:
        return False
    try:
        message = compose(settings, letter, key=email.key, at=email.created_at)
        send(settings, message, then=lambda: _note(database, email_id, sent_at=now, problem=""))
    except (MailNotSent, ValueError) as error:
        # A message that can't be written is a ValueError: of the address, or of a header.
        _note(database, email_id, problem=str(error)[:LONGEST_PROBLEM])
        raise
    return True


def mark_noted(session: Session, email_id: int, now: datetime) -> bool:
    """Whether a message that went out has still to be told of in its gift's story; once."""
    marked = session.execute(
        sa.update(Email)
        .where(Email.id == email_id, Email.sent_at.is_not(None), Email.noted_at.is_(None))
        .values(noted_at=now)
        .returning(Email.id)
    )
    return marked.first() is not None


def _begin(database: Database, email_id: int, recipient: str) -> sa.Row[str, datetime] | None:
    """A message that is still to be sent, with one more try counted.

    To write this is also the proof that the database takes writes: what can't be noted as
    sent would be sent again at each try. The address may have been corrected since.
    """
    with database.write() as session:
        return session.execute(
            sa.update(Email)
            .where(Email.id == email_id, Email.sent_at.is_(None))
            .values(tries=Email.tries + 1, recipient=recipient)
            .returning(Email.key, Email.created_at)
        ).one_or_none()


def _note(database: Database, email_id: int, **values: object) -> None:
    with database.write() as session:
        session.execute(sa.update(Email).where(Email.id == email_id).values(**values))


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


def send(settings: Settings, message: EmailMessage, *, then: Callable[[], None]) -> None:
    """Hand one message to the mail server; `MailNotSent` if that fails.

    `then` runs as soon as the server has taken the message, before any farewell: whoever is
    killed between the two sends it again, so that moment is kept as short as can be.
    """
    if not settings.mail_url:
        raise MailNotConfigured("No mail server is set: set PORTAL_MAIL_URL.")
    try:
        server = _connect(settings.mail_url)
    except (OSError, smtplib.SMTPException) as error:
        raise _not_taken(error) from error
    try:
        _hand_over(server, message)
        then()
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.quit()


def _hand_over(server: smtplib.SMTP, message: EmailMessage) -> None:
    try:
        server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise _not_taken(error) from error


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


def _connect(url: str, timeout: float = TIMEOUT_SECONDS) -> smtplib.SMTP:
    parts = urlsplit(url)
    host, secure = parts.hostname or "localhost", parts.scheme == "smtps"
    context = ssl.create_default_context()
    if secure:
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, parts.port or 465, timeout=timeout, context=context
        )
    else:
        server = smtplib.SMTP(host, parts.port or 25, timeout=timeout)
        server.ehlo()
        if server.has_extn("starttls") or parts.username:
            server.starttls(context=context)
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
