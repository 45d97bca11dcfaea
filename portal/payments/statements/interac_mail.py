"""Interac's notification mails, in English and French: evidence of a transfer, never proof.

A mail is easily forged, so one that isn't from Interac's addresses, or that a server found
forged, is refused; what stays only helps to match the bank's own line.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parsedate_to_datetime
from enum import StrEnum

from portal.i18n import gettext
from portal.money import AmountError, Money, parse_amount
from portal.payments.statements.formats.texts import LONGEST_NAME, joined, unescaped
from portal.plain import clean_line

# Results by which a sender's own policy says: not from us.
FAILED = frozenset(("fail", "hardfail"))

_COMMENT = re.compile(r"\([^()]*\)")
_RESULT = re.compile(r"(dkim|spf|dmarc)\s*(?:/\s*\d+)?\s*=\s*([a-z]+)", re.IGNORECASE)
_PROPERTY = re.compile(r"(header\.(?:d|i|from))\s*=\s*\"?@?([^\s;\"]+)", re.IGNORECASE)


class Authentication(StrEnum):
    """What is known of a mail's sender. A failed one is never read, only refused."""

    PASS = "pass"  # noqa: S105 - the word of RFC 8601
    FAIL = "fail"
    NONE = "none"


def authenticate(headers: Iterable[str], *, domain: str, trusted_server: str) -> Authentication:
    """Weigh a mail's Authentication-Results headers for a sender in `domain`."""
    parsed = [_COMMENT.sub(" ", " ".join(header.split())) for header in headers]
    results = [_RESULT.match(part.strip()) for header in parsed for part in header.split(";")[1:]]
    if any(found and found[2].lower() in FAILED for found in results):
        return Authentication.FAIL
    vouched = any(
        _vouches(part, domain)
        for header in parsed
        if trusted_server and _server(header) == trusted_server.lower()
        for part in header.split(";")[1:]
    )
    return Authentication.PASS if vouched else Authentication.NONE


def _server(header: str) -> str:
    """The name of the server that wrote the header, without its version."""
    words = header.partition(";")[0].split()
    return words[0].lower() if words else ""


def _vouches(part: str, domain: str) -> bool:
    """DMARC, or DKIM by the sender's own domain; SPF alone says nothing of From."""
    result = _RESULT.match(part.strip())
    if not result or result[2].lower() != "pass" or result[1].lower() == "spf":
        return False
    wanted = {"dmarc": {"header.from"}, "dkim": {"header.d", "header.i"}}[result[1].lower()]
    signers = {
        value.rpartition("@")[2].lower()
        for name, value in _PROPERTY.findall(part)
        if name.lower() in wanted
    }
    return bool(signers) and signers <= {domain, domain.partition(".")[2]}


BODY_LIMIT = 100_000

_ADDRESS = re.compile(
    r"(?:(?P<name>\"(?:[^\"\\]|\\.){0,200}\"|[^\"<>,@;:()]{0,200}?) ?"
    r"<(?P<bracketed>[^<>@\s\",;]{1,64}@[^<>@\s\",;]{1,255})>"
    r"|(?P<bare>[^<>@\s\",;]{1,64}@[^<>@\s\",;]{1,255}))"
)
_BREAKS = frozenset("p div br tr table li h1 h2 h3 h4 td".split())
# A tag ends before the next begins: each character is looked at once.
_MARK = re.compile(r"<!--|-->|<(?P<end>/?)(?P<tag>[A-Za-z][A-Za-z0-9]*)\b[^<>]*>|<[!?][^<>]*>")
_HIDDEN = frozenset(("style", "script", "head", "title"))


def header_text(mail: Message, name: str) -> str:
    """A header's text on one line; as it stands if it is wrongly encoded."""
    value = str(mail.get(name, ""))
    return _decoded(value) or clean_line(value)


def one_address(mail: Message, name: str) -> tuple[str, str]:
    """Display name and address of a header; both empty unless it holds exactly one address."""
    values = mail.get_all(name, [])
    found = _ADDRESS.fullmatch(" ".join(str(values[0]).split())) if len(values) == 1 else None
    if found is None:
        return "", ""
    display = re.sub(r"\\(.)", r"\1", (found["name"] or "").strip('"'))
    return _decoded(display), found["bracketed"] or found["bare"]


def _decoded(value: str) -> str:
    """The text of encoded words, or nothing if their encoding is unknown or broken."""
    try:
        value = str(make_header(decode_header(value)))
    except (MessageError, LookupError, ValueError):
        return ""
    return clean_line(value)


def body_text(mail: Message) -> str:
    """The plain part of the body, else the HTML part without its markup."""
    for kind in ("text/plain", "text/html"):
        for part in mail.walk():
            if part.get_content_type() == kind and not part.get_filename():
                text = _content(part)
                return _without_markup(text) if kind == "text/html" else _spaced(text)
    return ""


def _content(part: Message) -> str:
    payload = part.get_payload(decode=True)
    content = payload[:BODY_LIMIT] if isinstance(payload, bytes) else b""
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):  # an unknown name, or one that is no name at all
        return content.decode("utf-8", "replace")


def _without_markup(html: str) -> str:
    """The words of an HTML text, a line for each block, without what no reader sees.

    In one pass: the library's own parser looks for the end of each tag through all the rest
    of the text (https://github.com/python/cpython/issues/135462), half a minute for one mail.
    """
    parts: list[str] = []
    at, hidden, in_comment = 0, 0, False
    for mark in _MARK.finditer(html):
        if not (hidden or in_comment):
            parts.append(_words(html[at : mark.start()]))
        at, tag = mark.end(), (mark["tag"] or "").lower()
        if mark[0] in {"<!--", "-->"}:
            in_comment = mark[0] == "<!--"
        elif not in_comment and tag in _HIDDEN:
            hidden = max(hidden + (-1 if mark["end"] else 1), 0)
        elif tag in _BREAKS:
            parts.append("\n")
    return _spaced("".join(parts) + ("" if hidden or in_comment else _words(html[at:])))


def _words(text: str) -> str:
    return re.sub(r"\s+", " ", unescaped(text))


def _spaced(text: str) -> str:
    """Lines with single spaces."""
    return "\n".join(clean_line(line) for line in text.splitlines()).strip()


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
