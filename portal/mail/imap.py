"""Mailboxes, read by IMAP over TLS; nothing in them is changed.

Mails are known by their UID (RFC 3501 2.3.1.1): a mark says where the last fetch ended, and holds
as long as the folder's UIDVALIDITY does.
"""

import imaplib
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, Database, insert_new
from portal.i18n import gettext
from portal.services import Act, Services


class MailboxMark(Base):
    """How far a folder of a mail server was read: all up to `uid`, while `validity` holds."""

    __tablename__ = "mailbox_marks"

    mailbox: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    validity: Mapped[int] = mapped_column(sa.BigInteger)
    uid: Mapped[int] = mapped_column(sa.BigInteger)


LONGEST_MAILBOX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMail:
    """One mail as it was received; `key` tells it from the others in its file or folder."""

    key: str
    raw: bytes


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which mails are fetched: up to so many bytes, and from a sender's domain or anybody."""

    most_bytes: int
    sender: str = ""


def fetch_mails(
    account: ImapAccount, after: ImapMark, wanted: Wanted, *, tls: ssl.SSLContext | None = None
) -> Fetched:
    """Fetch up to 500 mails that are wanted and newer than `after`.

    The folder is opened read-only and mails are peeked at, so none becomes "seen".
    Raises ImapError.
    """
    with _connected(account, tls or ssl.create_default_context()) as connection:
        validity = _open_folder(connection, account.folder)
        last = after.uid if after.validity == validity else 0
        uids = _newer(connection, last, wanted.sender)[:BATCH]
        mails = tuple(
            KeptMail(key=str(uid), raw=raw)
            for uid in uids
            if (raw := _fetch(connection, uid, wanted.most_bytes)) is not None
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


def _newer(connection: imaplib.IMAP4_SSL, last: int, sender: str) -> list[int]:
    """UIDs after `last`. `n:*` names the newest mail even if it is older, hence the check."""
    by_sender = ("FROM", _quoted(sender)) if sender else ()
    status, answer = connection.uid("SEARCH", f"UID {last + 1}:*", *by_sender)
    if status != "OK":
        raise ImapError(gettext("The mail server can’t search its folder."))
    found = b" ".join(part for part in answer if isinstance(part, bytes)).split()
    return sorted(uid for word in found if word.isdigit() and (uid := int(word)) > last)


def _fetch(connection: imaplib.IMAP4_SSL, uid: int, most_bytes: int) -> bytes | None:
    """One mail, or nothing if it is gone or larger than is wanted."""
    _, sizes = connection.uid("FETCH", str(uid), "(RFC822.SIZE)")
    size = next((found for part in sizes if (found := _size(part, uid)) is not None), None)
    if size is None or size > most_bytes:
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


def try_account(account: ImapAccount) -> None:
    """Sign in and open the folder, and read nothing. Raises ImapError."""
    with _connected(account, ssl.create_default_context()) as connection:
        _open_folder(connection, account.folder)


def name_mailbox(account: ImapAccount) -> str:
    return f"{account.user}@{account.host}/{account.folder}"[:LONGEST_MAILBOX]


def read_on(
    services: Services,
    account: ImapAccount,
    wanted: Wanted,
    keep: Callable[[Act, tuple[KeptMail, ...]], None],
    *,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Let `keep` have what is new in a mailbox, some mails an act; the mark moves on with them.

    Raises ImapError; what was kept before it stays.
    """
    while True:
        mark = _read_mark(services.database, account)
        fetched = fetch_mails(account, mark, wanted, tls=tls)
        with services.write() as act:
            keep(act, fetched.mails)
            _move_mark(act.session, account, fetched.mark)
        if fetched.mark == mark:
            return


def _read_mark(database: Database, account: ImapAccount) -> ImapMark:
    with database.read() as session:
        known = session.get(MailboxMark, name_mailbox(account))
    return ImapMark(known.validity, known.uid) if known else ImapMark()


def _move_mark(session: Session, account: ImapAccount, mark: ImapMark) -> None:
    row = {"mailbox": name_mailbox(account), "validity": mark.validity, "uid": mark.uid}
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
