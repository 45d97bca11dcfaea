"""Webhooks booked, against the bare driver writing the same rows.

Signed deliveries of all that Stripe tells of a card gift, three events, go through the WSGI
application into one database. The rows each of them left are then written by the bare driver
into a copy of the database as it was before: the same statements' worth, one durable transaction
an event, on PostgreSQL sent in one go. Both go on in turns, so that what else the machine does
meets both.
"""

import gc
import hashlib
import hmac
import io
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from flask import Flask

from portal.app import create_app
from portal.database import Database
from portal.gifts.models import Gift, GiftEvent
from portal.gifts.operations import make_token
from portal.gifts.references import make_reference
from portal.payments.models import Checkout
from tests.benchmarks import table
from tests.benchmarks.bare import BARE, Bare
from tests.benchmarks.ground import ENGINES, Ground, check_durable, make_settings, opened
from tests.payments.stories import list_events
from tests.sandbox_process import SECRET, running_sandbox, wait_until
from tests.workplace import make_workplace

TURN = 50
KINDS = ("checkout.session.completed", "payment_intent.succeeded", "charge.updated")
Json = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What Stripe tells of one paid gift, and the names in it that are the gift's own."""

    texts: dict[str, str]
    names: dict[str, str]

    def of(self, kind: str, gift: "Promised") -> bytes:
        """The event of this kind about another gift."""
        text = self.texts[kind]
        for prefix, name in self.names.items():
            text = text.replace(
                name, gift.reference if prefix == "reference" else gift.stripe(prefix)
            )
        event_id = json.loads(self.texts[kind])["id"]
        return text.replace(event_id, gift.stripe(f"evt_{KINDS.index(kind)}")).encode()


@dataclass(frozen=True, slots=True)
class Promised:
    """A gift that waits for its payment."""

    id: int
    reference: str

    def stripe(self, prefix: str) -> str:
        """An id of Stripe's that is this gift's, of the usual length."""
        return f"{prefix}_bench{self.id:019d}"


def run(ground: Ground) -> Iterator[table.Line]:
    told = hear_stripe(ground)
    gifts = 300 if ground.quick else 2_000
    for engine in ENGINES:
        yield from measure(ground, engine, told, gifts)


def hear_stripe(ground: Ground) -> Told:
    """Play one gift at the sandbox and keep what it says of it."""
    with running_sandbox(ground.folder / "webhook-sandbox") as sandbox:
        place = make_workplace(ground.make_database("sqlite", "heard"), sandbox)
        started = place.start(code="LWCAN")
        sandbox.pay(started.url)
        reference = place.gift(started.token).reference
        place.close()

        def heard() -> dict[str, Json]:
            events = list_events(sandbox)
            found = {event["type"]: event for event in events if reference in json.dumps(event)}
            return found if set(KINDS) <= found.keys() else {}

        events = wait_until(heard)
    session = events["checkout.session.completed"]["data"]["object"]
    charge = events["charge.updated"]["data"]["object"]
    names = {
        "cs_test": session["id"],
        "pi": session["payment_intent"],
        "ch": charge["id"],
        "txn": charge["balance_transaction"],
        "reference": reference,
    }
    return Told({kind: json.dumps(events[kind], indent=2) for kind in KINDS}, names)


def measure(ground: Ground, engine: str, told: Told, count: int) -> Iterator[table.Line]:
    ground.make_database(engine, "promised")
    gifts = promise_gifts(ground.url(engine, "promised"), told, count)
    ours_url = ground.copy_database(engine, "promised", "ours")
    bare_url = ground.copy_database(engine, "promised", "bare")
    if engine == "postgresql":
        check_durable(ours_url)
    app = create_app(make_settings(ours_url))
    # As the server does it: what is there for good is not looked through for garbage.
    gc.collect()
    gc.freeze()
    bare = BARE[engine](ours_url, bare_url)
    turns = [gifts[at : at + TURN] for at in range(0, len(gifts), TURN)]
    try:
        costs = [take_turn(app, bare, told, turn) for turn in turns][1:]
        check(app, ours_url, len(gifts))
    finally:
        bare.close()
        app.extensions["portal"].database.close()
    ours, reference, ours_cpu, reference_cpu = (
        statistics.median(cost[at] for cost in costs) / TURN for at in range(4)
    )
    name = ENGINES[engine]
    yield table.at_least(
        f"a card gift's three webhooks booked, {name}",
        1 / ours,
        1 / reference,
        0.5,
        table.per_second,
    )
    yield table.Line(
        f"CPU of our process for the three, {name}",
        table.milliseconds(ours_cpu),
        table.milliseconds(reference_cpu),
        ours_cpu / reference_cpu,
    )


def promise_gifts(url: str, told: Told, count: int) -> list[Promised]:
    """Pending gifts with an open hand-off each, as `start_gift` leaves them."""
    session_object = json.loads(told.texts[KINDS[0]])["data"]["object"]
    now = datetime.now(UTC)
    gifts, checkouts, events = [], [], []
    for number in range(1, count + 1):
        gift = Promised(number, make_reference())
        gifts.append(gift)
        checkouts.append(_checkout_row(gift, now))
        events.append(_started_row(gift, now))
    rows = [_gift_row(gift, session_object, now) for gift in gifts]
    with opened(url) as database, database.write() as session:
        session.execute(sa.insert(Gift), rows)
        session.execute(sa.insert(Checkout), checkouts)
        session.execute(sa.insert(GiftEvent), events)
    return gifts


def _gift_row(gift: Promised, checkout: Json, now: datetime) -> Json:
    return {
        "id": gift.id,
        "token": make_token(),
        "reference": gift.reference,
        "region": "ca",
        "fund": "partnership",
        "code": "LWCAN",
        "partner": "loveworld-canada",
        "mode": "card",
        "frequency": "once",
        "amount_minor": checkout["amount_total"],
        "currency": checkout["currency"].upper(),
        "first_name": "Adaeze",
        "last_name": "O’Brien-Tremblay",
        "email": f"donor{gift.id}@example.org",
        "search_name": "o’brien-tremblay adaeze",
        "address_line1": "12 Rue de l’Église",
        "city": "Québec",
        "province": "QC",
        "postal_code": "G1R 4S9",
        "country": "CA",
        "locale": "fr_CA",
        "created_at": now,
    }


def _checkout_row(gift: Promised, now: datetime) -> Json:
    return {
        "gift_id": gift.id,
        "stripe_session_id": gift.stripe("cs_test"),
        "url": f"https://checkout.stripe.com/c/pay/{gift.stripe('cs_test')}",
        "state": "open",
        "expires_at": now + timedelta(hours=23),
        "created_at": now,
    }


def _started_row(gift: Promised, now: datetime) -> Json:
    return {
        "gift_id": gift.id,
        "kind": "started",
        "status": "pending",
        "at": now,
        "actor": "donor",
        "why": "",
        "data": {},
    }


def take_turn(
    app: Flask, bare: Bare, told: Told, gifts: list[Promised]
) -> tuple[float, float, float, float]:
    """Seconds for these gifts by our application and by the bare driver; the same of CPU."""
    deliveries = [sign(told.of(kind, gift)) for gift in gifts for kind in KINDS]
    ours = timed(partial(deliver, app), deliveries)
    bookings = [
        booking for gift in gifts for booking in bare.read_bookings(gift.id, gift.stripe("txn"))
    ]
    reference = timed(bare.write, bookings)
    return ours[0], reference[0], ours[1], reference[1]


def timed(work: Callable[[Any], None], on: Sequence[Any]) -> tuple[float, float]:
    """Seconds by the clock, and of this process's CPU."""
    started, cpu = time.perf_counter(), time.process_time()
    for one in on:
        work(one)
    return time.perf_counter() - started, time.process_time() - cpu


def sign(body: bytes) -> Json:
    """The request of a delivery, as a web server hands it on."""
    at = int(time.time())
    mark = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/webhooks/stripe",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/json; charset=utf-8",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "127.0.0.1",
        "HTTP_USER_AGENT": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "HTTP_STRIPE_SIGNATURE": f"t={at},v1={mark}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def deliver(app: Flask, environ: Json) -> None:
    statuses: list[str] = []

    def start(status: str, _headers: object, _info: object = None) -> Callable[[bytes], object]:
        statuses.append(status)
        return len

    text = b"".join(app.wsgi_app(environ, start))
    assert statuses == ["200 OK"], (statuses, text)
    assert b"processed" in text, text


def check(app: Flask, url: str, count: int) -> None:
    """Every gift was booked whole, or the figure says nothing."""
    database: Database = app.extensions["portal"].database
    rows = {
        "stripe_events": 3,
        "evidence": 1,
        "ledger_entries": 1,
        "receipts": 1,
        "day_changes": 1,
        "jobs": 2,
    }
    with database.read() as session:
        for name, times in rows.items():
            found = session.scalar(sa.select(sa.func.count()).select_from(sa.table(name)))
            assert found == count * times, f"{found} rows in {name} of {url}"
