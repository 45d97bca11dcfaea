"""Mail: one row a message, one Message-ID for ever, sent by SMTP.

A message is rendered and stored before it is sent, under a key that names its purpose;
sending it again after a crash sends the same message with the same Message-ID.
"""

import contextlib
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, BigId, Database
from portal.plain import clean_line
from portal.settings import Settings

TIMEOUT_SECONDS = 20


class Email(Base):
    """A message that was, or is to be, sent. `gift_id` has no foreign key: any gift or none."""

    __tablename__ = "emails"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(120), unique=True)
    gift_id: Mapped[int | None] = mapped_column(sa.BigInteger, index=True)
    message: Mapped[str] = mapped_column(sa.String(40))
    recipient: Mapped[str] = mapped_column(sa.String(254))
    subject: Mapped[str] = mapped_column(sa.String(300))
    locale: Mapped[str] = mapped_column(sa.String(12))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(sa.String(300), default="")


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
    message: str,
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


def deliver(
    database: Database, settings: Settings, email_id: int, letter: Letter, now: datetime
) -> bool:
    """Send a registered message unless it was sent; whether it went out now."""
    email = _begin(database, email_id)
    if email is None:
        return False
    message = compose(settings, letter, key=email.key, at=email.created_at)
    try:
        send(settings, message, then=lambda: _note(database, email_id, sent_at=now, problem=""))
    except MailNotSent as error:
        _note(database, email_id, problem=str(error))
        raise
    return True


def _begin(database: Database, email_id: int) -> sa.Row[str, datetime] | None:
    """A message that is still to be sent, its last problem forgotten.

    To write this is also the proof that the database takes writes: what can't be noted as
    sent would be sent again at each try.
    """
    with database.write() as session:
        return session.execute(
            sa.update(Email)
            .where(Email.id == email_id, Email.sent_at.is_(None))
            .values(problem="")
            .returning(Email.key, Email.created_at)
        ).one_or_none()


def _note(database: Database, email_id: int, **values: object) -> None:
    with database.write() as session:
        session.execute(sa.update(Email).where(Email.id == email_id).values(**values))


def compose(settings: Settings, letter: Letter, *, key: str, at: datetime) -> EmailMessage:
    """The message on the wire; its Message-ID follows from `key`, so a repeat is recognised."""
    message = EmailMessage()
    domain = settings.mail_from.rpartition("@")[2] or "localhost"
    message["Message-ID"] = f"<{key}@{domain}>"
    message["Date"] = format_datetime(at)
    message["From"] = formataddr((letter.sender_name, settings.mail_from))
    # A name that was kept long ago may hold line ends, which no header can, or overrides.
    message["To"] = formataddr((clean_line(letter.recipient_name), letter.recipient))
    if letter.reply_to:
        message["Reply-To"] = letter.reply_to
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
    return MailNotSent(f"The mail server did not take it ({type(error).__name__}).")


def _connect(url: str) -> smtplib.SMTP:
    parts = urlsplit(url)
    host, secure = parts.hostname or "localhost", parts.scheme == "smtps"
    context = ssl.create_default_context()
    if secure:
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, parts.port or 465, timeout=TIMEOUT_SECONDS, context=context
        )
    else:
        server = smtplib.SMTP(host, parts.port or 25, timeout=TIMEOUT_SECONDS)
        server.ehlo()
        if server.has_extn("starttls") or parts.username:
            server.starttls(context=context)
    if parts.username:
        server.login(unquote(parts.username), unquote(parts.password or ""))
    return server
