"""Customers: who pays, kept when something recurs or when asked."""

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from portal.sandbox.events import emit
from portal.sandbox.fields import Email, Field, Group, Many, Metadata, Text
from portal.sandbox.store import Json
from portal.sandbox.world import LISTING, World, list_page

RefundStyle = Literal["at_once", "pending", "fails_later"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a test card does. `decline` is (code, decline_code, message key)."""

    brand: str = "visa"
    country: str = "US"
    decline: tuple[str, str] | None = None
    challenge: bool = False
    disputed: bool = False
    refund: RefundStyle = "at_once"


CARDS: dict[str, Behaviour] = {
    "4242424242424242": Behaviour(),
    "5555555555554444": Behaviour(brand="mastercard"),
    "4000001240000000": Behaviour(country="CA"),
    "4000000000000002": Behaviour(decline=("card_declined", "generic_decline")),
    "4000000000009995": Behaviour(decline=("card_declined", "insufficient_funds")),
    "4000000000000069": Behaviour(decline=("expired_card", "expired_card")),
    "4000000000000127": Behaviour(decline=("incorrect_cvc", "incorrect_cvc")),
    "4000002760003184": Behaviour(country="DE", challenge=True),
    "4000000000000259": Behaviour(disputed=True),
    "4000000000007726": Behaviour(refund="pending"),
    "4000000000005126": Behaviour(refund="fails_later"),
}
# What Stripe says of a number that is no test card while in test mode.
_LIVE_CARD = Behaviour(decline=("card_declined", "test_mode_live_card"))

MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "test_mode_live_card": "Your card was declined. Your request was in test mode, but used a non"
    " test card. For a list of valid test cards, visit: https://stripe.com/docs/testing.",
    "authentication_failed": "We are unable to authenticate your payment method. Please choose a"
    " different payment method and try again.",
}


@dataclass(frozen=True, slots=True)
class Card:
    """A card as typed on the pay page, already well-formed."""

    number: str
    exp_month: int
    exp_year: int
    name: str

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def behaviour(self) -> Behaviour:
        return CARDS.get(self.number, _LIVE_CARD)


def read_card(form: dict[str, str], today: datetime) -> tuple[Card | None, dict[str, str]]:
    """The card of a posted form, or which fields are wrong and why (a text's key)."""
    number = re.sub(r"[\s-]", "", form.get("card_number", ""))
    expiry = re.fullmatch(r"\s*(\d{1,2})\s*/?\s*(\d{2}|\d{4})\s*", form.get("exp", ""))
    errors = {
        "card_number": None if _is_number(number) else "bad_number",
        "exp": _expiry_error(expiry, today),
        "cvc": None if re.fullmatch(r"\s*\d{3,4}\s*", form.get("cvc", "")) else "bad_cvc",
        "name": None if form.get("name", "").strip() else "bad_name",
    }
    wrong = {field: key for field, key in errors.items() if key}
    if wrong or expiry is None:
        return None, wrong
    month, year = _expiry(expiry)
    return Card(number, month, year, form["name"].strip()[:200]), {}


def _expiry(matched: re.Match[str]) -> tuple[int, int]:
    return int(matched[1]), int(matched[2]) % 100 + 2000


def _expiry_error(matched: re.Match[str] | None, today: datetime) -> str | None:
    if not matched:
        return "bad_exp"
    month, year = _expiry(matched)
    if not 1 <= month <= 12:
        return "bad_exp"
    local = today.astimezone(UTC)
    return "past_exp" if (year, month) < (local.year, local.month) else None


def _is_number(number: str) -> bool:
    """Length and Luhn's check digit."""
    if not re.fullmatch(r"\d{13,19}", number):
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


DELAY = 4 * 24 * 3600  # working days differ by method; four calendar days stand for all

# Currency to Stripe's payment method type.
DEBITS = {
    "cad": "acss_debit",
    "usd": "us_bank_account",
    "eur": "sepa_debit",
    "gbp": "bacs_debit",
    "aud": "au_becs_debit",
    "nzd": "nz_bank_account",
}

_METHOD_DETAILS: dict[str, Json] = {
    "acss_debit": {
        "bank_name": "STRIPE TEST BANK",
        "institution_number": "000",
        "transit_number": "11000",
    },
    "us_bank_account": {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "routing_number": "110000000",
    },
    "sepa_debit": {"bank_code": "37040044", "branch_code": "", "country": "DE"},
    "bacs_debit": {"sort_code": "108800"},
    "au_becs_debit": {"bsb_number": "000000"},
    "nz_bank_account": {
        "account_holder_name": "Sandbox Donor",
        "bank_code": "11",
        "bank_name": "STRIPE TEST BANK",
        "branch_code": "0000",
        "suffix": "00",
    },
}
_ONLY_ON_METHOD: dict[str, Json] = {
    "us_bank_account": {
        "financial_connections_account": None,
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "status_details": None,
    },
    "sepa_debit": {"generated_from": {"charge": None, "setup_attempt": None}},
}


def _shared(kind: str) -> Json:
    # New Zealand's object has no fingerprint.
    prints = {} if kind == "nz_bank_account" else {"fingerprint": "sandboxfingerprint"}
    return _METHOD_DETAILS[kind] | {"last4": "6789"} | prints


def method_details(kind: str) -> Json:
    """The hash under the type's name on a PaymentMethod."""
    return _shared(kind) | _ONLY_ON_METHOD.get(kind, {})


def charge_details(kind: str) -> Json:
    """The hash under the type's name in a charge's `payment_method_details`."""
    mandate = {} if kind == "nz_bank_account" else {"mandate": None}
    return _shared(kind) | mandate | {"expected_debit_date": None}


ADDRESS = Group({name: Text() for name in "city country line1 line2 postal_code state".split()})
CREATE_CUSTOMER: dict[str, Field] = {
    "address": ADDRESS,
    "description": Text(),
    "email": Email(),
    "expand": Many(Text()),
    "metadata": Metadata(),
    "name": Text(256),
    "phone": Text(20),
    "preferred_locales": Many(Text()),
}
LIST_CUSTOMERS: dict[str, Field] = LISTING | {"email": Text()}

_NULLS = dict.fromkeys(
    "address business_name currency customer_account default_source description discount email"
    " individual_name name phone shipping test_clock".split()
)
_NEW: Json = {
    "object": "customer",
    "balance": 0,
    "delinquent": False,
    "invoice_settings": {
        "custom_fields": None,
        "default_payment_method": None,
        "footer": None,
        "rendering_options": None,
    },
    "livemode": False,
    "metadata": {},
    "next_invoice_sequence": 1,
    "preferred_locales": [],
    "tax_exempt": "none",
}


def add_customer(world: World, **fields: Any) -> Json:
    customer_id = world.new_id("cus")
    own = {
        "id": customer_id,
        "created": world.now(),
        "invoice_prefix": customer_id[-8:].upper(),
    }
    customer = world.add(_NULLS | _NEW | own | fields)
    emit(world, "customer.created", customer)
    return customer


def create_customer(world: World, params: Json) -> Json:
    if "address" in params:
        nulls = dict.fromkeys("city country line1 line2 postal_code state".split())
        params["address"] = nulls | params["address"]
    return add_customer(world, **params)


def retrieve_customer(world: World, params: Json, id: str) -> Json:
    return world.get("customer", id)


def list_customers(world: World, params: Json) -> Json:
    return list_page(world, "customer", "/v1/customers", params)


_NO_ADDRESS = dict.fromkeys("city country line1 line2 postal_code state".split())


def billing_details(name: str | None, email: str | None, address: Json | None = None) -> Json:
    return {
        "address": _NO_ADDRESS | (address or {}),
        "email": email,
        "name": name,
        "phone": None,
        "tax_id": None,
    }


def _method(world: World, kind: str, details: Json, billing: Json) -> Json:
    return {
        "id": world.new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": billing,
        "created": world.now(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "radar_options": {"session": None},
        "type": kind,
        kind: details,
    }


def add_card_method(world: World, card: Card, billing: Json) -> Json:
    """Keep a card; how it behaves stays beside it, out of the donor's sight."""
    method = _method(world, "card", _card_details(card), billing)
    return world.add(method, **asdict(card.behaviour))


def _card_details(card: Card) -> Json:
    behaviour = card.behaviour
    return {
        "brand": behaviour.brand,
        "checks": card_checks(),
        "country": behaviour.country,
        "display_brand": behaviour.brand,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": "sandboxfingerprint",
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [behaviour.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def add_debit_method(world: World, kind: str, billing: Json, *, fails: bool) -> Json:
    """Keep a bank account, and whether its debits will come back unpaid."""
    return world.add(_method(world, kind, method_details(kind), billing), debit_fails=fails)


def card_checks() -> Json:
    return {
        "address_line1_check": None,
        "address_postal_code_check": None,
        "cvc_check": "pass",
    }


def attach_method(world: World, method: Json, customer_id: str) -> Json:
    return world.save(method | {"customer": customer_id})


def retrieve_payment_method(world: World, params: Json, id: str) -> Json:
    return world.get("payment_method", id)
