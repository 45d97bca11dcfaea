"""Which of Interac's notices speaks of a line, if exactly one does."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from portal.money import Money
from portal.payments.matching.candidates import Notice
from portal.payments.matching.names import fold_words, full_name
from portal.payments.statements.entries import StatementEntry

# A bank books an e-Transfer on the day of its notice, or a few days on.
NEAR = timedelta(days=5)


class NoticeBook:
    """Notices by Interac's own reference (its case kept), and by amount and sender's name.

    Two notices that say different things of one reference can't both be true: neither is
    believed. Every notice has a reference: without one it is none of Interac's.
    """

    def __init__(self, notices: Iterable[Notice]) -> None:
        self._by_reference: dict[str, Notice | None] = {}
        for notice in notices:
            said = self._by_reference.setdefault(notice.interac_reference, notice)
            if said != notice:
                self._by_reference[notice.interac_reference] = None
        self._by_sender: dict[tuple[Money, str], list[Notice]] = defaultdict(list)
        for believed in self._by_reference.values():
            if believed and believed.name:
                name = full_name(fold_words(believed.name))
                self._by_sender[believed.money, name].append(believed)

    def find(self, entry: StatementEntry) -> Notice | None:
        """The notice of this line: same reference and amount, else the only one that fits."""
        if entry.interac_reference:
            notice = self._by_reference.get(entry.interac_reference)
            return notice if notice and notice.money == entry.money else None
        return self._of_sender(entry)

    def _of_sender(self, entry: StatementEntry) -> Notice | None:
        if not self._by_sender or not entry.payer_name:
            return None
        sender = full_name(fold_words(entry.payer_name))
        sent = self._by_sender.get((entry.money, sender), ())
        near = [notice for notice in sent if abs(notice.received_on - entry.booked_on) <= NEAR]
        return near[0] if len(near) == 1 else None
