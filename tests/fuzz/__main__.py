"""Run for some time: `python -m tests.fuzz --seconds 600 [target]`; failures go to `found`."""

import argparse
import hashlib
import logging
from time import monotonic

import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.checking import check, check_growth
from tests.fuzz.targets import TARGETS, Target
from tests.fuzz.test_fuzz import FOUND

ROUND = 500
QUIET = settings(
    max_examples=ROUND,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def fuzz(target: Target, seconds: float) -> int:
    """How many inputs were tried. Keeps the first that fails, and raises its error."""
    until = monotonic() + seconds
    tried = 0
    last = b""

    @QUIET
    @given(target.inputs)
    def hostile(content: bytes) -> None:
        nonlocal tried, last
        tried, last = tried + 1, content
        check(target, content)

    @settings(QUIET, max_examples=5)
    @given(st.data())
    def growing(data: st.DataObject) -> None:
        sample = data.draw(st.sampled_from(target.samples))
        at = data.draw(st.integers(0, len(sample)))
        check_growth(target, sample[:at], sample[at : at + 8] or b"(", sample[at:])

    while monotonic() < until:
        try:
            hostile()
        except BaseException:
            name = f"{target.name}-{hashlib.sha256(last).hexdigest()[:12]}"
            (FOUND / name).write_bytes(last)
            raise
        growing()
    return tried


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="For each target.")
    parser.add_argument("target", nargs="*", choices=[*TARGETS, []], help="All, if none.")
    chosen = parser.parse_args()
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)  # a line a request is millions of them
    for name in chosen.target or TARGETS:
        start = monotonic()
        tried = fuzz(TARGETS[name], chosen.seconds)
        print(f"{name}: {tried} inputs in {monotonic() - start:.0f} s, no crash", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
