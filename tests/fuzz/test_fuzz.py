"""A few damaged samples a target, and all that was ever found."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.checking import check, check_growth
from tests.fuzz.requests import REQUESTS
from tests.fuzz.targets import TARGETS

# Inputs that once broke a reader: TARGET-DIGEST.
FOUND = Path(__file__).parent / "found"


QUICK = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in REQUESTS])
@settings(QUICK, max_examples=200)
@given(st.data())
def test_damage_is_read_or_refused(name: str, data: st.DataObject) -> None:
    check(TARGETS[name], data.draw(TARGETS[name].inputs))


@pytest.mark.parametrize("name", REQUESTS)
@settings(QUICK, max_examples=25)
@given(st.data())
def test_odd_requests_are_answered(name: str, data: st.DataObject) -> None:
    check(TARGETS[name], data.draw(TARGETS[name].inputs))


@pytest.mark.parametrize("found", sorted(FOUND.glob("*-*")), ids=lambda found: found.name)
def test_what_was_found_stays_mended(found: Path) -> None:
    check(TARGETS[found.name.partition("-")[0]], found.read_bytes())


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_the_samples_are_read(target: object) -> None:
    assert all(target.run(sample) for sample in target.samples)  # type: ignore[attr-defined]


# Repeats that once took longer the more there were, and the sign of the sample they stand at.
GREW = (
    ("mt940", b"?21SVW", b"?21" + b"Mit Dank " * 9),
    ("mt940", b":61:2612", b":86:?20" + b"Mit Dank " * 6 + b"\n"),
)


@pytest.mark.parametrize(("name", "at", "repeated"), GREW)
def test_what_grew_too_fast_stays_mended(name: str, at: bytes, repeated: bytes) -> None:
    head, sign, tail = TARGETS[name].samples[0].partition(at)
    check_growth(TARGETS[name], head, repeated, sign + tail)
