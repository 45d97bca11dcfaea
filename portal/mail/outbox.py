"""Mail: one row a message, one Message-ID for ever, sent by SMTP.

A message is rendered and stored before it is sent, under a key that names its purpose;
sending it again after a crash sends the same message with the same Message-ID.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal import TEMPLATES
from portal.database import (
    Base,
    BigId,
    Database,
    Document,
    enum_column,
    insert_new,
    partial_index,
    table_of,
)
from portal.i18n import Labelled, direction, gettext, html_lang, ngettext, use_locale
from portal.mail.smtp import Letter, MailNotSent, Post, compose
from portal.plain import clean_line, drop_hidden
from portal.settings import Settings

# From which try on staff are shown what the server says.
WORRYING_TRIES = 2
LONGEST_PROBLEM = 300


class LetterKind(Labelled):
    """The letters that we send: each has a folder under `templates/email`."""

    RECEIPT = "receipt", "Receipt"
    YEARLY_RECEIPT = "yearly_receipt", "Receipt of a year"
    GIFT_THANKS = "gift_thanks", "Thank you"
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
    SIGN_IN_LINK = "sign_in_link", "Sign-in link"
    ACCOUNT_LINK = "account_link", "Link to the donor’s account"
    ADDRESS_LINK = "address_link", "Link to prove an address"
    GIFT_AID_CONFIRMATION = "gift_aid_confirmation", "Gift Aid declaration confirmed"
    PARTNER_MONTH = "partner_month", "A partner’s figures of a month"


class Email(Base):
    """A message that was, or is to be, sent. `gift_id` has no foreign key: any gift or none.

    `noted_at` is when its gift's history told that it went out.
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


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A letter on its way; `key` names its purpose for ever, so that it goes out once."""

    key: str
    letter: Letter
    message: LetterKind
    locale: str
    gift_id: int | None = None


# Writes down, in a transaction of its own, that a message went out: `mark_sent`, and its story.
Note = Callable[[Outgoing, int], None]


def has_failing(session: Session, gift_id: int) -> bool:
    """Whether mail about a gift does not reach its donor."""
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
    """Note that a message went out; whether its gift's history has still to tell of it, once."""
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
