"""The corpus, matched: nothing automatic is wrong, and little is left to search for."""

import sys
from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from portal.payments.matching.matcher import Decision, Kind, Matcher, match_all
from portal.payments.matching.pool import Notice
from portal.payments.statements.formats.reading import read_statement
from portal.payments.statements.interac_mail import read_interac_mail
from tests.matching.bank_files import FORMATS, BankFormat, write_mail
from tests.matching.corpus import Sample, World, make_corpus

LINES = 5000
COLUMNS = ("automatic", "WRONG", "first", "later", "other", "unmatched")


def judge(sample: Sample, decision: Decision) -> str:
    """The column of the confusion table this line belongs to."""
    found = [candidate.gift_id for candidate in decision.candidates]
    if decision.kind is Kind.AUTOMATIC:
        return "automatic" if found == [sample.truth] else "WRONG"
    if decision.kind is Kind.UNMATCHED:
        return "unmatched"
    if sample.truth not in found:
        return "other"
    return "first" if found[0] == sample.truth else "later"


def confusion(world: World, decisions: list[Decision]) -> dict[str, Counter[str]]:
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for sample, decision in zip(world.samples, decisions, strict=True):
        kind = f"{'' if sample.matchable else '* '}{sample.kind}"
        table[kind][judge(sample, decision)] += 1
    return table


def written(table: dict[str, Counter[str]]) -> str:
    total = sum(table.values(), Counter[str]())
    rows = [*sorted(table.items()), ("all", total)]
    head = f"{'kind of line (* nobody could tell)':36}" + "".join(f"{name:>11}" for name in COLUMNS)
    body = (f"{kind:36}" + "".join(f"{row[name]:11}" for name in COLUMNS) for kind, row in rows)
    return "\n".join(("", head, *body, ""))


def as_banks_send_it(world: World) -> World:
    """The same stories, written into files and mails of every kind and read from them."""
    filed: dict[str, list[Sample]] = {bank.filename: [] for bank in FORMATS}
    for sample in world.samples:
        able = [bank.filename for bank in FORMATS if bank.carries(sample.entry)]
        # A doubled line and a bounce stand in the same bank's file as what they repeat.
        filed[able[abs(sample.entry.money.minor) % len(able)]].append(sample)
    read = [sample for bank in FORMATS for sample in read_back(bank, filed[bank.filename])]
    notices = [read_mail(notice, french=n % 2 == 1) for n, notice in enumerate(world.notices)]
    return replace(world, samples=read, notices=notices)


def read_back(bank: BankFormat, samples: list[Sample]) -> list[Sample]:
    content = bank.write([sample.entry for sample in samples]).encode()
    document = read_statement(content, filename=bank.filename, currency="CAD")
    pairs = list(zip(samples, document.entries, strict=True))
    assert all(entry.money == sample.entry.money for sample, entry in pairs)
    return [replace(sample, entry=entry) for sample, entry in pairs]


def read_mail(notice: Notice, *, french: bool) -> Notice:
    mail = read_interac_mail(write_mail(notice, french=french))
    assert mail.sent_at
    return Notice(
        interac_reference=mail.reference,
        money=mail.money,
        received_on=mail.sent_at.date(),
        name=mail.sender_name,
        email=mail.sender_email,
        message=mail.message,
    )


@pytest.fixture(scope="module", params=["entries", "files and mails"])
def world(request: pytest.FixtureRequest) -> World:
    made = make_corpus(LINES)
    return made if request.param == "entries" else as_banks_send_it(made)


@pytest.fixture(scope="module")
def decisions(world: World) -> list[Decision]:
    matcher = Matcher(world.gifts, world.aliases, world.notices, settled=world.settled)
    return list(match_all(matcher, (sample.entry for sample in world.samples)))


def test_no_automatic_match_is_wrong_and_the_right_gift_comes_first(
    world: World, decisions: list[Decision], capsys: pytest.CaptureFixture[str]
) -> None:
    table = confusion(world, decisions)
    with capsys.disabled():
        sys.stdout.write(written(table))
    assert len(decisions) == LINES
    assert sum(row["WRONG"] for row in table.values()) == 0
    matchable = [row for kind, row in table.items() if not kind.startswith("* ")]
    right = sum(row["automatic"] + row["first"] for row in matchable)
    assert right >= 0.95 * sum(row.total() for row in matchable)


def test_most_lines_that_name_their_gift_need_no_clerk(
    world: World, decisions: list[Decision]
) -> None:
    table = confusion(world, decisions)
    for kind in ("reference as given", "reference in another form"):
        assert table[kind]["automatic"] >= 0.99 * table[kind].total()


def test_no_gift_is_given_to_two_lines(decisions: list[Decision]) -> None:
    given = Counter(
        decision.candidates[0].gift_id for decision in decisions if decision.kind is Kind.AUTOMATIC
    )
    assert max(given.values()) == 1
