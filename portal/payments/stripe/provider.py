"""Stripe as one of those who take payments for us: its wing's functions behind the one way in."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from portal.database import Document
from portal.gifts.evidence import Provider
from portal.payments.models import CheckoutState, LinkKind, Outcome
from portal.payments.providers import Compared, HandedOff, PayOrder, RefundMade, RefundOrder
from portal.payments.stripe.comparison import (
    claim_event,
    compare_with_stripe,
    look_up_checkout,
    retry_event,
)
from portal.payments.stripe.gateway import Gateway, at
from portal.payments.stripe.readers import read_refund
from portal.payments.stripe.reading import STRIPE, kind_of
from portal.payments.stripe.subscriptions import free_plan, stop_plan
from portal.services import Services
from portal.settings import STRIPE_API


@dataclass(frozen=True, slots=True)
class Stripe:
    """One account at Stripe: pay pages, refunds, monthly gifts and kept events."""

    gateway: Gateway
    name: Provider = STRIPE
    title: str = "Stripe"
    # Stripe knows a key for at least a day (https://docs.stripe.com/api/idempotent_requests).
    key_kept: timedelta = timedelta(hours=23)

    @property
    def is_configured(self) -> bool:
        return self.gateway.is_configured

    @property
    def pay_origin(self) -> str:
        return self._origin("https://checkout.stripe.com")

    @property
    def card_origin(self) -> str:
        return self._origin("https://billing.stripe.com")

    def _origin(self, real: str) -> str:
        """Where a page of Stripe's stands; the sandbox has all of them at its own address."""
        if self.gateway.api_base == STRIPE_API:
            return real
        parts = urlsplit(self.gateway.api_base)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def refunds(self) -> "Stripe":
        return self

    @property
    def monthly(self) -> "Stripe":
        return self

    @property
    def inbox(self) -> "Stripe":
        return self

    def hand_off(self, order: PayOrder) -> HandedOff:
        made = self.gateway.create_checkout(order)
        return HandedOff(
            session_id=str(made["id"]),
            url=str(made["url"]),
            expires_at=at(made["expires_at"]),
            state=CheckoutState(made["status"]),
        )

    def close(self, session_id: str) -> None:
        self.gateway.expire_checkout(session_id)

    def look_up(self, services: Services, session_id: str) -> bool:
        return look_up_checkout(services, session_id)

    def compare(self, services: Services) -> Compared:
        return Compared(**compare_with_stripe(services))

    def find_payments(self, subjects: list[str]) -> dict[str, str]:
        """The payment intent of each: refunds are made of those, an invoice's is asked for."""
        found: dict[str, str | None] = {}
        for subject in subjects:
            if kind_of(subject) is LinkKind.PAYMENT_INTENT:
                found[subject] = subject
            elif kind_of(subject) is LinkKind.INVOICE:
                found[subject] = self.gateway.find_payment_of_invoice(subject)
        return {subject: intent for subject, intent in found.items() if intent is not None}

    def refund(self, order: RefundOrder) -> RefundMade:
        made = self.gateway.refund(
            order.payment,
            order.money,
            key=order.key,
            reference=order.reference,
            installation=order.installation,
        )
        return _read_made(made)

    def find_refund(self, order: RefundOrder) -> RefundMade | None:
        made = self.gateway.find_refund(order.payment, order.key)
        return _read_made(made) if made else None

    def free(self, services: Services, gift_id: int) -> None:
        free_plan(services, gift_id)

    def stop(self, services: Services, gift_id: int, *, actor: str, reason: str = "") -> None:
        stop_plan(services, gift_id, actor=actor, reason=reason)

    def open_card_page(self, customer_id: str, *, locale: str, return_url: str) -> str:
        return self.gateway.open_billing_page(customer_id, locale=locale, return_url=return_url)

    def retry(self, services: Services, event_id: int) -> Outcome:
        return retry_event(services, event_id)

    def claim(self, services: Services, event_id: int) -> Outcome:
        return claim_event(services, event_id)


def _read_made(refund: Document) -> RefundMade:
    reading = read_refund(refund, at(refund["created"]))
    return RefundMade(refund["id"], reading.claims if reading else ())
