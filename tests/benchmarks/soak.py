"""Half an hour at half of what the cores bear: proven books, no job left, memory that stays.

Not among what runs when nothing is named: `python -m tests.benchmarks soak`.
"""

import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from portal.payments.books import prove
from tests.benchmarks import table
from tests.benchmarks.ground import Ground
from tests.benchmarks.serving import group_of, proportional_mebibytes
from tests.benchmarks.whole_gift import Donors, give_flat_out, wait_for_mails
from tests.demo_process import DemoProcess, running_demo

MINUTES, QUICK_MINUTES = 30, 2
TRIED = 200
EVERY_SECONDS = 10
PARTS = ("web", "worker")
# Of what the parts held after the first third, what they hold in the last.
MOST_GROWTH = 1.1


def run(ground: Ground) -> Iterator[table.Line]:
    seconds = 60 * (QUICK_MINUTES if ground.quick else MINUTES)
    with (
        tempfile.TemporaryDirectory(dir=ground.folder) as folder,
        running_demo(Path(folder) / "demo", PORTAL_FREE_STARTS="1000000") as demo,
    ):
        donors = Donors(demo)
        donors.give(50)
        _, pace = give_flat_out(demo, donors, TRIED)
        with Scales(demo) as scales:
            gifts = int(seconds * pace / 2)
            paid = donors.give(gifts, pause=2 / pace)
            wait_for_mails(demo, paid)
            demo.settle()
        yield table.Line(f"soak: {gifts} gifts in", table.seconds(seconds))
        with demo.database.read() as session:
            wrong = prove(session)
        yield table.Line("soak: what the books don't prove", str(len(wrong)), met=not wrong)
        left = demo.open_jobs()
        yield table.Line("soak: jobs left", str(len(left)), met=not left)
        for part in PARTS:
            before, after = scales.thirds(part)
            yield table.at_most(
                f"soak: memory of the {part}, last third against second",
                after,
                before,
                MOST_GROWTH,
                table.mebibytes,
            )


class Scales:
    """Weighs the parts of a demo every few seconds until it is left."""

    def __init__(self, demo: DemoProcess) -> None:
        self.demo = demo
        self.weights: dict[str, list[float]] = {part: [] for part in PARTS}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._weigh)

    def __enter__(self) -> "Scales":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _weigh(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            for part, weights in self.weights.items():
                with suppress(OSError):
                    group = group_of(self.demo.pid_of(part))
                    weights.append(sum(map(proportional_mebibytes, group)))

    def thirds(self, part: str) -> tuple[float, float]:
        """What it held in the second third of the time, and in the last: the first fills caches."""
        weights = self.weights[part]
        third = len(weights) // 3
        return statistics.median(weights[third : 2 * third]), statistics.median(
            weights[2 * third :]
        )
