"""One process on loopback: who reaches it, what survives it, how it stops."""

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import stripe

from portal.commands.installation import free_port
from portal.sandbox.store import SandboxConfig, SandboxRefused
from tests.pages import check_page
from tests.sandbox_client import make_client, paid_gift, read_session, start_gift, start_monthly
from tests.sandbox_process import (
    SECRET,
    Receiver,
    SandboxProcess,
    running_sandbox,
    wait_until,
)


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org", "192.168.0.7", "[::2]"])
def test_a_foreign_host_name_is_turned_away(sandbox: SandboxProcess, host: str) -> None:
    assert sandbox.request("GET", "/", headers={"Host": host}).status == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_the_names_of_loopback_are_let_in(sandbox: SandboxProcess, host: str) -> None:
    named = f"{host}:{sandbox.port}"
    assert sandbox.request("GET", "/", headers={"Host": named}).status == 200


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://example.org"}]
)
def test_another_sites_form_is_turned_away(
    client: stripe.StripeClient, sandbox: SandboxProcess, headers: dict[str, str]
) -> None:
    path = urlsplit(str(start_gift(client).url)).path
    for target in ("/_control/reset", path):
        assert sandbox.request("POST", target, form={}, headers=headers).status == 403


def test_it_listens_on_loopback_alone(sandbox: SandboxProcess) -> None:
    outward = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with outward:
        outward.connect(("192.0.2.1", 9))  # sends nothing; tells this machine's other address
        address = outward.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no other address")
    with pytest.raises(OSError), socket.create_connection((address, sandbox.port), timeout=2):
        pass


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("host", "0.0.0.0"),  # noqa: S104 - it is what must be refused
        ("secret_key", "sk_live_1"),
        ("webhook_url", "https://example.org/hook"),
    ],
)
def test_it_will_not_start_in_the_open(tmp_path: Path, option: str, value: str) -> None:
    options = {"port": 1, "data": tmp_path, "webhook_secret": SECRET, option: value}
    with pytest.raises(SandboxRefused):
        SandboxConfig(**options)  # type: ignore[arg-type]  # the table mixes types


def test_webhooks_go_to_this_machine_only(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.webhook_endpoints.create(
            {"url": "https://example.org/hook", "enabled_events": ["*"]}
        )
    assert caught.value.code == "url_invalid"


def test_everything_survives_a_restart(receiver: Receiver, tmp_path: Path) -> None:
    port = free_port()
    with running_sandbox(tmp_path, port=port, webhook_url=receiver.url) as first:
        client = make_client(first)
        gift = paid_gift(client, first)
        session = start_monthly(client)
        first.pay(str(session.url))
        first.control("advance", seconds=7 * 24 * 3600)
        first.control("drain")
        receiver.answers = [500] * 50
        open_session = start_gift(client)
        client.v1.checkout.sessions.expire(open_session.id)
        wait_until(lambda: first.look("deliveries")[0]["attempts"] == 1)
        now = first.look("state")["now"]
        assert first.stop() == 0
    receiver.answers.clear()
    receiver.got.clear()
    with running_sandbox(tmp_path, port=port, webhook_url=receiver.url) as second:
        client = make_client(second)
        assert read_session(client, gift["id"])["payment_status"] == "paid"
        assert abs(second.look("state")["now"] - now) < 30
        expired = receiver.await_type("checkout.session.expired")
        assert expired["data"]["object"]["id"] == open_session.id
        second.control("advance", to="renewal")
        receiver.await_type("invoice.paid")


def test_a_kill_loses_no_delivery(receiver: Receiver, tmp_path: Path) -> None:
    receiver.got.clear()
    with running_sandbox(tmp_path, webhook_url=receiver.url) as first:
        client = make_client(first)
        first.control("deliveries", delay_seconds=0.5)
        for _ in range(5):
            client.v1.checkout.sessions.expire(start_gift(client).id)
        first.process.kill()
        first.process.wait()
        wait_until(lambda: not _listens(first.port))
    with running_sandbox(tmp_path, webhook_url=receiver.url):
        receiver.await_type("checkout.session.expired", 5)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_two_of_them_do_not_share_a_folder(sandbox: SandboxProcess) -> None:
    code = (
        "from pathlib import Path; from portal.sandbox.server import main;"
        f"main(port={free_port()}, data=Path({str(sandbox.data)!r}), webhook_url=None,"
        " webhook_secret='whsec_1')"
    )
    second = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=30
    )
    assert second.returncode != 0
    assert "Another sandbox already uses" in second.stderr


def test_slow_answers_hold_nobody_else_up(
    client: stripe.StripeClient, sandbox: SandboxProcess
) -> None:
    sandbox.control("latency", ms=500)
    began = time.monotonic()
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: sandbox.api("GET", "/v1/balance").status, range(40)))
    assert set(answers) == {200}
    assert 0.5 <= time.monotonic() - began < 40 * 0.5, "one after another"


def test_requests_are_logged_as_they_were_sent(
    client: stripe.StripeClient, sandbox: SandboxProcess
) -> None:
    start_gift(client)
    (sent,) = sandbox.look("requests")
    assert (sent["method"], sent["path"]) == ("POST", "/v1/checkout/sessions")
    assert sent["params"]["line_items"][0]["price_data"]["unit_amount"] == "7550"
    assert sent["idempotency_key"]
    assert sandbox.look(f"requests?after={sent['seq']}") == []


def test_the_control_page_shows_and_does_all_of_it(
    client: stripe.StripeClient, sandbox: SandboxProcess
) -> None:
    paid_gift(client, sandbox, card="4000000000000259")
    sandbox.control("advance", seconds=60)
    page = sandbox.request("GET", "/").text
    check_page(page)
    assert "checkout.session.completed" in page
    pressed = sandbox.request(
        "POST", "/_control/advance", form={"seconds": "60"}, headers={"Accept": "text/html"}
    )
    assert (pressed.status, pressed.location) == (303, "/")


@pytest.mark.parametrize("body", [{}, {"seconds": "soon"}, {"seconds": -1}, {"seconds": 1e12}])
def test_time_moves_forward_by_a_number_only(
    sandbox: SandboxProcess, body: dict[str, object]
) -> None:
    assert sandbox.request("POST", "/_control/advance", body=body).status == 400
