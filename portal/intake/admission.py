"""Payments that begin at Stripe: so many freely, more only for a browser's work.

Thieves try stolen cards from one network, or from thousands at once. A congregation gives from
one network too, so nobody is stopped for being many: beyond the free ones each payment wants
the answer to a puzzle.

A donor whose provider is busy is told when to come back, and led on by then: the gift and its
hand-off are kept, so that coming back asks the provider for the same page by the same key. The
moment stands signed in the address, so that any process knows who has waited.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from itsdangerous import BadSignature, Signer
from sqlalchemy.orm import Session

from portal import limits
from portal.database import Document
from portal.limits import Limit, spend_answer
from portal.services import Act
from portal.settings import Settings

CROWD_SECONDS = 600
NETWORK_SECONDS = 3600
_BUCKET, _EVERYBODY = "starts", "everybody"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who begins a payment: a network's keyed hash, and the answer to a puzzle, if there is one."""

    network: str
    work: str = ""


class TooManyTries(Exception):
    """This visitor started many gifts in an hour; transfers stay open to them."""


class WorkNeeded(Exception):
    """So many payments begin just now that this one needs the answer to a puzzle."""


def admit(act: Act, caller: Caller, tries: Limit | None = None) -> None:
    """Count a payment that begins, and a try with it.

    `TooManyTries` where there were; `WorkNeeded` where it is not free and nothing was solved.
    """
    settings = act.services.settings
    free = (
        Limit(_BUCKET, _EVERYBODY, settings.free_starts, CROWD_SECONDS),
        Limit(_BUCKET, caller.network, settings.free_starts_by_network, NETWORK_SECONDS),
    )
    if tries is None:
        is_free = all(limits.hit_all(act.session, *free, now=act.now))
    else:
        is_allowed, *are_free = limits.hit_all(act.session, tries, *free, now=act.now)
        is_free = all(are_free)
        if not is_allowed:
            raise TooManyTries
    if not is_free and not spend_answer(act.session, act.services.settings, caller.work, act.now):
        raise WorkNeeded


def count_starts(session: Session, now: datetime) -> int:
    """How many payments everybody together has begun in these ten minutes."""
    return limits.count(session, _BUCKET, _EVERYBODY, seconds=CROWD_SECONDS, now=now)


def name_starts(now: datetime) -> Document:
    """What `limits.COUNT` is run with, to count them."""
    return limits.name_window(_BUCKET, _EVERYBODY, seconds=CROWD_SECONDS, now=now)


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


# After that the turn has passed, and the donor waits again.
TURN_HOLDS = timedelta(minutes=2)


def _signer(settings: Settings, token: str) -> Signer:
    return Signer(settings.secret_key.get_secret_value(), salt=f"turn-{token}")


def turn_url(settings: Settings, token: str, due: datetime) -> str:
    """Where a donor waits until their turn, and goes on from."""
    turn = _signer(settings, token).sign(str(ceil(due.timestamp()))).decode()
    return f"/gift/{token}/pay?turn={turn}"


def read_turn(settings: Settings, token: str, text: str) -> datetime | None:
    """When it is a donor's turn; None where we never told this."""
    try:
        due = int(_signer(settings, token).unsign(text))
    except (BadSignature, ValueError):
        return None
    return datetime.fromtimestamp(due, UTC)
