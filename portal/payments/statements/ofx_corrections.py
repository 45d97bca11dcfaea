"""Corrections in OFX: a bank takes a movement back, or says it anew, by the first one's FITID.

OFX 1.6 and 2.2, 11.4.4.1: `CORRECTFITID` names the movement, `CORRECTACTION` is `REPLACE` or
`DELETE`. In the file the correction stands in the place of the first movement. An earlier file
may have brought that one: so a replacement says what it corrects, and a deletion is told as
money that went out again, as a payment that was returned does. Neither is a second credit.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from portal.payments.statements.entries import StatementEntry

DELETE = "DELETE"

# An account and the FITID that is unique in it.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Correction:
    """What one movement says of another, whose FITID is `corrects`."""

    corrects: str
    is_deletion: bool


class Corrections:
    """All corrections of one file, by the account and FITID of the movement that tells them."""

    def __init__(self) -> None:
        self._told: dict[Key, Correction] = {}
        self._corrected: set[Key] = set()

    def __bool__(self) -> bool:
        return bool(self._told)

    def add(self, account: str, fitid: str, correction: Correction) -> None:
        """Note a correction while the file is read."""
        self._told[account, fitid] = correction
        self._corrected.add((account, correction.corrects))

    def apply(self, entries: Iterable[StatementEntry]) -> Iterator[StatementEntry]:
        """The movements that stand, in order."""
        for entry in entries:
            told = self._told.get((entry.account, entry.bank_reference))
            if (entry.account, entry.bank_reference) in self._corrected:
                continue
            if told is None:
                yield entry
            elif not told.is_deletion:
                yield replace(entry, corrects=self._first(entry.account, told.corrects))

    def taken_back(self, entries: Iterable[StatementEntry]) -> Iterator[StatementEntry]:
        """What was deleted, as money that went the other way."""
        for entry in entries:
            told = self._told.get((entry.account, entry.bank_reference))
            if told and told.is_deletion:
                first = self._first(entry.account, told.corrects)
                yield replace(entry, money=-entry.money, bank_reference=first)

    def _first(self, account: str, fitid: str) -> str:
        """The movement at the beginning of a chain of corrections."""
        seen = {fitid}
        while told := self._told.get((account, fitid)):
            if told.corrects in seen:
                break
            fitid = told.corrects
            seen.add(fitid)
        return fitid
