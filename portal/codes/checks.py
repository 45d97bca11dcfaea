"""What is allowed in a code's terms and hardly meant: said when they are saved. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from portal.codes.policy import open_terms
from portal.codes.refusals import Refusal
from portal.codes.terms import Code
from portal.regions.catalogue import Catalogue

# A secret code has 50 bits or more: eleven letters of an alphabet of 31.
LEAST_SECRET = 11


class Doubt(StrEnum):
    """What may be meant otherwise."""

    OVER = "over"
    NOWHERE = "nowhere"
    GUESSABLE = "guessable"


def list_doubts(code: Code, now: datetime, catalogue: Catalogue) -> Iterator[Doubt]:
    """Whether it is over already, allows nothing anywhere, or is secret and can be guessed."""
    if code.ends_at is not None and code.ends_at <= now:
        yield Doubt.OVER
    elif allows_nothing(code, now, catalogue):
        yield Doubt.NOWHERE
    if code.is_secret and len(code.code) < LEAST_SECRET:
        yield Doubt.GUESSABLE


def allows_nothing(code: Code, now: datetime, catalogue: Catalogue) -> bool:
    """Whether terms leave no way to give in any region that has one, whatever the day and state."""
    plain = replace(code.as_promised(), is_secret=False, starts_at=None, ends_at=None)
    found = [open_terms(plain, place, now, catalogue) for place in catalogue.open]
    return bool(found) and all(isinstance(one, Refusal) for one in found)
