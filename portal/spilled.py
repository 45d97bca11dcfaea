"""A long sequence whose things wait on disk instead of in memory."""

import pickle
import weakref
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from tempfile import TemporaryFile
from typing import BinaryIO, TypeVar, overload

T = TypeVar("T")

# So many things are in memory at once; a sequence no longer than that never touches the disk.
BLOCK = 1_000


class Spilled(Sequence[T]):
    """Things in the order in which they were added; equal to any sequence of equal things.

    All but the last few stand in a file without a name, which is gone with this object or
    its process. Made to be gone through from the start, as often as wanted; a single thing
    costs the reading of a thousand.
    """

    def __init__(self, things: Iterable[T] = ()) -> None:
        self._last: list[T] = []
        self._starts: list[int] = []
        self._opened: BinaryIO | None = None
        self.extend(things)

    def append(self, thing: T) -> None:
        """Add a thing at the end."""
        self._last.append(thing)
        if len(self._last) == BLOCK:
            self._starts.append(self._file.seek(0, 2))
            pickle.dump(self._last, self._file, pickle.HIGHEST_PROTOCOL)
            self._last = []

    def extend(self, things: Iterable[T]) -> None:
        """Add things at the end, in their order."""
        for thing in things:
            self.append(thing)

    @property
    def _file(self) -> BinaryIO:
        if self._opened is None:
            # Closed with this object: it has no name by which another could.
            self._opened = TemporaryFile()  # noqa: SIM115
            weakref.finalize(self, self._opened.close)
        return self._opened

    def _block(self, number: int) -> list[T]:
        if number == len(self._starts):
            return self._last
        self._file.seek(self._starts[number])
        block: list[T] = pickle.load(self._file)  # noqa: S301 - nobody else can reach the file
        return block

    def __len__(self) -> int:
        return len(self._starts) * BLOCK + len(self._last)

    def __iter__(self) -> Iterator[T]:
        for number in range(len(self._starts) + 1):
            yield from self._block(number)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        wanted = range(len(self))[index]
        if isinstance(wanted, int):
            return self._block(wanted // BLOCK)[wanted % BLOCK]
        if wanted.step == 1:
            return list(islice(self, wanted.start, wanted.stop))
        return [self[at] for at in wanted]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __repr__(self) -> str:
        return f"Spilled({list(self)!r})"
