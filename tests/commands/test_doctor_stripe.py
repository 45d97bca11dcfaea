"""What the doctor finds of Stripe's endpoint for us, and of its page for monthly donors."""

from collections.abc import Iterator
from typing import Any

import pytest

from portal.commands.doctor_outside import (
    Finding,
    examine_endpoints,
    examine_portal,
    judge_endpoints,
    judge_portal,
    sort_endpoints,
)
from portal.database import Database, Document
from portal.payments.stripe.gateway import API_VERSION
from portal.payments.stripe.readers import READERS
from portal.settings import Settings, load_settings
from tests.conftest import SECRET
from tests.contract.contract import log_differences, object_differences
from tests.sandbox_process import KEY, SandboxProcess, running_sandbox

BASE = "https://give.example.org"
URL = f"{BASE}/webhooks/stripe"
LOCAL = "http://127.0.0.1:9"
CONFIGURATION = "/v1/billing_portal/configurations/bpc_sandbox"


def endpoint(**changes: Any) -> Document:
    values = {
        "url": URL,
        "status": "enabled",
        "api_version": API_VERSION,
        "enabled_events": [*READERS],
    }
    return {**values, **changes}


def judge(*endpoints: Document) -> list[Finding]:
    return list(judge_endpoints(sort_endpoints([*endpoints], BASE)))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"enabled_events": ["*"]},
        {"enabled_events": [*READERS, "payout.paid"]},
        {"url": "https://GIVE.example.org:443/webhooks/stripe/"},
    ],
)
def test_an_endpoint_that_sends_all_here_is_well(changes: Document) -> None:
    others = endpoint(url="https://shop.example.org/stripe", api_version=None)
    assert judge(others, endpoint(**changes)) == [
        Finding("webhooks", True, f"{URL} gets all that the portal reads")
    ]


@pytest.mark.parametrize(
    ("endpoints", "says"),
    [
        ([], f"add a webhook endpoint {URL}"),
        ([endpoint(url="https://shop.example.org/hook")], f"add a webhook endpoint {URL}"),
        ([endpoint(url="http://give.example.org/webhooks/stripe")], f"URL to {URL}"),
        (
            [endpoint(url="https://old.example.org/webhooks/stripe")],
            "sends its events to https://o",
        ),
        ([endpoint(status="disabled")], "is disabled"),
        ([endpoint(api_version="2024-06-20")], "speaks 2024-06-20 and the portal"),
        ([endpoint(api_version=None)], "speaks the account's version and"),
        ([endpoint(enabled_events=["invoice.paid"])], "does not send checkout.session.completed,"),
        ([endpoint(), endpoint()], "2 of Stripe's endpoints"),
    ],
)
def test_each_fault_of_an_endpoint_is_said(endpoints: list[Document], says: str) -> None:
    [found] = judge(*endpoints)
    assert not found.is_well
    assert says in found.text


def test_each_event_that_is_read_is_missed() -> None:
    for name in READERS:
        [found] = judge(endpoint(enabled_events=[one for one in READERS if one != name]))
        assert f"does not send {name}:" in found.text


def test_an_endpoint_that_is_disabled_beside_a_good_one_is_no_fault() -> None:
    old = endpoint(status="disabled", api_version="2024-06-20")
    assert [one.is_well for one in judge(old, endpoint())] == [True]


def test_each_of_several_faults_is_said() -> None:
    wrong = endpoint(api_version="2024-06-20", enabled_events=["invoice.paid"])
    assert [one.is_well for one in judge(wrong)] == [False, False]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    hook = f"{LOCAL}/webhooks/stripe"
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), webhook_url=hook) as process:
        yield process


@pytest.fixture
def sandbox(process: SandboxProcess) -> SandboxProcess:
    process.control("reset")
    return process


def make_settings(sandbox: SandboxProcess, **changes: Any) -> Settings:
    values = {
        "secret_key": SECRET,
        "environment": "demo",
        "base_url": LOCAL,
        "stripe_secret_key": KEY,
        "stripe_api_base": sandbox.url,
    }
    return load_settings(**{**values, **changes})


def test_stripe_is_asked_for_its_endpoints(sandbox: SandboxProcess) -> None:
    [found] = examine_endpoints(make_settings(sandbox))
    assert found.is_well
    [kept] = sandbox.api("GET", "/v1/webhook_endpoints").json["data"]
    assert object_differences(kept) == []
    form = {"enabled_events[0]": "invoice.paid"}
    assert sandbox.api("POST", f"/v1/webhook_endpoints/{kept['id']}", form).status == 200
    [found] = examine_endpoints(make_settings(sandbox))
    assert "does not send checkout.session.completed" in found.text
    assert log_differences(sandbox.look("requests")) == []


def test_an_endpoint_beyond_the_first_page_is_found(sandbox: SandboxProcess) -> None:
    for number in range(101):
        form = {"url": f"{LOCAL}/{number}", "enabled_events[0]": "*"}
        assert sandbox.api("POST", "/v1/webhook_endpoints", form).status == 200
    assert [one.is_well for one in examine_endpoints(make_settings(sandbox))] == [True]


def test_a_key_that_may_not_look_is_no_fault(sandbox: SandboxProcess) -> None:
    [found] = examine_endpoints(make_settings(sandbox, stripe_secret_key="sk_test_other"))
    assert found.is_well
    assert "a key that may read Webhook Endpoints" in found.text
    assert list(examine_endpoints(make_settings(sandbox, stripe_secret_key=""))) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_page_for_monthly_donors_lets_them_change_their_card(
    catalogued: Database, sandbox: SandboxProcess
) -> None:
    [found] = examine_portal(catalogued, make_settings(sandbox))
    assert (found.what, found.is_well) == ("customer portal", True)
    form = {"features[payment_method_update][enabled]": "false"}
    kept = sandbox.api("POST", CONFIGURATION, form).json
    assert object_differences(kept) == []
    [found] = examine_portal(catalogued, make_settings(sandbox))
    assert not found.is_well
    assert found.text.endswith("Customer portal, let customers update their payment methods")
    assert log_differences(sandbox.look("requests")) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_offers_nothing_monthly_needs_no_page(
    catalogued: Database, sandbox: SandboxProcess
) -> None:
    assert list(examine_portal(catalogued, make_settings(sandbox, stripe_secret_key=""))) == []
    real = make_settings(sandbox, environment="production")
    assert list(examine_portal(catalogued, real)) == [], "samples are not offered"


def test_a_page_that_was_never_set_up_is_said() -> None:
    [found] = judge_portal(None)
    assert not found.is_well
    assert "its settings were never saved" in found.text
