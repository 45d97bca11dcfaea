"""Lists, newest first, with Stripe's cursors and `created` filters."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from portal.sandbox.fields import Field, Many, Span, Text, Whole, resource_missing
from portal.sandbox.store import Json
from portal.sandbox.world import World

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
