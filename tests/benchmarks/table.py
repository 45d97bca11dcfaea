"""The figures of a run, as one table for people and for the README."""

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MARKS = re.compile(r"(<!-- bench -->\n).*?(<!-- /?bench -->)", re.DOTALL)
HEAD = ("what", "ours", "reference", "ratio", "budget", "met")


@dataclass(frozen=True, slots=True)
class Line:
    """One row: figures as text with their units; `met` is None where there is no budget."""

    what: str
    ours: str
    reference: str = "–"
    ratio: float | None = None
    budget: str = "–"
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        ratio = "–" if self.ratio is None else f"{self.ratio:.2f}"
        met = "–" if self.met is None else ("yes" if self.met else "NO")
        return self.what, self.ours, self.reference, ratio, self.budget, met


Write = Callable[[float], str]


def slowest(taken: Sequence[float]) -> float:
    """The 95th percentile of what was seen; never more than the slowest of it."""
    return statistics.quantiles(taken, n=20, method="inclusive")[-1]


def at_most(what: str, ours: float, reference: float, most: float, write: Write) -> Line:
    """A cost that may be so many times its reference."""
    ratio = ours / reference
    return Line(what, write(ours), write(reference), ratio, f"≤ {most:g} ×", ratio <= most)


def at_least(what: str, ours: float, reference: float, least: float, write: Write) -> Line:
    """A speed that must reach this share of its reference."""
    ratio = ours / reference
    return Line(what, write(ours), write(reference), ratio, f"≥ {least:g} ×", ratio >= least)


def below(what: str, ours: float, limit: float, write: Write) -> Line:
    """A figure with a fixed limit."""
    return Line(what, write(ours), "–", None, f"≤ {write(limit)}", ours <= limit)


def above(what: str, ours: float, least: float, write: Write) -> Line:
    """A speed with a fixed least."""
    return Line(what, write(ours), "–", None, f"≥ {write(least)}", ours >= least)


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 10 else f"{seconds:.0f} s"


def microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs"


def per_second(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.1f}/s"


def seconds(value: float) -> str:
    return f"{value:.2f} s"


def percent(value: float) -> str:
    return f"{value:.2f} %"


def mebibytes(value: float) -> str:
    return f"{value:.0f} MiB"


def bytes_of(value: float) -> str:
    return f"{value:,.0f} B"


def as_text(lines: Sequence[Line]) -> str:
    """Columns for a terminal."""
    rows = [HEAD, *(line.cells() for line in lines)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def as_markdown(lines: Sequence[Line]) -> str:
    rows = [HEAD, ("---", *["--:"] * (len(HEAD) - 1)), *(line.cells() for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write_into(readme: Path, markdown: str) -> None:
    """Replace what stands between the `<!-- bench -->` marks; LookupError without them."""
    text = readme.read_text()
    if not MARKS.search(text):
        raise LookupError(f"{readme} has no <!-- bench --> marks")
    readme.write_text(MARKS.sub(lambda mark: f"{mark[1]}\n{markdown}\n\n{mark[2]}", text))
