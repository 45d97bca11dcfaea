"""Starting the web process: until it answers, and the memory of a worker that has served."""

import statistics
import time
from collections.abc import Iterator

from tests.benchmarks import table
from tests.benchmarks.ground import Ground, make_settings
from tests.benchmarks.serving import proportional_mebibytes, serving

PAGES = ("/", "/give/ca?code=LWCAN", "/give/gb?lang=fr", "/readyz")


ASKED = 40


def run(ground: Ground) -> Iterator[table.Line]:
    url = ground.make_database("sqlite", "start")
    times, sizes = zip(*(start(url, 1) for _ in range(2 if ground.quick else 7)), strict=True)
    yield table.below("start of the web process", min(times), 1.5, table.seconds)
    yield table.below("memory of a web worker (PSS)", statistics.median(sizes), 90, table.mebibytes)
    _, size = start(url, 3)
    yield table.below("memory of each of three (PSS)", size, 90, table.mebibytes)


def start(url: str, workers: int) -> tuple[float, float]:
    """How long the start took, and what each worker holds once all of them have served."""
    with serving(make_settings(url, workers=workers), "portal", "serve", "--port") as server:
        took = time.perf_counter() - server.started
        for page in PAGES * (ASKED if workers > 1 else 1):
            server.get(page)
        return took, statistics.mean(map(proportional_mebibytes, server.workers(workers)))
