"""What a search box's text may mean: a reference, a receipt, money, an id, an address or a name."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from portal.gifts.evidence import BARE, Provider
from portal.gifts.operations import fold_name
from portal.gifts.references import clean_reference
from portal.gifts.words import ask_words
from portal.money import AmountError, Money, parse_amount

LONGEST = 200
MOST_WORDS = 4

Currencies = tuple[str, ...]

_STRIPE_ID = re.compile(r"(?:pi|ch|py|cs|in|sub|re|pyr|dp|du|evt|cus)_\w+")
# Another provider's id, as far as it can be told from a word: long enough, and with a figure.
_ID = re.compile(r"(?=\D*\d)[\w.+/=~-]{6,60}")
_RECEIPT = re.compile(r"(\d{4})\s*[-–/ ]\s*(\d{1,9})")
_AMOUNT = re.compile(
    r"(?P<before>[A-Za-z]{3}|[$€£¥₦₹₩])?\s*"
    r"(?P<number>\d[\d\s.,']*)"
    r"(?P<after>[A-Za-z]{3}|[$€£¥₦₹₩])?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One reading of the text; exactly one field is set, or `names` with `given` and `email`.

    `words` are the same person's, each in its spellings (`portal.gifts.words`). An id is any of
    `providers`'; one that only may be an id stands beside a person.
    """

    reference: str | None = None
    receipt: tuple[int, int] | None = None
    provider_id: str | None = None
    providers: tuple[Provider, ...] = field(default=(), compare=False)
    amounts: tuple[Money, ...] = ()
    email: str | None = None
    names: tuple[str, ...] = ()
    given: str = ""
    words: tuple[frozenset[str], ...] = field(default=(), compare=False)


def read_search(
    text: str, currencies: Iterable[str], providers: Sequence[Provider] = (BARE,)
) -> Search | None:
    """What `text` asks for; None where it asks for nothing.

    `currencies` are those we take, `providers` all whose ids we may know.
    """
    text = " ".join(text[:LONGEST].split())
    if not text:
        return None
    named = _as_named_id(text, providers)
    readings = (read(text, tuple(currencies)) for read in READERS)
    found = named or next(reading for reading in readings if reading is not None)
    others = tuple(name for name in providers if name != BARE)
    if others and found.email and _ID.fullmatch(text):
        return replace(found, provider_id=text, providers=others)
    return found


def _as_named_id(text: str, providers: Sequence[Provider]) -> Search | None:
    """An id as the gift's page names another provider's: `name:id`."""
    name, joint, own_id = text.partition(":")
    found = tuple(one for one in providers if one == name)
    return Search(provider_id=own_id, providers=found) if joint and own_id and found else None


def _as_stripe_id(text: str, _currencies: Currencies) -> Search | None:
    if not _STRIPE_ID.fullmatch(text):
        return None
    return Search(provider_id=text, providers=(BARE,))


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
