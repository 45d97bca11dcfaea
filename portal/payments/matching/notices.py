"""Which of Interac's notices speaks of a line, if exactly one does."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from portal.money import Money
from portal.payments.matching.candidates import Notice
from portal.payments.matching.keyed import Keyed
from portal.payments.matching.names import fold_words, full_name
from portal.payments.statements.entries import StatementEntry

# A bank books an e-Transfer on the day of its notice, or a few days on.
NEAR = [timedelta(days=days) for days in range(-5, 6)]
# Of more notices alike none could be told from the others.
MOST_ALIKE = 100


class NoticeBook:
    """Notices by Interac's own reference (its case kept), and by amount and sender's name.

    Two notices that say different things of one reference can't both be true: neither is
    believed. Every notice has a reference: without one it is none of Interac's.
    """

    def __init__(self, notices: Iterable[Notice]) -> None:
        self._notices = Keyed((notice, _keys(notice)) for notice in notices)

    def find(self, entry: StatementEntry) -> Notice | None:
        """The notice of this line: same reference and amount, else the only one that fits."""
        if entry.interac_reference:
            notice = self._believed(entry.interac_reference)
            return notice if notice and notice.money == entry.money else None
        return self._of_sender(entry)

    def _believed(self, reference: str) -> Notice | None:
        """What all notices of a reference say, if they say the same."""
        said = self._notices.find(_reference_key(reference), MOST_ALIKE)
        return said[0] if said and all(notice == said[0] for notice in said) else None

    def _of_sender(self, entry: StatementEntry) -> Notice | None:
        if not entry.payer_name:
            return None
        name = full_name(fold_words(entry.payer_name))
        keys = (_sender_key(entry.money, name, entry.booked_on + apart) for apart in NEAR)
        sent = [notice for key in keys for notice in self._notices.find(key, MOST_ALIKE)]
        references = {notice.interac_reference for notice in sent}
        believed = [notice for notice in map(self._believed, references) if notice]
        return believed[0] if len(believed) == 1 else None


def _keys(notice: Notice) -> Iterator[str]:
    yield _reference_key(notice.interac_reference)
    if notice.name:
        name = full_name(fold_words(notice.name))
        yield _sender_key(notice.money, name, notice.received_on)


def _reference_key(reference: str) -> str:
    return f"reference {reference}"


def _sender_key(money: Money, name: str, day: date) -> str:
    return f"sender {money.minor} {money.currency} {day} {name}"
