"""People who gave, and browsers that they sign in with."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.database import Database
from portal.gifts.models import Gift, Plan
from portal.gifts.operations import add_plan
from portal.money import Money
from portal.services import Services
from portal.signin.donor_accounts import DonorAccount, find_account, find_donor, open_account
from portal.signin.links import SignInLink, make_code, make_token
from portal.signin.sessions import begin_session
from tests.conftest import NOW
from tests.pages import CheckedClient
from tests.partners.conftest import Visitor
from tests.staff.samples import add_sample, pay_sample
from tests.workplace import act_in, follow

ZOE, ADA = "zoe@example.org", "ada@example.org"


@dataclass(frozen=True)
class Given:
    """What one of the two donors gave: a paid gift, one that failed to come, a monthly one."""

    paid: Gift
    open: Gift
    month: Gift
    plan: Plan


@pytest.fixture
def given(catalogued: Database) -> dict[str, Given]:
    """The same for Zoë and for Ada, by their addresses."""
    with catalogued.write() as session:
        found = {}
        for at, email in enumerate((ZOE, ADA)):
            name = email.partition("@")[0].title()
            mine = {"email": email, "first_name": name, "last_name": f"{name}son"}
            paid = add_sample(session, **mine)
            pay_sample(session, paid, f"pi_{at}")
            month = add_sample(session, **mine, money=Money(2513, "CAD"))
            donor_id = find_donor(session, email, NOW)
            assert donor_id is not None
            plan = add_plan(act_in(session, NOW), donor_id, month.money)
            plan.status, plan.stripe_customer_id = "active", f"cus_{at}"
            follow(session, plan, f"sub_{at}")
            month.plan_id, month.frequency, month.donor_id = plan.id, "monthly", donor_id
            session.flush()
            pay_sample(session, month, f"in_{at}")
            unpaid = add_sample(session, **mine, mode="interac", money=Money(999, "CAD"))
            found[email] = Given(paid, unpaid, month, plan)
        return found


@pytest.fixture
def visit(app: Flask, given: dict[str, Given]) -> Callable[[], Visitor]:
    """A new browser that nobody is signed in to."""

    def visit() -> Visitor:
        client = app.test_client()
        assert isinstance(client, CheckedClient)
        return Visitor(client)

    return visit


@pytest.fixture
def signed_in(app: Flask, visit: Callable[[], Visitor]) -> Callable[[str], Visitor]:
    """A new browser with the cookie of a donor's account."""
    services: Services = app.extensions["portal"]

    def signed_in(email: str) -> Visitor:
        visitor = visit()
        with services.write() as act:
            donor_id = find_donor(act.session, email, act.now)
            assert donor_id is not None
            account = open_account(act, donor_id)
        with visitor.client.session_transaction("/account/") as cookie:
            begin_session(cookie, account, services.now())
        return visitor

    return signed_in


@dataclass(frozen=True)
class Mailed:
    """What the letter of the newest link says."""

    token: str
    code: str
    area: str
    is_anybodys: bool

    @property
    def path(self) -> str:
        return f"/account/sign-in/{self.token}"


@pytest.fixture
def read_link(app: Flask) -> Callable[[], Mailed]:
    services: Services = app.extensions["portal"]

    def read_link() -> Mailed:
        with services.database.read() as session:
            newest = sa.select(SignInLink).order_by(SignInLink.id.desc()).limit(1)
            link = session.scalars(newest).one()
        token = make_token(services.settings, link.salt)
        code = make_code(services.settings, link.salt)
        return Mailed(token, code, link.area, link.owner_id is not None)

    return read_link


def account_of(database: Database, email: str) -> DonorAccount:
    """The account that an address signs in to."""
    with database.read() as session:
        found = find_account(session, email)
        assert found is not None
        return found
