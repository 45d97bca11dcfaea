"""What a line is compared with: open gifts, payers we know, and Interac's notices."""

from dataclasses import dataclass
from datetime import date

from portal.money import Money
from portal.payments.matching.names import fold_words, full_name
from portal.payments.statements.formats.entries import StatementEntry

# What the tables keep of a payer's key.
_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGift:
    """A gift that waits for money. `money` is what was promised, `due_minor` what is left to
    pay of it in the same currency; `created_on` the day of the promise in the issuer's zone.
    """

    gift_id: int
    reference: str
    money: Money
    due_minor: int
    created_on: date
    name: str = ""
    email: str = ""
    mode: str = ""

    @property
    def due(self) -> Money:
        return Money(self.due_minor, self.money.currency)


@dataclass(frozen=True, slots=True)
class PayerAlias:
    """A payer as a bank names them (`payer_keys`), and the donor a clerk once confirmed."""

    payer_key: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a notification mail of Interac's says: evidence that helps to find, never proof."""

    interac_reference: str
    money: Money
    received_on: date
    name: str = ""
    email: str = ""
    message: str = ""


def payer_keys(entry: StatementEntry) -> tuple[str, ...]:
    """Names for a line's payer by which an alias is learnt and found, the surest first."""
    words = fold_words(entry.payer_name)
    keys = (
        ("email:", entry.payer_email.strip().lower()),
        ("account:", "".join(entry.payer_account.split()).upper()),
        ("name:", full_name(words) if len(words) > 1 else ""),
    )
    return tuple((kind + value)[:_LONGEST_KEY] for kind, value in keys if value)
