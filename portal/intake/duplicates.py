"""Which gift a form that is sent twice began, and that it is the same visitor who sends it.

Whoever knows what somebody else typed must not be led to that gift's page. A form is known by
its content together with the network it came from, or by what the browser was told when it sent
the form first. A gift keeps one mark of both, of which nothing can be read back.
"""

import hashlib
import hmac
from dataclasses import dataclass

from itsdangerous import BadSignature, Signer

# Half of SHA-256's hexadecimal digits each: 128 bits.
HALF = 32
MOST_KEPT = 4
SALT = "started-gifts"
SEPARATOR = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sends a form: a network's keyed hash, and the marks this browser was told before."""

    network: str
    marks: tuple[str, ...] = ()


def mark_form(secret: str, content: str, network: str) -> str:
    """The mark of a form's `content` from a network: 64 hexadecimal digits.

    The first half is the content's; the second ties the same content to the network.
    """
    of_content = _hash(secret, content)
    return of_content + _hash(secret, f"{of_content} {network}")


def _hash(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()[:HALF]


def list_marks(mark: str, sender: Sender) -> list[str]:
    """All marks by which this sender's gift with the same content may be known."""
    return [mark, *(one for one in sender.marks if one[:HALF] == mark[:HALF])]


def content_number(mark: str) -> int:
    """A number of 60 bits that all forms of one content share, to lock them by."""
    return int(mark[:15], 16)


def tell_browser(secret: str, marks: tuple[str, ...], mark: str) -> str:
    """What the browser is to bring back: the last marks, the newest first, signed."""
    kept = [mark, *(one for one in marks if one != mark)][:MOST_KEPT]
    return Signer(secret, salt=SALT).sign(SEPARATOR.join(kept)).decode()


def hear_browser(secret: str, text: str) -> tuple[str, ...]:
    """The marks that we told this browser; none where we didn't write the text."""
    try:
        kept = Signer(secret, salt=SALT).unsign(text).decode()
    except (BadSignature, ValueError):
        return ()
    return tuple(kept.split(SEPARATOR))
