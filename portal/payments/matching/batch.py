"""Many lines at once: no gift is given to two lines, and no bounced payment to any."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from portal.payments.matching.candidates import payer_keys
from portal.payments.matching.matcher import Candidate, Decision, Kind, Matcher
from portal.payments.matching.scoring import Reason
from portal.payments.statements.entries import StatementEntry

# What banks write where a payment has no reference of its own.
_NO_REFERENCE = frozenset({"", "NOTPROVIDED", "NONREF"})

_Mark = tuple[str, str]


def match_all(matcher: Matcher, entries: Sequence[StatementEntry]) -> list[Decision]:
    """One decision a line, in order. Give it all lines that are open, and debits with them:
    what is certain of a line by itself may not be so beside the others.
    """
    decisions = [matcher.match(entry) for entry in entries]
    _doubt_reversed(matcher, entries, decisions)
    _settle_claims(entries, decisions)
    _pass_over_taken(matcher, entries, decisions)
    return decisions


def _doubt_reversed(
    matcher: Matcher, entries: Sequence[StatementEntry], decisions: list[Decision]
) -> None:
    """A credit that a debit of the same amount and mark takes back needs a clerk."""
    debits = (entry for entry in entries if entry.money.minor < 0)
    reversed_marks = {(-debit.money, mark) for debit in debits for mark in _marks(matcher, debit)}
    for at, entry in _automatic(entries, decisions) if reversed_marks else ():
        if any((entry.money, mark) in reversed_marks for mark in _marks(matcher, entry)):
            decisions[at] = _doubt(decisions[at], Reason.REVERSED)


def _marks(matcher: Matcher, entry: StatementEntry) -> Iterator[_Mark]:
    """By what a payment and its return are known as a pair."""
    if entry.interac_reference:
        yield "interac", entry.interac_reference
    if entry.bank_reference not in _NO_REFERENCE:
        yield "bank", entry.bank_reference
    for gift_id in matcher.gifts_named(entry):
        yield "gift", str(gift_id)


def _settle_claims(entries: Sequence[StatementEntry], decisions: list[Decision]) -> None:
    """Of several lines certain of one gift the best keeps it, if it clearly is the best."""
    claims: dict[int, list[int]] = defaultdict(list)
    for at, _ in _automatic(entries, decisions):
        claims[decisions[at].candidates[0].gift_id].append(at)
    for rivals in claims.values():
        for at in _losers(entries, decisions, rivals) if len(rivals) > 1 else ():
            decisions[at] = _doubt(decisions[at], Reason.CLAIMED_TWICE)


def _losers(
    entries: Sequence[StatementEntry], decisions: list[Decision], rivals: list[int]
) -> list[int]:
    """All but the best; all, if another payer's line is as good."""
    ranked = sorted(
        rivals, key=lambda at: (-decisions[at].candidates[0].score, entries[at].booked_on, at)
    )
    best = ranked[0]
    equals = [
        at
        for at in ranked
        if decisions[at].candidates[0].score == decisions[best].candidates[0].score
    ]
    payers = {_payer(entries[at]) for at in equals}
    return ranked if len(payers) > 1 else ranked[1:]


def _payer(entry: StatementEntry) -> str:
    return next(iter(payer_keys(entry)), "")


def _pass_over_taken(
    matcher: Matcher, entries: Sequence[StatementEntry], decisions: list[Decision]
) -> None:
    """Where a line is unsure, gifts that another line surely pays come last."""
    taken = {decisions[at].candidates[0].gift_id for at, _ in _automatic(entries, decisions)}
    for at, decision in enumerate(decisions):
        others = taken & {candidate.gift_id for candidate in decision.candidates}
        if decision.kind is not Kind.SUGGESTED or not others:
            continue
        others -= matcher.gifts_named(entries[at])
        candidates = tuple(
            _because(candidate, Reason.TAKEN) if candidate.gift_id in others else candidate
            for candidate in decision.candidates
        )
        ordered = tuple(sorted(candidates, key=lambda one: Reason.TAKEN in one.reasons))
        decisions[at] = Decision(decision.kind, ordered, decision.settled)


def _automatic(
    entries: Sequence[StatementEntry], decisions: Iterable[Decision]
) -> Iterator[tuple[int, StatementEntry]]:
    for at, decision in enumerate(decisions):
        if decision.kind is Kind.AUTOMATIC:
            yield at, entries[at]


def _doubt(decision: Decision, reason: Reason) -> Decision:
    """The same first candidate, for a clerk to confirm."""
    candidates = tuple(_because(candidate, reason) for candidate in decision.candidates)
    return Decision(Kind.SUGGESTED, candidates, decision.settled)


def _because(candidate: Candidate, reason: Reason) -> Candidate:
    return Candidate(candidate.gift_id, candidate.score, (*candidate.reasons, reason))
