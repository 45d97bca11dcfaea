"""Time: what is due happens in its order, as the clock passes or is moved forward."""

from collections.abc import Callable

from portal.sandbox.charges import settle_fees
from portal.sandbox.checkout import close_session
from portal.sandbox.disputes import open_dispute
from portal.sandbox.refunds import fail_refund, succeed_refund
from portal.sandbox.renewals import (
    DRAFT_SECONDS,
    charge_renewal,
    end_as_planned,
    renew,
    retry_invoice,
)
from portal.sandbox.settlement import settle_debit
from portal.sandbox.world import World

_DUE = "SELECT seq, due, kind, object_id FROM tasks WHERE due <= ? ORDER BY due, seq LIMIT 1"


def _expire(world: World, session_id: str) -> None:
    session = world.get("checkout.session", session_id)
    if session["status"] == "open":
        close_session(world, session)


_TASKS: dict[str, Callable[[World, str], object]] = {
    "charge_renewal": charge_renewal,
    "end_subscription": end_as_planned,
    "expire_session": _expire,
    "fail_refund": fail_refund,
    "open_dispute": open_dispute,
    "renew": renew,
    "retry_invoice": retry_invoice,
    "settle_debit": settle_debit,
    "settle_fees": settle_fees,
    "succeed_refund": succeed_refund,
}


def run_due(world: World) -> int:
    """Do everything whose time has come; answers how many things that was."""
    done = 0
    while _run_next(world, world.now()):
        done += 1
    return done


def _run_next(world: World, until: int) -> bool:
    with world.store.transaction():
        task = world.store.row(_DUE, until)
        if task is None:
            return False
        world.store.execute("DELETE FROM tasks WHERE seq = ?", task["seq"])
        _TASKS[task["kind"]](world, task["object_id"])
    return True


def advance_by(world: World, seconds: int) -> int:
    """Move the clock, stopping at each due time on the way so that everything has its own date."""
    target = world.now() + seconds
    done = 0
    while True:
        due = next_due(world)
        if due is None or due > target:
            break
        world.advance(max(due - world.now(), 0))
        done += run_due(world)
    world.advance(max(target - world.now(), 0))
    return done + run_due(world)


def advance_to_renewal(world: World) -> int:
    """To just after the next renewal's charge; 0 when nothing renews."""
    row = world.store.row("SELECT min(due) AS due FROM tasks WHERE kind = 'renew'")
    if row is None or row["due"] is None:
        return 0
    return advance_by(world, max(row["due"] - world.now(), 0) + DRAFT_SECONDS)


def next_due(world: World) -> int | None:
    row = world.store.row("SELECT min(due) AS due FROM tasks")
    return row["due"] if row else None
