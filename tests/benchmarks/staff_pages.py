"""The staff's list, searches, filters and first page, with few gifts and with many.

Both sizes are asked in turns, whole pages through the application, and an empty view in the same
turns: one median of it for all of an engine's pages. The 95th percentile of each page counts, and
the worst of the pages is the line's figure.
"""

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import click
from flask.testing import FlaskClient

from tests.benchmarks import table
from tests.benchmarks.ground import ENGINES, Ground
from tests.benchmarks.team import EMPTY, seeded, signed_in

FEW = 10_000
MANY = {"sqlite": 1_000_000, "postgresql": 10_000_000}
MOST_TIMES, MOST_EMPTY_VIEWS = 2.0, 25
# Views of nothing a turn.
EMPTY_VIEWS = 60
KINDS = {
    "first page": ("/staff/",),
    "list": ("/staff/gifts", "/staff/gifts?before={middle}", "/staff/gifts?after={middle}"),
    "search": (
        "/staff/gifts?q=Tremblay",
        "/staff/gifts?q=Zo%C3%AB+Adeyemi",
        "/staff/gifts?q=donor77%40example.org",
        "/staff/gifts?q=CAD+50",
        "/staff/gifts?q=nobody",
    ),
    "filters": (
        "/staff/gifts?status=failed",
        "/staff/gifts?status=paid&region=ca&mode=card",
        "/staff/gifts?code=LWCAN&fund=missions",
        "/staff/gifts?region=jp&status=disputed",
        "/staff/gifts?from=2026-01-01&to=2026-01-31",
    ),
}


def run(ground: Ground) -> Iterator[table.Line]:
    rounds, few = (5, FEW // 5) if ground.quick else (40, FEW)
    for engine in ENGINES:
        many = FEW if ground.quick else MANY[engine]
        with ExitStack() as stack:
            sizes = {
                gifts: stack.enter_context(signed_in(seeded(ground, engine, gifts)))
                for gifts in (few, many)
            }
            yield from compare(f"{many:,} gifts, {ENGINES[engine]}", sizes, rounds)


def compare(where: str, sizes: dict[int, FlaskClient], rounds: int) -> Iterator[table.Line]:
    taken, empty = time_pages([path for paths in KINDS.values() for path in paths], sizes, rounds)
    few, many = (taken[gifts] for gifts in sorted(taken))
    for kind, paths in KINDS.items():
        slowest = max(paths, key=many.__getitem__)
        what, seconds = f"staff {kind}, {where}", many[slowest]
        click.echo(f"  {what}: slowest is {slowest}", err=True)
        former = max(few[path] for path in paths)
        yield table.at_most(what, seconds, former, MOST_TIMES, table.milliseconds)
        yield table.at_most(
            f"{what}, in empty views", seconds, empty, MOST_EMPTY_VIEWS, table.milliseconds
        )


def time_pages(
    paths: Sequence[str], sizes: dict[int, FlaskClient], rounds: int
) -> tuple[dict[int, dict[str, float]], float]:
    """The 95th percentile of each page's seconds, by number of gifts; an empty view's median."""
    empty: list[float] = []
    taken: dict[int, dict[str, list[float]]] = {
        gifts: {path: [] for path in paths} for gifts in sizes
    }
    for turn in range(rounds + 2):
        for gifts, client in sizes.items():
            empty += [get(client, EMPTY) for _ in range(EMPTY_VIEWS)]
            for path in paths:
                seconds = get(client, path.format(middle=gifts // 2))
                if turn >= 2:
                    taken[gifts][path].append(seconds)
    percentiles = {
        gifts: {path: table.slowest(found) for path, found in pages.items()}
        for gifts, pages in taken.items()
    }
    return percentiles, statistics.median(empty)


def get(client: FlaskClient, path: str) -> float:
    started = time.perf_counter()
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return time.perf_counter() - started
