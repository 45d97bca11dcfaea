"""A monthly gift in its donor's account: changed at Stripe, read back, and only then "saved"."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.account.plans import CHANGES_AN_HOUR
from portal.clock import FixedClock
from portal.codes.terms import Frequency
from portal.database import Database
from portal.gifts.models import Plan
from portal.money import Money
from portal.staff.audit import name_actor
from portal.web import format_date
from tests.account.conftest import ZOE, Given
from tests.giving.visits import text_of
from tests.partners.conftest import Visitor
from tests.payments.stories import find, list_events
from tests.sandbox_process import KEY, SECRET, SandboxProcess, running_sandbox
from tests.workplace import Workplace

SignedIn = Callable[[str], Visitor]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as process:
        yield process


def show(visitor: Visitor, plan: Plan) -> str:
    return text_of(visitor.get(f"/account/monthly/{plan.token}"))


class TestAtStripe:
    @pytest.fixture
    def sandbox(self, process: SandboxProcess) -> SandboxProcess:
        process.control("reset")
        return process

    @pytest.fixture
    def clock(self) -> FixedClock:
        """The sandbox's, which is the machine's."""
        return FixedClock(datetime.now(UTC))

    @pytest.fixture
    def settings_values(self, sandbox: SandboxProcess) -> dict[str, Any]:
        return {
            "stripe_api_base": sandbox.url,
            "stripe_secret_key": KEY,
            "stripe_webhook_secrets": SECRET,
        }

    @pytest.fixture
    def place(self, app: Flask) -> Workplace:
        return Workplace(app.extensions["portal"])

    @pytest.fixture
    def plan(self, place: Workplace, sandbox: SandboxProcess) -> Plan:
        """A monthly gift of Zoë's whose first month is paid."""
        started = place.start(
            frequency=Frequency.MONTHLY,
            money=Money(2513, "CAD"),
            donor={"email": ZOE, "locale": "en"},
        )
        sandbox.pay(started.url)
        self.hear(place, sandbox)
        with place.database.read() as session:
            return session.get_one(Plan, place.gift(started.token).plan_id)

    @staticmethod
    def hear(place: Workplace, sandbox: SandboxProcess) -> None:
        sandbox.control("drain")
        for event in list_events(sandbox):
            place.receive(event)
        place.work_off()

    @staticmethod
    def send(visitor: Visitor, plan: Plan, what: str, **fields: str) -> str:
        """What the page says once it was sent; it leads back to the plan's page."""
        page = f"/account/monthly/{plan.token}"
        answer = visitor.post(f"{page}/{what}", page=page, **fields)
        assert (answer.status_code, answer.location) == (303, page)
        return show(visitor, plan)

    def test_the_amount_is_raised_and_read_back(
        self, signed_in: SignedIn, plan: Plan, sandbox: SandboxProcess
    ) -> None:
        visitor = signed_in(ZOE)
        page = self.send(visitor, plan, "amount", amount="40.01")
        assert "Saved: from the next time on, CAD 40.01 is taken." in page
        [item] = find(sandbox, "subscriptions")[0]["items"]["data"]
        assert item["price"]["unit_amount"] == 4001
        assert "CAD 40.01" in text_of(visitor.get("/account/"))

    @pytest.mark.parametrize(
        ("amount", "sentence"),
        [
            ("0.01", "The least you can give here is"),
            ("9999999", "The most you can give here at once is"),
            ("much", "Enter the amount in figures only"),
            ("", "Enter an amount to give"),
            ("10.001", "no more than 2 decimals"),
        ],
    )
    def test_what_is_no_amount_here_is_refused_and_kept(
        self, signed_in: SignedIn, plan: Plan, sandbox: SandboxProcess, amount: str, sentence: str
    ) -> None:
        page = f"/account/monthly/{plan.token}"
        answer = signed_in(ZOE).post(f"{page}/amount", page=page, amount=amount)
        assert answer.status_code == 422
        assert sentence in text_of(answer)
        assert f'value="{amount}"' in answer.text
        [item] = find(sandbox, "subscriptions")[0]["items"]["data"]
        assert item["price"]["unit_amount"] == 2513

    def test_it_is_paused_resumed_and_stopped(
        self, signed_in: SignedIn, plan: Plan, sandbox: SandboxProcess
    ) -> None:
        visitor = signed_in(ZOE)
        said = self.send(visitor, plan, "pause", months="3")
        resumes_at = find(sandbox, "subscriptions")[0]["pause_collection"]["resumes_at"]
        day = format_date(datetime.fromtimestamp(resumes_at, UTC), "America/Toronto")
        assert f"Saved: nothing is taken until {day}." in said
        assert f"Paused: nothing is taken until {day}." in said
        assert find(sandbox, "subscriptions")[0]["pause_collection"]["behavior"] == "void"
        assert "Paused" in text_of(visitor.get("/account/"))
        assert "Saved: your monthly gift goes on." in self.send(visitor, plan, "resume")
        assert find(sandbox, "subscriptions")[0]["pause_collection"] is None
        ended = self.send(visitor, plan, "stop")
        assert "Begin a new monthly gift" in ended
        assert find(sandbox, "subscriptions") == []
        assert "Save" not in ended

    def test_a_pause_has_an_end(self, signed_in: SignedIn, plan: Plan) -> None:
        page = f"/account/monthly/{plan.token}"
        answer = signed_in(ZOE).post(f"{page}/pause", page=page, months="99")
        assert answer.status_code == 422
        assert "Choose until when to pause" in text_of(answer)

    def test_a_month_that_failed_is_tried_again(
        self, signed_in: SignedIn, plan: Plan, place: Workplace, sandbox: SandboxProcess
    ) -> None:
        visitor, page = signed_in(ZOE), f"/account/monthly/{plan.token}"
        sandbox.control("fail_next_renewal", count=2)
        sandbox.control("advance", to="renewal")
        self.hear(place, sandbox)
        assert "did not go through" in text_of(visitor.get("/account/"))
        refused = visitor.post(f"{page}/retry", page=page)
        assert refused.status_code == 422
        assert "so nothing was saved: Your card was declined." in text_of(refused)
        sandbox.control("fail_next_renewal", count=0)
        assert "The payment went through." in self.send(visitor, plan, "retry")

    def test_a_new_card_is_given_at_stripes_page(
        self, signed_in: SignedIn, plan: Plan, sandbox: SandboxProcess
    ) -> None:
        page = f"/account/monthly/{plan.token}"
        answer = signed_in(ZOE).post(f"{page}/card", page=page)
        assert answer.status_code == 303
        assert str(answer.location).startswith(sandbox.url)


@pytest.mark.parametrize("what", ["amount", "pause", "stop", "card"])
def test_while_stripe_is_away_the_page_says_so_and_shows_what_holds(
    signed_in: SignedIn, given: dict[str, Given], catalogued: Database, what: str
) -> None:
    page = f"/account/monthly/{given[ZOE].plan.token}"
    answer = signed_in(ZOE).post(f"{page}/{what}", page=page, amount="40", months="3")
    assert answer.status_code == 503
    assert "can’t reach the payment service" in text_of(answer)
    with catalogued.read() as session:
        plan = session.get_one(Plan, given[ZOE].plan.id)
    assert (plan.status, plan.amount_minor) == ("active", 2513)


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("active", {"amount", "pause", "card", "stop"}),
        ("paused", {"amount", "resume", "card", "stop"}),
        ("past_due", {"amount", "retry", "card", "stop"}),
        ("cancelled", set()),
    ],
)
def test_what_can_be_done_is_offered(
    signed_in: SignedIn,
    given: dict[str, Given],
    catalogued: Database,
    status: str,
    offered: set[str],
) -> None:
    with catalogued.write() as session:
        session.execute(sa.update(Plan).values(status=status))
    page = signed_in(ZOE).get(f"/account/monthly/{given[ZOE].plan.token}")
    forms = set(re.findall(rf'action="/account/monthly/{given[ZOE].plan.token}/(\w+)"', page.text))
    assert forms == offered
    assert ("/give/ca?amount=25.13" in page.text) is (status == "cancelled")
    assert "form-action 'self' http://127.0.0.1:9" in page.headers["Content-Security-Policy"]


def test_changes_are_limited(signed_in: SignedIn, given: dict[str, Given]) -> None:
    visitor, page = signed_in(ZOE), f"/account/monthly/{given[ZOE].plan.token}"
    statuses = [
        visitor.post(f"{page}/pause", page=page, months="1").status_code
        for _ in range(CHANGES_AN_HOUR + 1)
    ]
    assert statuses == [503] * CHANGES_AN_HOUR + [429]


@pytest.mark.parametrize("actor", ["donor", "donor:7"])
def test_staff_read_who_changed_it(app: Flask, actor: str) -> None:
    assert name_actor(actor, {}) == "The donor"
