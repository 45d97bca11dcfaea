"""What a search box's text may mean: a reference, a receipt, money, an address or a name."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from portal.gifts.operations import fold_name
from portal.gifts.references import clean_reference
from portal.gifts.words import ask_words
from portal.money import AmountError, Money, parse_amount

LONGEST = 200
MOST_WORDS = 4

Currencies = tuple[str, ...]

_STRIPE_ID = re.compile(r"(?:pi|ch|py|cs|in|sub|re|pyr|dp|du|evt|cus)_\w+")
_RECEIPT = re.compile(r"(\d{4})\s*[-–/ ]\s*(\d{1,9})")
_AMOUNT = re.compile(
    r"(?P<before>[A-Za-z]{3}|[$€£¥₦₹₩])?\s*"
    r"(?P<number>\d[\d\s.,']*)"
    r"(?P<after>[A-Za-z]{3}|[$€£¥₦₹₩])?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One reading of the text; exactly one field is set, or `names` with `given` and `email`.

    `words` are the same person's, each in its spellings (`portal.gifts.words`).
    """

    reference: str | None = None
    receipt: tuple[int, int] | None = None
    stripe_id: str | None = None
    amounts: tuple[Money, ...] = ()
    email: str | None = None
    names: tuple[str, ...] = ()
    given: str = ""
    words: tuple[frozenset[str], ...] = field(default=(), compare=False)


def read_search(text: str, currencies: Iterable[str]) -> Search | None:
    """What `text` asks for; None where it asks for nothing. `currencies` are those we take."""
    text = " ".join(text[:LONGEST].split())
    readings = (read(text, tuple(currencies)) for read in READERS) if text else iter(())
    return next((reading for reading in readings if reading is not None), None)


def _as_stripe_id(text: str, _currencies: Currencies) -> Search | None:
    return Search(stripe_id=text) if _STRIPE_ID.fullmatch(text) else None


def _as_reference(text: str, _currencies: Currencies) -> Search | None:
    reference = clean_reference(text)
    return Search(reference=reference) if reference else None


def _as_amount(text: str, currencies: Currencies) -> Search | None:
    amounts = _read_amounts(text, currencies)
    return Search(amounts=amounts) if amounts else None


def _as_receipt(text: str, _currencies: Currencies) -> Search | None:
    label = read_receipt_label(text)
    return Search(receipt=label) if label else None


def _as_person(text: str, _currencies: Currencies) -> Search:
    email = None if " " in text else text.lower()
    if "@" in text:
        return Search(email=email, words=ask_words(text) if email else ())
    return Search(
        email=email, names=name_orders(text), given=fold_name(text, ""), words=ask_words(text)
    )


# In this order: what is surest first.
READERS: tuple[Callable[[str, Currencies], Search | None], ...] = (
    _as_stripe_id,
    _as_reference,
    _as_amount,
    _as_receipt,
    _as_person,
)


def read_receipt_label(text: str) -> tuple[int, int] | None:
    """Year and number of a receipt as people quote it: 2026-000417."""
    match = _RECEIPT.fullmatch(text.strip())
    return (int(match[1]), int(match[2])) if match else None


def name_orders(text: str) -> tuple[str, ...]:
    """A name as it is stored, last name first, for each word that may be the last name."""
    words = fold_name("", text).split()[:MOST_WORDS]
    turned = (" ".join(words[at:] + words[:at]) for at in range(len(words)))
    return tuple(dict.fromkeys(turned))


def _read_amounts(text: str, currencies: Currencies) -> tuple[Money, ...]:
    match = _AMOUNT.fullmatch(text)
    # A space between two figures that group no thousands is a receipt's, not an amount's.
    if not match or _RECEIPT.fullmatch(match["number"].strip()):
        return ()
    named = {sign.upper() for sign in (match["before"], match["after"]) if sign and sign.isalpha()}
    wanted = [currency for currency in currencies if not named or currency in named]
    return tuple(money for currency in wanted if (money := _read_amount(text, currency)))


def _read_amount(text: str, currency: str) -> Money | None:
    try:
        return parse_amount(re.sub(r"^[^\d]+|[^\d]+$", "", text), currency)
    except AmountError:
        return None
