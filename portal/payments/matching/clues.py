"""What one line says, read once for all candidates."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from portal.money import Money
from portal.payments.matching.candidates import Notice, PayerAlias, payer_keys
from portal.payments.matching.names import Words, fold_words
from portal.payments.matching.pool import GiftPool, Keyed
from portal.payments.matching.references import Quotes, Reading
from portal.payments.statements.formats.entries import StatementEntry

NOTHING_QUOTED = Quotes({})
# A payer who paid for more donors than this is an agency, and says little of any.
MOST_DONORS = 64


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
    notice_quotes: Quotes = NOTHING_QUOTED

    @property
    def names_exactly(self) -> bool:
        """Whether the line names any gift, open or settled, character by character."""
        return bool(self.quotes.settled) or Reading.EXACT in self.quotes.open.values()


class PayerBook:
    """The donors that clerks once confirmed for payers as banks name them."""

    def __init__(self, aliases: Iterable[PayerAlias]) -> None:
        self._emails = Keyed((alias.email.strip().lower(), (alias.payer_key,)) for alias in aliases)

    def emails_of(self, entry: StatementEntry) -> tuple[str, ...]:
        """The addresses known for this line's payer, by the surest key that has any."""
        found = (self._emails.find(key, MOST_DONORS) for key in payer_keys(entry))
        return next((tuple(sorted(set(emails))) for emails in found if emails), ())


def read_clues(
    entry: StatementEntry,
    notice: Notice | None,
    pool: GiftPool,
    aliases: PayerBook,
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
        alias_emails=aliases.emails_of(entry),
        notice_quotes=pool.references.read(notice.message) if notice else NOTHING_QUOTED,
    )
