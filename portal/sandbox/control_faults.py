"""The faults that the control page can ask for, and the reading of their numbers."""

import time

from portal.sandbox.control_views import state_of
from portal.sandbox.errors import parameter_invalid
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


def set_latency(world: World, given: Json) -> Json:
    world.store.set_state("latency_seconds", read_number(given, "ms") / 1000)
    return state_of(world)
