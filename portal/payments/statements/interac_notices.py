"""Interac's notices: from files or a mail server, each kept once, as evidence only.

They are fetched from a mailbox by IMAP; nothing in it is changed.
"""

import hashlib
import mailbox
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from portal.database import Document, insert_new
from portal.i18n import gettext
from portal.mail.imap import ImapAccount, KeptMail, Wanted, read_account, read_on
from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.formats.texts import check_size
from portal.payments.statements.interac_mail import (
    DOMAIN,
    MAIL_LIMIT,
    Authentication,
    InteracNotice,
    NoTransferMail,
    UntrustedMail,
    read_interac_mail,
)
from portal.payments.statements.models import TransferNotice
from portal.services import Act, Services
from portal.settings import Settings

MBOX_LIMIT = 100 * 1024 * 1024
# What says that it is Interac's, and is no larger than any of theirs.
WANTED = Wanted(MAIL_LIMIT, sender=DOMAIN)


@dataclass(slots=True)
class ReadNotices:
    """Notices with the mails they come from, and why other mails were refused, by key."""

    notices: list[tuple[KeptMail, InteracNotice]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def read_notices(mails: Iterator[KeptMail], *, trusted_server: str = "") -> ReadNotices:
    """Read Interac's notices among some mails; no other mail stops the reading."""
    read = ReadNotices()
    for mail in mails:
        try:
            notice = read_interac_mail(mail.raw, trusted_server=trusted_server)
        except (UntrustedMail, NoTransferMail) as refusal:
            read.refused[mail.key] = refusal.reason
        else:
            read.notices.append((mail, notice))
    return read


def read_mails(path: Path) -> Iterator[KeptMail]:
    """Every mail at `path`, none of it changed. Raises StatementError if there are none."""
    if path.is_dir():
        return _maildir(path) if (path / "cur").is_dir() else _folder(path)
    if not path.is_file():
        raise StatementError(gettext("There is no mail file or folder %(name)s.", name=path.name))
    check_size(path.stat().st_size, MBOX_LIMIT)
    return _file(path)


def _file(path: Path) -> Iterator[KeptMail]:
    """One mail, or as many as an mbox holds."""
    with path.open("rb") as stream:
        is_mbox = stream.read(5) == b"From "
    if is_mbox:
        return _kept(mailbox.mbox(path, create=False))
    return iter([KeptMail(key=path.name, raw=_start_of(path))])


def _maildir(path: Path) -> Iterator[KeptMail]:
    return _kept(mailbox.Maildir(path, create=False))


def _kept(box: mailbox.mbox | mailbox.Maildir) -> Iterator[KeptMail]:
    try:
        for key in box.keys():  # noqa: SIM118 - a mailbox iterates over its mails
            yield KeptMail(key=str(key), raw=box.get_bytes(key))
    finally:
        box.close()


def _folder(path: Path) -> Iterator[KeptMail]:
    """The folder's .eml files in order of name; links that lead elsewhere are not followed."""
    for file in sorted(path.glob("*.eml")):
        if file.is_file() and not file.is_symlink():
            yield KeptMail(key=file.name, raw=_start_of(file))


def _start_of(file: Path) -> bytes:
    """As much of a mail as shows that it is too large."""
    with file.open("rb") as stream:
        return stream.read(MAIL_LIMIT + 1)


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


def notices_account(settings: Settings) -> ImapAccount | None:
    """The mailbox that Interac's notices go to, if it is set."""
    url = settings.notices_imap_url.get_secret_value()
    return read_account(url) if url else None


def fetch_notices(
    services: Services,
    account: ImapAccount,
    *,
    trusted_server: str = "",
    tls: ssl.SSLContext | None = None,
) -> KeptNotices:
    """Keep what is new in a mail server's folder.

    Raises ImapError; what was kept before it stays.
    """
    kept = KeptNotices()

    def keep(act: Act, mails: tuple[KeptMail, ...]) -> None:
        kept.add(keep_notices(act, iter(mails), trusted_server=trusted_server))

    read_on(services, account, WANTED, keep, tls=tls)
    return kept
