"""What the control page and API show of the sandbox's inside."""

import json
import time
from datetime import UTC, datetime

from portal.sandbox.store import Json
from portal.sandbox.world import World

_COUNTERS = (
    "fail_next_renewal fail_next_refund fail_next_settlement drop_next duplicate_next twin_next"
    " outage_requests lose_answers"
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
