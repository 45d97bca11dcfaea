"""Interac's notices: from files or a mail server, each kept once, as evidence only.

They are fetched from a mailbox by IMAP over TLS; nothing in it is changed. Mails are known by
their UID (RFC 3501 2.3.1.1): a mark says where the last fetch ended, and holds as long as the
folder's UIDVALIDITY does.
"""

import hashlib
import imaplib
import mailbox
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Database, Document, insert_new
from portal.i18n import gettext
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
from portal.payments.statements.models import MailboxMark, TransferNotice
from portal.services import Act, Services

MBOX_LIMIT = 100 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMail:
    """One mail as it was received; `key` tells it from the others in its file or folder."""

    key: str
    raw: bytes


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


TLS_PORT = 993
TIMEOUT_SECONDS = 30
BATCH = 500

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UID = re.compile(rb"UID (\d{1,10})")
_SIZE = re.compile(rb"RFC822\.SIZE (\d{1,12})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapAccount:
    """Where to fetch, and as whom."""

    host: str
    user: str
    password: str = field(repr=False)
    port: int = TLS_PORT
    folder: str = "INBOX"

    def __post_init__(self) -> None:
        if _CONTROL.search(self.user + self.password + self.folder + self.host):
            raise ValueError("an IMAP account's words hold no control characters")


@dataclass(frozen=True, slots=True)
class ImapMark:
    """How far a folder has been read: everything up to `uid` under this `validity`."""

    validity: int = 0
    uid: int = 0


@dataclass(frozen=True, slots=True)
class Fetched:
    """Mails newer than a mark, oldest first, and the mark to go on from."""

    mails: tuple[KeptMail, ...]
    mark: ImapMark


class ImapError(Exception):
    """The mailbox can't be read; `reason` is a sentence without any secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def fetch_mails(
    account: ImapAccount, after: ImapMark, *, tls: ssl.SSLContext | None = None
) -> Fetched:
    """Fetch up to 500 mails that say they are Interac's and are newer than `after`.

    The folder is opened read-only and mails are peeked at, so none becomes "seen".
    Raises ImapError.
    """
    with _connected(account, tls or ssl.create_default_context()) as connection:
        validity = _open_folder(connection, account.folder)
        last = after.uid if after.validity == validity else 0
        uids = _newer(connection, last)[:BATCH]
        mails = tuple(
            KeptMail(key=str(uid), raw=raw)
            for uid in uids
            if (raw := _fetch(connection, uid)) is not None
        )
    return Fetched(mails, ImapMark(validity, max(uids, default=last)))


@contextmanager
def _connected(account: ImapAccount, tls: ssl.SSLContext) -> Iterator[imaplib.IMAP4_SSL]:
    try:
        connection = imaplib.IMAP4_SSL(
            account.host, account.port, ssl_context=tls, timeout=TIMEOUT_SECONDS
        )
    except (OSError, imaplib.IMAP4.error) as error:
        raise ImapError(gettext("The mail server can’t be reached safely.")) from error
    try:
        _log_in(connection, account)
        yield connection
    except (OSError, imaplib.IMAP4.error) as error:
        raise ImapError(gettext("The mail server broke off or answered wrongly.")) from error
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            connection.logout()
        # A log-out that fails leaves the socket open.
        with suppress(OSError):
            connection.shutdown()


def _log_in(connection: imaplib.IMAP4_SSL, account: ImapAccount) -> None:
    try:
        connection.login(_quoted(account.user), account.password)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        # The server's own words may repeat the password: they are not kept.
        raise ImapError(gettext("The mail server refused the user or the password.")) from None


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _open_folder(connection: imaplib.IMAP4_SSL, folder: str) -> int:
    """Open it read-only; its UIDVALIDITY."""
    status, _ = connection.select(_quoted(folder), readonly=True)
    if status != "OK":
        raise ImapError(gettext("The mail folder can’t be opened."))
    _, answer = connection.response("UIDVALIDITY")
    validity = answer[0] if answer else None
    return int(validity) if isinstance(validity, bytes) and validity.isdigit() else 0


def _newer(connection: imaplib.IMAP4_SSL, last: int) -> list[int]:
    """UIDs after `last`. `n:*` names the newest mail even if it is older, hence the check."""
    status, answer = connection.uid("SEARCH", f"UID {last + 1}:*", "FROM", _quoted(DOMAIN))
    if status != "OK":
        raise ImapError(gettext("The mail server can’t search its folder."))
    found = b" ".join(part for part in answer if isinstance(part, bytes)).split()
    return sorted(uid for word in found if word.isdigit() and (uid := int(word)) > last)


def _fetch(connection: imaplib.IMAP4_SSL, uid: int) -> bytes | None:
    """One mail, or nothing if it is gone or larger than any of Interac's."""
    _, sizes = connection.uid("FETCH", str(uid), "(RFC822.SIZE)")
    size = next((found for part in sizes if (found := _size(part, uid)) is not None), None)
    if size is None or size > MAIL_LIMIT:
        return None
    _, parts = connection.uid("FETCH", str(uid), "(BODY.PEEK[])")
    for part in parts:
        if isinstance(part, tuple) and _names(part[0], uid):
            return bytes(part[1])
    return None


def _size(part: object, uid: int) -> int | None:
    found = _SIZE.search(part) if isinstance(part, bytes) and _names(part, uid) else None
    return int(found[1]) if found else None


def _names(part: bytes, uid: int) -> bool:
    """Whether an answer is about this mail: servers may speak of others in between."""
    found = _UID.search(part)
    return found is not None and int(found[1]) == uid


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
