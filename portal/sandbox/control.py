"""The control API: JSON in (or a form's fields), JSON out; a form gets sent back to the page.

| Call | Fields | What it does |
|---|---|---|
| `GET /_control/state` | | clock, faults, counts |
| `GET /_control/requests` | `after` (seq) | every API request: method, path, params, key, status |
| `GET /_control/deliveries` | | every delivery with its state and attempts |
| `POST /_control/advance` | `seconds`, or `to=renewal` | moves the clock; what is due happens |
| `POST /_control/fail_next_renewal` | `count` | the next renewals' charges are declined |
| `POST /_control/fail_next_refund` | `count` | the next refunds are pending, then fail |
| `POST /_control/fail_next_settlement` | `count` | the next bank debits come back unpaid |
| `POST /_control/refund_fail/<re_…>` | | a refund fails now, even after `succeeded` |
| `POST /_control/dispute/<ch_…>` | `amount` | opens a dispute of all that is left, or a part |
| `POST /_control/dispute/<ch_…>` | `prevented` true | one that was settled before it began |
| `POST /_control/dispute/<dp_…>/close` | `outcome` won or lost | closes it |
| `POST /_control/payout` | | pays the whole balance out |
| `POST /_control/deliveries` | `mode` normal or hold | whether new deliveries wait for a release |
| `POST /_control/deliveries` | `drop_next`, `duplicate_next` | loses the next, sends them twice |
| `POST /_control/deliveries` | `twin_next` | two Event objects, of two ids, for each next change |
| `POST /_control/deliveries` | `delay_seconds` | every delivery is that much later |
| `POST /_control/deliveries/release` | `seed`, or `order` | sends what is held, one by one |
| `POST /_control/deliveries/release` | `drop` true | and loses what `order` leaves out |
| `POST /_control/deliveries/retry` | | failed and waiting deliveries are due now |
| `POST /_control/redeliver/<evt_…>` | | sends an event again |
| `POST /_control/outage` | `seconds`, or `requests` | 503 for a time or for so many requests |
| `POST /_control/outage` | `lose_answers` | the work is done and its answer lost |
| `POST /_control/too_many` | `requests`, `retry_after` | 429 for so many, and how long to wait |
| `POST /_control/latency` | `ms` | every API answer takes that much longer |
| `POST /_control/drain` | `timeout` | waits until nothing is due or on its way |
| `POST /_control/reset` | | forgets everything |

`order` is a list of event ids; one may come twice.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from portal.sandbox import balance, deliveries, reversals, schedule
from portal.sandbox.billing import ensure_configuration
from portal.sandbox.customers import CARDS
from portal.sandbox.events import ensure_own_endpoint
from portal.sandbox.fields import StripeError, parameter_invalid
from portal.sandbox.store import Json
from portal.sandbox.world import World


def read_number(given: Json, name: str, default: float | None = None) -> float:
    """A number that is not negative; a form's empty field means the default."""
    value = given.get(name)
    if value in (None, ""):
        if default is None:
            raise parameter_invalid(f"Give {name} as a number.", name)
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise parameter_invalid(f"Give {name} as a number.", name) from None
    if not 0 <= number < 1e10:
        raise parameter_invalid(f"{name} must not be negative or huge.", name)
    return number


def read_count(given: Json, name: str, default: int = 0) -> int:
    return int(read_number(given, name, default))


def set_delivery_mode(world: World, given: Json) -> Json:
    """`mode` and any of the counters; what is not given stays as it is."""
    if "mode" in given:
        if given["mode"] not in ("normal", "hold"):
            raise parameter_invalid("mode is normal or hold.", "mode")
        world.store.set_state("hold", given["mode"] == "hold")
    for name in ("drop_next", "duplicate_next", "twin_next"):
        if given.get(name) not in (None, ""):
            world.store.set_state(name, read_count(given, name))
    if given.get("delay_seconds") not in (None, ""):
        world.store.set_state("delay_seconds", read_number(given, "delay_seconds"))
    return state_of(world)


def set_outage(world: World, given: Json) -> Json:
    """For some seconds, for some requests, or with only the answers lost."""
    world.store.set_state("outage_until", time.time() + read_number(given, "seconds", 0))
    world.store.set_state("outage_requests", read_count(given, "requests"))
    world.store.set_state("lose_answers", read_count(given, "lose_answers"))
    return state_of(world)


def set_too_many(world: World, given: Json) -> Json:
    """For some requests; with a `Retry-After` of so many seconds, or none for 0."""
    world.store.set_state("too_many_requests", read_count(given, "requests", 1))
    world.store.set_state("retry_after", read_number(given, "retry_after", 0))
    return state_of(world)


def set_latency(world: World, given: Json) -> Json:
    world.store.set_state("latency_seconds", read_number(given, "ms") / 1000)
    return state_of(world)


_COUNTERS = (
    "fail_next_renewal fail_next_refund fail_next_settlement drop_next duplicate_next twin_next"
    " outage_requests lose_answers too_many_requests"
).split()


def state_of(world: World) -> Json:
    """Clock, faults that wait, and how much there is."""
    store = world.store
    kinds = store.rows("SELECT object, count(*) AS n FROM objects GROUP BY object ORDER BY object")
    states = store.rows("SELECT state, count(*) AS n FROM deliveries GROUP BY state")
    return {
        "now": world.now(),
        "now_text": datetime.fromtimestamp(world.now(), UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "mode": "hold" if store.state("hold", False) else "normal",
        "delay_seconds": store.state("delay_seconds", 0),
        "latency_ms": round(float(store.state("latency_seconds", 0)) * 1000),
        "outage_seconds": max(0, round(float(store.state("outage_until", 0)) - time.time())),
        "faults": {name: store.state(name, 0) for name in _COUNTERS},
        "objects": {row["object"]: row["n"] for row in kinds},
        "deliveries": {row["state"]: row["n"] for row in states},
        "webhook_url": world.config.webhook_url,
    }


def request_rows(world: World, after: int) -> list[Json]:
    """API requests as they were sent, oldest first."""
    rows = world.store.rows("SELECT * FROM requests WHERE seq > ? ORDER BY seq", after)
    return [dict(row) | {"params": json.loads(row["params"])} for row in rows]


def delivery_rows(world: World, limit: int = 1000) -> list[Json]:
    """Deliveries with their event's type, newest first."""
    rows = world.store.rows(
        "SELECT d.*, json_extract(o.body, '$.type') AS type,"
        " json_extract(o.body, '$.data.object.id') AS subject"
        " FROM deliveries d JOIN objects o ON o.id = d.event_id ORDER BY d.seq DESC LIMIT ?",
        limit,
    )
    return [dict(row) for row in rows]


Act = Callable[[World, Json], Json]


def _advance(world: World, given: Json) -> Json:
    if given.get("to") == "renewal":
        done = schedule.advance_to_renewal(world)
    else:
        done = schedule.advance_by(world, int(read_number(given, "seconds")))
    return {"now": world.now(), "done": done}


def _release(world: World, given: Json) -> Json:
    order = given.get("order")
    seed = given.get("seed")
    sent = deliveries.release(
        world,
        seed=None if seed in (None, "") else int(read_number(given, "seed")),
        order=order if isinstance(order, list) else None,
        drop=str(given.get("drop", "")).lower() in ("1", "true", "on"),
    )
    return {"sent": sent}


def _retry(world: World, given: Json) -> Json:
    count = world.store.execute(
        "UPDATE deliveries SET state = 'pending', due = ?"
        " WHERE state IN ('pending', 'failed', 'dropped')",
        time.time(),
    )
    return {"due": count}


def _drain(world: World, given: Json) -> Json:
    """Wait until every task due by now is done and every delivery had its first attempt."""
    deadline = time.monotonic() + read_number(given, "timeout", 10)
    busy = (
        "SELECT 1 FROM deliveries WHERE state = 'sending'"
        " OR (state = 'pending' AND attempts = 0 AND due <= ?)"
    )
    horizon = world.now() + world.config.settle_after
    while time.monotonic() < deadline:
        due = schedule.next_due(world)
        with world.store.changed:
            waiting = world.store.row(busy, time.time()) or (due is not None and due <= horizon)
            if not waiting:
                return {"idle": True}
            world.store.changed.wait(0.05)
    return {"idle": False}


def _reset(world: World, given: Json) -> Json:
    world.forget()
    ensure_own_endpoint(world)
    ensure_configuration(world)
    return state_of(world)


def _close_dispute(world: World, given: Json) -> Json:
    outcome = given.get("outcome")
    if outcome not in ("won", "lost"):
        raise parameter_invalid("outcome is won or lost.", "outcome")
    return reversals.close_dispute(world, given["id"], outcome)


def _open_dispute(world: World, given: Json) -> Json:
    if given.get("prevented"):
        dispute = reversals.prevent_dispute(world, given["id"])
    else:
        dispute = reversals.open_dispute(world, given["id"], read_count(given, "amount"))
    if dispute is None:
        raise StripeError(400, "This charge can't be disputed: unpaid, given back, or disputed.")
    return dispute


def _count(name: str) -> Act:
    """Ask for a fault so many times."""

    def act(world: World, given: Json) -> Json:
        world.store.set_state(name, read_count(given, "count", 1))
        return state_of(world)

    return act


# Address, what it does, and whether all of it is one transaction.
_ACTS: tuple[tuple[str, Act, bool], ...] = (
    ("advance", _advance, False),
    ("fail_next_renewal", _count("fail_next_renewal"), True),
    ("fail_next_refund", _count("fail_next_refund"), True),
    ("fail_next_settlement", _count("fail_next_settlement"), True),
    ("refund_fail/<id>", lambda world, given: reversals.fail_refund(world, given["id"]), True),
    ("dispute/<id>", _open_dispute, True),
    ("dispute/<id>/close", _close_dispute, True),
    ("payout", lambda world, given: {"payouts": balance.pay_out(world)}, True),
    ("deliveries", set_delivery_mode, True),
    ("deliveries/release", _release, False),
    ("deliveries/retry", _retry, True),
    (
        "redeliver/<id>",
        lambda world, given: {"sent": deliveries.redeliver(world, given["id"])},
        False,
    ),
    ("outage", set_outage, True),
    ("too_many", set_too_many, True),
    ("latency", set_latency, True),
    ("drain", _drain, False),
    ("reset", _reset, True),
)


def make_control(world: World) -> Blueprint:
    control = Blueprint("control", __name__, url_prefix="/_control")
    for rule, act, whole in _ACTS:
        control.add_url_rule(
            f"/{rule}", endpoint=rule, view_func=_view(world, act, whole=whole), methods=["POST"]
        )

    @control.get("/state")
    def state() -> Response:
        return jsonify(state_of(world))

    @control.get("/requests")
    def requests() -> Response:
        return jsonify(request_rows(world, int(request.args.get("after", 0))))

    @control.get("/deliveries")
    def delivery_log() -> Response:
        return jsonify(delivery_rows(world))

    return control


def _view(world: World, act: Act, *, whole: bool) -> Callable[..., AnyResponse]:
    def view(**ids: str) -> AnyResponse:
        from_page = request.mimetype == "application/x-www-form-urlencoded"
        given: Any = request.form.to_dict() if from_page else request.get_json(silent=True)
        known = given if isinstance(given, dict) else {}
        try:
            answer = _act(world, act, known | ids, whole=whole)
        except StripeError as error:
            return jsonify(error.body), error.status  # type: ignore[return-value]  # Flask joins them
        wants_page = from_page and "text/html" in request.headers.get("Accept", "")
        return redirect("/", 303) if wants_page else jsonify(answer)

    return view


def _act(world: World, act: Act, given: Json, *, whole: bool) -> Json:
    if not whole:
        return act(world, given)
    with world.store.transaction():
        return act(world, given)


_SHOWN = 25


def make_control_page(world: World) -> Blueprint:
    page = Blueprint("control_page", __name__)

    @page.get("/")
    def index() -> str:
        return render_template(
            "sandbox/control.html",
            state=state_of(world),
            calls=_calls(),
            cards=CARDS,
            charges=_latest(world, "charge"),
            disputes=_latest(world, "dispute"),
            refunds=_latest(world, "refund"),
            subscriptions=_latest(world, "subscription"),
            deliveries=delivery_rows(world, _SHOWN),
        )

    return page


def _latest(world: World, kind: str) -> list[Json]:
    return world.select(kind)[: -_SHOWN - 1 : -1]


def _calls() -> list[list[str]]:
    """The table of `control`'s docstring, so that page and code say the same."""
    rows = [line for line in (__doc__ or "").splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
