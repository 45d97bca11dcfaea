"""What a partner may see of its gifts: sums by currency, and nothing about a few people. Pure.

A cell is what one month, fund, region, mode, code or partner brought. Where fewer than five donors
stand behind it, it is withheld; and since a total less the shown cells would tell the withheld one,
so are others, until at least five donors stand behind what that difference tells.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

FEWEST_DONORS = 5
# Numbers of donors behind a cell, each of another kind: who began a gift, who paid one.
Counts = tuple[int, ...]


def is_small(counts: Counts) -> bool:
    """Whether a few people stand behind any of what a cell tells; nobody is not a few."""
    return any(0 < count < FEWEST_DONORS for count in counts)


def withhold(cells: Mapping[str, Counts], never: Iterable[str] = ()) -> frozenset[str]:
    """The keys of the cells to withhold, where the total of all cells is shown.

    Those of `never` are withheld whatever they are.

    How many donors two cells have together nobody knows: the same person may be in both. So a
    withheld cell has beside it one that has enough donors of its own; the one with the fewest.
    """
    hidden = {key for key, counts in cells.items() if is_small(counts)} | {*never}
    for at in range(max(map(len, cells.values()), default=0)):
        of_kind = {key: counts[at] for key, counts in cells.items()}
        few = [key for key in hidden if 0 < of_kind[key] < FEWEST_DONORS]
        if few and max(of_kind[key] for key in hidden) < FEWEST_DONORS:
            enough = [
                (count, key)
                for key, count in of_kind.items()
                if count >= FEWEST_DONORS and key not in hidden
            ]
            hidden |= {key for _count, key in sorted(enough)[:1]}
    return frozenset(hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What some gifts of one currency come to. Money is in minor units, as the ledger has it.

    `gross` is all that came by payments that stand, `refunded` what went back of it, by refunds and
    lost disputes, `disputed` the rest of what a bank holds back now, `promised` what is still to
    come of gifts that are open. `starters` and `donors` are people: who began, and who paid.
    """

    started: int = 0
    gifts: int = 0
    starters: int = 0
    donors: int = 0
    gross: int = 0
    refunded: int = 0
    disputed: int = 0
    promised: int = 0

    @property
    def net(self) -> int:
        """What is left after refunds."""
        return self.gross - self.refunded

    @property
    def received(self) -> int:
        """What is left and not in dispute: with that and what went back it makes all that came."""
        return self.net - self.disputed

    @property
    def average(self) -> int:
        """What a paid gift brought, to the nearest minor unit."""
        return (self.gross + self.gifts // 2) // self.gifts if self.gifts else 0

    @property
    def counts(self) -> Counts:
        return (self.starters, self.donors)


class Dimension(StrEnum):
    """By what a currency's gifts are divided. Each gift is in one cell of each."""

    MONTH = "month"
    FUND = "fund"
    REGION = "region"
    MODE = "mode"
    CODE = "code"
    PARTNER = "partner"


class What(StrEnum):
    """A figure that can be opened: the gifts that it is made of, and how much each adds."""

    STARTED = "started"
    GROSS = "gross"
    NET = "net"
    RECEIVED = "received"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    PROMISED = "promised"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one key of a dimension brought; None where that is withheld."""

    key: str
    figures: Figures | None


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A currency's gifts by one dimension; the shown cells first, the greatest of them ahead.

    `is_cut` says that there are more cells, of which nothing is told.
    """

    dimension: Dimension
    cells: tuple[Cell, ...]
    is_cut: bool = False

    @property
    def hidden(self) -> frozenset[str]:
        return frozenset(cell.key for cell in self.cells if cell.figures is None)

    @property
    def shown(self) -> frozenset[str]:
        return frozenset(cell.key for cell in self.cells if cell.figures is not None)

    def find(self, key: str) -> Figures | None:
        """What a cell shows; None where there is none or it is withheld."""
        return next((cell.figures for cell in self.cells if cell.key == key), None)


# Stands for cells that a page has no place for.
OTHERS = "\0"


def break_down(
    dimension: Dimension, found: Mapping[str, Figures], others: Sequence[Counts] = ()
) -> Breakdown:
    """The cells as they may be shown. Where withheld ones stand tells nothing of them.

    `others` are cells that are not shown for want of place, or some of them: what a total less the
    shown cells tells is of them, too.
    """
    cells = {key: figures.counts for key, figures in found.items()}
    most = {OTHERS: tuple(map(max, zip(*others, strict=True)))} if others else {}
    hidden = withhold(cells | most, most) - {OTHERS}
    if dimension is Dimension.MONTH:
        return Breakdown(
            dimension, tuple(Cell(key, _shown(found, key, hidden)) for key in sorted(found))
        )
    shown = sorted(found.keys() - hidden, key=lambda key: (-found[key].gross, key))
    rest = tuple(Cell(key, None) for key in sorted(hidden))
    whole = tuple(Cell(key, found[key]) for key in shown) + rest
    return Breakdown(dimension, whole, is_cut=bool(others))


def _shown(found: Mapping[str, Figures], key: str, hidden: frozenset[str]) -> Figures | None:
    return None if key in hidden else found[key]


@dataclass(frozen=True, slots=True)
class Loyalty:
    """How many donors gave once and more than once; None where a few would be told."""

    new: int | None
    returning: int | None


def count_loyalty(once: int, again: int) -> Loyalty:
    """The months of a monthly gift are one gift here."""
    hidden = withhold({"new": (once,), "returning": (again,)})
    return Loyalty(None if "new" in hidden else once, None if "returning" in hidden else again)


@dataclass(frozen=True, slots=True)
class Monthly:
    """How many monthly gifts go on, and how many of which the last payment failed."""

    running: int | None
    failing: int | None


def count_monthly(plans: Mapping[str, tuple[int, int]]) -> Monthly:
    """`plans` has how many of each kind there are, and of how many donors."""

    def shown(kind: str) -> int | None:
        number, donors = plans.get(kind, (0, 0))
        return None if is_small((donors,)) else number

    return Monthly(shown("running"), shown("failing"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """All that a partner sees of one currency. Without `total` too few donors gave in it."""

    currency: str
    total: Figures | None
    loyalty: Loyalty = Loyalty(None, None)
    monthly: Monthly = Monthly(None, None)
    breakdowns: Mapping[Dimension, Breakdown] = field(default_factory=dict)

    @property
    def hidden(self) -> Mapping[Dimension, frozenset[str]]:
        """The cells of each dimension that nothing may be told of."""
        return {dimension: one.hidden for dimension, one in self.breakdowns.items()}

    @property
    def shown(self) -> Mapping[Dimension, frozenset[str]]:
        """The cells of each dimension that are shown."""
        return {dimension: one.shown for dimension, one in self.breakdowns.items()}


def show_total(figures: Figures) -> Figures | None:
    """A currency's total, unless a few people stand behind it."""
    return None if is_small(figures.counts) else figures


Amount = Callable[[Figures], int]
# How much of a cell each figure that can be opened is; what was started is a number of gifts.
AMOUNTS: Mapping[What, Amount] = {
    What.STARTED: lambda one: one.started,
    What.GROSS: lambda one: one.gross,
    What.NET: lambda one: one.net,
    What.RECEIVED: lambda one: one.received,
    What.REFUNDED: lambda one: one.refunded,
    What.DISPUTED: lambda one: one.disputed,
    What.PROMISED: lambda one: one.promised,
}


def count_gifts(figures: Figures, what: What) -> int | None:
    """How many gifts make a figure of a cell, where that is known."""
    if what is What.STARTED:
        return figures.started
    if what is What.GROSS:
        return figures.gifts
    can_be_less = what in {What.NET, What.RECEIVED}
    return None if can_be_less or AMOUNTS[what](figures) else 0


def list_months(breakdown: Breakdown, most: int) -> Sequence[Cell]:
    """The last months in a row, up to `most`, with those in between in which nothing came."""
    known = {cell.key: cell for cell in breakdown.cells}
    if not known:
        return ()
    months, last = [min(known)], max(known)
    while months[-1] < last:
        year, month = map(int, months[-1].split("-"))
        months.append(f"{year + month // 12:04}-{month % 12 + 1:02}")
    return [known.get(key) or Cell(key, Figures()) for key in months[-most:]]
