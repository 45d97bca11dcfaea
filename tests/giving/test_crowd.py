"""More donors than Stripe takes: each is told so, and led on by itself."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.app import furnish
from portal.clock import FixedClock
from portal.commands.installation import free_port
from portal.database import Database
from portal.gifts.models import Gift
from portal.payments.models import Checkout
from tests.giving.visits import begin, give, text_of
from tests.pages import CheckedClient
from tests.sandbox_process import KEY, SandboxProcess, running_sandbox

PORT = free_port()


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("crowd"), port=PORT) as process:
        yield process


@pytest.fixture
def sandbox(process: SandboxProcess) -> SandboxProcess:
    process.control("reset")
    return process


@pytest.fixture
def settings_values() -> dict[str, Any]:
    return {"stripe_secret_key": KEY, "stripe_api_base": f"http://127.0.0.1:{PORT}"}


@pytest.fixture
def clock() -> FixedClock:
    """Of today: the sandbox refuses what is over."""
    return FixedClock(datetime.now(UTC))


def count(database: Database, kind: Any) -> int:
    with database.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(kind)) or 0


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("en", "Your gift is kept, and nothing was charged."),
        ("fr", "Votre don est conservé, et rien n’a été débité."),
    ],
)
def test_a_donor_beyond_what_stripe_takes_waits_and_goes_on(
    app: Flask, client: CheckedClient, sandbox: SandboxProcess, lang: str, sentence: str
) -> None:
    sandbox.control("too_many", requests=1, retry_after=2)
    answer = give(client, mode="card", lang=lang)
    assert answer.status_code == 303
    page = client.get(answer.location)
    assert page.status_code == 503
    assert 2 <= int(page.headers["Retry-After"]) <= 5
    assert sentence in text_of(page)
    assert "reach" not in text_of(page)
    assert "no-store" in page.headers["Cache-Control"]
    [(seconds, url)] = re.findall(
        r'<meta http-equiv="refresh" content="(\d+); url=([^"]+)">', page.text
    )
    assert seconds == page.headers["Retry-After"]
    assert f'href="{url}"' in page.text
    assert url == answer.location
    services = app.extensions["portal"]
    services.clock.at += timedelta(seconds=int(seconds))
    # Another process, which never heard of the donor, knows whose turn it is.
    furnish(app, services.settings, services.clock)
    gone_on = client.get(url)
    assert "/pay/cs_" in gone_on.location
    assert client.get(url).location == gone_on.location
    assert [count(services.database, kind) for kind in (Gift, Checkout)] == [1, 1]
    assert len(sandbox.look("requests")) == 2


def test_the_form_sent_again_meanwhile_makes_no_second_gift(
    client: CheckedClient, catalogued: Database, sandbox: SandboxProcess
) -> None:
    sandbox.control("too_many", requests=2, retry_after=30)
    first, second = (give(client, mode="card") for _ in range(2))
    for answer in (first, second):
        assert client.get(answer.location).status_code == 503
    assert (count(catalogued, Gift), count(catalogued, Checkout)) == (1, 1)
    assert len(sandbox.look("requests")) == 1, "who was told to wait does not ask"


def test_only_a_signed_turn_leads_on(
    client: CheckedClient, catalogued: Database, sandbox: SandboxProcess, clock: FixedClock
) -> None:
    sandbox.control("too_many", requests=1)
    gift = begin(client, catalogued, mode="card")
    other = begin(client, catalogued, mode="interac", first_name="Eve")
    asked = len(sandbox.look("requests"))
    url = client.get(f"/gift/{gift.token}/pay").location
    assert url == f"/gift/{gift.token}"
    for turn in ("", "1", "1795435200.forged"):
        assert client.get(f"/gift/{gift.token}/pay?turn={turn}").location == url
    assert client.get(f"/gift/{other.token}/pay").location == f"/gift/{other.token}"
    assert len(sandbox.look("requests")) == asked


def test_a_gift_paid_meanwhile_leads_to_its_page(
    client: CheckedClient, catalogued: Database, sandbox: SandboxProcess, clock: FixedClock
) -> None:
    sandbox.control("too_many", requests=1)
    answer = give(client, mode="card")
    with catalogued.write() as session:
        session.execute(sa.update(Gift).values(status="paid"))
    clock.at += timedelta(seconds=10)
    assert re.fullmatch(r"/gift/[\w-]+", client.get(answer.location).location)


def test_a_resumed_gift_waits_in_the_same_way(
    client: CheckedClient, catalogued: Database, sandbox: SandboxProcess
) -> None:
    sandbox.control("outage", requests=3)
    gift = begin(client, catalogued, mode="card")
    sandbox.control("too_many", requests=1)
    answer = client.post(f"/gift/{gift.token}/pay")
    assert client.get(answer.location).status_code == 503


def test_an_outage_is_still_told_as_one(
    client: CheckedClient, catalogued: Database, sandbox: SandboxProcess
) -> None:
    sandbox.control("outage", requests=3)
    page = client.get(give(client, mode="card").location)
    assert "We can’t reach the payment page just now" in text_of(page)


def test_a_mode_that_is_changed_while_stripe_is_busy_says_so(
    client: CheckedClient, catalogued: Database, sandbox: SandboxProcess
) -> None:
    gift = begin(client, catalogued, mode="card")
    sandbox.control("too_many", requests=1, retry_after=30)
    answer = client.post(f"/gift/{gift.token}/mode", data={"mode": "interac"})
    assert answer.location == f"/gift/{gift.token}?busy=1"
    assert "Many people are giving at this moment" in text_of(client.get(answer.location))
