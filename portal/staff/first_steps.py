"""From a fresh installation to its first gift, step by step, each proven by what is there.

No Flask: the overview and `portal init` tell the same. What only the world outside can prove
(Stripe's key, the mail server, the address) counts as done once it has worked, or once the doctor
has asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.models import LedgerEntry
from portal.i18n import Labelled
from portal.mail.outbox import Email
from portal.payments.models import StripeEvent
from portal.regions.catalogue import Catalogue
from portal.regions.documents import STRIPE
from portal.regions.operations import list_issuers
from portal.settings import Settings
from portal.signin.accounts import Role, StaffUser


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
