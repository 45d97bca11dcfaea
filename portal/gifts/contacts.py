"""Correcting who gave and how they are reached: what was kept stays in the gift's history."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Document
from portal.donors import Consent, find_or_add_donor
from portal.gifts.lifecycle import EventKind
from portal.gifts.models import Gift, Plan
from portal.gifts.operations import fold_name, keep_words, record_event
from portal.mail.outbox import Email
from portal.services import Act

CONTACT_FIELDS = (
    "first_name",
    "last_name",
    "email",
    "address_line1",
    "address_line2",
    "city",
    "province",
    "postal_code",
    "country",
    "locale",
)

Contact = Mapping[str, str]


def contact_of(gift: Gift) -> Contact:
    """All that a gift keeps of who gave it, by field."""
    return {name: getattr(gift, name) for name in CONTACT_FIELDS}


def list_of_plan(session: Session, gift: Gift) -> list[Gift]:
    """The gift and every other month of its plan, locked, oldest first."""
    same = Gift.id == gift.id if gift.plan_id is None else Gift.plan_id == gift.plan_id
    return list(session.scalars(sa.select(Gift).where(same).order_by(Gift.id).with_for_update()))


def correct_contact(act: Act, gift: Gift, right: Contact, *, why: str) -> list[Gift]:
    """Give a gift, and all gifts of its monthly plan, what is `right`; those that changed.

    The gift must be locked. `right` has the corrected fields alone; months to come take them
    over from the plan's first gift. Receipts keep their snapshots. Consent that came with a
    gift goes with its address, and letters that wait go there, their tries counted anew.
    """
    right = {name: text.lower() if name == "email" else text for name, text in right.items()}
    changed = []
    for one in list_of_plan(act.session, gift):
        before = {name: getattr(one, name) for name in right if getattr(one, name) != right[name]}
        if before:
            _correct(act, one, {name: right[name] for name in before})
            data = _write_history(before, right)
            record_event(act, one, EventKind.CONTACT_CORRECTED, why=why, data=data)
            changed.append(one)
    if gift.plan_id is not None and "email" in right:
        plans = sa.update(Plan).where(Plan.id == gift.plan_id)
        act.session.execute(plans.values(donor_id=gift.donor_id))
    return changed


def _correct(act: Act, gift: Gift, right: Contact) -> None:
    for name, text in right.items():
        setattr(gift, name, text)
    gift.search_name = fold_name(gift.first_name, gift.last_name)
    gift.given_name = fold_name(gift.first_name, "")
    if "email" in right:
        gift.donor_id = find_or_add_donor(act, gift.email)
        _take_along(act.session, gift, gift.donor_id)
    keep_words(act.session, gift)


def _write_history(before: Contact, right: Contact) -> Document:
    """The address by `from` and `to`, as it always was; other fields by their names."""
    data: Document = {
        "fields": {
            name: {"from": text, "to": right[name]}
            for name, text in before.items()
            if name != "email"
        }
    }
    if "email" in before:
        data |= {"from": before["email"], "to": right["email"]}
    return {name: value for name, value in data.items() if value != {}}


def _take_along(session: Session, gift: Gift, donor_id: int) -> None:
    session.execute(sa.update(Consent).where(Consent.gift_id == gift.id).values(donor_id=donor_id))
    session.execute(
        sa.update(Email)
        .where(Email.gift_id == gift.id, Email.sent_at.is_(None))
        .values(tries=0, problem="")
    )
