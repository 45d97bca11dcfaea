"""What one line says, read once for all candidates."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from portal.money import Money
from portal.payments.matching.candidates import Notice, payer_keys
from portal.payments.matching.names import Words, fold_words
from portal.payments.matching.pool import GiftPool
from portal.payments.matching.references import Quotes, Reading
from portal.payments.statements.entries import StatementEntry

NOTHING_QUOTED = Quotes({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """`quotes` is the line's own; `told` what only a notice says. `named` tells whether
    `words` are the payer's name or merely the line's text, where a name may stand.
    """

    money: Money
    booked_on: date
    quotes: Quotes
    words: Words
    named: bool
    email: str
    alias_emails: tuple[str, ...]
    told: Quotes = NOTHING_QUOTED

    @property
    def names_exactly(self) -> bool:
        """Whether the line names any gift, open or settled, sign by sign."""
        return bool(self.quotes.settled) or Reading.EXACT in self.quotes.open.values()


def read_clues(
    entry: StatementEntry,
    notice: Notice | None,
    pool: GiftPool,
    aliases: Mapping[str, tuple[str, ...]],
) -> Clues:
    """The line's clues, and with a notice what it adds: it never replaces the bank's word."""
    texts = (entry.message, entry.bank_reference)
    name = entry.payer_name or (notice.name if notice else "")
    words = fold_words(name)
    email = entry.payer_email or (notice.email if notice else "")
    return Clues(
        money=entry.money,
        booked_on=entry.booked_on,
        quotes=pool.references.read(*texts),
        words=words or fold_words(entry.message),
        named=bool(words),
        email=email.strip().lower(),
        alias_emails=_alias_emails(entry, aliases),
        told=pool.references.read(notice.message) if notice else NOTHING_QUOTED,
    )


def _alias_emails(entry: StatementEntry, aliases: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The donors once confirmed for this payer, by the surest key that is known."""
    if not aliases:
        return ()
    found = (aliases[key] for key in payer_keys(entry) if key in aliases)
    return next(found, ())
