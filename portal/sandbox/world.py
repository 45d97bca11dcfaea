"""The sandbox's account: its clock, its objects and lists of them, what is due to happen to them.

Lists are newest first, with Stripe's cursors and `created` filters.
"""

import json
import secrets
import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from portal.clock import OffsetClock
from portal.sandbox.fields import Field, Many, Span, Text, Whole, resource_missing
from portal.sandbox.store import Json, SandboxConfig, Store

_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Cause:
    """The API request that made something happen; both None when time did."""

    request_id: str | None = None
    idempotency_key: str | None = None


_TIME_ITSELF = Cause()
_cause: ContextVar[Cause] = ContextVar("cause", default=_TIME_ITSELF)


@contextmanager
def caused_by(cause: Cause) -> Iterator[None]:
    """Events recorded inside name this request."""
    token = _cause.set(cause)
    try:
        yield
    finally:
        _cause.reset(token)


def current_cause() -> Cause:
    return _cause.get()


class World:
    """Objects are Stripe's JSON; `private` beside them is what Stripe would never show."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.store = Store(config.data / "sandbox.sqlite3")
        self.clock = OffsetClock(timedelta(seconds=self.store.state("clock_offset", 0)))

    def now(self) -> int:
        """The sandbox's time, in Unix seconds as everything on Stripe's wire."""
        return int(self.clock.now().timestamp())

    def advance(self, seconds: int) -> None:
        """Move time forward, and remember that across a restart."""
        self.clock.advance(timedelta(seconds=seconds))
        self.store.set_state("clock_offset", self.clock.offset.total_seconds())

    def forget(self) -> None:
        """Back to the first day: no objects, the machine's own time."""
        self.store.clear()
        self.clock = OffsetClock()

    @staticmethod
    def new_id(prefix: str) -> str:
        """Looks like Stripe's, and says in its middle that it is not."""
        return f"{prefix}_sandbox{''.join(secrets.choice(_LETTERS) for _ in range(18))}"

    def add(self, body: Json, **private: Any) -> Json:
        self.store.execute(
            "INSERT INTO objects (id, object, created, body, private) VALUES (?, ?, ?, ?, ?)",
            body["id"],
            body["object"],
            body.get("created", self.now()),
            json.dumps(body),
            json.dumps(private),
        )
        return body

    def save(self, body: Json) -> Json:
        self.store.execute("UPDATE objects SET body = ? WHERE id = ?", json.dumps(body), body["id"])
        return body

    def find(self, object_id: str | None) -> Json | None:
        """Any object by its id, or None."""
        found = self.store.row("SELECT body FROM objects WHERE id = ?", object_id)
        return json.loads(found["body"]) if found else None

    def get(self, kind: str, object_id: str, param: str = "id") -> Json:
        """An object that a caller named; a `resource_missing` error when there is none."""
        body = self.find(object_id)
        if body is None or body["object"] != kind:
            raise resource_missing(kind, object_id, param)
        return body

    def private(self, object_id: str) -> Json:
        found = self.store.row("SELECT private FROM objects WHERE id = ?", object_id)
        return json.loads(found["private"]) if found else {}

    def set_private(self, object_id: str, **values: Any) -> None:
        merged = self.private(object_id) | values
        self.store.execute(
            "UPDATE objects SET private = ? WHERE id = ?", json.dumps(merged), object_id
        )

    def select(self, kind: str, **fields: object) -> list[Json]:
        """Objects whose fields have these values, oldest first; `a__b` is field b inside a."""
        where = "".join(
            f" AND json_extract(body, '$.{name.replace('__', '.')}') = ?" for name in fields
        )
        rows = self.store.rows(
            f"SELECT body FROM objects WHERE object = ?{where} ORDER BY seq",  # noqa: S608 - field names come from code
            kind,
            *fields.values(),
        )
        return [json.loads(row["body"]) for row in rows]

    def count(self, kind: str) -> int:
        row = self.store.row("SELECT count(*) AS n FROM objects WHERE object = ?", kind)
        return int(row["n"]) if row else 0

    def schedule(self, kind: str, object_id: str, due: int) -> None:
        """Let something happen to an object once the sandbox's time reaches `due`."""
        self.store.execute(
            "INSERT INTO tasks (due, kind, object_id) VALUES (?, ?, ?)", due, kind, object_id
        )

    def unschedule(self, kind: str, object_id: str) -> None:
        self.store.execute("DELETE FROM tasks WHERE kind = ? AND object_id = ?", kind, object_id)

    def take_fault(self, name: str) -> bool:
        """Whether the control page asked for this fault; each asking is used up once."""
        left = int(self.store.state(name, 0))
        if left:
            self.store.set_state(name, left - 1)
        return left > 0


PAGING: dict[str, Field] = {
    "limit": Whole(1, 100),
    "starting_after": Text(),
    "ending_before": Text(),
    "expand": Many(Text()),
}
LISTING: dict[str, Field] = PAGING | {"created": Span()}
_BOUNDS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "="}
Condition = tuple[str, Sequence[Any]]


def list_object(url: str, data: Sequence[Json], *, has_more: bool = False) -> Json:
    return {"object": "list", "data": list(data), "has_more": has_more, "url": url}


def list_page(
    world: World,
    kind: str,
    url: str,
    params: Json,
    *,
    paths: Mapping[str, str] | None = None,
    where: Sequence[Condition] = (),
) -> Json:
    """One page of a kind of object.

    `paths` maps a filter parameter to where its value stands in the body when that is not
    under its own name; `where` are further SQL conditions on the objects table.
    """
    conditions = [("object = ?", [kind]), *where, *_filters(params, paths or {})]
    page, has_more = _select_page(world, conditions, params)
    return list_object(url, page, has_more=has_more)


def _filters(params: Json, paths: Mapping[str, str]) -> list[Condition]:
    conditions: list[Condition] = []
    for name, value in params.items():
        if name in PAGING:
            continue
        path = f"json_extract(body, '$.{paths.get(name, name)}')"
        if isinstance(value, dict):
            conditions += [(f"{path} {_BOUNDS[bound]} ?", [at]) for bound, at in value.items()]
        else:
            conditions.append((f"{path} = ?", [value]))
    return conditions


def _select_page(
    world: World, conditions: list[Condition], params: Json
) -> tuple[list[Json], bool]:
    """What stands beyond the cursor, newest first, and whether more stands there."""
    backwards = "ending_before" in params
    cursor = params.get("ending_before") or params.get("starting_after")
    if cursor:
        beyond = f"seq {'>' if backwards else '<'} ?"
        conditions = [*conditions, (beyond, [_position(world, cursor)])]
    limit = params.get("limit", 10)
    found = _select(world, conditions, "ASC" if backwards else "DESC", limit + 1)
    page = found[:limit]
    return page[::-1] if backwards else page, len(found) > limit


def _position(world: World, object_id: str) -> int:
    row = world.store.row("SELECT seq FROM objects WHERE id = ?", object_id)
    if row is None:
        raise resource_missing("object", object_id, "starting_after")
    return int(row["seq"])


def _select(world: World, conditions: list[Condition], order: str, limit: int) -> list[Json]:
    clause = " AND ".join(sql for sql, _ in conditions)
    values = [value for _, part in conditions for value in part]
    rows = world.store.rows(
        f"SELECT body FROM objects WHERE {clause} ORDER BY seq {order} LIMIT ?",  # noqa: S608 - clauses come from code
        *values,
        limit,
    )
    return [json.loads(row["body"]) for row in rows]
