"""A chart of months as the page's own SVG: what each brought, as a bar. The table beside it is what
counts; nothing in it is only in the chart."""

from collections.abc import Sequence
from dataclasses import dataclass

from portal.partners.words import name_month
from portal.records.partners import Cell

WIDTH, HEIGHT = 640, 160
GAP = 4
# A withheld month has a mark of the same height each time, which tells nothing.
MARK = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One month's bar, in the units of the drawing."""

    label: str
    x: float
    y: float
    width: float
    height: float
    is_withheld: bool


def draw_bars(cells: Sequence[Cell]) -> list[Bar]:
    """A bar a month; what went below nought has none."""
    step = WIDTH / max(len(cells), 1)
    most = max((cell.figures.gross for cell in cells if cell.figures), default=0)
    bars = []
    for at, cell in enumerate(cells):
        share = max(cell.figures.gross, 0) / most if cell.figures and most > 0 else 0
        height = round(HEIGHT * share, 1) if cell.figures else MARK
        bars.append(
            Bar(
                label=name_month(cell.key),
                x=round(at * step + GAP / 2, 1),
                y=round(HEIGHT - height, 1),
                width=round(step - GAP, 1),
                height=height,
                is_withheld=cell.figures is None,
            )
        )
    return bars
