"""Letters that came back: delivery reports (RFC 3464) of a mailbox, each tied to its letter.

Only a report counts: an answer of somebody who is away, of a help desk or of a person stays in the
mailbox, which is never changed. What a report says of a letter that is only delayed is not kept.
"""

import hashlib
import re
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, BigId, Document, insert_new, partial_index
from portal.mail.imap import ImapAccount, KeptMail, Wanted, read_account, read_on
from portal.mail.outbox import Email
from portal.mail.smtp import wire_address
from portal.plain import clean_line
from portal.services import Act, Services
from portal.settings import Settings

# A report may bring the whole letter back, document and all.
WANTED = Wanted(5 * 1024 * 1024)
LONGEST_WHY = 300
SEARCHED_BYTES = 1024 * 1024
MOST_NAMED = 20


class Bounce(Base):
    """A letter that came back, or a report of one that is none of ours (`email_id` is empty).

    `is_permanent` where the address itself refuses (a status of 5), not where a server gave up.
    `closed_at` is when staff dealt with it.
    """

    __tablename__ = "bounces"
    __table_args__ = (partial_index("ix_bounces_open", "id", where="closed_at IS NULL"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(64), unique=True)
    email_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("emails.id"), index=True)
    recipient: Mapped[str] = mapped_column(sa.String(254), index=True)
    status: Mapped[str] = mapped_column(sa.String(12))
    why: Mapped[str] = mapped_column(sa.String(LONGEST_WHY))
    is_permanent: Mapped[bool]
    bounced_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str] = mapped_column(sa.String(80), default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a delivery report says of one letter that did not arrive.

    `named` are the Message-IDs that it names, the likeliest to be the letter's first.
    """

    key: str
    recipient: str
    status: str
    why: str
    is_permanent: bool
    bounced_at: datetime | None
    named: tuple[str, ...]


_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_NAMED = re.compile(r"<([^<>@\s]{1,200}@[^<>@\s]{1,255})>")
PERMANENT = "5"
STATUS_KINDS = {"message/delivery-status", "message/global-delivery-status"}


def read_report(raw: bytes) -> Report | None:
    """The failure that a mail reports; None where it is no report, or of no failure."""
    mail = message_from_bytes(raw)
    fields = _find_failure(mail)
    if fields is None:
        return None
    recipient = _address(fields, "Original-Recipient") or _address(fields, "Final-Recipient")
    diagnosis = _text(fields, "Diagnostic-Code").partition(";")[2].strip()
    status = _read_status(_text(fields, "Status"), diagnosis)
    return Report(
        key=_make_key(mail, raw),
        recipient=recipient[:254],
        status=status,
        why=diagnosis[:LONGEST_WHY],
        # Without a status, a server that says "failed" means it.
        is_permanent=not status or status.startswith(PERMANENT),
        bounced_at=_read_date(mail),
        named=tuple(dict.fromkeys(_list_named(mail, raw)))[:MOST_NAMED],
    )


def _find_failure(mail: Message) -> Message | None:
    """The fields of the first recipient that was failed; Exim's own header where it is all."""
    for block in _list_blocks(mail):
        if _text(block, "Action").lower().partition(" ")[0] == "failed":
            return block
    failed = _text(mail, "X-Failed-Recipients").partition(",")[0].strip()
    if not failed or any(_list_blocks(mail)):
        return None
    block = Message()
    block["Final-Recipient"] = f"rfc822; {failed}"
    return block


def _list_blocks(mail: Message) -> Iterator[Message]:
    """The groups of fields of a delivery status, wherever it stands, whatever it says it is in.

    The parser makes each group a part; where it found none, the text is one group. A report in
    a mail that was forwarded is of another's letter.
    """
    for part in mail.get_payload() if mail.is_multipart() else [mail]:
        if not isinstance(part, Message):
            continue
        kind = part.get_content_type()
        if kind in STATUS_KINDS:
            groups = part.get_payload()
            if isinstance(groups, list):
                yield from (group for group in groups if isinstance(group, Message))
            else:
                text = part.get_payload(decode=True)
                yield message_from_bytes(text if isinstance(text, bytes) else b"")


def _text(fields: Message, name: str) -> str:
    """A field on one line, whatever bytes it holds."""
    # As it came: asked by name, the library gives back what is not ASCII as question marks.
    said = (str(value) for key, value in fields.raw_items() if key.lower() == name.lower())
    value = next(said, "")
    return clean_line(value.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _address(fields: Message, name: str) -> str:
    """`rfc822; ada@example.org` without its kind and brackets."""
    kind, semicolon, address = _text(fields, name).partition(";")
    found = (address if semicolon else kind).strip().strip("<>").lower()
    return found if "@" in found else ""


def _read_status(said: str, diagnosis: str) -> str:
    """A status like `5.1.1`, as the report says it or as the server's words have it."""
    found = _STATUS.search(said) or _STATUS.search(diagnosis)
    return found[0][:12] if found else ""


def _read_date(mail: Message) -> datetime | None:
    try:
        sent = parsedate_to_datetime(_text(mail, "Date"))
    except (ValueError, TypeError, OverflowError):
        return None
    return sent.replace(tzinfo=UTC) if sent.tzinfo is None else sent.astimezone(UTC)


def _make_key(mail: Message, raw: bytes) -> str:
    """A name of the report by which a second copy of it shows."""
    said = _text(mail, "Message-ID").encode() or raw
    return hashlib.sha256(said).hexdigest()


def _list_named(mail: Message, raw: bytes) -> Iterator[str]:
    """Message-IDs: of the letter that came back, of what this answers, and any in the text."""
    for part in mail.walk():
        if part is not mail and part.get("Message-ID"):
            yield from _NAMED.findall(_text(part, "Message-ID"))
        elif part.get_content_type() == "text/rfc822-headers":
            text = part.get_payload(decode=True)
            head = message_from_bytes(text if isinstance(text, bytes) else b"")
            yield from _NAMED.findall(_text(head, "Message-ID"))
    for name in ("In-Reply-To", "References"):
        yield from _NAMED.findall(_text(mail, name))
    yield from _NAMED.findall(raw[:SEARCHED_BYTES].decode("ascii", "replace"))


@dataclass(slots=True)
class KeptBounces:
    """How many mails were read, how many letters that came back were new, and ours."""

    read: int = 0
    new: int = 0
    tied: int = 0


def keep_bounces(act: Act, mails: Iterable[KeptMail], kept: KeptBounces) -> None:
    """Keep the failures that some mails report, each once."""
    for mail in mails:
        kept.read += 1
        report = read_report(mail.raw)
        if report is None:
            continue
        letter = _find_letter(act.session, act.services.settings, report.named)
        if insert_new(act.session, Bounce, _make_row(report, letter, act.now)):
            kept.new += 1
            kept.tied += letter is not None


def _find_letter(session: Session, settings: Settings, named: Iterable[str]) -> Email | None:
    """The letter whose Message-ID is named first (`portal.mail.smtp.compose` makes them)."""
    domain = wire_address(settings.mail_from).rpartition("@")[2] or "localhost"
    keys = [one.rpartition("@")[0] for one in named if one.rpartition("@")[2] == domain]
    rows = session.scalars(sa.select(Email).where(Email.key.in_(keys)))
    found = {letter.key: letter for letter in rows}
    return next((found[key] for key in keys if key in found), None)


def _make_row(report: Report, letter: Email | None, now: datetime) -> Document:
    return {
        "key": report.key,
        "email_id": letter.id if letter else None,
        # A letter may have been forwarded: the address that we know is the one to correct.
        "recipient": letter.recipient.lower() if letter else report.recipient,
        "status": report.status,
        "why": report.why,
        "is_permanent": report.is_permanent,
        "bounced_at": min(report.bounced_at or now, now),
        "recorded_at": now,
        "closed_by": "",
    }


def bounces_account(settings: Settings) -> ImapAccount | None:
    """The mailbox that letters come back to, if it is set."""
    url = settings.bounces_imap_url.get_secret_value()
    return read_account(url) if url else None


def fetch_bounces(
    services: Services, account: ImapAccount, *, tls: ssl.SSLContext | None = None
) -> KeptBounces:
    """Keep what is new in the mailbox.

    Raises ImapError; what was kept before it stays.
    """
    kept = KeptBounces()
    read_on(services, account, WANTED, partial(keep_bounces, kept=kept), tls=tls)
    return kept


def find_refusal(session: Session, address: str) -> Bounce | None:
    """The newest report that an address itself refuses, until somebody dealt with it."""
    wanted = sa.select(Bounce).where(
        Bounce.recipient == address.lower(),
        Bounce.recipient != "",
        Bounce.is_permanent,
        Bounce.closed_at.is_(None),
    )
    return session.scalars(wanted.order_by(Bounce.id.desc()).limit(1)).first()


def select_open() -> sa.Select[int]:
    """The numbers of those that nobody dealt with."""
    return sa.select(Bounce.id).where(Bounce.closed_at.is_(None))


def close_bounce(act: Act, bounce_id: int) -> bool:
    """Put one off the list, as dealt with; False where there is none."""
    bounce = act.session.get(Bounce, bounce_id)
    if bounce is None:
        return False
    if bounce.closed_at is None:
        bounce.closed_at, bounce.closed_by = act.now, act.actor
        act.note("bounce_close", f"bounce:{bounce_id}", {})
    return True
