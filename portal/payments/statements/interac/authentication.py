"""Whether a mail is who it says: what a receiving server wrote in Authentication-Results.

RFC 8601. Anybody can put such a header into a mail he sends, so a "pass" counts only from
the server that is known to be one's own; a "fail" counts from anyone.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

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
