"""Starting the web process: until it answers, and the memory of a worker that has served."""

import statistics
import time
from collections.abc import Iterator

from tests.benchmarks import table
from tests.benchmarks.ground import Ground, make_settings
from tests.benchmarks.serving import resident_mebibytes, serving

PAGES = ("/", "/give/ca?code=LWCAN", "/give/gb?lang=fr", "/readyz")


def run(ground: Ground) -> Iterator[table.Line]:
    settings = make_settings(ground.make_database("sqlite", "start"))
    times, sizes = [], []
    for _ in range(3 if ground.quick else 7):
        with serving(settings, "portal", "serve", "--port") as server:
            times.append(time.perf_counter() - server.started)
            for page in PAGES:
                server.get(page)
            sizes.append(resident_mebibytes(server.worker()))
    yield table.below("start of the web process", min(times), 1.5, table.seconds)
    yield table.below("memory of a web worker", statistics.median(sizes), 90, table.mebibytes)
