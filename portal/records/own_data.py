"""All that is kept of one person: given to them whole, or forgotten as far as the law lets us.

What an auditor needs stays: receipts with the name and address on them, the ledger, the evidence
and each gift's history, which nobody can change. Everything else of the person goes.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.sheets import FORMULA_SIGNS
from portal.database import Base, Document
from portal.donors import Consent, Donor, Own
from portal.gifts.commitments import cancel_commitment
from portal.gifts.lifecycle import EventKind
from portal.gifts.models import (
    Commitment,
    CommitmentChange,
    Evidence,
    Gift,
    GiftEvent,
    LedgerEntry,
    Plan,
    PlanStatus,
    Subscription,
)
from portal.gifts.operations import fold_name, keep_words, record_event
from portal.gifts.queries import is_own
from portal.mail.bounces import Bounce
from portal.mail.outbox import Email
from portal.receipts.claims import GiftAidItem
from portal.receipts.declarations import Declaration, forget_declarations
from portal.receipts.donor_numbers import forget_numbers, tell_own
from portal.receipts.register import GiftParticulars, Receipt, ReceiptGift
from portal.services import Act
from portal.settings import Settings

# What opens a page or finds a person, and says nothing of them.
SECRET = frozenset("token session_key fingerprint search_name given_name".split())
NAMES = ("first_name", "last_name")
ADDRESS = ("address_line1", "address_line2", "city", "province", "postal_code", "country")
WISHES = ("email", "dedication")
GIFT_COLUMNS = (
    "reference created_at status received_on amount_minor cover_minor paid_minor refunded_minor"
    " currency region fund code mode frequency first_name last_name email address_line1"
    " address_line2 city province postal_code country locale dedication anonymous"
).split()


class PlansGoOn(Exception):
    """Somebody who still gives every month can't be forgotten."""


def gather(session: Session, own: Own, settings: Settings) -> Document:
    """All that is kept of a person, by table; moments are ISO 8601 in UTC, money in minor units.

    `settings` have the key that reads what is kept encrypted.
    """
    gifts = _list(session, Gift, is_own(own))
    ids = [gift.id for gift in gifts]
    plans = _list(session, Plan, Plan.donor_id.in_(own.donor_ids))
    plan_ids = [plan.id for plan in plans]
    pledges = _list_pledges(session, own)
    pledge_ids = [pledge.id for pledge in pledges]
    return {
        "addresses": list(own.emails),
        "gifts": _rows(gifts),
        "monthly_gifts": _rows(plans),
        "subscriptions": _rows(_list(session, Subscription, Subscription.plan_id.in_(plan_ids))),
        "particulars": _rows(session.scalars(_said_of(ids))),
        "receipts": _rows(_list(session, Receipt, Receipt.id.in_(_covering(ids)))),
        "evidence": _rows(_list(session, Evidence, Evidence.gift_id.in_(ids))),
        "ledger": _rows(_list(session, LedgerEntry, LedgerEntry.gift_id.in_(ids))),
        "history": _rows(_list(session, GiftEvent, GiftEvent.gift_id.in_(ids))),
        "pledges": _rows(pledges),
        "pledges_history": _rows(
            _list(session, CommitmentChange, CommitmentChange.commitment_id.in_(pledge_ids))
        ),
        "consents": _rows(list_consents(session, own)),
        "gift_aid_declarations": _rows(
            _list(session, Declaration, Declaration.donor_id.in_(own.donor_ids))
        ),
        "gift_aid_claims": _rows(_list(session, GiftAidItem, GiftAidItem.gift_id.in_(ids))),
        "tax_numbers": tell_own(session, settings, own.donor_ids),
        "messages": _rows(_list(session, Email, _is_to(own, ids))),
        "returned_messages": _rows(_list(session, Bounce, _came_back(own, ids))),
    }


def _said_of(gift_ids: Sequence[int]) -> sa.Select[GiftParticulars]:
    """What staff wrote of these gifts: what was given in kind, or received in return."""
    own = GiftParticulars.gift_id
    return sa.select(GiftParticulars).where(own.in_(gift_ids)).order_by(own)


def _covering(gift_ids: Sequence[int]) -> sa.Select[int]:
    """The receipts that any of these gifts was ever on."""
    return sa.select(ReceiptGift.receipt_id).where(ReceiptGift.gift_id.in_(gift_ids))


def _list(session: Session, model: Any, where: sa.ColumnElement[bool]) -> Sequence[Any]:
    return session.scalars(sa.select(model).where(where).order_by(model.id)).all()


def _list_pledges(session: Session, own: Own) -> Sequence[Commitment]:
    return _list(session, Commitment, Commitment.donor_id.in_(own.donor_ids))


def _is_to(own: Own, gift_ids: Sequence[int]) -> sa.ColumnElement[bool]:
    return sa.or_(Email.gift_id.in_(gift_ids), Email.recipient.in_(own.emails))


def _came_back(own: Own, gift_ids: Sequence[int]) -> sa.ColumnElement[bool]:
    letters = sa.select(Email.id).where(_is_to(own, gift_ids))
    return sa.or_(Bounce.email_id.in_(letters), Bounce.recipient.in_(own.emails))


def list_consents(session: Session, own: Own) -> Sequence[Consent]:
    """Every yes that a person gave, to news and to partners’ knowing a name, oldest first."""
    return _list(session, Consent, Consent.donor_id.in_(own.donor_ids))


def _rows(found: Iterable[Base]) -> list[Document]:
    return [
        {
            column.key: _plain(getattr(one, column.key))
            for column in sa.inspect(type(one)).column_attrs
            if column.key not in SECRET
        }
        for one in found
    ]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def write_gifts_csv(gathered: Document) -> str:
    """The gifts of `gather` as a table; no cell is a formula to a spreadsheet."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(GIFT_COLUMNS)
    for gift in gathered["gifts"]:
        table.writerow([_cell(gift[name]) for name in GIFT_COLUMNS])
    return out.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in tuple(FORMULA_SIGNS) else text


def forget(act: Act, own: Own) -> int:
    """Erase a person from all that need not be kept; how many of their gifts keep a receipt.

    `PlansGoOn` where a monthly gift goes on. Names and addresses stay on gifts with a receipt,
    which has to show them; the rest of the person goes from these, too.
    """
    if _goes_on(act.session, own):
        raise PlansGoOn
    gifts = act.session.scalars(
        sa.select(Gift).where(is_own(own)).order_by(Gift.id).with_for_update()
    ).all()
    ids = [gift.id for gift in gifts]
    covered = sa.select(ReceiptGift.gift_id).where(ReceiptGift.gift_id.in_(ids))
    receipted = set(act.session.scalars(covered))
    for gift in gifts:
        _blank(act, gift, WISHES if gift.id in receipted else (*NAMES, *ADDRESS, *WISHES))
    _forget_around(act, own, ids)
    return len(receipted)


def _goes_on(session: Session, own: Own) -> bool:
    plans = session.scalars(
        sa.select(Plan).where(Plan.donor_id.in_(own.donor_ids), Plan.status != PlanStatus.CANCELLED)
    )
    return any(plan.running for plan in plans)


def _blank(act: Act, gift: Gift, names: Iterable[str]) -> None:
    for name in names:
        setattr(gift, name, "")
    gift.fingerprint = None
    gift.search_name = fold_name(gift.first_name, gift.last_name)
    gift.given_name = fold_name(gift.first_name, "")
    act.session.flush()
    keep_words(act.session, gift)
    record_event(act, gift, EventKind.DONOR_FORGOTTEN)


def _forget_around(act: Act, own: Own, gift_ids: Sequence[int]) -> None:
    """Letters lose their reader, consents and pledges end, and the donors their addresses."""
    session = act.session
    for pledge in _list_pledges(session, own):
        pledge.note = ""
        cancel_commitment(act, pledge)
    session.execute(sa.update(Bounce).where(_came_back(own, gift_ids)).values(recipient="", why=""))
    session.execute(
        sa.update(Email).where(_is_to(own, gift_ids)).values(recipient="", subject="", problem="")
    )
    session.execute(
        sa.update(Consent)
        .where(Consent.donor_id.in_(own.donor_ids), Consent.withdrawn_at.is_(None))
        .values(withdrawn_at=act.now)
    )
    forget_declarations(act, own.donor_ids, act.now.date())
    forget_numbers(session, own.donor_ids)
    is_theirs = sa.or_(Donor.id.in_(own.donor_ids), Donor.merged_into_id.in_(own.donor_ids))
    for donor in session.scalars(sa.select(Donor).where(is_theirs)):
        donor.email, donor.spelling = f"forgotten-{donor.id}", ""
