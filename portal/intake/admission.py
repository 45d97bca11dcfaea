"""Payments that begin at Stripe: so many freely, more only for a browser's work.

Thieves try stolen cards from one network, or from thousands at once. A congregation gives from
one network too, so nobody is stopped for being many: beyond the free ones each payment wants
the answer to a puzzle.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal import limits
from portal.proof_of_work import spend_answer
from portal.services import Act

CROWD_SECONDS = 600
NETWORK_SECONDS = 3600
_BUCKET, _EVERYBODY = "starts", "everybody"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who begins a payment: a network's keyed hash, and the answer to a puzzle, if there is one."""

    network: str
    work: str = ""


class WorkNeeded(Exception):
    """So many payments begin just now that this one needs the answer to a puzzle."""


def admit(act: Act, caller: Caller) -> None:
    """Count a payment that begins; `WorkNeeded` where it is not free and nothing was solved."""
    counts = (
        (_EVERYBODY, act.services.settings.free_starts, CROWD_SECONDS),
        (caller.network, act.services.settings.free_starts_by_network, NETWORK_SECONDS),
    )
    is_free = all(
        limits.hit(act.session, _BUCKET, who, limit=most, seconds=seconds, now=act.now)
        for who, most, seconds in counts
    )
    if not is_free and not spend_answer(act.session, act.services.settings, caller.work, act.now):
        raise WorkNeeded


def count_starts(session: Session, now: datetime) -> int:
    """How many payments everybody together has begun in these ten minutes."""
    return limits.count(session, _BUCKET, _EVERYBODY, seconds=CROWD_SECONDS, now=now)
