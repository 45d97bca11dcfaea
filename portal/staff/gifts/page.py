"""A gift explained: everything that happened, by whom and why, on one line of time.

And what a staff member may do with it: decided once, for its page and the pages behind it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from portal.database import Document
from portal.gifts.evidence import own_id
from portal.gifts.lifecycle import EventKind, Status
from portal.gifts.models import Evidence, Gift, GiftEvent, Plan
from portal.i18n import current_locale, gettext
from portal.mail.outbox import Email
from portal.money import Money, format_money
from portal.payments.models import EventState, StripeEvent
from portal.payments.refunds import refundable
from portal.receipts.operations import decide_now
from portal.receipts.planning import Issue, Receiver, Refuse, Wait
from portal.receipts.register import GiftParticulars, Receipt
from portal.regions.catalogue import Mode, Region
from portal.services import AuditEntry
from portal.staff.audit import Known, describe_act, name_actor
from portal.staff.labels import (
    ACTS,
    CONTACT_FIELDS,
    SOURCES,
    Names,
    say,
    say_problem,
)
from portal.staff.queries import GiftFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line: `kind` is where it was recorded, `details` are labels and texts.

    `tone` is good, wait, bad or quiet.
    """

    at: datetime
    kind: str
    title: str
    actor: str = ""
    tone: str = "quiet"
    details: tuple[tuple[str, str], ...] = ()


def tell(file: GiftFile, known: Known) -> list[Moment]:
    """The gift's history, oldest first."""
    moments = [
        *_happenings(file, known.names),
        *(_stripe_moment(event) for event in file.stripe_events),
        *(moment for receipt in file.receipts for moment in _receipt_moments(receipt)),
        *(_mail_moment(email) for email in file.emails),
        *(_act_moment(act, known) for act in file.acts),
    ]
    named = (_with_actor(moment, known.called) for moment in moments)
    return sorted(named, key=lambda moment: moment.at)


def _with_actor(moment: Moment, actors: Mapping[str, str]) -> Moment:
    return replace(moment, actor=name_actor(moment.actor, actors))


def _happenings(file: GiftFile, names: Names) -> Iterator[Moment]:
    evidence = {one.id: one for one in file.evidence}
    for event in file.events:
        proof = evidence.pop(event.evidence_id, None) if event.evidence_id else None
        yield Moment(
            at=event.at,
            kind="gift",
            title=event.kind.label,
            actor=event.actor,
            tone=HAPPENING_TONES.get(event.kind, "quiet"),
            details=(
                *_change(event, file.gift.region, names),
                *_event_details(event),
                *(_proof_details(proof) if proof else ()),
            ),
        )
    for proof in evidence.values():
        yield Moment(
            at=proof.recorded_at,
            kind="gift",
            title=EventKind(proof.fact).label,
            actor=proof.actor,
            details=tuple(_proof_details(proof)),
        )


HAPPENING_TONES = {
    EventKind.PAID: "good",
    EventKind.WITHDRAWN: "bad",
    EventKind.PROCESSING: "wait",
    EventKind.FAILED: "bad",
    EventKind.REFUND_REQUESTED: "wait",
    EventKind.REFUND_PENDING: "wait",
    EventKind.REFUND_FAILED: "bad",
    EventKind.DISPUTE_OPENED: "bad",
    EventKind.DISPUTE_WON: "good",
    EventKind.DISPUTE_LOST: "bad",
    EventKind.UNATTRIBUTED: "bad",
    EventKind.MONEY_DIFFERS: "bad",
}


def _change(event: GiftEvent, region: str, names: Names) -> Iterator[tuple[str, str]]:
    if event.kind is EventKind.MODE_CHANGED:
        yield gettext("Before"), names.mode(region, event.data["from"])
        yield gettext("After"), names.mode(region, event.data["to"])
    if event.kind is EventKind.CONTACT_CORRECTED:
        yield from _corrections(event.data)


def _corrections(data: Document) -> Iterator[tuple[str, str]]:
    """An e-mail address by `from` and `to`, each other field by its name."""
    email = {"email": data} if "to" in data else {}
    for name, change in {**email, **data.get("fields", {})}.items():
        label = say(CONTACT_FIELDS, name)
        yield gettext("%(field)s before", field=label), change["from"] or "–"
        yield gettext("%(field)s after", field=label), change["to"] or "–"


def _event_details(event: GiftEvent) -> Iterator[tuple[str, str]]:
    if event.why:
        yield gettext("Why"), event.why
    if "amount_minor" in event.data and "currency" in event.data:
        yield gettext("Amount"), _format(event.data["amount_minor"], event.data["currency"])
    if "unattributed" in event.data:
        yield gettext("Kept as gift"), str(event.data["unattributed"])
    yield gettext("Status after"), event.status.label


def _proof_details(proof: Evidence) -> Iterator[tuple[str, str]]:
    yield (
        gettext("Evidence"),
        f"{say(SOURCES, proof.source)} · {own_id(proof.source, proof.subject)}",
    )
    if proof.amount_minor is not None and proof.currency:
        yield gettext("Amount"), _format(proof.amount_minor, proof.currency)


STATE_TONES = {EventState.FAILED: "bad", EventState.WAITING: "wait"}


def _stripe_moment(event: StripeEvent) -> Moment:
    state = event.state.label
    details = [(gettext("Event"), event.stripe_event_id), (gettext("State"), state)]
    if event.problem:
        details.append((gettext("Problem"), say_problem(event.problem)))
    return Moment(
        at=event.received_at,
        kind="stripe",
        title=gettext(
            "%(provider)s sent %(type)s", provider=say(SOURCES, event.provider), type=event.type
        ),
        actor=event.provider,
        tone=STATE_TONES.get(event.state, "quiet"),
        details=tuple(details),
    )


def _receipt_moments(receipt: Receipt) -> Iterator[Moment]:
    yield Moment(
        at=receipt.reserved_at,
        kind="receipt",
        title=gettext("Receipt %(label)s numbered", label=receipt.label),
        actor="system",
    )
    if receipt.voided_at is not None:
        yield Moment(
            at=receipt.voided_at,
            kind="receipt",
            title=gettext("Receipt %(label)s voided", label=receipt.label),
            actor="system",
            tone="bad",
            details=((gettext("Why"), receipt.void_reason),),
        )


def _mail_moment(email: Email) -> Moment:
    tone, state = "wait", gettext("Waiting to be sent")
    if email.sent_at is not None:
        tone, state = "good", gettext("Sent")
    elif email.problem:
        tone, state = "bad", gettext("Not sent: %(problem)s", problem=email.problem)
    return Moment(
        at=email.sent_at or email.created_at,
        kind="mail",
        title=gettext("E-mail: %(message)s", message=email.message.label),
        actor="system",
        tone=tone,
        details=(
            (gettext("To"), email.recipient),
            (gettext("Subject"), email.subject),
            (gettext("State"), state),
        ),
    )


def _act_moment(act: AuditEntry, known: Known) -> Moment:
    return Moment(
        at=act.at,
        kind="staff",
        title=say(ACTS, act.act),
        actor=act.actor,
        details=tuple((one.label, one.text) for one in describe_act(act, known)),
    )


def _format(minor: int, currency: str) -> str:
    return format_money(Money(int(minor), currency), current_locale())


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftActions:
    """Each is whether it may be done now, by this person; nobody is asked to try in vain.

    `book_money` opens the page of money that staff saw, which also takes it back there;
    `is_due` says whether any is missing. `follow_transfer` shows how a transfer stands.
    """

    correct_contact: bool
    send_receipt: bool
    book_money: bool
    is_due: bool
    refund: bool
    end_monthly: bool
    count_as_whole: bool
    follow_transfer: bool
    keep_open: bool
    open_proofs: bool


def list_actions(
    gift: Gift,
    *,
    mode: Mode | None,
    takes_back: bool,
    plan: Plan | None,
    has_receipt: bool,
    is_finance: bool,
) -> GiftActions:
    """What may be done; `mode` is None where the catalogue no longer knows it.

    `takes_back` where who takes the mode's payments can refund them.
    """
    is_instructed = mode is not None and mode.is_instructed
    return GiftActions(
        correct_contact=is_finance and not gift.is_unattributed,
        send_receipt=is_finance and has_receipt and bool(gift.email),
        book_money=is_finance and (mode is None or is_instructed),
        is_due=bool(gift.due),
        refund=is_finance and takes_back and has_left(gift),
        end_monthly=is_finance and goes_on(plan),
        count_as_whole=is_finance and gift.status is Status.PARTLY_PAID,
        follow_transfer=is_instructed,
        keep_open=is_finance and is_instructed and gift.status.is_open,
        open_proofs=is_finance,
    )


def has_left(gift: Gift) -> bool:
    """Whether something came for a gift that could be given back."""
    return gift.status.is_received and bool(refundable(gift))


def goes_on(plan: Plan | None) -> bool:
    """Whether a monthly gift has begun and not ended."""
    return plan is not None and plan.running is not None


def explain_receipt(
    gift: Gift,
    region: Region,
    now: datetime,
    kept: GiftParticulars | None,
    donor: Receiver,
    *,
    has_receipt: bool,
) -> list[str]:
    """Why a gift has no receipt, or none that a tax office takes, in sentences; often none."""
    found = decide_now(gift, region, now, kept, donor)
    told = []
    if found.passed_over and region.official_on(now.date()):
        told.append(gettext("No official receipt: %(why)s", why=_say(found.passed_over[0])))
    if not isinstance(found.plan, Issue) and not has_receipt:
        told.append(gettext("No receipt: %(why)s", why=_say(found.plan)))
    return told


def _say(stop: Wait | Refuse) -> str:
    return " ".join(_sentences(stop))


def _sentences(stop: Wait | Refuse) -> Iterator[str]:
    yield stop.reason.label
    if isinstance(stop, Wait) and stop.missing:
        names = ", ".join(name.label for name in stop.missing)
        yield gettext("Missing: %(names)s.", names=names)
