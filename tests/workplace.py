"""One installation without its web server: a database, the sandbox, and what works on them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.clock import FixedClock, SystemClock
from portal.codes.models import find_code
from portal.codes.policy import Terms, open_terms
from portal.codes.terms import Frequency, Pledge
from portal.commands.installation import make_providers
from portal.database import Database
from portal.donors import DonorDetails
from portal.gifts.day_sums import read_days
from portal.gifts.models import Gift, LedgerEntry, Plan, SubscriptionState
from portal.intake.admission import Caller, Sender
from portal.intake.change_mode import resume_gift
from portal.intake.start import GiftOrder, Started, start_gift
from portal.jobs.promising import Jobs
from portal.jobs.queue import QueuedJob
from portal.money import Money
from portal.payments.models import EventState, Outcome, StripeEvent
from portal.payments.stripe.comparison import retry_event
from portal.payments.stripe.event_gifts import keep_subscription
from portal.payments.stripe.events import receive_event
from portal.payments.stripe.gateway import Gateway, StripeUnavailable, gateway_of
from portal.payments.stripe.subscriptions import settle_plan
from portal.receipts.register import Receipt
from portal.regions.catalogue import Catalogue
from portal.regions.queries import CatalogueCache
from portal.services import Act, Services
from portal.settings import Settings, load_settings
from tests.sandbox_process import KEY, SECRET, SandboxProcess


@dataclass(frozen=True)
class Workplace:
    """Everything operations need, over one database and one sandbox."""

    services: Services

    @property
    def database(self) -> Database:
        return self.services.database

    @property
    def gateway(self) -> Gateway:
        return gateway_of(self.services)

    def start(self, **choices: Any) -> Started:
        """Start a gift as the form does; `choices` change the sample order."""
        order = make_order(self, **choices)
        return start_gift(self.services, order)

    def receive(self, event: dict[str, Any]) -> Outcome:
        return receive_event(self.services, event, livemode=False)

    def work_off(self) -> None:
        """Do what the worker would: try the events that wait, until none gets further.

        Then it looks at the plans of which another subscription was heard.
        """
        for _ in range(3):
            for event_id in self.waiting():
                try:
                    retry_event(self.services, event_id)
                except (LookupError, StripeUnavailable):
                    continue
                except Exception as error:
                    if type(error).__name__ != "StillWaiting":
                        raise
        for job in promised_jobs(self.database):
            if job.startswith("settle_plan-"):
                self.settle(int(job.removeprefix("settle_plan-").split(":")[0]))

    def settle(self, gift_id: int) -> None:
        """Let a gift's plan follow one subscription, as the worker would."""
        settle_plan(self.services, gift_id)

    def resume(self, token: str, now: datetime, network: str = "visitor") -> str:
        """Press "Continue to payment" on a gift's page; where it leads."""
        gift = self.gift(token)
        region = self.services.catalogue.by_slug(gift.region)
        assert region is not None
        caller = Caller(network)
        return resume_gift(at(self.services, now), region, gift, caller=caller)

    def waiting(self) -> list[int]:
        open_states = (EventState.WAITING, EventState.FAILED)
        with self.database.read() as session:
            return list(
                session.scalars(sa.select(StripeEvent.id).where(StripeEvent.state.in_(open_states)))
            )

    def gift(self, token: str) -> Gift:
        with self.database.read() as session:
            return session.scalars(sa.select(Gift).where(Gift.token == token)).one()

    def books(self) -> dict[str, Any]:
        """The whole state that must not depend on the order of evidence."""
        with self.database.read() as session:
            entries = session.execute(
                sa.select(
                    LedgerEntry.key,
                    LedgerEntry.debit_account,
                    LedgerEntry.credit_account,
                    LedgerEntry.amount_minor,
                    LedgerEntry.currency,
                )
            ).all()
            gifts = session.execute(
                sa.select(
                    Gift.origin,
                    Gift.status,
                    Gift.paid_minor,
                    Gift.refunded_minor,
                    Gift.amount_minor,
                )
            ).all()
            plans = session.execute(sa.select(Plan.status, Plan.stripe_subscription_id)).all()
            receipts = session.scalars(sa.select(Receipt).where(Receipt.voided_at.is_(None)))
            amounts = [receipt.money.minor for receipt in receipts]
            days = read_days(session)
        return {
            "ledger": sorted(tuple(row) for row in entries),
            "gifts": sorted(str(tuple(row)) for row in gifts),
            "plans": sorted(tuple(row) for row in plans),
            "receipts": sorted(amounts),
            "days": sorted(days.items()),
        }

    def close(self) -> None:
        self.database.close()


def follow(session: Session, plan: Plan, subscription_id: str) -> None:
    """Let a plan follow a subscription, as the first news of it does."""
    followed = SubscriptionState.FOLLOWED
    assert keep_subscription(act_in(session, plan.created_at), plan.id, subscription_id, followed)


def promised_jobs(database: Database) -> list[str]:
    """The ids of all jobs that were ever promised, oldest first."""
    with database.read() as session:
        return list(session.scalars(sa.select(QueuedJob.key).order_by(QueuedJob.id)))


def make_settings(database_url: str, sandbox: SandboxProcess | None, **more: Any) -> Settings:
    return load_settings(
        environment="demo",
        secret_key="a secret that is only ever used by tests, and long enough",
        database_url=database_url,
        base_url="http://127.0.0.1:9",
        stripe_secret_key=KEY,
        stripe_webhook_secrets=SECRET,
        stripe_api_base=sandbox.url if sandbox else "http://127.0.0.1:9",
        **more,
    )


def make_workplace(database_url: str, sandbox: SandboxProcess | None) -> Workplace:
    settings = make_settings(database_url, sandbox)
    database = Database(database_url)
    return Workplace(make_services(database, settings))


def make_services(database: Database, settings: Settings | None = None) -> Services:
    """What everything is done with, over a database that the test has."""
    settings = settings or make_settings(database.url.render_as_string(hide_password=False), None)
    return Services(
        settings=settings,
        database=database,
        clock=SystemClock(),
        jobs=Jobs(database),
        providers=make_providers(settings),
        regions=CatalogueCache(database),
    )


def at(services: Services | Database, now: datetime, settings: Settings | None = None) -> Services:
    """The same installation at a time that stands still, or with other settings."""
    if isinstance(services, Database):
        services = make_services(services, settings)
    return replace(services, clock=FixedClock(now), settings=settings or services.settings)


def act_in(
    session: Session, now: datetime, services: Services | None = None, actor: str = "system"
) -> Act:
    """An act within a transaction that the test has; without services it can only write rows."""
    catalogue = services.catalogue if services else None
    known = services or _SettingsAlone(_plain_settings())
    return Act(session, now, actor, cast(Services, known), cast(Catalogue, catalogue))


@dataclass(frozen=True)
class _SettingsAlone:
    settings: Settings


@cache
def _plain_settings() -> Settings:
    return make_settings("sqlite:///:memory:", None)


def make_order(place: Workplace, **choices: Any) -> GiftOrder:
    """CAD 75.53 once, by card, from a donor in Canada; odd amounts catch rounding."""
    given = {
        "money": Money(7553, "CAD"),
        "region": "ca",
        "fund": None,
        "mode": "card",
        "frequency": Frequency.ONCE,
        "code": None,
        "again": False,
        "caller": Caller("visitor"),
        "sender": Sender(network="visitor"),
        "cover": None,
        "news_wording": None,
        **choices,
    }
    region = place.services.catalogue.by_slug(given["region"])
    assert region is not None
    with place.database.read() as session:
        code = find_code(session, given["code"]) if given["code"] else None
    terms = open_terms(code, region, datetime.now(UTC), place.services.catalogue)
    assert isinstance(terms, Terms)
    return GiftOrder(
        region=region,
        pledge=Pledge(
            given=given["money"],
            cover=given["cover"] or Money(0, given["money"].currency),
            region=region.slug,
            fund=given["fund"] or terms.fund,
            mode=given["mode"],
            frequency=given["frequency"],
            code=terms.code,
        ),
        donor=replace(SAMPLE_DONOR, **given.get("donor", {})),
        news_wording=given["news_wording"],
        again=given["again"],
        caller=given["caller"],
        sender=given["sender"],
    )


SAMPLE_DONOR = DonorDetails(
    first_name="Adaeze",
    last_name="O’Brien-Tremblay",
    email="Adaeze@Example.org",
    address_line1="12 Rue de l’Église",
    city="Québec",
    province="QC",
    postal_code="G1R 4S9",
    country="CA",
    locale="fr_CA",
)
