"""Writing gifts: a promise, what happened to it, and the ledger that follows."""

import secrets
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from portal.clock import day_in
from portal.codes import matches, uses
from portal.codes.terms import Pledge
from portal.database import Document, table_of
from portal.donors import DonorDetails
from portal.driver import Answer, add, ask, hold, pipelined
from portal.gifts.day_sums import keep_days
from portal.gifts.evidence import Accounts, Claim, movements
from portal.gifts.lifecycle import (
    AFTER_PAYMENT,
    EventKind,
    Fact,
    FactKind,
    Standing,
    Status,
    weigh,
)
from portal.gifts.models import Evidence, Gift, GiftEvent, GiftWord, LedgerEntry, Plan, PlanStatus
from portal.gifts.queries import list_claimed
from portal.gifts.references import list_words, make_reference
from portal.money import Money
from portal.plain import clean_line
from portal.services import Act


def make_token() -> str:
    """An unguessable name for a donor's own page: 128 bits."""
    return secrets.token_urlsafe(16)


CURLY_APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"


def fold_name(first_name: str, last_name: str) -> str:
    """A name as the staff search compares it: last name first, no accents, lower case.

    Phones type an apostrophe that keyboards don't have, so both are the same.
    """
    plain = f"{last_name} {first_name}".strip().replace(CURLY_APOSTROPHE, "'")
    flat = unicodedata.normalize("NFKD", plain)
    return "".join(char for char in flat if not unicodedata.combining(char)).casefold()


def add_gift(
    act: Act,
    pledge: Pledge,
    donor: DonorDetails,
    *,
    donor_id: int | None,
    partner: str | None,
    plan_id: int | None = None,
    fingerprint: str | None = None,
    origin: str | None = None,
    is_unattributed: bool = False,
    reference: str | None = None,
    applied: str | None = None,
    is_counted: bool = False,
    is_matched: bool = False,
    is_only_acknowledged: bool = False,
) -> Gift:
    """Keep a promise to give: a pending gift with its first events.

    `reference` is one that no gift has, where its finder looked; `applied` the code whose terms
    hold, where its history is to tell.
    """
    gift = Gift(
        token=make_token(),
        reference=reference or free_reference(act.session),
        origin=origin,
        is_unattributed=is_unattributed,
        is_counted=is_counted,
        is_matched=is_matched,
        is_only_acknowledged=is_only_acknowledged,
        plan_id=plan_id,
        donor_id=donor_id,
        region=pledge.region,
        fund=pledge.fund,
        code=pledge.code,
        partner=partner,
        mode=pledge.mode,
        frequency=pledge.frequency.value,
        amount_minor=pledge.total.minor,
        cover_minor=pledge.cover.minor,
        currency=pledge.total.currency,
        **_donor_values(donor),
        status=Status.PENDING,
        paid_minor=0,
        refunded_minor=0,
        fingerprint=fingerprint,
        created_at=act.now,
    )
    act.session.add(gift)
    act.session.flush()
    add_words(act.session, gift)
    events = [event_row(act, gift, EventKind.STARTED, actor="donor")]
    if applied:
        data = {"code": applied}
        events.append(event_row(act, gift, EventKind.CODE_APPLIED, actor="system", data=data))
    add(act.session, GiftEvent, *events)
    return gift


def _donor_values(donor: DonorDetails) -> Document:
    """A gift's columns that say who gave, as they said it themselves."""
    return {
        "first_name": donor.first_name,
        "last_name": donor.last_name,
        "email": donor.email.lower(),
        "search_name": fold_name(donor.first_name, donor.last_name),
        "given_name": fold_name(donor.first_name, ""),
        "address_line1": donor.address_line1,
        "address_line2": donor.address_line2,
        "city": donor.city,
        "province": donor.province,
        "postal_code": donor.postal_code,
        "country": donor.country,
        "locale": donor.locale,
        "dedication": donor.dedication,
        "anonymous": donor.anonymous,
    }


def keep_words(session: Session, gift: Gift) -> None:
    """Let a gift be found by its donor's name and address as they are now."""
    session.execute(sa.delete(table_of(GiftWord)).where(table_of(GiftWord).c.gift_id == gift.id))
    add_words(session, gift)


def add_words(session: Session, gift: Gift) -> None:
    """The same for one that has none yet."""
    words = list_words(gift.first_name, gift.last_name, gift.email)
    if words:
        own = {"created_at": gift.created_at, "gift_id": gift.id}
        session.execute(_ADD_WORDS, [{"word": word, **own} for word in words])


_ADD_WORDS = sa.insert(table_of(GiftWord))
_TAKEN = sa.select(sa.exists().where(table_of(Gift).c.reference == sa.bindparam("wanted")))


def free_reference(session: Session, make: Callable[[], str] = make_reference) -> str:
    """A new reference that no gift has: among a million gifts one in a million draws is taken."""
    reference = make()
    while session.scalar(_TAKEN, {"wanted": reference}):
        reference = make()
    return reference


def record_event(
    act: Act,
    gift: Gift,
    kind: EventKind,
    *,
    actor: str | None = None,
    why: str = "",
    evidence_id: int | None = None,
    data: Document | None = None,
) -> None:
    """Add a line to a gift's history."""
    row = event_row(act, gift, kind, actor=actor, why=why, evidence_id=evidence_id, data=data)
    add(act.session, GiftEvent, row)


def event_row(
    act: Act,
    gift: Gift,
    kind: EventKind,
    *,
    actor: str | None = None,
    why: str = "",
    evidence_id: int | None = None,
    data: Document | None = None,
) -> Document:
    """One line of a gift's history as its row, to be added with others."""
    return {
        "gift_id": gift.id,
        "evidence_id": evidence_id,
        "kind": kind,
        "status": gift.status,
        "at": act.now,
        "actor": actor or act.actor,
        "why": clean_line(why),
        "data": data or {},
    }


def add_plan(act: Act, donor_id: int, money: Money) -> Plan:
    """A monthly promise that waits for its first payment."""
    plan = Plan(
        token=make_token(),
        donor_id=donor_id,
        amount_minor=money.minor,
        currency=money.currency,
        status=PlanStatus.PENDING,
        created_at=act.now,
    )
    act.session.add(plan)
    act.session.flush()
    return plan


@dataclass(frozen=True, slots=True)
class Booked:
    """What booking some claims changed."""

    gift: Gift
    new: tuple[Claim, ...]
    before: Status
    after: Status

    @property
    def moves_money_in(self) -> bool:
        """Whether what counts as received may have changed."""
        return any(claim.fact in WHAT_CAME for claim in self.new)


# A refund or dispute of a gift that is only partly paid says that no more will come.
WHAT_CAME = {FactKind.PAID, FactKind.WITHDRAWN, FactKind.SETTLED} | AFTER_PAYMENT


def lock_gift(session: Session, gift_id: int) -> Gift:
    """The gift's row, held against other bookings until the transaction ends."""
    (row,) = ask(session, _LOCK, {"wanted": gift_id}).rows()
    return hold(session, Gift, row)


# Made once: to build and to hash a statement costs more than to run it.
_GIFTS = table_of(Gift)
_LOCK = sa.select(_GIFTS).where(_GIFTS.c.id == sa.bindparam("wanted")).with_for_update()


def book_claims(
    act: Act,
    gift: Gift,
    claims: Sequence[Claim],
    *,
    timezone: str = "UTC",
    is_first: bool = False,
) -> Booked:
    """Store claims that are new, post their movements and derive where the gift stands.

    The gift must be locked. Claims that are known change nothing. `timezone` is the issuer's,
    whose calendar says on which day the money came; `is_first` where it was seen, since the
    gift was locked, that nothing is claimed of it yet.
    """
    before = gift.status
    known = {} if is_first else list_claimed(act.session, gift.id)
    fresh = _store(act, gift, [claim for claim in claims if claim.key not in known])
    if not fresh:
        return Booked(gift, (), before, before)
    new = [claim for claim, _ in fresh]
    added = [claim.as_fact() for claim in new]
    facts = [*known.values(), *added]
    standing = weigh(gift.amount_minor, facts)
    with pipelined(act.session):
        _post(act, gift, fresh)
        keep_days(act.session, gift, facts, added, timezone)
        _update(act.session, gift, standing, new, timezone)
        if gift.is_matched:
            left = _count_left(gift, standing, facts)
            matches.follow(act, gift.id, left, is_paid=standing.status.is_received)
        for claim, evidence_id in fresh:
            record_event(
                act,
                gift,
                EventKind(claim.fact),
                actor=claim.actor,
                why=claim.why,
                evidence_id=evidence_id,
            )
    return Booked(gift, tuple(new), before, gift.status)


def _store(act: Act, gift: Gift, claims: Sequence[Claim]) -> list[tuple[Claim, int]]:
    """Those of these claims that nobody has made yet, of this gift or another, with their ids."""
    with pipelined(act.session):
        told = [(claim, _keep(act, gift, claim)) for claim in claims]
    return [(claim, row[0]) for claim, answer in told if (row := answer.first()) is not None]


def _keep(act: Act, gift: Gift, claim: Claim) -> Answer:
    row = {
        "key": claim.key,
        "gift_id": gift.id,
        "source": str(claim.source),
        "fact": claim.fact,
        "subject": claim.name,
        "payment": claim.payment_name,
        "amount_minor": claim.money.minor if claim.money is not None else None,
        "currency": claim.money.currency if claim.money is not None else None,
        "occurred_at": claim.occurred_at,
        "recorded_at": act.now,
        "actor": claim.actor,
        "detail": claim.detail,
    }
    return add(act.session, Evidence, row, returning="id", is_once=True)


def _post(act: Act, gift: Gift, fresh: Sequence[tuple[Claim, int]]) -> None:
    rows = [
        {
            "key": movement.key,
            "gift_id": gift.id,
            "evidence_id": evidence_id,
            "debit_account": movement.debit,
            "credit_account": movement.credit,
            "amount_minor": movement.money.minor,
            "currency": movement.money.currency,
            "booked_at": act.now,
        }
        for claim, evidence_id in fresh
        for movement in movements(claim.as_fact(), Accounts(str(claim.source), gift.fund))
    ]
    if rows:
        add(act.session, LedgerEntry, *rows, is_once=True)


def _update(
    session: Session, gift: Gift, standing: Standing, fresh: Sequence[Claim], timezone: str
) -> None:
    received = standing.received_at
    changed: Document = {
        "status": standing.status,
        "paid_minor": standing.paid_minor,
        "refunded_minor": standing.refunded_minor,
        "received_at": received,
        "received_on": day_in(timezone, received) if received else None,
        "fee_minor": gift.fee_minor,
        "fee_currency": gift.fee_currency,
    }
    for claim in fresh:
        if claim.fact is FactKind.FEE and claim.money:
            changed["fee_minor"] = claim.money.minor
            changed["fee_currency"] = claim.money.currency
    ask(session, _SET_STANDING, {"wanted": gift.id, **changed})
    if gift.is_counted and standing.status is not gift.status:
        _follow_use(session, gift, standing.status)
    for name, value in changed.items():
        set_committed_value(gift, name, value)


def _follow_use(session: Session, gift: Gift, after: Status) -> None:
    """Give the use of the gift's code back, or hold it again, by where the gift stands now."""
    if after in WITHOUT_USE:
        uses.give_back(session, gift.id)
    elif after.is_received or after is Status.PARTLY_PAID:
        uses.hold_again(session, gift.id)


def _count_left(gift: Gift, standing: Standing, facts: Iterable[Fact]) -> int:
    """What of a gift a sponsor matches, in minor units: what it gives, without the fee's cover.

    Nothing where none is to come, or all that came was taken back; else what came, less what went
    back and less the whole cover, once the gift is paid.
    """
    was_taken_back = any(fact.kind is FactKind.WITHDRAWN for fact in facts)
    is_received = standing.status.is_received
    if standing.status in WITHOUT_USE or (was_taken_back and not standing.paid_minor):
        return 0
    given = gift.amount_minor - gift.cover_minor
    left = standing.owed_minor - standing.refunded_minor - gift.cover_minor
    return min(given, max(left, 0)) if is_received else given


# What a gift never takes a use of its code for, or gives it back.
WITHOUT_USE = frozenset(map(Status, uses.WITHOUT_USE))
_STANDING = (
    "status",
    "paid_minor",
    "refunded_minor",
    "received_at",
    "received_on",
    "fee_minor",
    "fee_currency",
)
_SET_STANDING = (
    sa.update(_GIFTS)
    .where(_GIFTS.c.id == sa.bindparam("wanted"))
    .values({name: sa.bindparam(name) for name in _STANDING})
)
