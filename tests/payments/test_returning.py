"""A donor comes back from Stripe: how it went is asked, and not again and again."""

from datetime import UTC, datetime
from typing import Any

import pytest

from portal.clock import FixedClock
from portal.database import Database
from portal.gifts.models import Gift
from portal.intake.checkout import LOOK_UPS_A_MINUTE
from tests.giving.visits import begin
from tests.pages import CheckedClient
from tests.payments.stories import find
from tests.sandbox_process import KEY, SandboxProcess


@pytest.fixture
def clock() -> FixedClock:
    """The sandbox refuses a session that would end long ago."""
    return FixedClock(datetime.now(UTC))


@pytest.fixture
def settings_values(sandbox: SandboxProcess) -> dict[str, Any]:
    return {"stripe_api_base": sandbox.url, "stripe_secret_key": KEY}


def count_questions(sandbox: SandboxProcess) -> int:
    """How often Stripe was asked about one session."""
    asked = sandbox.look("requests")
    path = "/v1/checkout/sessions/"
    return sum(one["method"] == "GET" and one["path"].startswith(path) for one in asked)


def come_back(client: CheckedClient, gift: Gift, session_id: str) -> str:
    answer = client.get(f"/gift/{gift.token}?session_id={session_id}")
    assert answer.status_code == 303
    return str(answer.location)


def test_a_return_asks_stripe_a_few_times_a_minute_and_turns_nobody_away(
    client: CheckedClient, catalogued: Database, sandbox: SandboxProcess
) -> None:
    gift = begin(client, catalogued, mode="card")
    session = find(sandbox, "checkout/sessions")[0]
    before = count_questions(sandbox)
    pages = {come_back(client, gift, session["id"]) for _ in range(LOOK_UPS_A_MINUTE + 8)}
    assert pages == {f"/gift/{gift.token}?returned=1"}
    assert count_questions(sandbox) - before == LOOK_UPS_A_MINUTE
    another = begin(client, catalogued, mode="card", amount="31.07")
    newest = find(sandbox, "checkout/sessions")[0]
    assert sandbox.pay(newest["url"]).status == 303
    assert come_back(client, another, newest["id"]) == f"/gift/{another.token}", "it is paid"
