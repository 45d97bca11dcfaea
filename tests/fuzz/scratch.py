"""The app over a database of its own, for requests that strangers send."""

import atexit
import hashlib
import os
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.app import furnish, make_app
from portal.codes.operations import load_sample_codes
from portal.database import Database
from portal.donors import Donor, find_or_add_donor
from portal.gifts.operations import add_plan
from portal.gifts.references import check_character, group
from portal.payments.models import Checkout, StripeLink
from portal.payments.stripe.reading import STRIPE
from portal.regions.operations import load_region_files
from portal.schema import upgrade
from portal.settings import Settings, load_settings
from portal.signin.accounts import StaffUser
from portal.signin.sessions import hash_password
from tests.conftest import MEMORY, NOW, SECRET
from tests.giving.visits import read_ticket
from tests.staff.conftest import PASSWORD
from tests.staff.samples import add_sample, pay_sample
from tests.workplace import act_in

# What the gifts of every scratch database are known by.
OPEN, PAID, MONTHLY = (
    group(f"{body}{check_character(body)}") for body in ("AAAA2222", "BBBB3333", "CCCC4444")
)
CLERK = "clerk@staff.example"
# The database is made anew after so many requests: it must not grow, nor remember for long.
REQUESTS = 2_000
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Scratch:
    """A web application whose state begins anew from time to time."""

    def __init__(self) -> None:
        # In memory where there is some: to sync each request to a disk took most of the time.
        place = MEMORY if os.access(MEMORY, os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="portal-fuzz-", dir=place))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        _fill(self.folder / "template.db")
        self.app = make_app()
        self.app.config["PROPAGATE_EXCEPTIONS"] = True
        self.requests = 0

    def client(self) -> FlaskClient:
        """A visitor of the app; after many requests, of one that remembers none of them."""
        if self.requests % REQUESTS == 0:
            self._begin_anew()
        self.requests += 1
        return self.app.test_client()

    def _begin_anew(self) -> None:
        kept = self.app.extensions.get("portal")
        if kept is not None:
            kept.database.close()
        for old in self.folder.glob("portal.db*"):
            old.unlink()
        shutil.copy(self.folder / "template.db", self.folder / "portal.db")
        furnish(self.app, _settings(self.folder / "portal.db"))
        clerk = self.app.test_client()
        sent = {"email": CLERK, "password": PASSWORD, "csrf_token": _read_token(clerk)}
        assert clerk.post("/staff/sign-in", data=sent).status_code == 303
        self.clerk, self.token = clerk, _read_token(clerk, "/staff/statements")
        self.ticket = read_ticket(clerk.get("/give/ca"))


@cache
def scratch() -> Scratch:
    return Scratch()


def address_of(content: bytes) -> dict[str, str]:
    """A network of its own for each request, so that no limit hides what stands behind it."""
    one, two, three = hashlib.sha256(content).digest()[:3]
    return {"REMOTE_ADDR": f"10.{one}.{two}.{three}"}


def _read_token(client: FlaskClient, page: str = "/staff/sign-in") -> str:
    found = _TOKEN.search(client.get(page).text)
    assert found
    return found[1]


def _settings(path: Path) -> Settings:
    return load_settings(
        environment="demo",
        secret_key=SECRET,
        base_url="http://localhost",
        database_url=f"sqlite:///{path}",
        stripe_secret_key="sk_test_tests",
        stripe_webhook_secrets="whsec_tests",
        stripe_api_base="http://127.0.0.1:9",
        free_starts=1_000_000,
        free_starts_by_network=1_000_000,
    )


def _fill(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    with database.write() as session:
        load_region_files(session, NOW)
        load_sample_codes(session, NOW)
        session.add(
            StaffUser(
                email=CLERK,
                name="Sam Clerk",
                role="admin",
                password_hash=hash_password(PASSWORD),
                session_key="clerk",
                created_at=NOW,
            )
        )
        _add_gifts(session)
    with database.writer.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    database.close()


def _add_gifts(session: Session) -> None:
    """One that waits at Stripe, one that is paid, and a month of a plan."""
    waiting, paid, monthly = (add_sample(session) for _ in range(3))
    waiting.reference, paid.reference, monthly.reference = OPEN, PAID, MONTHLY
    session.add(
        Checkout(
            provider=STRIPE,
            gift_id=waiting.id,
            stripe_session_id="cs_test_1",
            state="open",
            expires_at=NOW,
            created_at=NOW,
        )
    )
    session.add(StripeLink(provider=STRIPE, stripe_id="cs_test_1", gift_id=waiting.id))
    pay_sample(session, paid, "pi_2")
    donor = session.get_one(Donor, find_or_add_donor(act_in(session, NOW), monthly.email))
    plan = add_plan(act_in(session, NOW), donor.id, monthly.money)
    plan.stripe_subscription_id, plan.status = "sub_1", "active"
    monthly.plan_id = plan.id
    pay_sample(session, monthly, "in_1")
