"""Interac's notification mails, in English and French: evidence of a transfer, never proof.

A mail is easily forged, so one that isn't from Interac's addresses, or that a server found
forged, is refused; what stays only helps to match the bank's own line.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.utils import parsedate_to_datetime

from portal.i18n import gettext
from portal.money import AmountError, Money, parse_amount
from portal.payments.statements.formats.texts import LONGEST_NAME, joined
from portal.payments.statements.interac.authentication import Authentication, authenticate
from portal.payments.statements.interac.mail_text import body_text, header_text, one_address

DOMAIN = "payments.interac.ca"
SENDERS = frozenset((f"notify@{DOMAIN}", f"catch@{DOMAIN}"))
MAIL_LIMIT = 1024 * 1024

_SIGNS = r"[\d ,.'’]{1,20}"
_AMOUNT = re.compile(
    rf"(?:(?P<before>\$)\s?(?P<english>\d{_SIGNS})|(?P<french>\d{_SIGNS})\s?\$)\s*\(?(?P<code>[A-Z]{{3}})?"
)
_REFERENCE = re.compile(
    r"(?:Reference Number|Num[ée]ro de r[ée]f[ée]rence)\s?:\s{0,3}(C[A1][A-Za-z0-9]{6,10})\b",
    re.IGNORECASE,
)
_MESSAGE = re.compile(
    r"^Message\s?:\s{0,3}(?P<text>.*?)"
    r"(?=\n\s*\n|\n?(?:Reference Number|Num[ée]ro de r[ée]f[ée]rence)|\Z)",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
_SENDER = (
    re.compile(r"^(.{1,120}?) has sent you ", re.MULTILINE),
    re.compile(r"^(.{1,120}?) vous a (?:envoyé|fait|transféré|viré) ", re.MULTILINE),
)
_DEPOSITED = re.compile(
    r"automatically deposited|déposée? automatiquement|a été déposé", re.IGNORECASE
)
_FRENCH = re.compile(r"Virement Interac|Num[ée]ro de r[ée]f[ée]rence|vous a ", re.IGNORECASE)


class UntrustedMail(Exception):
    """The mail isn't Interac's, or can't be told to be; `reason` is a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NoTransferMail(Exception):
    """The mail is Interac's but tells of no transfer that came in; `reason` is a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class InteracNotice:
    """One notification. `reference` is Interac's own, its case kept; `sender_email` is what
    Reply-To says, in lower case; `is_deposited` is false while it waits to be claimed.
    """

    sender_name: str
    sender_email: str
    money: Money
    reference: str
    message: str
    language: str
    authentication: Authentication
    is_deposited: bool
    sent_at: datetime | None
    message_id: str


def read_interac_mail(raw: bytes, *, trusted_server: str = "") -> InteracNotice:
    """Read one mail as it was received.

    `trusted_server` is the name by which the organisation's own mail server signs its
    Authentication-Results; without it, nothing can pass, only fail or stay unknown.
    Raises UntrustedMail or NoTransferMail.
    """
    if len(raw) > MAIL_LIMIT:
        raise UntrustedMail(gettext("The mail is far larger than any of Interac’s."))
    mail = message_from_bytes(raw)
    name = _trusted_sender(mail)
    authentication = authenticate(
        map(str, mail.get_all("Authentication-Results", [])),
        domain=DOMAIN,
        trusted_server=trusted_server,
    )
    if authentication is Authentication.FAIL:
        raise UntrustedMail(gettext("A mail server found the mail forged (DKIM, SPF or DMARC)."))
    return _notice(mail, name, authentication)


def _trusted_sender(mail: Message) -> str:
    """The display name of Interac's From. Raises UntrustedMail for any other sender."""
    name, address = one_address(mail, "From")
    if address.lower() not in SENDERS:
        raise UntrustedMail(gettext("The mail isn’t from Interac’s address."))
    return name


def _notice(mail: Message, display_name: str, authentication: Authentication) -> InteracNotice:
    body = body_text(mail)
    text = f"{header_text(mail, 'Subject')}\n{body}"
    # The sender's own message stands first, and may hold anything: the last one is Interac's.
    references = _REFERENCE.findall(body)
    if not references:
        raise NoTransferMail(gettext("The mail names no Interac reference number."))
    message = _MESSAGE.search(body)
    return InteracNotice(
        sender_name=_sender_name(body, display_name),
        sender_email=one_address(mail, "Reply-To")[1].lower(),
        money=_money(body),
        reference=references[-1],
        message=joined([message["text"]]) if message else "",
        language="fr" if _FRENCH.search(text) else "en",
        authentication=authentication,
        is_deposited=_DEPOSITED.search(text) is not None,
        sent_at=_sent_at(mail),
        message_id=header_text(mail, "Message-ID")[:255],
    )


def _sender_name(body: str, display_name: str) -> str:
    if display_name and "interac" not in display_name.casefold():
        return display_name[:LONGEST_NAME]
    found = next(filter(None, (pattern.search(body) for pattern in _SENDER)), None)
    return found[1].strip() if found else ""


def _money(body: str) -> Money:
    """The only amount before anything the sender wrote, which is in Interac's own sentence."""
    head = _MESSAGE.split(body, maxsplit=1)[0]
    found = {_amount(each) for each in _AMOUNT.finditer(head)}
    if len(found) != 1:
        raise NoTransferMail(gettext("The mail names no clear amount."))
    return found.pop()


def _amount(found: re.Match[str]) -> Money:
    number = (found["english"] or found["french"]).strip(" .,'’")
    try:
        return parse_amount(number, found["code"] or "CAD")
    except AmountError as error:
        raise NoTransferMail(gettext("The mail names no clear amount.")) from error


def _sent_at(mail: Message) -> datetime | None:
    try:
        sent = parsedate_to_datetime(str(mail.get("Date", "")))
    except (ValueError, TypeError, OverflowError):
        return None
    return sent.replace(tzinfo=UTC) if sent.tzinfo is None else sent.astimezone(UTC)
