"""How long matching takes, and how much memory, for so many lines and open gifts.

    python -m tests.matching.timing 10000 100000

Names come as in life: a few very often, most seldom. Half of the lines give the reference,
a fifth misspell it, the others have a name, a notice or nothing at all.
"""

import gc
import random
import sys
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from portal.gifts.references import ALPHABET, check_character, group
from portal.money import Money
from portal.payments.matching.matcher import Kind, Matcher, match_all
from portal.payments.matching.pool import Notice, OpenGift
from portal.payments.statements.formats.entries import StatementEntry

TODAY = date(2026, 11, 23)
SYLLABLES = "an bel cor dan el fon gar hol is jo kan lor mar nel ol per qua ros san tur".split()
AMOUNTS = (1000, 2000, 2500, 5000, 10000, 20000, 50000)


@dataclass(frozen=True, slots=True)
class Timing:
    """CPU seconds to prepare the gifts and to match the lines; `peak_bytes` of what matching
    itself held at most, beside gifts and lines, or 0 where memory wasn't traced.
    """

    lines: int
    prepare_seconds: float
    match_seconds: float
    automatic: int
    peak_bytes: int

    @property
    def seconds(self) -> float:
        return self.prepare_seconds + self.match_seconds


def measure_matching(count: int, *, seed: int = 7, trace_memory: bool = False) -> Timing:
    """Match `count` lines against `count` open gifts once. Tracing memory slows it threefold."""
    chance = random.Random(seed)
    gifts = list(make_gifts(chance, count))
    notices = [_notice(gift) for gift in gifts if gift.gift_id % 10 == 7]
    entries = list(make_entries(chance, gifts))
    gc.collect()
    started = time.process_time()
    matcher = Matcher(gifts, (), notices)
    prepared = time.process_time()
    automatic, peak = _match(matcher, entries, trace_memory)
    ended = time.process_time()
    return Timing(count, prepared - started, ended - prepared, automatic, peak)


def _match(
    matcher: Matcher, entries: Sequence[StatementEntry], trace_memory: bool
) -> tuple[int, int]:
    if trace_memory:
        tracemalloc.start()
    try:
        automatic = sum(one.kind is Kind.AUTOMATIC for one in match_all(matcher, entries))
        peak = tracemalloc.get_traced_memory()[1] if trace_memory else 0
    finally:
        tracemalloc.stop()
    return automatic, peak


def make_gifts(chance: random.Random, count: int) -> Iterator[OpenGift]:
    """Gifts that wait, some of one name and many of one amount."""
    first_names = _names(chance, 400)
    last_names = _names(chance, 6000)
    for number in range(1, count + 1):
        body = "".join(chance.choices(ALPHABET, k=8))
        money = Money(chance.choice(AMOUNTS) + chance.choice((0, 0, chance.randrange(999))), "CAD")
        yield OpenGift(
            gift_id=number,
            reference=group(body + check_character(body)),
            money=money,
            due_minor=money.minor,
            created_on=TODAY - timedelta(days=chance.randrange(60)),
            name=f"{_often(chance, first_names)} {_often(chance, last_names)}",
            email=f"donor{number}@example.org",
            mode="interac",
        )


def _names(chance: random.Random, count: int) -> tuple[list[str], list[float]]:
    """Names, and how often the nth and all before it come."""
    names = [f"{''.join(chance.choices(SYLLABLES, k=4)).title()}" for _ in range(count)]
    return names, list(accumulate(1 / (10 + rank) for rank in range(count)))


def _often(chance: random.Random, names: tuple[list[str], list[float]]) -> str:
    return chance.choices(names[0], cum_weights=names[1])[0]


# Of a hundred messages: the reference, it among words, it misspelt, other words, nothing.
MESSAGES = (30, 20, 20, 20, 10)


def make_entries(
    chance: random.Random, gifts: Sequence[OpenGift], weights: Sequence[int] = MESSAGES
) -> Iterator[StatementEntry]:
    """A line for each gift, in an order of its own."""
    for gift in chance.sample(gifts, len(gifts)):
        yield _entry(chance, gift, weights)


def _entry(chance: random.Random, gift: OpenGift, weights: Sequence[int]) -> StatementEntry:
    reference = gift.reference
    at = chance.randrange(8)
    wrong = reference[:at] + chance.choice("23456789") + reference[at + 1 :]
    messages = (reference, f"Thank you {reference.lower()}", wrong, "November offering", "")
    message = chance.choices(messages, weights)[0]
    return StatementEntry(
        position=gift.gift_id,
        booked_on=gift.created_on + timedelta(days=chance.randrange(4)),
        money=gift.due,
        payer_name=gift.name.upper(),
        message=message,
        interac_reference=f"CA{gift.gift_id:08}",
    )


def _notice(gift: OpenGift) -> Notice:
    return Notice(
        interac_reference=f"CA{gift.gift_id:08}",
        money=gift.due,
        received_on=gift.created_on,
        name=gift.name,
        email=gift.email,
        message=gift.reference,
    )


if __name__ == "__main__":
    for asked in sys.argv[1:] or ("10000", "100000"):
        sys.stdout.write(f"{measure_matching(int(asked))}\n")
