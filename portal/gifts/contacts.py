"""Correcting how a giver is reached: the old address stays in the gift's story."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.donors.models import Consent
from portal.donors.operations import find_or_add_donor
from portal.gifts.models import Gift, Plan
from portal.gifts.operations import keep_words, record_event
from portal.mail import Email
from portal.services import Act


def correct_email(act: Act, gift: Gift, email: str, *, why: str) -> list[Gift]:
    """Give a gift, and all gifts of its monthly plan, another address; those that changed.

    The gift must be locked. Receipts keep their snapshots, on whose face no address of this
    kind stands; consent that came with a gift goes with it. Letters that wait go to the new
    address, and their tries are counted anew.
    """
    donor = find_or_add_donor(act, email)
    same = Gift.id == gift.id if gift.plan_id is None else Gift.plan_id == gift.plan_id
    gifts = list(
        act.session.scalars(sa.select(Gift).where(same).order_by(Gift.id).with_for_update())
    )
    changed = [one for one in gifts if one.email != donor.email]
    for one in changed:
        data = {"from": one.email, "to": donor.email}
        one.email, one.donor_id = donor.email, donor.id
        record_event(act, one, "contact_corrected", actor=act.actor, why=why, data=data)
        keep_words(act.session, one)
        _take_along(act.session, one, donor.id)
    if gift.plan_id is not None:
        act.session.execute(
            sa.update(Plan).where(Plan.id == gift.plan_id).values(donor_id=donor.id)
        )
    return changed


def _take_along(session: Session, gift: Gift, donor_id: int) -> None:
    session.execute(
        sa.update(Consent)
        .where(Consent.source == f"gift {gift.reference}")
        .values(donor_id=donor_id)
    )
    session.execute(
        sa.update(Email)
        .where(Email.gift_id == gift.id, Email.sent_at.is_(None))
        .values(tries=0, problem="")
    )
