"""What is kept of Stripe's says so: an id that another provider uses too is never taken for it."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.payments.models import LinkKind, StripeEvent, StripeLink
from portal.payments.stripe.reading import kind_of
from tests.payments.stories import Event, Recorder
from tests.sandbox_process import SandboxProcess
from tests.workplace import Workplace

ANOTHER = {"provider": "another"}


@pytest.mark.parametrize(
    ("stripe_id", "kind"),
    [
        ("cs_test_a1", "checkout_session"),
        ("pi_1", "payment_intent"),
        ("ch_1", "charge"),
        ("py_1", "charge"),
        ("in_1", "invoice"),
        ("sub_1", "subscription"),
        ("re_1", "refund"),
        ("pyr_1", "refund"),
        ("du_1", "dispute"),
        ("dp_1", "dispute"),
        ("px_1", "other"),
        ("pi", "other"),
        ("inward", "other"),
        ("", "other"),
    ],
)
def test_the_kind_of_an_id_is_read_from_its_beginning(stripe_id: str, kind: str) -> None:
    assert kind_of(stripe_id) is LinkKind(kind)


def hear_paid(place: Workplace, sandbox: SandboxProcess, url: str) -> list[Event]:
    sandbox.pay(url)
    seen = Recorder()
    seen.note(sandbox)
    return list(seen.values())


def take_ids(database: Database, gift: Gift, events: list[Event]) -> None:
    """Another provider's events and objects that are called as these of Stripe's."""
    now = datetime.now(UTC)
    with database.write() as session:
        for event in events:
            row = {"type": "x", "livemode": False, "api_version": "", "payload": {}}
            row |= {"state": "processed", "created_at": now, "received_at": now}
            session.execute(
                sa.insert(StripeEvent).values(row | ANOTHER | {"stripe_event_id": event["id"]})
            )
        for stripe_id in {str(event["data"]["object"]["id"]) for event in events}:
            row = {"stripe_id": stripe_id, "kind": "other", "gift_id": gift.id}
            session.execute(sa.insert(StripeLink).values(row | ANOTHER))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_ids_that_another_provider_uses_too_stand_in_no_way(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    other = place.gift(place.start(who="another", mode="interac").token)
    started = place.start()
    events = hear_paid(place, sandbox, started.url)
    take_ids(place.database, other, events)
    for event in events:
        place.receive(event)
    assert place.gift(started.token).status is Status.PAID
    assert place.gift(other.token).status is Status.PENDING
    with place.database.read() as session:
        links = session.execute(
            sa.select(StripeLink.stripe_id, StripeLink.kind).where(StripeLink.provider == "stripe")
        ).all()
    assert {"checkout_session", "payment_intent", "charge"} <= {kind.value for _, kind in links}
    assert all(kind is kind_of(stripe_id) for stripe_id, kind in links)
