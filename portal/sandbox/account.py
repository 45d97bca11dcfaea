"""The account itself, for a check that the key and the address are right."""

from portal.sandbox.store import Json
from portal.sandbox.world import World


def retrieve_account(world: World, params: Json) -> Json:
    return {
        "id": "acct_sandbox",
        "object": "account",
        "business_profile": {"name": "Sandbox (no real money)", "url": None},
        "business_type": "non_profit",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "CA",
        "created": world.now(),
        "default_currency": "cad",
        "details_submitted": True,
        "email": None,
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }
