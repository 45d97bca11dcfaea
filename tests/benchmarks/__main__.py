"""`python -m tests.benchmarks [name ...] [--quick] [--readme] [--data FOLDER]`."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import click

from tests.benchmarks import table
from tests.benchmarks.ground import Ground, log_to_nowhere

README = Path(__file__).resolve().parents[2] / "README.md"
NAMES = (
    "codes",
    "form_page",
    "webhooks",
    "rows",
    "handoffs",
    "jobs",
    "whole_gift",
    "staff_pages",
    "export",
    "statements",
    "partners",
    "receipts",
    "start",
)
# Too long to be among all.
ALONE = ("soak", "year_end")


def main() -> int:
    """Run the benchmarks that were named, or all; 1 where a budget is not met."""
    asked = read_arguments()
    asked.data.mkdir(parents=True, exist_ok=True)
    ground = Ground(asked.data.resolve(), quick=asked.quick)
    log_to_nowhere()
    lines: list[table.Line] = []
    try:
        for name in asked.names or NAMES:
            click.echo(f"{name} …", err=True)
            started = time.monotonic()
            lines += run_one(name)(ground)
            click.echo(f"  {time.monotonic() - started:.0f} s", err=True)
    finally:
        ground.close()
        # What was measured before a fault is worth its minutes.
        click.echo(table.as_text(lines))
    if asked.readme:
        table.write_into(README, table.as_markdown(lines))
    return 0 if all(line.met is not False for line in lines) else 1


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        choices=[[], *NAMES, *ALONE],
        metavar="name",
        help=", ".join((*NAMES, *ALONE)),
    )
    parser.add_argument("--quick", action="store_true", help="three minutes, not twenty")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md")
    parser.add_argument("--data", type=Path, default=Path(".cache/benchmarks"))
    return parser.parse_args()


def run_one(name: str) -> Callable[[Ground], Iterator[table.Line]]:
    run: Callable[[Ground], Iterator[table.Line]] = import_module(f"tests.benchmarks.{name}").run
    return run


if __name__ == "__main__":
    sys.exit(main())
