"""Receipts a second on one core: the PDF from its snapshot, nothing stored."""

import time
from collections.abc import Iterator

from portal.receipts.composition import compose_snapshot
from portal.receipts.pdf import render_pdf
from tests.benchmarks import table
from tests.benchmarks.ground import Ground
from tests.receipts.samples import NOW, make_gift, region


def run(ground: Ground) -> Iterator[table.Line]:
    count = 50 if ground.quick else 300
    snapshots = [
        {
            **compose_snapshot(make_gift(amount_minor=5_000 + number), region("ca"), NOW),
            "number": f"2026-{number:06d}",
        }
        for number in range(count + 1)
    ]
    render_pdf(snapshots.pop())
    started = time.process_time()
    for snapshot in snapshots:
        render_pdf(snapshot)
    rate = count / (time.process_time() - started)
    yield table.Line("receipts rendered on one core", table.per_second(rate))
