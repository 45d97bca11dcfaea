"""Totals that prove themselves: file = matched + open + ignored, and matched = booked."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from portal.codes.models import CodeUse
from portal.codes.pots import GiftMatch, select_unbooked_pots, select_wrong_pots
from portal.codes.uses import select_wrong_counters
from portal.gifts.code_counting import find_wrong_sums, recount_codes
from portal.gifts.day_sums import count_ledger, read_days, recount
from portal.gifts.evidence import CLEARING, Source
from portal.gifts.lifecycle import RECEIVED, FactKind
from portal.gifts.models import Evidence, Gift, LedgerEntry
from portal.gifts.operations import WITHOUT_USE
from portal.gifts.pledge_proof import find_wrong_pledges
from portal.i18n import gettext
from portal.money import Money
from portal.payments.statements.models import LineState, Match, StatementFile, StatementLine
from portal.receipts.register import Receipt, ReceiptGift, covers
from portal.regions.queries import load_catalogue
from portal.services import Services

# A check that finds more of a kind has said enough.
MOST_OF_A_KIND = 20


@dataclass(frozen=True, slots=True)
class Totals:
    """What came in by one currency's lines, and what became of it."""

    currency: str
    lines: int
    open_lines: int
    received: Money
    matched: Money
    open: Money
    ignored: Money

    @property
    def adds_up(self) -> bool:
        return self.received == self.matched + self.open + self.ignored


def count_totals(session: Session, file_id: int | None = None) -> list[Totals]:
    """Totals of money that came in, of one file or of all, a currency each.

    A debit that waits for a clerk counts in none, nor does what was withdrawn.
    """
    statement = _totals(StatementLine.currency)
    if file_id is not None:
        statement = statement.where(StatementLine.file_id == file_id)
    return [_read_totals(*row) for row in session.execute(statement)]


def count_totals_by_file(session: Session, file_ids: Sequence[int]) -> dict[int, list[Totals]]:
    """The same for several files at once."""
    found: dict[int, list[Totals]] = defaultdict(list)
    statement = _totals(StatementLine.file_id, StatementLine.currency).where(
        StatementLine.file_id.in_(file_ids)
    )
    for file_id, *row in session.execute(statement):
        found[file_id].append(_read_totals(*row))
    return found


def _totals(*keys: Any) -> sa.Select[Any]:
    """Counts and sums by `keys`: each state is summed by itself, so that they can disagree."""
    amount, state = StatementLine.amount_minor, StatementLine.state

    count = sa.func.count()
    states = (LineState.MATCHED, LineState.OPEN, LineState.IGNORED)
    totals = (sa.func.coalesce(sa.func.sum(amount).filter(state == of), 0) for of in states)
    return (
        sa.select(
            *keys,
            count,
            count.filter(state == LineState.OPEN),
            sa.func.sum(amount),
            *totals,
        )
        .where(amount > 0, state != LineState.WITHDRAWN)
        .group_by(*keys)
        .order_by(*keys)
    )


def _read_totals(currency: str, lines: int, open_lines: int, *sums: int) -> Totals:
    return Totals(currency, lines, open_lines, *(Money(int(minor), currency) for minor in sums))


def prove(session: Session) -> list[str]:
    """What does not add up, in sentences; nothing where all does."""
    return [
        *(
            gettext(
                "%(currency)s: what came in is not what is matched, open and ignored.",
                currency=totals.currency,
            )
            for totals in count_totals(session)
            if not totals.adds_up
        ),
        *_compare_ledger(session),
        *_compare_days(session),
        *_compare_codes(session),
        *_compare_pledges(session),
        *(sentence for find, say in CHECKS for sentence in _check(session, find, say)),
    ]


def _check(session: Session, find: Callable[[], sa.Select[Any]], say: str) -> Iterator[str]:
    for (subject,) in session.execute(find().limit(MOST_OF_A_KIND)):
        yield gettext(say, subject=subject)


def _compare_ledger(session: Session) -> Iterator[str]:
    """What the ledger holds from statements, against the matches that stand."""
    held = _by_currency(session, _sum_held())
    matched = _by_currency(session, _sum_matched())
    for currency in sorted(held.keys() | matched.keys()):
        if held.get(currency, 0) != matched.get(currency, 0):
            yield gettext(
                "%(currency)s: the ledger’s money from statements is not what is matched.",
                currency=currency,
            )


def _compare_days(session: Session) -> Iterator[str]:
    """Sums of days, against the ledger by the calendars of today."""
    if session.get_bind().dialect.name == "postgresql":
        # Both are read as of one moment; on SQLite every transaction is.
        session.commit()
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    summed = read_days(session)
    held = count_ledger(session, load_catalogue(session).timezone_of)
    differing = sorted(day for day in summed.keys() | held.keys() if summed[day] != held[day])
    for (kind, day, currency), region in differing[:MOST_OF_A_KIND]:
        yield gettext(
            "Day %(day)s, %(region)s: what was %(kind)s in %(currency)s is not what the ledger "
            "says. After a time zone was changed, run portal reconcile --recount.",
            day=day.isoformat(),
            region=region,
            kind=kind.label,
            currency=currency,
        )


def _compare_codes(session: Session) -> Iterator[str]:
    """Sums of what codes brought, against the gifts; as of the moment that the days are of."""
    for key in find_wrong_sums(session, MOST_OF_A_KIND):
        yield gettext(
            "Codes of scope %(scope)s, %(currency)s, %(which)s: the sum is not what the gifts say. "
            "Run portal reconcile --recount.",
            scope=key.scope_id,
            currency=key.currency,
            which=f"{key.dimension} {key.key}".strip(),
        )


def _compare_pledges(session: Session) -> Iterator[str]:
    """What is told to have come for donors' pledges, against the ledger; as of the same moment."""
    for number in find_wrong_pledges(session, MOST_OF_A_KIND):
        yield gettext(
            "Pledge %(number)s: what came for it is not what the ledger says.", number=number
        )


def recount_days(services: Services) -> None:
    """Count the sums of days anew from the ledger, and those of codes from the gifts."""
    with services.database.write() as session:
        recount_sums(session)


def recount_sums(session: Session) -> None:
    """The same in a transaction that there is."""
    recount(session, load_catalogue(session).timezone_of)
    recount_codes(session)


def _sum_held() -> sa.Select[str, Any]:
    """What the ledger's account of statements holds, a currency each."""
    account = f"{CLEARING}:{Source.STATEMENT.value}"
    moved = LedgerEntry.amount_minor
    signed = sa.case((LedgerEntry.debit_account == account, moved), else_=-moved)
    return (
        sa.select(LedgerEntry.currency, sa.func.sum(signed))
        .where(
            sa.or_(LedgerEntry.debit_account == account, LedgerEntry.credit_account == account),
            LedgerEntry.key.like("gift%"),
        )
        .group_by(LedgerEntry.currency)
    )


def _sum_matched() -> sa.Select[str, int]:
    """What stands matched, a currency each."""
    return (
        sa.select(Match.currency, sa.func.sum(Match.amount_minor))
        .where(Match.undone_at.is_(None))
        .group_by(Match.currency)
    )


def _by_currency(session: Session, statement: sa.Executable) -> dict[str, int]:
    return {currency: int(minor) for currency, minor in session.execute(statement)}


def _wrong_lines() -> sa.Select[Any]:
    """Lines whose standing matches are not the whole line, or that should have none."""
    matched = (
        sa.select(sa.func.coalesce(sa.func.sum(Match.amount_minor), 0))
        .where(Match.line_id == StatementLine.id, Match.undone_at.is_(None))
        .scalar_subquery()
    )
    should = sa.case(
        (StatementLine.state == LineState.MATCHED, StatementLine.amount_minor), else_=0
    )
    return sa.select(StatementLine.id).where(matched != should).order_by(StatementLine.id)


def _short_files() -> sa.Select[Any]:
    kept = (
        sa.select(sa.func.count())
        .where(StatementLine.file_id == StatementFile.id)
        .scalar_subquery()
    )
    return (
        sa.select(StatementFile.filename)
        .where(kept != StatementFile.new_count)
        .order_by(StatementFile.id)
    )


def _half_withdrawn() -> sa.Select[Any]:
    """Files that are withdrawn with lines that are not, or the other way round."""
    is_withdrawn = StatementLine.state == LineState.WITHDRAWN
    differing = sa.select(StatementLine.id).where(
        StatementLine.file_id == StatementFile.id,
        is_withdrawn != StatementFile.withdrawn_at.is_not(None),
    )
    return sa.select(StatementFile.filename).where(differing.exists()).order_by(StatementFile.id)


def _unbooked_matches() -> sa.Select[Any]:
    booked = sa.select(Evidence.id).where(
        Evidence.subject == Match.subject,
        Evidence.fact == FactKind.PAID.value,
        Evidence.gift_id == Match.gift_id,
        Evidence.amount_minor == Match.amount_minor,
    )
    return sa.select(Match.subject).where(~booked.exists()).order_by(Match.id)


def _unsure_matches() -> sa.Select[Any]:
    """Matches that stand although their payment was withdrawn, or the other way round."""
    withdrawn = sa.select(Evidence.id).where(
        Evidence.subject == Match.subject, Evidence.fact == FactKind.WITHDRAWN.value
    )
    return (
        sa.select(Match.subject)
        .where(Match.undone_at.is_(None) == withdrawn.exists())
        .order_by(Match.id)
    )


def _stray_payments() -> sa.Select[Any]:
    """Payments by statement that no match of a line stands for."""
    matched = sa.select(Match.id).where(Match.subject == Evidence.subject)
    return (
        sa.select(Evidence.subject)
        .where(
            Evidence.source == Source.STATEMENT.value,
            Evidence.fact == FactKind.PAID.value,
            ~matched.exists(),
        )
        .order_by(Evidence.id)
    )


def _was_taken_back() -> sa.Exists:
    """Whether a later fact took back the evidence that is looked at."""
    taken_back = aliased(Evidence)
    return (
        sa.select(taken_back.id)
        .where(
            taken_back.gift_id == Evidence.gift_id,
            taken_back.subject == Evidence.subject,
            taken_back.fact == FactKind.WITHDRAWN.value,
        )
        .exists()
    )


def _wrong_gifts() -> sa.Select[Any]:
    """Gifts whose received amount is not the sum of their payments that stand."""
    paid = (
        sa.select(Evidence.gift_id, sa.func.sum(Evidence.amount_minor).label("minor"))
        .where(Evidence.fact == FactKind.PAID.value, ~_was_taken_back())
        .group_by(Evidence.gift_id)
        .subquery()
    )
    return (
        sa.select(Gift.reference)
        .outerjoin(paid, paid.c.gift_id == Gift.id)
        .where(Gift.paid_minor != sa.func.coalesce(paid.c.minor, 0))
        .order_by(Gift.id)
    )


def _wrong_receipts() -> sa.Select[Any]:
    """Gifts whose standing receipt acknowledges another amount than was received.

    What had gone back before it was issued may be left out of it.
    """
    is_alone = Receipt.gift_id.is_not(None)
    left_out = sa.func.coalesce(Receipt.snapshot["returned_minor"].as_integer(), 0)
    return (
        sa.select(Gift.reference)
        .join(ReceiptGift, covers(Gift.id))
        .join(Receipt, Receipt.id == ReceiptGift.receipt_id)
        # What went back before the end of its year is not on a receipt of many gifts.
        .where(
            sa.or_(
                sa.and_(is_alone, ReceiptGift.amount_minor + left_out != Gift.paid_minor),
                ReceiptGift.amount_minor > Gift.paid_minor,
            )
        )
        .order_by(Gift.id)
    )


def _wrong_uses() -> sa.Select[Any]:
    """Gifts that hold a counted use though no money is to come, or lack it though it came."""
    differs = sa.or_(
        sa.and_(CodeUse.holds, Gift.status.in_(WITHOUT_USE)),
        sa.and_(~CodeUse.holds, Gift.status.in_(RECEIVED - WITHOUT_USE)),
    )
    return (
        sa.select(Gift.reference)
        .join(CodeUse, CodeUse.gift_id == Gift.id)
        .where(Gift.is_counted, differs)
        .order_by(Gift.id)
    )


def _wrong_matches() -> sa.Select[Any]:
    """Gifts that are matched though no money stands, or are promised to though it came."""
    differs = sa.or_(
        sa.and_(GiftMatch.held_minor > 0, Gift.status.in_(WITHOUT_USE)),
        sa.and_(GiftMatch.is_paid, Gift.status.not_in(RECEIVED - WITHOUT_USE)),
        sa.and_(
            ~GiftMatch.is_paid, GiftMatch.held_minor > 0, Gift.status.in_(RECEIVED - WITHOUT_USE)
        ),
        ~Gift.is_matched,
    )
    return (
        sa.select(Gift.reference)
        .join(GiftMatch, GiftMatch.gift_id == Gift.id)
        .where(differs)
        .order_by(Gift.id)
    )


# Each question, and the sentence for each answer there should not be.
CHECKS: tuple[tuple[Callable[[], sa.Select[Any]], str], ...] = (
    (_wrong_lines, "Line %(subject)s: its matches do not come to what they should."),
    (_short_files, "File %(subject)s brought another number of new lines than are kept."),
    (
        _half_withdrawn,
        "File %(subject)s is withdrawn and its lines are not, or the other way round.",
    ),
    (_unbooked_matches, "Match %(subject)s has no payment in the evidence."),
    (
        _unsure_matches,
        "Match %(subject)s stands, but its payment does not, or the other way round.",
    ),
    (_stray_payments, "Payment %(subject)s was booked without a match."),
    (_wrong_gifts, "Gift %(subject)s: what was received is not the sum of its payments."),
    (_wrong_receipts, "Gift %(subject)s: its receipt is for another amount than was received."),
    (select_wrong_counters, "Uses of %(subject)s: the counter is not what its gifts hold."),
    (_wrong_uses, "Gift %(subject)s holds a use of its code that it should not, or lacks one."),
    (select_wrong_pots, "Pot %(subject)s: its counters are not what its gifts hold."),
    (select_unbooked_pots, "Pot %(subject)s: its accounts do not hold what its counters say."),
    (_wrong_matches, "Gift %(subject)s: what is matched of it does not go with where it stands."),
)
