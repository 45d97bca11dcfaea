"""Reading what one staff page shows, in a fixed number of statements; the first steps among it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session, defer

from portal import limits
from portal.codes.matches import ToldMatch, find_match
from portal.codes.models import CodeRecord, Scope
from portal.codes.pots import Pot
from portal.donors import Consent
from portal.driver import ask
from portal.gifts.lifecycle import Status
from portal.gifts.models import Evidence, Gift, GiftEvent, GiftStanding, LedgerEntry, Plan
from portal.gifts.queries import list_gift_events, list_ledger_entries
from portal.i18n import Labelled
from portal.intake.admission import name_starts
from portal.jobs.queue import select_failed
from portal.mail import bounces
from portal.mail.bounces import Bounce, find_refusal
from portal.mail.outbox import WORRYING_TRIES, Email, LetterKind
from portal.payments.models import EventState, StripeEvent
from portal.payments.proofs import list_proofs
from portal.payments.statements.models import StatementFile
from portal.payments.statements.queries import Line, list_gift_lines
from portal.payments.transfers import ProofFile, TransferWatch, find_watch
from portal.receipts import actions
from portal.receipts.declarations import Declaration, list_of_gift
from portal.receipts.gift_aid import CURRENCY
from portal.receipts.register import (
    GiftParticulars,
    Receipt,
    find_particulars,
    list_receipts,
)
from portal.regions.catalogue import Catalogue
from portal.regions.documents import STRIPE
from portal.regions.operations import list_issuers
from portal.services import AuditEntry
from portal.settings import Settings
from portal.signin.accounts import Role, StaffUser

PAGE = 50
MANY = 1_000
MOST_RELATED = 200

OPEN_STATES = (EventState.FAILED, EventState.WAITING)
OTHERS_STATES = (EventState.NOT_OURS,)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftFile:
    """Everything that is known of one gift."""

    gift: Gift
    plan: Plan | None
    events: Sequence[GiftEvent]
    evidence: Sequence[Evidence]
    stripe_events: Sequence[StripeEvent]
    entries: Sequence[LedgerEntry]
    emails: Sequence[Email]
    receipts: Sequence[Receipt]
    acts: Sequence[AuditEntry]
    proofs: Sequence[ProofFile]
    watch: TransferWatch | None
    lines: Sequence[Line]
    match: ToldMatch | None
    consents: Sequence[Consent]
    particulars: GiftParticulars | None
    declarations: Sequence[Declaration]
    refusal: Bounce | None

    @property
    def failing_emails(self) -> Sequence[Email]:
        """Letters that did not go out at their second try."""
        return [email for email in self.emails if email.is_failing]

    @property
    def receipt(self) -> Receipt | None:
        """The receipt that stands."""
        return next((one for one in self.receipts if one.voided_at is None), None)


def open_file(session: Session, gift: Gift) -> GiftFile:
    """Gather a gift's file."""
    return GiftFile(
        gift=gift,
        plan=session.get(Plan, gift.plan_id) if gift.plan_id else None,
        events=list_gift_events(session, gift.id),
        evidence=_of(session, sa.select(Evidence).where(Evidence.gift_id == gift.id)),
        stripe_events=_of(
            session,
            sa.select(StripeEvent)
            .where(StripeEvent.gift_id == gift.id)
            .options(defer(StripeEvent.payload))
            .order_by(StripeEvent.id)
            .limit(MOST_RELATED),
        ),
        entries=list_ledger_entries(session, gift.id),
        emails=_of(session, sa.select(Email).where(Email.gift_id == gift.id).order_by(Email.id)),
        receipts=list_receipts(session, gift.id),
        acts=_of(
            session,
            sa.select(AuditEntry)
            .where(AuditEntry.subject == f"gift:{gift.id}")
            .order_by(AuditEntry.id)
            .limit(MOST_RELATED),
        ),
        proofs=list_proofs(session, gift.id),
        watch=find_watch(session, gift.id),
        lines=list_gift_lines(session, gift.id),
        match=find_match(session, gift.id) if gift.is_matched else None,
        consents=_of(
            session, sa.select(Consent).where(Consent.gift_id == gift.id).order_by(Consent.id)
        ),
        particulars=find_particulars(session, gift),
        declarations=list_of_gift(session, gift) if gift.currency == CURRENCY else (),
        refusal=find_refusal(session, gift.email) if gift.email else None,
    )


def _of(session: Session, statement: sa.Select[Any]) -> Sequence[Any]:
    return session.scalars(statement).all()


def list_users(session: Session) -> Sequence[StaffUser]:
    return session.scalars(sa.select(StaffUser).order_by(StaffUser.name, StaffUser.id)).all()


def name_actors(session: Session) -> dict[str, str]:
    """Staff members' names by how the log calls them: `staff:7`."""
    rows = session.execute(sa.select(StaffUser.id, StaffUser.name))
    return {f"staff:{user_id}": name for user_id, name in rows}


def list_open_events(
    session: Session, before: int | None, states: tuple[EventState, ...] = OPEN_STATES
) -> Sequence[StripeEvent]:
    """Stripe's events in some states, newest first; one more than a page."""
    branches = []
    for state in states:
        ids = sa.select(StripeEvent.id).where(StripeEvent.state == state)
        ids = ids.where(StripeEvent.id < before) if before is not None else ids
        newest = ids.order_by(StripeEvent.id.desc()).limit(PAGE + 1).subquery()
        branches.append(sa.select(newest.c.id))
    return session.scalars(
        sa.select(StripeEvent)
        .where(StripeEvent.id.in_(sa.union_all(*branches)))
        .options(defer(StripeEvent.payload))
        .order_by(StripeEvent.id.desc())
        .limit(PAGE + 1)
    ).all()


def list_audit(session: Session, subject: str, before: int | None) -> Sequence[AuditEntry]:
    """The audit log, newest first, of one subject or all; one more than a page."""
    statement = sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(PAGE + 1)
    if subject:
        statement = statement.where(AuditEntry.subject == subject)
    if before is not None:
        statement = statement.where(AuditEntry.id < before)
    return session.scalars(statement).all()


def name_gifts(session: Session, subjects: Collection[str]) -> dict[str, str]:
    """References by subject, for the subjects that are gifts (`gift:12`)."""
    wanted = _ids(subjects, "gift")
    rows = session.execute(sa.select(Gift.id, Gift.reference).where(Gift.id.in_(wanted)))
    return {f"gift:{gift_id}": reference for gift_id, reference in rows}


def name_files(session: Session, subjects: Collection[str]) -> dict[str, str]:
    """Bank files' names by subject, for the subjects that are files (`file:3`)."""
    rows = session.execute(
        sa.select(StatementFile.id, StatementFile.filename).where(
            StatementFile.id.in_(_ids(subjects, "file"))
        )
    )
    return {f"file:{file_id}": filename for file_id, filename in rows}


def name_codes(session: Session, subjects: Collection[str]) -> dict[str, str]:
    """Codes, scopes and pots by subject, for the subjects that are such (`code:12`, `scope:3`)."""
    named = (
        ("code", CodeRecord, CodeRecord.display),
        ("scope", Scope, Scope.name),
        ("pot", Pot, Pot.key),
    )
    return {
        f"{kind}:{row_id}": name
        for kind, model, called in named
        for row_id, name in session.execute(
            sa.select(model.id, called).where(model.id.in_(_ids(subjects, kind)))
        )
    }


def _ids(subjects: Collection[str], kind: str) -> set[int]:
    """The numbers of those subjects that are of a kind."""
    parts = (one.partition(":") for one in subjects)
    return {int(which) for found, _, which in parts if found == kind and which.isdecimal()}


SHOWN = (
    Status.PENDING,
    Status.PARTLY_PAID,
    Status.PROCESSING,
    Status.FAILED,
    Status.DISPUTED,
)


@dataclass(frozen=True, slots=True)
class OpenWork:
    """How many gifts stand so, how much of each kind is stuck, and how much is begun.

    Each is counted up to one past `MANY`, but for the payments that were begun.
    """

    gifts: dict[Status, int]
    events: int
    jobs: int
    actions: int
    bounces: int
    letters: int
    starts: int


def count_open(session: Session, now: datetime) -> OpenWork:
    """What the first page counts; `starts` are the payments begun in these ten minutes."""
    [(*counts, starts)] = ask(session, _count_all(), name_starts(now)).rows()
    at = len(SHOWN)
    gifts, stuck = dict(zip(SHOWN, counts, strict=False)), (*counts[at:], starts or 0)
    return OpenWork(gifts, *stuck)


@cache
def _count_all() -> sa.Select[Any]:
    """All counts by one statement, made once: to build them costs more than to run them."""
    standing = (
        sa.select(GiftStanding.gift_id).where(GiftStanding.status == status) for status in SHOWN
    )
    failed = sa.select(StripeEvent.id).where(StripeEvent.state == EventState.FAILED)
    letters = sa.select(Email.id).where(*_IS_FAILING)
    stuck = (failed, select_failed(), actions.select_open(), bounces.select_open(), letters)
    counts = (_count_some(ids).scalar_subquery() for ids in (*standing, *stuck))
    return sa.select(*counts, limits.COUNT.scalar_subquery())


def _count_some(ids: sa.Select[Any]) -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(ids.limit(MANY + 1).subquery())


@dataclass(frozen=True, slots=True)
class FailingMail:
    """A letter that does not go out: what it is, why not, and the gift it is about, if any."""

    message: LetterKind
    problem: str
    reference: str | None


_IS_FAILING = (Email.sent_at.is_(None), Email.tries >= WORRYING_TRIES, Email.problem != "")


def list_failing_emails(session: Session, most: int) -> list[FailingMail]:
    """Letters that failed at their second try, newest first; one more than `most`, if so many."""
    return [FailingMail(*row) for row in ask(session, _FAILING, {"most": most + 1}).rows()]


_FAILING = (
    sa.select(Email.message, Email.problem, Gift.reference)
    .outerjoin(Gift, Gift.id == Email.gift_id)
    .where(*_IS_FAILING)
    .order_by(Email.id.desc())
    .limit(sa.bindparam("most"))
)


class FirstStep(Labelled):
    """The steps, in the order to take them."""

    ADDRESS = "address", "The address that donors see"
    STAFF = "staff", "The first administrator"
    ISSUER = "issuer", "Who receives the gifts"
    REGION = "region", "A region that can be given in"
    STRIPE = "stripe", "Stripe’s key and webhooks, if you take cards"
    MAIL = "mail", "Mail for receipts"
    GIFT = "gift", "The smallest gift, as a test"


# What to do for each, in a sentence.
ADVICE = {
    FirstStep.ADDRESS: "Set PORTAL_BASE_URL to an address with https:// and open it there.",
    FirstStep.STAFF: "Run portal user add with --role admin.",
    FirstStep.ISSUER: "Add an issuer: its legal name, number, address and who signs.",
    FirstStep.REGION: "Add a region, and a mode of payment that works in it.",
    FirstStep.STRIPE: "Set PORTAL_STRIPE_SECRET_KEY and PORTAL_STRIPE_WEBHOOK_SECRETS.",
    FirstStep.MAIL: "Set PORTAL_MAIL_URL and PORTAL_MAIL_FROM.",
    FirstStep.GIFT: "Give the smallest amount yourself, read its receipt, and refund it.",
}
# The doctor's findings that prove a step, by what they are called.
PROOFS = {
    "address": FirstStep.ADDRESS,
    "proxy": FirstStep.ADDRESS,
    "webhooks": FirstStep.STRIPE,
    "stripe": FirstStep.STRIPE,
    "mail": FirstStep.MAIL,
}


@dataclass(frozen=True, slots=True)
class StepState:
    """A step, whether it is done or needless, and what the doctor found, if it was asked."""

    step: FirstStep
    is_done: bool
    is_needless: bool = False
    found: str = ""

    @property
    def advice(self) -> str:
        return ADVICE[self.step]


def list_steps(
    session: Session, settings: Settings, catalogue: Catalogue, *, host: str = ""
) -> list[StepState]:
    """Every step; `catalogue` offers what works here, `host` is the one that was asked just now."""
    shows_samples = settings.environment == "demo"
    own = [region for region in catalogue.open if shows_samples or not region.sample]
    done = {
        FirstStep.ADDRESS: settings.is_secure and host == urlsplit(settings.base_url).netloc,
        FirstStep.STAFF: _has(session, sa.select(StaffUser.id).where(*IS_ADMIN)),
        FirstStep.ISSUER: bool(list_issuers(session, samples=shows_samples)),
        FirstStep.REGION: bool(own),
        FirstStep.STRIPE: _has(session, sa.select(StripeEvent.id)),
        FirstStep.MAIL: _has(session, sa.select(Email.id).where(Email.sent_at.is_not(None))),
        FirstStep.GIFT: _has(session, sa.select(LedgerEntry.id)),
    }
    needless = set() if settings.has_stripe or _wants_stripe(own) else {FirstStep.STRIPE}
    return [StepState(step, done[step] or step in needless, step in needless) for step in FirstStep]


IS_ADMIN = (StaffUser.role == Role.ADMIN.value, StaffUser.active)


def _has(session: Session, ids: sa.Select[Any]) -> bool:
    return session.scalar(ids.limit(1)) is not None


def _wants_stripe(regions: list[Any]) -> bool:
    """Whether a region has a mode of Stripe's; before there is any, it does."""
    modes = [mode for region in regions for mode in region.modes]
    return not modes or any(mode.provider == STRIPE for mode in modes)


def add_findings(
    states: list[StepState], findings: Iterable[tuple[str, bool, str]]
) -> list[StepState]:
    """The steps with what the doctor found: what it is called, whether it is well, and its text.

    It counts for more than what was there before.
    """
    by_step: dict[FirstStep, list[tuple[bool, str]]] = {}
    for what, is_well, text in findings:
        if what in PROOFS:
            by_step.setdefault(PROOFS[what], []).append((is_well, text))
    return [
        state if state.is_needless else _prove(state, by_step.get(state.step, []))
        for state in states
    ]


def _prove(state: StepState, found: list[tuple[bool, str]]) -> StepState:
    if not found:
        return state
    is_done, text = min(found, key=lambda one: one[0])
    return replace(state, is_done=is_done, found=text)
