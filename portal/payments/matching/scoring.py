"""How much a line and a gift agree: weighted rules and ceilings, as two tables.

The score is the weighted mean of the rules that have something to compare (the rest weigh
nothing), and no higher than the lowest ceiling that applies.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from portal.money import Money
from portal.payments.matching.identifiers import (
    ALIKE,
    UNLIKE,
    Quotes,
    Reading,
    Words,
    fold_words,
    likeness,
    stands_in,
)
from portal.payments.matching.pool import GiftPool, Keyed, Known, Notice, PayerAlias, payer_keys
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


class Reason(StrEnum):
    """Why a gift is, or isn't, what a line is for; kept with the match and shown to clerks."""

    REFERENCE_EXACT = "reference_exact"
    REFERENCE_CORRECTED = "reference_corrected"
    REFERENCE_DOUBTFUL = "reference_doubtful"
    NOTICE_REFERENCE = "notice_reference"
    EMAIL = "email"
    EMAIL_DIFFERS = "email_differs"
    ALIAS = "alias"
    NAME = "name"
    SURNAME = "surname"
    NAME_DIFFERS = "name_differs"
    AMOUNT = "amount"
    AMOUNT_LESS = "amount_less"
    AMOUNT_MORE = "amount_more"
    CURRENCY_FOREIGN = "currency_foreign"
    LONG_AGO = "long_ago"
    BEFORE_PROMISE = "before_promise"
    SEVERAL_NAMED = "several_named"
    NAMES_ANOTHER = "names_another"
    PAID_ELSEWHERE = "paid_elsewhere"
    CLAIMED_TWICE = "claimed_twice"
    TAKEN = "taken"
    REVERSED = "reversed"
    TAKEN_BACK = "taken_back"
    REPORTED_TWICE = "told_twice"
    CORRECTED = "corrected"


# Reasons that tie a line to this donor or gift, and not merely to its amount or day.
IDENTIFYING = frozenset(
    {
        Reason.REFERENCE_EXACT,
        Reason.REFERENCE_CORRECTED,
        Reason.REFERENCE_DOUBTFUL,
        Reason.NOTICE_REFERENCE,
        Reason.EMAIL,
        Reason.ALIAS,
        Reason.NAME,
    }
)

# Modes whose money comes by Stripe: a bank line for such a gift may be a second payment.
STRIPE_MODES = frozenset({"card", "bank_debit"})

Finding = tuple[float, Reason | None]
NOTHING_TO_COMPARE = None

_READINGS = {
    Reading.EXACT: (1.0, Reason.REFERENCE_EXACT),
    Reading.CORRECTED: (0.9, Reason.REFERENCE_CORRECTED),
    Reading.DOUBTFUL: (0.6, Reason.REFERENCE_DOUBTFUL),
}
_ONE_DAY_BEFORE = -1  # two time zones may disagree about the day
_FRESH_DAYS = 60
_FADED_DAYS = 365


@dataclass(frozen=True, slots=True)
class Rule:
    """One comparison: what it weighs, and how far (0 to 1) line and gift agree in it."""

    weight: int
    compare: Callable[[Clues, Known], Finding | None]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """No score above `limit` where `applies`, given the reasons found so far."""

    limit: float
    reason: Reason | None
    applies: Callable[[Clues, Known, frozenset[Reason]], bool]


@dataclass(frozen=True, slots=True)
class Score:
    """`value` from 0 to 1; `support` is the weight that agrees, to tell equal scores apart."""

    value: float
    support: float
    reasons: tuple[Reason, ...]


def compare_reference(clues: Clues, known: Known) -> Finding | None:
    reading = clues.quotes.open.get(known.gift.reference)
    return _READINGS[reading] if reading else NOTHING_TO_COMPARE


def compare_notice(clues: Clues, known: Known) -> Finding | None:
    reading = clues.notice_quotes.open.get(known.gift.reference)
    if not reading:
        return NOTHING_TO_COMPARE
    return _READINGS[reading][0], Reason.NOTICE_REFERENCE


def compare_email(clues: Clues, known: Known) -> Finding | None:
    """Another address is half a doubt: people have several."""
    if not clues.email or not known.email:
        return NOTHING_TO_COMPARE
    return (1.0, Reason.EMAIL) if clues.email == known.email else (0.5, Reason.EMAIL_DIFFERS)


def compare_alias(clues: Clues, known: Known) -> Finding | None:
    """A payer who has paid for several donors says less about each."""
    if not known.email or known.email not in clues.alias_emails:
        return NOTHING_TO_COMPARE
    return (1.0 if len(clues.alias_emails) == 1 else 0.7), Reason.ALIAS


def compare_name(clues: Clues, known: Known) -> Finding | None:
    if not clues.words or not known.words:
        return NOTHING_TO_COMPARE
    if not clues.named:
        found = stands_in(known.words, clues.words)
        return (0.9, Reason.NAME) if found else NOTHING_TO_COMPARE
    value = likeness(clues.words, known.words)
    if value < UNLIKE:
        return 0.0, Reason.NAME_DIFFERS
    return value, Reason.NAME if value >= ALIKE else None


def compare_amount(clues: Clues, known: Known) -> Finding | None:
    """Against what is left to pay; amounts of two currencies are never compared."""
    if _is_foreign(clues, known):
        return NOTHING_TO_COMPARE
    paid, due = clues.money.minor, known.gift.due_minor
    if paid == due:
        return 1.0, Reason.AMOUNT
    nearness = 0.4 * min(paid, due) / max(paid, due)
    return nearness, Reason.AMOUNT_LESS if paid < due else Reason.AMOUNT_MORE


def compare_currency(clues: Clues, known: Known) -> Finding | None:
    """The same currency proves nothing; another speaks against the gift."""
    foreign = _is_foreign(clues, known)
    return (0.0, Reason.CURRENCY_FOREIGN) if foreign else NOTHING_TO_COMPARE


def compare_date(clues: Clues, known: Known) -> Finding | None:
    """Fresh for two months, then fading to one half within a year."""
    days = _days_after(clues, known)
    if days < _ONE_DAY_BEFORE:
        return 0.0, Reason.BEFORE_PROMISE
    if days <= _FRESH_DAYS:
        return 1.0, None
    faded = min((days - _FRESH_DAYS) / (_FADED_DAYS - _FRESH_DAYS), 1.0)
    return 1.0 - faded / 2, Reason.LONG_AGO


RULES = (
    Rule(16, compare_reference),
    Rule(8, compare_notice),
    Rule(5, compare_email),
    Rule(4, compare_alias),
    Rule(4, compare_name),
    Rule(5, compare_amount),
    Rule(5, compare_currency),
    Rule(1, compare_date),
)

CEILINGS = (
    # Without the gift's own reference in the bank's own line nothing is certain.
    Ceiling(0.89, None, lambda clues, known, _: not _is_named_surely(clues, known)),
    Ceiling(0.85, None, lambda _c, _k, found: Reason.AMOUNT not in found),
    Ceiling(0.85, Reason.SEVERAL_NAMED, lambda clues, known, _: _names_more(clues, known)),
    Ceiling(0.85, Reason.PAID_ELSEWHERE, lambda _c, known, _f: known.gift.mode in STRIPE_MODES),
    Ceiling(0.75, None, lambda _c, _k, found: Reason.CURRENCY_FOREIGN in found),
    Ceiling(0.75, None, lambda _c, _k, found: Reason.BEFORE_PROMISE in found),
    Ceiling(0.65, Reason.NAMES_ANOTHER, lambda clues, known, _: _names_another(clues, known)),
    # Amount and day alone, or one word of a name, tie a line to nobody.
    Ceiling(0.55, None, lambda _c, _k, found: not found & IDENTIFYING),
)


def score(clues: Clues, known: Known) -> Score:
    """Compare one line with one open gift."""
    weight = support = 0.0
    reasons: list[Reason] = []
    for rule in RULES:
        finding = rule.compare(clues, known)
        if finding is None:
            continue
        weight += rule.weight
        support += rule.weight * finding[0]
        if finding[1]:
            reasons.append(finding[1])
    value = support / weight
    found = frozenset(reasons)
    for ceiling in CEILINGS:
        if ceiling.applies(clues, known, found):
            value = min(value, ceiling.limit)
            if ceiling.reason:
                reasons.append(ceiling.reason)
    return Score(value, support, tuple(reasons))


def is_in_time(clues: Clues, known: Known) -> bool:
    """Whether the gift was promised before the line's day, as far as zones let that be told."""
    return _days_after(clues, known) >= _ONE_DAY_BEFORE


def _is_foreign(clues: Clues, known: Known) -> bool:
    return clues.money.currency != known.gift.money.currency


def _days_after(clues: Clues, known: Known) -> int:
    return (clues.booked_on - known.gift.created_on).days


def _is_named_surely(clues: Clues, known: Known) -> bool:
    reading = clues.quotes.open.get(known.gift.reference)
    return reading is not None and reading.is_sure


def _names_more(clues: Clues, known: Known) -> bool:
    """The line names this gift and others, open or settled."""
    quotes = clues.quotes
    return known.gift.reference in quotes.open and len(quotes.open) + len(quotes.settled) > 1


def _names_another(clues: Clues, known: Known) -> bool:
    """The line names other gifts as they are, and not this one."""
    return known.gift.reference not in clues.quotes.open and clues.names_exactly
