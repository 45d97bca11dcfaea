"""The one seam to Stripe: everything that goes out, and the check of what comes in.

Objects leave this module as plain dictionaries, converted once. Calls are retried by the
SDK with the same idempotency key, which is derived from our own committed row, so that a
repeat after a crash is the same request to Stripe.
"""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Protocol, cast

import stripe

from portal.database import Document
from portal.i18n import html_lang
from portal.mail.smtp import needs_utf8, wire_address
from portal.money import Money
from portal.payments.providers import (
    PayOrder,
    ProviderBusy,
    ProviderRefused,
    ProviderUnavailable,
)
from portal.payments.stripe.reading import STRIPE
from portal.payments.stripe.wire import Pace, TooMany, Turn, Wire, share_out, taking
from portal.regions.catalogue import Mode
from portal.services import Services
from portal.settings import STRIPE_API, Settings

stripe.enable_telemetry = False

# Seconds for which a turn at Stripe is waited for, in a donor's thread, another page's or a job's.
DONOR_PATIENCE, STAFF_PATIENCE, BACKGROUND_PATIENCE = 1.0, 5.0, 60.0
API_VERSION: str = stripe.api_version
RETRIES = 2
PAGE = 100
# Languages of Stripe's page that keep their region; all others go by language alone.
_REGIONAL_LOCALES = {"fr-CA", "en-GB", "es-419", "pt-BR", "zh-HK", "zh-TW"}
_LOCALES = frozenset("de en es fr it ja ko nl pl pt".split())


class StripeUnavailable(ProviderUnavailable):
    """Stripe could not be reached, or asked us to wait. Worth another try."""


class StripeBusy(ProviderBusy, StripeUnavailable):
    """Stripe, or our own share of what it takes, has no room just now."""


class StripeRefused(ProviderRefused):
    """Stripe understood and said no; `message` is Stripe's own sentence."""


class StripeMissing(StripeRefused):
    """Stripe has no such object; any other no may be about us: a key, or what it may do."""


class ForgedWebhook(Exception):
    """The signature is missing, wrong or too old."""


class Gateway:
    """Stripe, as one account of it is set up in the settings."""

    def __init__(self, settings: Settings, *, is_background: bool = False) -> None:
        self.is_configured = settings.has_stripe
        self.livemode = settings.is_live
        self._webhook_secrets = [s.get_secret_value() for s in settings.stripe_webhook_secrets]
        self.api_base = base = settings.stripe_api_base
        addresses: Any = {"api": base} if base != STRIPE_API else {}
        self._client = stripe.StripeClient(
            settings.stripe_secret_key.get_secret_value() or "sk_test_unset",
            base_addresses=addresses,
            max_network_retries=RETRIES,
            http_client=_open_wire(settings, is_background=is_background),
        )

    def create_checkout(self, order: PayOrder) -> Document:
        """A Checkout Session for a gift, paid once or as a monthly subscription.

        Taken as it was sent: to make the SDK's objects of it costs a third of the whole call,
        which every donor waits for.
        """
        turn = Turn(DONOR_PATIENCE, has_waited=order.has_waited)
        with _plain_errors(), taking(turn):
            made = self._client.raw_request(
                "post",
                "/v1/checkout/sessions",
                **checkout_params(order),
                idempotency_key=order.key,
            )
        return dict(made.data)

    def retrieve_checkout(self, session_id: str) -> Document:
        """A session as it stands now, with what says when it was paid."""
        when = ["payment_intent.latest_charge.balance_transaction", "invoice"]
        with _plain_errors():
            found = self._client.v1.checkout.sessions.retrieve(session_id, {"expand": when})
        return _plain(found)

    def expire_checkout(self, session_id: str) -> None:
        """Close a session, so that it can't be paid any more."""
        with _plain_errors():
            self._client.v1.checkout.sessions.expire(session_id)

    def refund(
        self, payment_intent: str, money: Money, *, key: str, reference: str, installation: str
    ) -> Document:
        """Give back a part or all of a payment."""
        with _plain_errors():
            refund = self._client.v1.refunds.create(
                {
                    "payment_intent": payment_intent,
                    "amount": money.stripe_amount,
                    "metadata": {**name_gift(reference, installation), REFUND_KEY: key},
                },
                {"idempotency_key": key},
            )
        return _plain(refund)

    def find_refund(self, payment_intent: str, key: str) -> Document | None:
        """The refund of a payment that was asked for by this key; None where there is none."""
        with _plain_errors():
            found = self._client.v1.refunds.list({"payment_intent": payment_intent, "limit": PAGE})
            refunds = (_plain(one) for one in found.auto_paging_iter())
            named = (one for one in refunds if (one.get("metadata") or {}).get(REFUND_KEY) == key)
            return next(named, None)

    def retrieve_balance_transaction(self, transaction_id: str) -> Document:
        """What one charge brought after the fee."""
        with _plain_errors():
            return _plain(self._client.v1.balance_transactions.retrieve(transaction_id))

    def list_balance_transactions(self, until: datetime) -> Iterator[Document]:
        """The movements of the account's balance until a time, the newest first, page by page."""
        with _plain_errors():
            found = self._client.v1.balance_transactions.list(
                {"created": {"lte": int(until.timestamp())}, "limit": PAGE}
            )
            for transaction in found.auto_paging_iter():
                yield _plain(transaction)

    def retrieve_payment_intent(self, payment_intent_id: str) -> Document:
        """A payment, with the metadata that names its gift."""
        with _plain_errors():
            return _plain(self._client.v1.payment_intents.retrieve(payment_intent_id))

    def retrieve_invoice(self, invoice_id: str) -> Document:
        """One month of a subscription."""
        with _plain_errors():
            return _plain(self._client.v1.invoices.retrieve(invoice_id))

    def find_invoice_of_payment(self, payment_intent_id: str) -> str | None:
        """The invoice a payment settled, if it settled one."""
        with _plain_errors():
            found = self._client.v1.invoice_payments.list(
                {
                    "payment": {"type": "payment_intent", "payment_intent": payment_intent_id},
                    "limit": 1,
                }
            )
        return next((_id_of(item.invoice) for item in found.data), None)

    def find_payment_of_invoice(self, invoice_id: str) -> str | None:
        """The payment intent that paid an invoice, if one did."""
        with _plain_errors():
            found = self._client.v1.invoice_payments.list(
                {"invoice": invoice_id, "status": "paid", "limit": 1}
            )
        intents = (item.payment.payment_intent for item in found.data)
        return next((_id_of(intent) for intent in intents if intent), None)

    def retrieve_subscription(self, subscription_id: str) -> Document:
        """A monthly gift as it stands now."""
        with _plain_errors():
            return _plain(self._client.v1.subscriptions.retrieve(subscription_id))

    def cancel_subscription(self, subscription_id: str) -> Document:
        """End a monthly gift now; Stripe refuses for one that has ended."""
        with _plain_errors():
            return _plain(self._client.v1.subscriptions.cancel(subscription_id))

    def update_subscription(self, subscription_id: str, params: Any, *, key: str) -> None:
        """Change a monthly gift; what came of it is read back."""
        with _plain_errors():
            self._client.v1.subscriptions.update(subscription_id, params, {"idempotency_key": key})

    def keep_product(self, product_id: str, *, key: str) -> str:
        """What a new price can be of: a product like this one where Stripe has archived it.

        Checkout archives those that it makes, and an archived one takes no new prices.
        """
        with _plain_errors():
            product = self._client.v1.products.retrieve(product_id)
            if product.active:
                return product_id
            made = self._client.v1.products.create({"name": product.name}, {"idempotency_key": key})
        return made.id

    def pay_invoice(self, invoice_id: str, *, key: str) -> None:
        """Try to take what a month owes, now."""
        with _plain_errors():
            self._client.v1.invoices.pay(invoice_id, {}, {"idempotency_key": key})

    def open_billing_page(self, customer_id: str, *, locale: str, return_url: str) -> str:
        """The address of Stripe's page on which a donor changes the card of a monthly gift."""
        with _plain_errors():
            session = self._client.v1.billing_portal.sessions.create(
                {
                    "customer": customer_id,
                    "locale": stripe_locale(locale),
                    "return_url": return_url,
                }
            )
        return session.url

    def list_events(self, types: tuple[str, ...], since: datetime) -> Iterator[Document]:
        """Events since a time, oldest page last; Stripe keeps them for 30 days."""
        with _plain_errors():
            found = self._client.v1.events.list(
                {
                    "types": list(types),
                    "created": {"gte": int(since.timestamp())},
                    "limit": PAGE,
                }
            )
            for event in found.auto_paging_iter():
                yield _plain(event)

    def check_account(self) -> str:
        """The account's id, which proves that the key works."""
        with _plain_errors():
            return str(self._client.v1.accounts.retrieve_current().id)

    def list_webhook_endpoints(self) -> list[Document]:
        """Where Stripe sends this account's events, in the mode of our key."""
        with _plain_errors():
            found = self._client.v1.webhook_endpoints.list({"limit": PAGE})
            return [_plain(one) for one in found.auto_paging_iter()]

    def find_portal_configuration(self) -> Document | None:
        """What `open_billing_page` goes by: the default, which is there once it was saved."""
        with _plain_errors():
            found = self._client.v1.billing_portal.configurations.list(
                {"active": True, "is_default": True, "limit": 1}
            )
        return next((_plain(one) for one in found.data), None)

    def verify_webhook(self, payload: bytes, header: str) -> str:
        """The text of a signed delivery, an event or not, or `ForgedWebhook`."""
        text = payload.decode("utf-8", "replace")
        for secret in self._webhook_secrets:
            with contextlib.suppress(stripe.SignatureVerificationError):
                stripe.WebhookSignature.verify_header(text, header, secret, 300)
                return text
        raise ForgedWebhook("no configured secret signed this delivery")


def _open_wire(settings: Settings, *, is_background: bool) -> Wire:
    """The wire of a process that serves donors, or of one that may keep everybody waiting."""
    share = share_out(
        settings.stripe_requests_by_endpoint,
        settings.stripe_requests,
        workers=settings.workers,
        is_background=is_background,
    )
    return Wire(
        settings.stripe_api_base,
        Pace(share),
        threads=settings.threads,
        patience=BACKGROUND_PATIENCE if is_background else STAFF_PATIENCE,
    )


def gateway_of(services: Services) -> Gateway:
    """The seam of an installation, which its provider of this name holds."""
    return cast(_WithGateway, services.providers.get(STRIPE)).gateway


class _WithGateway(Protocol):
    @property
    def gateway(self) -> Gateway: ...


# The name in a refund's metadata under which the key stands that it was asked for by.
REFUND_KEY = "portal_refund"


def name_gift(reference: str, installation: str) -> dict[str, str]:
    """The metadata of all that we make at Stripe: which gift, and whose."""
    return {"portal_gift": reference, "portal_installation": installation}


def _known_email(address: str) -> Document:
    """The address as Stripe takes one: in ASCII. Where it has none, Stripe's page asks."""
    return {} if needs_utf8(address) else {"customer_email": wire_address(address)}


def checkout_params(order: PayOrder) -> Document:
    """The request for a Checkout Session.

    The gift's reference stands on the session and on what it makes, because Stripe passes
    metadata on to nothing (https://docs.stripe.com/api/metadata).
    """
    metadata = name_gift(order.reference, order.installation)
    price: Document = {
        "currency": order.money.currency.lower(),
        "unit_amount": order.money.stripe_amount,
        "product_data": {"name": order.description},
    }
    params: Document = {
        "mode": "payment",
        "line_items": [{"price_data": price, "quantity": 1}],
        "client_reference_id": order.reference,
        "metadata": metadata,
        **_known_email(order.email),
        "locale": stripe_locale(order.locale),
        "success_url": f"{order.page_url}?session_id={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{order.page_url}?cancelled=1",
        "expires_at": int(order.expires_at.timestamp()),
    }
    if order.monthly:
        price["recurring"] = {"interval": "month"}
        params |= {"mode": "subscription", "subscription_data": {"metadata": metadata}}
    else:
        params |= {"submit_type": "donate", "payment_intent_data": {"metadata": metadata}}
    return params | _narrow_types(order.mode)


def _narrow_types(mode: Mode | None) -> Document:
    """Which of Stripe's payment method types the gift's mode of payment means."""
    if mode is None:
        return {}
    types = {
        "allowed_payment_method_types": list(mode.stripe_allowed),
        "excluded_payment_method_types": list(mode.stripe_excluded),
    }
    return {name: named for name, named in types.items() if named}


def stripe_locale(locale: str) -> str:
    """The language Stripe's page is to speak; `auto` where it doesn't know ours."""
    wanted = html_lang(locale)
    if wanted in _REGIONAL_LOCALES:
        return wanted
    lang = wanted.split("-")[0]
    return lang if lang in _LOCALES else "auto"


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Stripe's many exceptions as our two: try again, or no."""
    try:
        yield
    except TooMany as error:
        raise StripeBusy(error.seconds) from error
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise StripeUnavailable(type(error).__name__) from error
    except stripe.StripeError as error:
        if (error.http_status or 500) >= 500 or error.http_status == 409:
            raise StripeUnavailable(type(error).__name__) from error
        refusal = StripeMissing if error.http_status == 404 else StripeRefused
        raise refusal(error.user_message or "Stripe refused the request.") from error


def _plain(thing: stripe.StripeObject) -> Document:
    return dict(thing.to_dict(for_json=True))


def _id_of(reference: Any) -> str:
    return str(reference if isinstance(reference, str) else reference.id)


def at(seconds: Any) -> datetime:
    """Stripe's Unix seconds as a time."""
    return datetime.fromtimestamp(int(seconds), UTC)
