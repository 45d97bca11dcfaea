"""Starting a gift: keep the promise, then hand the donor on.

A form that the same visitor sends again within ten minutes is known: an unpaid duplicate is
resumed, a paid one asks first. The same form of anybody else is a gift of their own.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import timedelta

import sqlalchemy as sa

from portal import limits
from portal.codes import matches, uses
from portal.codes.models import read_code, with_code
from portal.codes.parsing import normalise_code
from portal.codes.policy import Refusal, Terms, decide, refuse_use
from portal.codes.refusals import Reason
from portal.codes.terms import Code, Frequency, Pledge, ReceiptClass
from portal.codes.uses import Attribution
from portal.database import table_of
from portal.donors import (
    NEWS,
    PARTNER,
    Donor,
    DonorDetails,
    add_donor,
    fold_address,
    record_consent,
)
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.gifts.operations import add_gift, add_plan, lock_gift
from portal.gifts.queries import has_given
from portal.gifts.references import make_reference
from portal.intake.admission import (
    Caller,
    Sender,
    TooManyTries,
    content_number,
    list_marks,
    mark_form,
)
from portal.intake.checkout import hand_off, open_checkout, page_url
from portal.jobs.promising import SendLetter
from portal.limits import Limit, anonymise
from portal.logs import get_logger
from portal.mail.outbox import LetterKind
from portal.payments.models import Checkout, Installation
from portal.payments.transfers import ReminderSchedule, begin_watch
from portal.receipts.declarations import declare_with_gift
from portal.regions.catalogue import Mode, Region
from portal.services import DONOR, Act, Services

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
    """Whose the address is, also where it was merged; no merge comes in between."""
    standing = sa.func.coalesce(_DONORS.c.merged_into_id, _DONORS.c.id)
    known = sa.select(standing).where(_DONORS.c.email == sa.bindparam("email"))
    return known.with_for_update(read=True, key_share=True).scalar_subquery()


# Made once: to build a statement costs more than to run it. One row, whatever there is.
_KNOWN = with_code(
    sa.select(
        _duplicates().label("duplicate_id"),
        _donor().label("donor_id"),
        sa.exists().where(_GIFTS.c.reference == sa.bindparam("reference")).label("is_taken"),
        _OWN.c.id.label("installation"),
    ).select_from(_OWN)
)


log = get_logger()

# By one network, beside what `payments.crowd` asks for. Cards are what thieves try; transfers
# stay open when a network's cards are stopped.
CARD_GIFTS_AN_HOUR = 600
TRANSFER_GIFTS_AN_HOUR = 600
# A transfer writes to the address that was typed, which may be somebody else's.
LETTERS_AN_HOUR = 20


@dataclass(frozen=True, slots=True)
class Naming:
    """That a partner, by its key, may know who the gift is from: in the words that were ticked."""

    partner: str
    wording: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftOrder:
    """A form whose fields are right: what is promised, who gives, and how they are counted.

    `news_wording` is the sentence the donor ticked, or None; so is `naming`, of a name for the
    code's partner. `again` means that they were
    asked and want to give the same once more; `told_minor` what they were told that a sponsor
    still adds, where that is less than the offer says. `gift_aid_wording` is the declaration that
    came with it. `sender` is by whom a duplicate is known,
    `caller` by whom tries are counted; `how` tells how they came by the code.
    """

    region: Region
    pledge: Pledge
    donor: DonorDetails
    news_wording: str | None
    again: bool
    caller: Caller
    sender: Sender
    told_minor: int | None = None
    how: Attribution = field(default_factory=Attribution)
    naming: Naming | None = None
    gift_aid_wording: str | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A gift that is kept, where to send its donor, and the mark of the form that began it."""

    token: str
    url: str
    mark: str


class NotAllowed(Exception):
    """The policy refuses the gift, as of the moment in which it would be kept."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class GaveAMomentAgo(Exception):
    """The same form of the same visitor was paid within the last ten minutes."""

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.token = token


def start_gift(services: Services, order: GiftOrder) -> Started:
    """Keep the gift and hand its donor to a pay page, or to its own page with instructions.

    `NotAllowed`, `GaveAMomentAgo`, `TooManyTries`, `WorkNeeded` and `matches.MatchIsLess` keep
    nothing.
    """
    mark = fingerprint(services, order)
    checkout: Checkout | None = None
    with services.write(DONOR) as act:
        known = _look_around(act, order, mark)
        gift = _resume_duplicate(act, order, known)
        is_new = gift is None
        if gift is None:
            gift = _keep_gift(act, order, known, mark)
        if _is_handed_on(order, gift):
            tries = _tries(order)
            checkout = open_checkout(act, gift, order.caller, tries=tries, is_new=is_new)
        else:
            _count_try(act, order)
    log.info("gift_started", gift_id=gift.id, region=gift.region, mode=gift.mode)
    url = page_url(gift)
    if checkout is not None:
        url = hand_off(services, order.region, gift, checkout, installation=known.installation)
    return Started(gift.token, url, gift.fingerprint or "")


def _is_handed_on(order: GiftOrder, gift: Gift) -> bool:
    """Whether somebody else's pay page takes it from here."""
    mode = order.region.mode(gift.mode)
    return mode is not None and not mode.is_instructed and gift.status is not Status.PROCESSING


def _tries(order: GiftOrder) -> Limit:
    """How many gifts of this kind a visitor may start within the hour."""
    mode = order.region.mode(order.pledge.mode)
    is_card = mode is not None and not mode.is_instructed
    bucket = "card_gifts" if is_card else "transfer_gifts"
    most = CARD_GIFTS_AN_HOUR if is_card else TRANSFER_GIFTS_AN_HOUR
    return Limit(bucket, order.caller.network, most, 3600)


def _count_try(act: Act, order: GiftOrder) -> None:
    if not all(limits.hit_all(act.session, _tries(order), now=act.now)):
        raise TooManyTries


def fingerprint(services: Services, order: GiftOrder) -> str:
    """The same form sent twice from one network has the same mark, which says nothing of it."""
    content = json.dumps(
        [asdict(order.pledge), asdict(order.donor)],
        default=str,
        sort_keys=True,
    )
    secret = services.settings.secret_key.get_secret_value()
    return mark_form(secret, content, order.sender.network)


def _look_around(act: Act, order: GiftOrder, mark: str) -> Known:
    if act.session.get_bind().dialect.name == "postgresql":
        # Two clicks at once: the second waits here until the first gift is committed.
        act.session.execute(_WAIT, {"content": content_number(mark)})
    return look_around(
        act, mark=mark, sender=order.sender, email=order.donor.email, code=order.pledge.code
    )


_WAIT = sa.select(sa.func.pg_advisory_xact_lock(sa.bindparam("content", type_=sa.BigInteger)))


def _resume_duplicate(act: Act, order: GiftOrder, known: Known) -> Gift | None:
    """The gift this visitor started with this very form a moment ago, unless it is over."""
    if known.duplicate_id is None:
        return None
    duplicate = lock_gift(act.session, known.duplicate_id)
    if duplicate.status in {Status.FAILED, Status.EXPIRED}:
        return None
    if duplicate.status.is_received or duplicate.status is Status.PROCESSING:
        if order.again:
            return None
        raise GaveAMomentAgo(duplicate.token)
    return duplicate


def _decide(act: Act, code: Code | None, pledge: Pledge) -> Terms:
    """The terms that hold now, by the code as this transaction sees it; or `NotAllowed`."""
    verdict = decide(code, pledge, act.now, act.catalogue)
    if isinstance(verdict, Refusal):
        raise NotAllowed(verdict)
    return verdict


def _keep_gift(act: Act, order: GiftOrder, known: Known, mark: str) -> Gift:
    terms = _decide(act, known.code, order.pledge)
    claims = _take_use(act, order, known) if terms.code else []
    match = _promise_match(act, order, terms)
    donor_id = known.donor_id or add_donor(act, order.donor.email)
    is_monthly = order.pledge.frequency is Frequency.MONTHLY
    plan = add_plan(act, donor_id, order.pledge.total) if is_monthly else None
    gift = add_gift(
        act,
        order.pledge,
        order.donor,
        donor_id=donor_id,
        partner=terms.partner,
        plan_id=plan.id if plan else None,
        fingerprint=mark,
        reference=known.reference,
        applied=terms.code,
        is_counted=bool(claims),
        is_matched=match is not None,
        is_only_acknowledged=terms.receipt_class is ReceiptClass.NONE,
    )
    if known.code is not None and terms.code:
        uses.keep(act, gift.id, known.code, order.how, claims)
    if known.code is not None and match is not None:
        matches.keep(act, gift.id, known.code.id, match)
    _keep_consents(act, order, gift, donor_id)
    if order.gift_aid_wording is not None:
        declare_with_gift(act, gift, order.region, order.gift_aid_wording)
    mode = order.region.mode(gift.mode)
    if mode is not None and mode.is_instructed:
        instruct(act, gift, mode)
    return gift


def _keep_consents(act: Act, order: GiftOrder, gift: Gift, donor_id: int) -> None:
    """Keep the very words of each box that was ticked.

    A name is for the partner that the box named, as the code has it now; anonymous gifts have none.
    """
    said, naming = {NEWS: order.news_wording}, order.naming
    if naming is not None and naming.partner == gift.partner and not gift.anonymous:
        said[PARTNER] = naming.wording
    for channel, wording in said.items():
        if wording is not None:
            record_consent(
                act,
                donor_id,
                wording=wording,
                locale=order.donor.locale,
                source=f"gift {gift.reference}",
                gift_id=gift.id,
                channel=channel,
            )


def _promise_match(act: Act, order: GiftOrder, terms: Terms) -> matches.Promise | None:
    """What a sponsor adds to the gift, which of a monthly one is its first month."""
    if terms.offer is None:
        return None
    return matches.promise(act.session, terms.offer, order.pledge.given, order.told_minor)


def _take_use(act: Act, order: GiftOrder, known: Known) -> list[uses.Claim]:
    """Take a use of the code before anything is kept; `NotAllowed` where none is left."""
    code = known.code
    if code is None:
        return []
    try:
        if code.first_gift_only and known.donor_id and has_given(act.session, known.donor_id):
            raise uses.NoUseLeft(Reason.FIRST_GIFT_ONLY)
        return uses.take(act, code, order.donor.email)
    except uses.NoUseLeft as left:
        refusal = refuse_use(code, order.region, act.catalogue, left.reason)
        raise NotAllowed(refusal) from left


def instruct(act: Act, gift: Gift, mode: Mode) -> None:
    """Promise the letter that tells how to pay, and look after the transfer from now on.

    One address gets few such letters an hour; the gift's page tells the same.
    """
    watch = begin_watch(act, gift.id, ReminderSchedule.of(mode))
    reader = anonymise(act.services.settings.secret_key.get_secret_value(), gift.email)
    if not limits.hit(
        act.session, "letters", reader, limit=LETTERS_AN_HOUR, seconds=3600, now=act.now
    ):
        log.warning("instructions_not_sent", gift_id=gift.id)
        return
    about = gift.reference if watch.round == 1 else f"{gift.reference}-{watch.round}"
    act.promise(SendLetter(LetterKind.GIFT_INSTRUCTIONS, gift.id, about))
