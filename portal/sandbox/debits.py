"""Delayed bank debits: which one a currency has, and what Stripe shows of it."""

from portal.sandbox.store import Json

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
