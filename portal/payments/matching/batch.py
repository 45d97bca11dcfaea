"""Many lines at once: no gift is given to two lines, and no bounced payment to any."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from datetime import date
from typing import NamedTuple

from portal.money import Money
from portal.payments.matching.candidates import payer_keys
from portal.payments.matching.matcher import Candidate, Decision, Kind, Matcher
from portal.payments.matching.scoring import Reason
from portal.payments.statements.formats.entries import StatementEntry
from portal.spilled import Spilled

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
