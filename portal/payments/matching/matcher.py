"""Which open gift each statement line is for: certain, likely, or nobody's.

Many lines are matched at once: no gift is given to two lines, and no bounced payment to any.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from portal.money import Money
from portal.payments.matching.identifiers import fold_words, full_name
from portal.payments.matching.pool import (
    GiftPool,
    Keyed,
    Known,
    Notice,
    OpenGift,
    PayerAlias,
    payer_keys,
)
from portal.payments.matching.scoring import (
    Clues,
    PayerBook,
    Reason,
    Score,
    is_in_time,
    read_clues,
    score,
)
from portal.payments.statements.formats.entries import Spilled, StatementEntry

CERTAIN = 0.9
LIKELY = 0.6
# A second candidate nearer than this makes the first uncertain.
CLEARANCE = 0.1
MOST_CANDIDATES = 5


class Kind(StrEnum):
    """What may be done with a line."""

    AUTOMATIC = "automatic"
    SUGGESTED = "suggested"
    UNMATCHED = "unmatched"


class Candidate(NamedTuple):
    """A gift the line may be for; `score` from 0 to 1."""

    gift_id: int
    score: float
    reasons: tuple[Reason, ...]


class Decision(NamedTuple):
    """`candidates` best first: exactly one when automatic, none when unmatched.

    `settled` are references of gifts that are already paid, which the line names.
    """

    kind: Kind
    candidates: tuple[Candidate, ...] = ()
    settled: tuple[str, ...] = ()

    @property
    def first(self) -> Candidate | None:
        return self.candidates[0] if self.candidates else None


UNMATCHED = Decision(Kind.UNMATCHED)


class Matcher:
    """Open gifts, known payers and notices, made ready to match any number of lines.

    `settled` answers whether a canonical reference is that of a gift which no longer waits
    for money; it keeps a slip of the pen from being corrected to the wrong gift.
    """

    def __init__(
        self,
        open_gifts: Iterable[OpenGift],
        aliases: Iterable[PayerAlias] = (),
        notices: Iterable[Notice] = (),
        *,
        settled: Container[str] = frozenset(),
    ) -> None:
        self._pool = GiftPool(open_gifts, settled)
        self._aliases = PayerBook(aliases)
        self._notices = NoticeBook(notices)

    def match(self, entry: StatementEntry) -> Decision:
        """Decide one line by itself; `batch.match_all` also weighs lines against each other.

        Only the bank's own words make a match certain. A notice is heard where they don't:
        whatever a mail says, it neither makes nor breaks an automatic match.
        """
        if not entry.is_credit:
            return UNMATCHED
        decision = self._decide(entry, None)
        if decision.kind is Kind.AUTOMATIC:
            return decision
        notice = self._notices.find(entry)
        return self._decide(entry, notice) if notice else decision

    def gifts_named(self, entry: StatementEntry) -> frozenset[int]:
        """The open gifts whose references stand in a line as they are, or as good as."""
        quotes = self._pool.references.read(entry.message, entry.bank_reference)
        return frozenset(
            self._pool.of_reference(reference).gift.gift_id
            for reference, reading in quotes.open.items()
            if reading.is_sure
        )

    def _decide(self, entry: StatementEntry, notice: Notice | None) -> Decision:
        clues = read_clues(entry, notice, self._pool, self._aliases)
        ranked = sorted(
            ((score(clues, known), known) for known in self._gather(clues)),
            key=lambda pair: _rank(clues, *pair),
        )
        likely = [(found, known) for found, known in ranked if found.value >= LIKELY]
        if not likely:
            return self._by_surname(clues)
        candidates = tuple(
            Candidate(known.gift.gift_id, found.value, found.reasons)
            for found, known in likely[:MOST_CANDIDATES]
        )
        if _is_certain(candidates):
            return Decision(Kind.AUTOMATIC, candidates[:1])
        return Decision(Kind.SUGGESTED, candidates, clues.quotes.settled)

    def _by_surname(self, clues: Clues) -> Decision:
        """The one gift of the amount whose donor's last name stands in the line: a hint that
        is worth a look, and never more. Another's full name, or another gift, speaks against it.
        """
        settled = clues.quotes.settled
        is_another = clues.names_exactly or (clues.named and len(clues.words) > 1)
        known = None if is_another else self._pool.of_surname(clues.words, clues.money)
        if known is None or not is_in_time(clues, known):
            return Decision(Kind.UNMATCHED, (), settled)
        hint = Candidate(known.gift.gift_id, LIKELY, (Reason.SURNAME, Reason.AMOUNT))
        return Decision(Kind.SUGGESTED, (hint,), settled)

    def _gather(self, clues: Clues) -> Iterable[Known]:
        """Every gift some clue points to, once."""
        pool = self._pool
        found = {}
        for reference in (*clues.quotes.open, *clues.notice_quotes.open):
            known = pool.of_reference(reference)
            found[known.gift.gift_id] = known
        if clues.names_exactly and any(known.gift.due == clues.money for known in found.values()):
            return found.values()  # named, and what is due: nobody else's name says more
        for email in filter(None, (clues.email, *clues.alias_emails)):
            for known in pool.of_email(email):
                found[known.gift.gift_id] = known
        for known in pool.of_name(clues.words, clues.money):
            found[known.gift.gift_id] = known
        return found.values()


def _rank(clues: Clues, found: Score, known: Known) -> tuple[float, float, int, int]:
    """Best score, most support, nearest day, oldest gift."""
    apart = abs((clues.booked_on - known.gift.created_on).days)
    return -found.value, -found.support, apart, known.gift.gift_id


def _is_certain(candidates: tuple[Candidate, ...]) -> bool:
    """The ceilings keep all but a reference with its amount and currency below `CERTAIN`."""
    best = candidates[0].score
    return best >= CERTAIN and all(best - other.score >= CLEARANCE for other in candidates[1:])


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


# What banks write where a payment has no reference of its own.
NO_REFERENCE = frozenset({"", "NOTPROVIDED", "NONREF"})
_NAMED = frozenset({Reason.REFERENCE_EXACT, Reason.REFERENCE_CORRECTED})
_COMES_LAST = frozenset({Reason.TAKEN, Reason.TAKEN_BACK})
# What is doubted is never shown as sure, however well it fits.
DOUBTED = 0.85

# Why the line at this place may not be booked by itself for this gift, if so.
Objection = Callable[[int, int], Reason | None]

# By what a payment and its return are known as a pair: a kind of mark and what it says.
_Mark = tuple[str, str]
Mirror = tuple[Money, _Mark]


class _Claim(NamedTuple):
    """A line that is certain of a gift, the best first; `distance` is the score below nought."""

    distance: float
    booked_on: date
    at: int
    gift_id: int
    payer: str
    mirrors: tuple[Mirror, ...]


def object_to_nothing(_at: int, _gift_id: int) -> None:
    """Nothing is known of the lines but what they say."""


def match_all(
    matcher: Matcher, entries: Iterable[StatementEntry], object_to: Objection = object_to_nothing
) -> Iterator[Decision]:
    """One decision a line, in order. Give it all lines that are open, and debits with them:
    what is certain of a line by itself may not be so beside the others, or by what is known
    of it (`object_to`).

    The lines are gone through once; what is decided of each waits on disk for the others.
    """
    decisions = Spilled[Decision]()
    claims = Spilled[_Claim]()
    debits: set[Mirror] = set()
    for at, entry in enumerate(entries):
        decision = matcher.match(entry)
        decisions.append(decision)
        if decision.kind is Kind.AUTOMATIC:
            claims.append(_claim(at, entry, decision.candidates[0]))
        elif entry.money.minor < 0:
            debits.update(mirrors(-entry.money, entry, matcher.gifts_named(entry)))
    return _weigh_together(decisions, claims, debits, object_to)


def _weigh_together(
    decisions: Iterable[Decision],
    claims: Iterable[_Claim],
    debits: set[Mirror],
    object_to: Objection,
) -> Iterator[Decision]:
    """The decisions again, each in the light of all the others."""
    doubts = _reversed(claims, debits) | _objected(claims, object_to)
    doubts |= _claimed_twice(claims, doubts)
    taken = {claim.gift_id for claim in claims if claim.at not in doubts}
    return (
        _doubt(decision, doubts[at])
        if at in doubts
        else _with_last(_with_objections(at, decision, object_to), taken)
        for at, decision in enumerate(decisions)
    )


def _claim(at: int, entry: StatementEntry, first: Candidate) -> _Claim:
    marks = tuple(mirrors(entry.money, entry, [first.gift_id]))
    payer = next(iter(payer_keys(entry)), "")
    return _Claim(-first.score, entry.booked_on, at, first.gift_id, payer, marks)


def mirrors(money: Money, entry: StatementEntry, gifts: Iterable[int | str]) -> Iterator[Mirror]:
    """The marks by which a credit of this money and its return would know each other.

    `gifts` are those of the line, on both sides by their ids or on both by their references.
    """
    if entry.interac_reference:
        yield money, ("interac", entry.interac_reference)
    if entry.bank_reference not in NO_REFERENCE:
        yield money, ("bank", entry.bank_reference)
    for gift in gifts:
        yield money, ("gift", str(gift))


def _reversed(claims: Iterable[_Claim], debits: set[Mirror]) -> dict[int, Reason]:
    """A credit that a debit of the same amount and mark takes back needs a clerk."""
    return {
        claim.at: Reason.REVERSED
        for claim in (claims if debits else ())
        if not debits.isdisjoint(claim.mirrors)
    }


def _objected(claims: Iterable[_Claim], object_to: Objection) -> dict[int, Reason]:
    """Lines that are known to be nothing to book for what they are certain of."""
    found = ((claim.at, object_to(claim.at, claim.gift_id)) for claim in claims)
    return {at: reason for at, reason in found if reason}


def _claimed_twice(claims: Iterable[_Claim], doubts: Container[int]) -> dict[int, Reason]:
    """Of several lines certain of one gift the best keeps it, if it clearly is the best."""
    claimed: set[int] = set()
    contested: set[int] = set()
    for claim in claims:
        if claim.at not in doubts:
            (contested if claim.gift_id in claimed else claimed).add(claim.gift_id)
    rivals: dict[int, list[_Claim]] = defaultdict(list)
    for claim in claims if contested else ():
        if claim.gift_id in contested and claim.at not in doubts:
            rivals[claim.gift_id].append(claim)
    losers = (claim.at for each in rivals.values() for claim in _losers(each))
    return dict.fromkeys(losers, Reason.CLAIMED_TWICE)


def _losers(rivals: list[_Claim]) -> list[_Claim]:
    """All but the best; all, if another payer's line is as good."""
    ranked = sorted(rivals)
    payers = {claim.payer for claim in ranked if claim.distance == ranked[0].distance}
    return ranked if len(payers) > 1 else ranked[1:]


def _with_objections(at: int, decision: Decision, object_to: Objection) -> Decision:
    """Where a line is unsure, what speaks against each gift stands beside it."""
    if decision.kind is not Kind.SUGGESTED:
        return decision
    candidates = tuple(
        _against(candidate, reason) if (reason := object_to(at, candidate.gift_id)) else candidate
        for candidate in decision.candidates
    )
    return Decision(decision.kind, candidates, decision.settled)


def _with_last(decision: Decision, taken: Container[int]) -> Decision:
    """Where a line is unsure, gifts that another line surely pays come last, and so do those
    that were taken back from it.
    """
    if decision.kind is not Kind.SUGGESTED:
        return decision
    candidates = (
        _because(candidate, Reason.TAKEN)
        if candidate.gift_id in taken and _NAMED.isdisjoint(candidate.reasons)
        else candidate
        for candidate in decision.candidates
    )
    ordered = sorted(candidates, key=lambda one: not _COMES_LAST.isdisjoint(one.reasons))
    return Decision(decision.kind, tuple(ordered), decision.settled)


def _doubt(decision: Decision, reason: Reason) -> Decision:
    """The same first candidate, for a clerk to confirm."""
    candidates = tuple(_against(candidate, reason) for candidate in decision.candidates)
    return Decision(Kind.SUGGESTED, candidates, decision.settled)


def _because(candidate: Candidate, reason: Reason) -> Candidate:
    return Candidate(candidate.gift_id, candidate.score, (*candidate.reasons, reason))


def _against(candidate: Candidate, reason: Reason) -> Candidate:
    """The same with what speaks against it: no longer sure."""
    lowered = candidate._replace(score=min(candidate.score, DOUBTED))
    return _because(lowered, reason)
