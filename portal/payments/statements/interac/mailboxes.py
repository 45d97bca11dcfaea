"""Mails kept in a file or a folder: an mbox, a Maildir, or a folder of .eml files."""

import mailbox
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from portal.i18n import gettext
from portal.payments.statements.formats.decoding import check_size
from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.interac.mail import (
    MAIL_LIMIT,
    InteracNotice,
    NoTransferMail,
    UntrustedMail,
    read_interac_mail,
)

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
