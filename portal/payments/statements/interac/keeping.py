"""Keeping Interac's notices: from files or a mail server, each once, as evidence only."""

import hashlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Database, Document, insert_new
from portal.i18n import gettext
from portal.payments.statements.interac.imap import (
    TLS_PORT,
    ImapAccount,
    ImapMark,
    KeptMail,
    ReadNotices,
    fetch_mails,
    read_notices,
)
from portal.payments.statements.interac.mail import Authentication, InteracNotice
from portal.payments.statements.models import MailboxMark, TransferNotice
from portal.services import Act, Services

LONGEST_MAILBOX = 200


@dataclass(slots=True)
class KeptNotices:
    """How many notices were read, how many of them were new, and why mails were refused."""

    read: int = 0
    new: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    def add(self, other: "KeptNotices") -> None:
        self.read += other.read
        self.new += other.new
        self.refused |= other.refused


def keep_notices(act: Act, mails: Iterator[KeptMail], *, trusted_server: str = "") -> KeptNotices:
    """Keep the notices among some mails; one that says the same as another is kept once.

    With a `trusted_server`, only what that server found authentic is kept. Without one,
    whatever no server found forged is: a notice only ever helps to find a gift.
    """
    read = read_notices(mails, trusted_server=trusted_server)
    if trusted_server:
        _refuse_unproven(read)
    rows = {row["key"]: row for row in (_row(notice, act.now) for _, notice in read.notices)}
    new = insert_new(act.session, TransferNotice, *rows.values()) if rows else []
    return KeptNotices(len(read.notices), len(new), read.refused)


def _refuse_unproven(read: ReadNotices) -> None:
    reason = gettext("Our own mail server did not find the mail authentic.")
    for mail, notice in read.notices:
        if notice.authentication is not Authentication.PASS:
            read.refused[mail.key] = reason
    read.notices = [pair for pair in read.notices if pair[0].key not in read.refused]


def _row(notice: InteracNotice, now: datetime) -> Document:
    said = (
        notice.reference,
        str(notice.money),
        notice.sender_name,
        notice.sender_email,
        notice.message,
    )
    return {
        "key": hashlib.sha256("\x1f".join(said).encode()).hexdigest(),
        "interac_reference": notice.reference,
        "sender_name": notice.sender_name[:200],
        "sender_email": notice.sender_email[:254],
        "amount_minor": notice.money.minor,
        "currency": notice.money.currency,
        "message": notice.message,
        "authentication": notice.authentication.value,
        "received_at": notice.sent_at or now,
        "recorded_at": now,
    }


def fetch_notices(
    services: Services,
    account: ImapAccount,
    *,
    trusted_server: str = "",
    tls: ssl.SSLContext | None = None,
) -> KeptNotices:
    """Fetch what is new in a mail server's folder; the mark moves on with what was kept.

    Raises ImapError; what was kept before it stays.
    """
    kept = KeptNotices()
    while True:
        mark = _read_mark(services.database, account)
        fetched = fetch_mails(account, mark, tls=tls)
        with services.write() as act:
            kept.add(keep_notices(act, iter(fetched.mails), trusted_server=trusted_server))
            _move_mark(act.session, account, fetched.mark)
        if fetched.mark == mark or not fetched.mails:
            return kept


def _name(account: ImapAccount) -> str:
    return f"{account.user}@{account.host}/{account.folder}"[:LONGEST_MAILBOX]


def _read_mark(database: Database, account: ImapAccount) -> ImapMark:
    with database.read() as session:
        known = session.get(MailboxMark, _name(account))
    return ImapMark(known.validity, known.uid) if known else ImapMark()


def _move_mark(session: Session, account: ImapAccount, mark: ImapMark) -> None:
    row = {"mailbox": _name(account), "validity": mark.validity, "uid": mark.uid}
    if not insert_new(session, MailboxMark, row):
        session.execute(
            sa.update(MailboxMark)
            .where(MailboxMark.mailbox == row["mailbox"])
            .values(validity=mark.validity, uid=mark.uid)
        )


def read_account(url: str) -> ImapAccount:
    """The account of `imaps://user:password@host:993/FOLDER`. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme != "imaps" or not parts.hostname or not parts.username:
        raise ValueError("is `imaps://user:password@host:993/FOLDER`")
    return ImapAccount(
        host=parts.hostname,
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        port=parts.port or TLS_PORT,
        folder=unquote(parts.path.removeprefix("/")) or "INBOX",
    )
