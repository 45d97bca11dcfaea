"""What a gift that begins is decided by, asked of the database at once."""

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from portal.codes.parsing import normalise_code
from portal.codes.queries import read_code, with_code
from portal.codes.terms import Code
from portal.database import table_of
from portal.donors import Donor, fold_address
from portal.gifts.models import Gift
from portal.gifts.references import make_reference
from portal.intake.admission import Sender, list_marks
from portal.payments.models import Installation
from portal.services import Act

DUPLICATE_WINDOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Known:
    """What there is already of a form: the same gift of the same sender, its code, its donor.

    `reference` is one that no gift has, or None where the one that was drawn is taken.
    """

    duplicate_id: int | None
    code: Code | None
    donor_id: int | None
    reference: str | None
    installation: str


def look_around(act: Act, *, mark: str, sender: Sender, email: str, code: str | None) -> Known:
    """Ask for all of it in one statement. The newest duplicate this browser knows comes first."""
    reference = make_reference()
    asked = {
        "marks": list_marks(mark, sender),
        "told": list(sender.marks),
        "since": act.now - DUPLICATE_WINDOW,
        "email": fold_address(email),
        "reference": reference,
        "wanted": normalise_code(code or ""),
    }
    row = act.session.execute(_KNOWN, asked).one()
    return Known(
        row.duplicate_id,
        read_code(row),
        row.donor_id,
        None if row.is_taken else reference,
        row.installation,
    )


_GIFTS, _DONORS, _OWN = table_of(Gift), table_of(Donor), table_of(Installation)


def _duplicates() -> sa.ScalarSelect[int]:
    mark = _GIFTS.c.fingerprint
    return (
        sa.select(_GIFTS.c.id)
        .where(
            mark.in_(sa.bindparam("marks", expanding=True)),
            _GIFTS.c.created_at > sa.bindparam("since", type_=_GIFTS.c.created_at.type),
        )
        .order_by(mark.in_(sa.bindparam("told", expanding=True)).desc(), _GIFTS.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _donor() -> sa.ScalarSelect[int]:
    return sa.select(_DONORS.c.id).where(_DONORS.c.email == sa.bindparam("email")).scalar_subquery()


# Made once: to build a statement costs more than to run it. One row, whatever there is.
_KNOWN = with_code(
    sa.select(
        _duplicates().label("duplicate_id"),
        _donor().label("donor_id"),
        sa.exists().where(_GIFTS.c.reference == sa.bindparam("reference")).label("is_taken"),
        _OWN.c.id.label("installation"),
    ).select_from(_OWN)
)
