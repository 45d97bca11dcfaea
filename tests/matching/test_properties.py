"""What holds of every decision, whatever the lines, the gifts and the notices say."""

from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from portal.gifts.references import clean_reference
from portal.money import Money
from portal.payments.matching.identifiers import find_references
from portal.payments.matching.matcher import (
    CERTAIN,
    CLEARANCE,
    LIKELY,
    MOST_CANDIDATES,
    Kind,
    Matcher,
    match_all,
)
from portal.payments.matching.pool import Notice, OpenGift, PayerAlias, payer_keys
from portal.payments.statements.formats.entries import StatementEntry
from tests.matching.samples import misread, neighbour, reference_of

# Few of everything, so that gifts and lines meet, agree and contradict each other.
BODIES = ("7K3QXDMW", "B4N8PTY2", "CC22HH99", "ZQ7R4MKA")
REFERENCES = tuple(reference_of(body) for body in BODIES)
WRONG = tuple(misread(reference, 4, "8") for reference in REFERENCES)
NEAR = tuple(neighbour(misread(reference, 4, "8"), reference) for reference in REFERENCES)
NAMES = ("Ada Lovelace", "LOVELACE ADA", "A Lovelace", "Grace Hopper", "Acme Ltd", "")
EMAILS = ("ada@example.org", "ADA@example.org", "grace@example.org", "")
INTERAC = ("CAb7Kd92Qx", "CAB7KD92QX", "")

days = st.dates(date(2026, 10, 1), date(2026, 12, 31))
monies = st.builds(
    Money, st.sampled_from([5000, 5001, 2500, 10000]), st.sampled_from(["CAD", "CAD", "USD"])
)
messages = st.lists(
    st.sampled_from([*REFERENCES, *WRONG, *NEAR, "thanks", "Ada Lovelace", "REF", "0019"]),
    max_size=3,
).map(" ".join)

gift_lists = st.lists(
    st.builds(
        OpenGift,
        gift_id=st.just(0),
        reference=st.sampled_from([*REFERENCES, *NEAR]),
        money=monies,
        due_minor=st.sampled_from([5000, 5001, 2500, 0]),
        created_on=days,
        name=st.sampled_from(NAMES),
        email=st.sampled_from(EMAILS),
        mode=st.sampled_from(["interac", "bank_transfer", "card", ""]),
    ),
    max_size=6,
    unique_by=lambda gift: gift.reference,
).map(lambda gifts: [replace(gift, gift_id=n) for n, gift in enumerate(gifts, start=1)])

entries = st.builds(
    StatementEntry,
    position=st.integers(1, 9),
    booked_on=days,
    money=st.one_of(monies, monies.map(Money.__neg__)),
    payer_name=st.sampled_from(NAMES),
    payer_account=st.sampled_from(["", "0042 77"]),
    payer_email=st.sampled_from(EMAILS),
    message=st.one_of(messages, st.text(max_size=30)),
    bank_reference=st.sampled_from(["", "NOTPROVIDED", "TT-1", *REFERENCES]),
    interac_reference=st.sampled_from(INTERAC),
)
notice_lists = st.lists(
    st.builds(
        Notice,
        interac_reference=st.sampled_from(INTERAC[:2]),
        money=monies,
        received_on=days,
        name=st.sampled_from(NAMES),
        email=st.sampled_from(EMAILS),
        message=messages,
    ),
    max_size=4,
)
aliases = st.lists(
    st.builds(
        PayerAlias,
        st.sampled_from(["account:004277", "name:ada lovelace", "email:ada@example.org"]),
        st.sampled_from(EMAILS),
    ),
    max_size=3,
)
settled_sets = st.sets(st.sampled_from([*REFERENCES, *NEAR]), max_size=3)


def still_settled(settled: set[str], gifts: list[OpenGift]) -> set[str]:
    return settled - {gift.reference for gift in gifts}


@given(gift_lists, entries, aliases, notice_lists, settled_sets)
def test_automatic_means_one_named_gift_and_exactly_what_is_due(
    gifts, entry, known, notices, settled
):
    matcher = Matcher(gifts, known, notices, settled=still_settled(settled, gifts))
    decision = matcher.match(entry)
    if decision.kind is not Kind.AUTOMATIC:
        return
    (found,) = decision.candidates
    gift = next(gift for gift in gifts if gift.gift_id == found.gift_id)
    assert found.score >= CERTAIN
    assert entry.money == gift.due
    quoted = {*find_references(entry.message), *find_references(entry.bank_reference)}
    known_references = {one.reference for one in gifts} | settled
    assert quoted & known_references <= {gift.reference}
    misspelt = any(wrong in f"{entry.message} {entry.bank_reference}" for wrong in (*WRONG, *NEAR))
    assert gift.reference in quoted or misspelt


@given(gift_lists, entries, aliases, notice_lists, settled_sets)
def test_no_notice_ever_makes_breaks_or_turns_an_automatic_match(
    gifts, entry, known, notices, settled
):
    settled = still_settled(settled, gifts)
    without = Matcher(gifts, known, settled=settled).match(entry)
    with_them = Matcher(gifts, known, notices, settled=settled).match(entry)
    if Kind.AUTOMATIC in {without.kind, with_them.kind}:
        assert with_them == without


@given(gift_lists, entries, aliases, notice_lists, settled_sets)
def test_candidates_are_few_distinct_ranked_and_likely(gifts, entry, known, notices, settled):
    matcher = Matcher(gifts, known, notices, settled=still_settled(settled, gifts))
    decision = matcher.match(entry)
    scores = [candidate.score for candidate in decision.candidates]
    assert len({candidate.gift_id for candidate in decision.candidates}) == len(scores)
    assert len(scores) <= MOST_CANDIDATES
    assert scores == sorted(scores, reverse=True)
    assert all(LIKELY <= score <= 1.0 for score in scores)
    assert all(candidate.reasons for candidate in decision.candidates)
    assert (decision.kind is Kind.UNMATCHED) == (not scores)


@given(gift_lists, entries, st.randoms())
def test_the_order_of_gifts_changes_nothing(gifts, entry, chance):
    shuffled = gifts.copy()
    chance.shuffle(shuffled)
    assert Matcher(gifts).match(entry) == Matcher(shuffled).match(entry)


@given(gift_lists, entries, settled_sets)
def test_further_settled_gifts_never_make_a_match_certain(gifts, entry, settled):
    settled = still_settled(settled, gifts)
    if Matcher(gifts, settled=settled).match(entry).kind is Kind.AUTOMATIC:
        assert Matcher(gifts).match(entry).kind is Kind.AUTOMATIC


@given(gift_lists, st.lists(entries, max_size=6), notice_lists)
def test_in_any_file_no_gift_is_given_twice_and_no_doubt_is_lost(gifts, lines, notices):
    matcher = Matcher(gifts, (), notices)
    decisions = list(match_all(matcher, lines))
    given_away = [
        decision.candidates[0].gift_id for decision in decisions if decision.kind is Kind.AUTOMATIC
    ]
    assert len(decisions) == len(lines)
    assert len(set(given_away)) == len(given_away)
    for entry, decision in zip(lines, decisions, strict=True):
        alone = matcher.match(entry)
        assert decision.kind is not Kind.AUTOMATIC or decision == alone
        assert (decision.kind is Kind.UNMATCHED) == (alone.kind is Kind.UNMATCHED)


@given(gift_lists, entries)
def test_the_same_line_twice_pays_once(gifts, entry):
    decisions = list(match_all(Matcher(gifts), [entry, entry]))
    assert decisions[1].kind is not Kind.AUTOMATIC


@given(entries)
def test_a_payers_keys_fit_their_column_and_name_their_kind(entry):
    keys = payer_keys(replace(entry, payer_name=entry.payer_name * 40))
    assert all(len(key) <= 200 and key.partition(":")[2] for key in keys)


def test_the_sample_misspellings_are_what_they_claim_to_be() -> None:
    assert not any(clean_reference(wrong) for wrong in WRONG)
    assert all(clean_reference(near) == near for near in NEAR)
    assert CLEARANCE > 0
