"""What it costs to judge a gift by a code that stands below four levels of terms."""

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from portal.codes.policy import Terms, decide
from portal.codes.terms import Code, Frequency, Kind, Level, LevelKind, Pledge, make_code
from portal.money import Money
from portal.regions.files import read_catalogue
from tests.benchmarks import table
from tests.benchmarks.ground import Ground

LONGEST = 50e-6
LEVELS = (
    (LevelKind.NETWORK, {"not_modes": ("wallet_code",), "not_regions": ("ng",)}),
    (LevelKind.REGION, {"regions": ("ca", "us"), "minimum_minor": {"CAD": 500, "USD": 500}}),
    (LevelKind.ZONE, {"regions": ("ca",), "currencies": ("CAD",)}),
    (LevelKind.PARTNER, {"funds": ("partnership", "missions"), "not_funds": ("media",)}),
    (LevelKind.CODE, {"modes": ("interac", "card"), "presets_minor": {"CAD": (2500, 5000)}}),
)


def run(ground: Ground) -> Iterator[table.Line]:
    times = 2_000 if ground.quick else 20_000
    catalogue, code = read_catalogue(), make_five_levels()
    money = Money(7553, "CAD")
    pledge = Pledge(
        given=money,
        cover=Money(0, "CAD"),
        region="ca",
        fund="missions",
        mode="card",
        frequency=Frequency.ONCE,
        code=code.code,
    )
    now = datetime.now(UTC)
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        verdict = decide(code, pledge, now, catalogue)
        taken.append(time.perf_counter() - started)
        assert isinstance(verdict, Terms)
    yield table.below(
        "decide with five levels (median)", statistics.median(taken), LONGEST, table.microseconds
    )


def make_five_levels() -> Code:
    levels = [
        Level(kind=kind, name=kind.value, terms=terms, id=number, key=kind.value)
        for number, (kind, terms) in enumerate(LEVELS, 1)
    ]
    return make_code(levels, code="SPRING", display="Spring", kind=Kind.PARTNER)
