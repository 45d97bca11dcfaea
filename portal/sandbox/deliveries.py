"""Webhook deliveries: a queue in the database, sent by a few threads, retried, signed afresh."""

import hashlib
import hmac
import http.client
import json
import random
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from portal.sandbox.events import address_of
from portal.sandbox.store import Json
from portal.sandbox.world import World

_TIMEOUT = 10
_SENDERS = 4
_LONGEST_PAUSE = 5.0


def sign(payload: bytes, secret: str, at: int) -> str:
    """The `Stripe-Signature` header (https://docs.stripe.com/webhooks#verify-manually)."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to: the HTTP status, or why there was none."""

    status: int | None
    note: str | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(url: str, payload: bytes, signature: str) -> Outcome:
    """One attempt; redirects count as failures, as at Stripe."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT)
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature,
        "User-Agent": "Stripe/1.0 (+portal sandbox; not Stripe)",
    }
    try:
        connection.request("POST", path, payload, headers)
        answer = connection.getresponse()
        answer.read(4096)
        return Outcome(answer.status)
    except (OSError, http.client.HTTPException) as error:
        return Outcome(None, type(error).__name__)
    finally:
        connection.close()


def send(world: World, seq: int) -> Outcome:
    """Attempt one claimed delivery and write down what came of it."""
    with world.store.transaction():
        row = world.store.row("SELECT * FROM deliveries WHERE seq = ?", seq)
        if row is None:
            return Outcome(None, "forgotten")
        event, endpoint = world.find(row["event_id"]), world.find(row["endpoint_id"])
        secret = world.private(row["endpoint_id"]).get("secret", "")
    if event is None or endpoint is None:
        outcome = Outcome(None, "endpoint deleted")
    else:
        payload = json.dumps(event, indent=2).encode()
        outcome = post(
            address_of(world, endpoint), payload, sign(payload, secret, int(time.time()))
        )
    _note(world, seq, outcome)
    return outcome


def _note(world: World, seq: int, outcome: Outcome) -> None:
    with world.store.transaction():
        row = world.store.row("SELECT * FROM deliveries WHERE seq = ?", seq)
        if row is None:
            return
        attempts = row["attempts"] + 1
        state, due = _what_next(world, attempts, row["due"], outcome)
        world.store.execute(
            "UPDATE deliveries SET state = ?, due = ?, attempts = ?, last_status = ?,"
            " last_note = ? WHERE seq = ?",
            state,
            due,
            attempts,
            outcome.status,
            outcome.note,
            seq,
        )
        if outcome.delivered:
            _count_pending(world, row["event_id"])


def _what_next(world: World, attempts: int, due: float, outcome: Outcome) -> tuple[str, float]:
    """The delivery's state after so many attempts, and when it is due."""
    if outcome.delivered:
        return "delivered", due
    pauses = world.config.retry_after
    if attempts > len(pauses):
        return "failed", due
    return "pending", time.time() + pauses[attempts - 1]


def _count_pending(world: World, event_id: str) -> None:
    event = world.find(event_id)
    left = world.store.row(
        "SELECT count(DISTINCT endpoint_id) AS n FROM deliveries"
        " WHERE event_id = ? AND state <> 'delivered'",
        event_id,
    )
    if event is not None and left is not None:
        world.save(event | {"pending_webhooks": left["n"]})


def redeliver(world: World, event_id: str) -> list[Json]:
    """Send an event again to all its endpoints, whatever became of it before."""
    world.get("event", event_id)
    rows = [
        world.store.row(
            "INSERT INTO deliveries (event_id, endpoint_id, state, due)"
            " VALUES (?, ?, 'sending', ?) RETURNING seq",
            event_id,
            endpoint["id"],
            time.time(),
        )
        for endpoint in world.select("webhook_endpoint", status="enabled")
    ]
    return [_told(world, row["seq"], send(world, row["seq"])) for row in rows if row]


def release(world: World, *, seed: int | None, order: list[str] | None, drop: bool) -> list[Json]:
    """Send what is held, one after another: as made, shuffled by `seed`, or in `order` of ids.

    `order` may name an event twice; what it leaves out stays held, or is lost with `drop`.
    """
    with world.store.transaction():
        held = world.store.rows(
            "SELECT seq, event_id FROM deliveries WHERE state = 'held' ORDER BY seq"
        )
        seqs = [row["seq"] for row in held]
        if order is not None:
            seqs = [row["seq"] for event_id in order for row in held if row["event_id"] == event_id]
        elif seed is not None:
            random.Random(seed).shuffle(seqs)  # noqa: S311 - a chosen order, no secret
        for seq in set(seqs):
            world.store.execute("UPDATE deliveries SET state = 'sending' WHERE seq = ?", seq)
        if drop:
            world.store.execute("UPDATE deliveries SET state = 'dropped' WHERE state = 'held'")
    return [_told(world, seq, send(world, seq)) for seq in seqs]


def _told(world: World, seq: int, outcome: Outcome) -> Json:
    row = world.store.row(
        "SELECT d.event_id, json_extract(o.body, '$.type') AS type FROM deliveries d"
        " JOIN objects o ON o.id = d.event_id WHERE d.seq = ?",
        seq,
    )
    found = dict(row) if row else {}
    return found | {"status": outcome.status, "note": outcome.note}


class Senders:
    """The threads that send what is due, for as long as the process lives."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._threads = [
            threading.Thread(target=self._work, name=f"delivery-{number}", daemon=True)
            for number in range(_SENDERS)
        ]

    def start(self) -> None:
        """Attempts that a kill cut short are made again: delivery is at least once."""
        self._world.store.execute("UPDATE deliveries SET state = 'pending' WHERE state = 'sending'")
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while True:
            seq = self._claim()
            if seq is not None:
                send(self._world, seq)

    def _claim(self) -> int | None:
        """The next due delivery, or None after a wait for one."""
        store = self._world.store
        with store.changed:
            row = store.row(
                "SELECT seq, due FROM deliveries WHERE state = 'pending' ORDER BY due, seq LIMIT 1"
            )
            pause = _LONGEST_PAUSE if row is None else row["due"] - time.time()
            if row is None or pause > 0:
                store.changed.wait(min(pause, _LONGEST_PAUSE))
                return None
            store.execute("UPDATE deliveries SET state = 'sending' WHERE seq = ?", row["seq"])
            return int(row["seq"])
