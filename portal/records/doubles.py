"""Donors who are likely one person: by an address that is spelled otherwise, or name and postcode.

All are looked through some at a time, by number, each against those before: a page shows those
among the newest, the command goes through all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from portal.database import Database
from portal.donors import Donor
from portal.gifts.models import Gift

# Through so many donors at a time, and at most so many doubles of them.
SPAN, MOST = 500, 100


class Sign(StrEnum):
    """What says that two are one."""

    ADDRESS = "address"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Double:
    """Two donors, the one who was there first before."""

    first: Donor
    later: Donor
    sign: Sign


_FIRST, _LATER = aliased(Donor), aliased(Donor)
_EARLIER, _OWN = aliased(Gift), aliased(Gift)


def list_newest_doubles(session: Session) -> list[Double]:
    """The doubles among the newest donors."""
    last = session.scalar(sa.select(sa.func.max(Donor.id))) or 0
    return find_doubles(session, _LATER.id > last - SPAN)


def list_doubles_of(session: Session, donor_id: int) -> list[Double]:
    """Who is likely the same as one donor, whoever was there first."""
    return find_doubles(session, sa.or_(_LATER.id == donor_id, _FIRST.id == donor_id))


def go_through_doubles(database: Database) -> Iterator[Double]:
    """The doubles among all donors, the newest last."""
    with database.read() as session:
        last = session.scalar(sa.select(sa.func.max(Donor.id))) or 0
    for begin in range(0, last, SPAN):
        with database.read() as session:
            found = find_doubles(session, _LATER.id.between(begin + 1, begin + SPAN), most=None)
        yield from found


def find_doubles(
    session: Session, *wanted: sa.ColumnElement[bool], most: int | None = MOST
) -> list[Double]:
    """Each pair once, the newest first; what is merged or forgotten is none."""
    found: dict[tuple[int, int], Double] = {}
    for sign, pairs in ((Sign.ADDRESS, _BY_ADDRESS), (Sign.PERSON, _BY_PERSON)):
        rows = pairs.where(*wanted).order_by(_LATER.id.desc(), _FIRST.id.desc()).limit(most)
        for first, later in session.execute(rows):
            found.setdefault((later.id, first.id), Double(first, later, sign))
    return [found[key] for key in sorted(found, reverse=True)]


def _stands(donor: Any) -> sa.ColumnElement[bool]:
    return sa.and_(donor.merged_into_id.is_(None), donor.email.contains("@"))


def _squeeze(postal_code: Any) -> sa.ColumnElement[str]:
    """A postcode however it is spaced: `m5v 1e3` is `M5V1E3`."""
    return sa.func.replace(sa.func.replace(sa.func.upper(postal_code), " ", ""), "-", "")


_PAIRS = sa.select(_FIRST, _LATER).where(_stands(_FIRST), _stands(_LATER))
_BY_ADDRESS = _PAIRS.where(
    _FIRST.spelling == _LATER.spelling, _LATER.spelling != "", _FIRST.id < _LATER.id
)
_BY_PERSON = _PAIRS.where(
    _FIRST.id < _LATER.id,
    sa.exists().where(
        _OWN.donor_id == _LATER.id,
        _EARLIER.donor_id == _FIRST.id,
        _OWN.search_name == _EARLIER.search_name,
        _OWN.search_name != "",
        _OWN.postal_code != "",
        _squeeze(_OWN.postal_code) == _squeeze(_EARLIER.postal_code),
        _OWN.country == _EARLIER.country,
    ),
)


def find_donor_by(session: Session, email: str) -> Donor | None:
    """The donor of an address, wherever their things are now."""
    return session.scalar(sa.select(Donor).where(Donor.email == email.strip().lower()))


def name_donors(session: Session, donor_ids: Sequence[int]) -> dict[int, str]:
    """The name of each donor's newest gift."""
    newest = sa.select(sa.func.max(Gift.id)).where(Gift.donor_id.in_(donor_ids))
    rows = session.scalars(sa.select(Gift).where(Gift.id.in_(newest.group_by(Gift.donor_id))))
    return {gift.donor_id: gift.name for gift in rows if gift.donor_id is not None}
