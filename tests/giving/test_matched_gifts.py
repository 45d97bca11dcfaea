"""What donors see of a sponsor’s offer: on the form, before a part match, on the gift’s page."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.clock import FixedClock
from portal.codes.operations import Draft, add_code, add_policy, add_scope
from portal.codes.pots import add_pot, close_pot, find_pot
from portal.codes.terms import Kind, LevelKind
from portal.database import Database
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Gift
from portal.giving.form.cache import PageCache
from portal.money import Money
from portal.payments.books import prove
from portal.payments.operations import accept
from tests.conftest import NOW
from tests.giving.visits import begin, give, read_ticket, text_of
from tests.pages import CheckedClient
from tests.payments.stories import Recorder, find, refund
from tests.payments.webhooks import SECRET, deliver
from tests.sandbox_process import KEY, SandboxProcess, running_sandbox
from tests.workplace import act_in


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as process:
        yield process


@pytest.fixture
def sandbox(process: SandboxProcess) -> SandboxProcess:
    process.control("reset")
    return process


@pytest.fixture
def settings_values(sandbox: SandboxProcess) -> dict[str, Any]:
    return {
        "stripe_secret_key": KEY,
        "stripe_webhook_secrets": SECRET,
        "stripe_api_base": sandbox.url,
    }


@pytest.fixture
def clock() -> FixedClock:
    """The sandbox's own day."""
    return FixedClock(datetime.now(UTC))


@pytest.fixture(autouse=True)
def codes(catalogued: Database) -> None:
    with catalogued.write() as session:
        act = act_in(session, NOW)
        add_pot(act, "spring", "Grace Foundation", Money(10_000, "CAD"))
        add_pot(act, "dollars", "Overseas Friends", Money(10_000, "USD"))
        spring = {"match_pot": "spring", "match_ratio": "2:1", "match_cap": {"CAD": "60"}}
        terms = {
            "DOUBLE": spring,
            "ABROAD": {"match_pot": "dollars"},
            "NOTHING": {**spring, "no_match": True},
        }
        for name, document in terms.items():
            policy = add_policy(session, name, Draft(document=document), NOW)
            add_code(session, name, policy, NOW, kind=Kind.CAMPAIGN)


@pytest.fixture
def unkept(app: Flask) -> None:
    """Codes are looked up anew each time: no second passes between two requests."""
    app.extensions["giving_pages"] = PageCache(iter(range(0, 10**6, 1000)).__next__)


def hear(client: CheckedClient, sandbox: SandboxProcess) -> None:
    """All that Stripe has to say so far, as its signed deliveries."""
    seen = Recorder()
    seen.note(sandbox)
    for event in seen.values():
        assert deliver(client, event).status_code == 200


def newest(database: Database) -> Gift:
    with database.read() as session:
        return session.scalars(sa.select(Gift).order_by(Gift.id.desc())).first() or Gift()


def test_a_card_gift_is_matched_once_it_is_paid_and_released_when_it_goes_back(
    client: CheckedClient, catalogued: Database, sandbox: SandboxProcess
) -> None:
    form = text_of(client.get("/give/ca?code=DOUBLE"))
    assert "Grace Foundation adds $2 for every $1 you give. At most CAD 60.00 for a gift." in form
    assert "CAD 100.00 is left for this." in form
    answer = give(client, code="DOUBLE", amount="20", mode="card")
    assert answer.status_code == 303
    gift = newest(catalogued)
    page = f"/gift/{gift.token}"
    assert "CAD 40.00, once your gift has arrived" in text_of(client.get(page))
    sandbox.pay(answer.headers["Location"])
    hear(client, sandbox)
    told = text_of(client.get(page))
    assert "Matched by Grace Foundation CAD 40.00" in told
    assert "once your gift has arrived" not in told
    refund(sandbox, find(sandbox, "charges")[0]["payment_intent"], 500)
    hear(client, sandbox)
    assert "Matched by Grace Foundation CAD 30.00" in text_of(client.get(page))
    refund(sandbox, find(sandbox, "charges")[0]["payment_intent"], 1500)
    hear(client, sandbox)
    assert newest(catalogued).status is Status.REFUNDED
    assert "Matched by" not in text_of(client.get(page))
    with catalogued.read() as session:
        spring = find_pot(session, "spring")
        assert prove(session) == []
    assert spring is not None
    assert (spring.left_minor, spring.promised_minor, spring.matched_minor) == (10_000, 0, 0)


def test_a_part_match_is_asked_before_anything_is_kept(
    client: CheckedClient, catalogued: Database
) -> None:
    begin(client, catalogued, code="DOUBLE", amount="30")
    asked = give(client, code="DOUBLE", amount="25", email="obi@example.org")
    assert asked.status_code == 409
    assert "Of this, CAD 40.00 is still matched" in text_of(asked)
    assert 'name="match_told" value="4000"' in asked.text
    with catalogued.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Gift)) == 1
    answer = give(client, code="DOUBLE", amount="25", email="obi@example.org", match_told="4000")
    assert answer.status_code == 303
    page = text_of(client.get(f"/gift/{newest(catalogued).token}"))
    assert "CAD 40.00, once your gift has arrived That was all that was left." in page


@pytest.mark.usefixtures("unkept")
def test_an_empty_pot_is_said_on_the_form_and_asks_nobody_again(
    client: CheckedClient, catalogued: Database
) -> None:
    for email in ("a@example.org", "b@example.org"):
        begin(client, catalogued, code="DOUBLE", amount="30", email=email, match_told="4000")
    form = client.get("/give/ca?code=DOUBLE")
    assert "set aside to match gifts is used up" in text_of(form)
    assert 'name="match_told" value="0"' in form.text
    late = give(client, code="DOUBLE", amount="20", email="c@example.org")
    assert late.status_code == 409
    assert "Nothing of this is matched any more" in text_of(late)
    assert give(client, code="DOUBLE", amount="20", match_told="0").status_code == 303
    assert not newest(catalogued).is_matched


def test_both_questions_are_asked_once(
    client: CheckedClient, catalogued: Database, app: Flask
) -> None:
    """That the same was given a moment ago, and that less is matched: neither forgets the other."""
    first = begin(client, catalogued, code="DOUBLE", amount="30")
    claim = Claim(
        fact=FactKind.PAID,
        subject="one",
        occurred_at=NOW,
        money=first.money,
        source=Source.PERSON,
        actor="staff:1",
    )
    with app.extensions["portal"].write() as act:
        accept(act, first.id, [claim])
    again = give(client, code="DOUBLE", amount="30")
    assert "Give again?" in text_of(again)
    less = give(client, code="DOUBLE", amount="30", again="1")
    assert "Of this, CAD 40.00 is still matched" in text_of(less)
    assert 'name="again" value="1"' in less.text
    done = give(client, code="DOUBLE", amount="30", again="1", match_told="4000")
    assert done.status_code == 303


@pytest.mark.parametrize("told", ["-5", "x", "9" * 40, "", "4000.5"])
def test_a_number_that_nobody_was_told_is_none(client: CheckedClient, told: str) -> None:
    assert give(client, code="DOUBLE", amount="30", match_told=told).status_code == 303
    assert give(client, code="DOUBLE", amount="31", match_told=told).status_code == 409


def test_another_currency_is_said_to_be_unmatched(
    client: CheckedClient, catalogued: Database
) -> None:
    said = "Overseas Friends matches gifts in USD only; gifts in CAD are not matched."
    assert said in text_of(client.get("/give/ca?code=ABROAD"))
    assert not begin(client, catalogued, code="ABROAD").is_matched


def test_what_is_denied_or_closed_is_not_offered(
    client: CheckedClient, catalogued: Database
) -> None:
    assert "Grace Foundation" not in client.get("/give/ca?code=NOTHING").text
    assert not begin(client, catalogued, code="NOTHING").is_matched
    open_page = client.get("/give/ca?code=DOUBLE")
    with catalogued.write() as session:
        pot = find_pot(session, "spring", to_change=True)
        assert pot is not None
        close_pot(act_in(session, NOW), pot)
    told = give(client, code="DOUBLE", amount="20", ticket=read_ticket(open_page))
    assert "Nothing of this is matched any more" in text_of(told)


def test_who_gives_the_receipt_is_said_and_kept(
    client: CheckedClient, catalogued: Database
) -> None:
    with catalogued.write() as session:
        partner = add_scope(session, LevelKind.PARTNER, "choir", "The Choir", NOW)
        policy = add_policy(session, "own", Draft(document={"receipt_class": "none"}), NOW)
        add_code(session, "OWN", policy, NOW, kind=Kind.PARTNER, scope=partner)
    page = text_of(client.get("/give/ca?code=OWN"))
    assert (
        "you get an acknowledgement from us. Where an official document is due, it comes from The"
        in page
    )
    assert begin(client, catalogued, code="OWN").is_only_acknowledged
    assert not begin(client, catalogued, email="b@example.org").is_only_acknowledged


def test_of_a_monthly_gift_the_first_month_is_matched(client: CheckedClient) -> None:
    page = text_of(client.get("/give/ca?code=DOUBLE&frequency=monthly"))
    assert "Of a monthly gift, the first month is matched." in page


def test_a_page_that_says_what_is_left_is_kept_by_nobody(client: CheckedClient) -> None:
    assert client.get("/give/ca?code=DOUBLE").headers["Cache-Control"] == "private, no-store"
    assert "public" in client.get("/give/ca?code=NOTHING").headers["Cache-Control"]
