"""Deciding lines: matched to gifts, nobody's, or taken back; each by one transaction.

The gift a line is for is found by what a clerk types: reference, name, address or amount.
Taking a match back is a further fact, which reverses the ledger and cancels a receipt that
was given for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from portal.database import insert_new
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Evidence, Gift, GiftWord
from portal.gifts.queries import select_payments
from portal.gifts.references import ALPHABET, LENGTH, ask_words, clean_reference, group
from portal.i18n import current_locale, gettext
from portal.money import AmountError, Money, format_money, parse_amount
from portal.payments.matching.identifiers import find_references
from portal.payments.matching.pool import payer_keys
from portal.payments.operations import accept_for, accept_unattributed
from portal.payments.statements.booking import (
    Making,
    MatchRefused,
    Share,
    add_match,
    book_shares,
    count_matches,
    lock_gifts,
    lock_line,
    mark_matched,
    noon,
    paid_claim,
    settled_claim,
)
from portal.payments.statements.loading import OPEN, entry_of, is_for_someone
from portal.payments.statements.models import (
    LineState,
    Match,
    PayerAlias,
    StatementLine,
    Suggestion,
)
from portal.payments.statements.queries import GiftChoice, choice_of
from portal.regions.catalogue import Catalogue
from portal.services import Act, Services

SHORTEST_REFERENCE = 3
LONGEST_TEXT = 200
# How many gifts that have the longest word are looked through for open ones, newest first.
MOST_WORDED = 20_000
# Above every letter: what begins with a text sorts between it and it with this behind.
_LAST = "\U0010ffff"


def find_open_gifts(
    session: Session, text: str, *, currency: str = "", limit: int = 20
) -> list[GiftChoice]:
    """Gifts that wait for money, newest first, by any reading of `text`; none for no text.

    A reference may be whole, inside a message, or begun; of a name or an address any words, as
    the list of gifts finds them (`portal.gifts.references`). Each reading is a look into one index.
    """
    text = " ".join(text.split())[:LONGEST_TEXT]
    if not text:
        return []
    found: dict[int, Gift] = {}
    for condition in _readings(text, currency):
        statement = _select_newest(condition, currency).limit(limit)
        found |= {gift.id: gift for gift in session.scalars(statement)}
        if len(found) >= limit:
            break
    return [choice_of(gift) for gift in list(found.values())[:limit]]


def _select_newest(condition: sa.ColumnElement[bool], currency: str) -> sa.Select[Gift]:
    """Open gifts under a condition, newest first; of any currency where none is named."""
    statement = sa.select(Gift).where(condition, Gift.status.in_(OPEN), is_for_someone())
    if currency:
        statement = statement.where(Gift.currency == currency)
    return statement.order_by(Gift.created_at.desc(), Gift.id.desc())


def _readings(text: str, currency: str) -> Iterator[sa.ColumnElement[bool]]:
    """What the text may be, the surest first."""
    references = {clean_reference(text), *find_references(text)} - {None}
    if references:
        yield Gift.reference.in_(references)
    begun = _begun_reference(text)
    if begun:
        yield Gift.reference.between(*begun)
    money = _amount(text, currency)
    if money is not None:
        yield sa.and_(Gift.currency == money.currency, Gift.amount_minor == money.minor)
    if "@" in text:
        yield _begins(Gift.email, text.lower())
    words = sorted(filter(None, ask_words(text)), key=lambda word: -max(map(len, word)))
    if words:
        yield _have_words(words, is_begun=False)
        yield _have_words(words, is_begun=True)


def _have_words(words: list[frozenset[str]], *, is_begun: bool) -> sa.ColumnElement[bool]:
    """Gifts of a donor with every one of these words, each in any spelling, or begun so."""
    first, *others = words
    found = (_select_worded(spelling, is_begun=is_begun) for spelling in sorted(first))
    parts = [sa.select(one.subquery().c[0]) for one in found]
    return sa.and_(
        Gift.id.in_(sa.select(sa.union_all(*parts).subquery().c[0])),
        *(_has_word(spellings, is_begun=is_begun) for spellings in others),
    )


def _select_worded(spelling: str, *, is_begun: bool) -> sa.Select[int]:
    """The gifts of one word along its index, so many at most."""
    word, place = GiftWord.word, (GiftWord.created_at, GiftWord.gift_id)
    statement = sa.select(GiftWord.gift_id).limit(MOST_WORDED)
    newest = [column.desc() for column in place]
    if is_begun:
        return statement.where(_begins(word, spelling)).order_by(word.desc(), *newest)
    return statement.where(word == spelling).order_by(*newest)


def _has_word(spellings: frozenset[str], *, is_begun: bool) -> sa.ColumnElement[bool]:
    other = aliased(GiftWord)
    fitting = (
        _begins(other.word, spelling) if is_begun else other.word == spelling
        for spelling in sorted(spellings)
    )
    return sa.exists().where(other.gift_id == Gift.id, sa.or_(*fitting))


def _begins(column: sa.orm.InstrumentedAttribute[str], text: str) -> sa.ColumnElement[bool]:
    return sa.and_(column >= text, column < text + _LAST)


def _begun_reference(text: str) -> tuple[str, str] | None:
    """The first and the last reference that begin so; None where none can.

    Both are whole, so that every database's own order of letters has the others between.
    """
    characters = "".join(character for character in text.upper() if character not in " -")
    if not SHORTEST_REFERENCE <= len(characters) < LENGTH or any(
        s not in ALPHABET for s in characters
    ):
        return None
    least, most = (
        group(characters.ljust(LENGTH, character)) for character in (ALPHABET[0], ALPHABET[-1])
    )
    return least, most


def _amount(text: str, currency: str) -> Money | None:
    if not currency:
        return None
    try:
        return parse_amount(text, currency)
    except AmountError:
        return None


UNATTRIBUTED_MODE = "bank_transfer"


def confirm_match(
    act: Act, line_id: int, shares: Sequence[Share], *, reasons: Sequence[str] = ()
) -> list[Match]:
    """Book an open line for one or several gifts; the shares must come to the whole line."""
    line = lock_line(act.session, line_id)
    gifts = lock_gifts(act.session, [share.gift_id for share in shares])
    _check_shares(line, shares, gifts)
    making = Making(by=act.actor, at=act.now, reasons=tuple(reasons))
    matches = book_shares(act, line, shares, gifts=gifts, making=making)
    for gift in gifts.values():
        learn_payer(act, line, gift.email)
    mark_matched(act, [line.id])
    return matches


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What became of many lines: how many were booked, and why others were not, by line id."""

    booked: int
    refused: dict[int, str]


def confirm_many(services: Services, choices: Sequence[tuple[int, int]], *, by: str) -> Confirmed:
    """Book each `(line id, gift id)` for the whole line, in a transaction of its own.

    One that is refused, as when the gift was paid in the meantime, holds up no other.
    """
    refused: dict[int, str] = {}
    for line_id, gift_id in choices:
        try:
            with services.write(by) as act:
                money = lock_line(act.session, line_id).money
                reasons = _suggested_reasons(act.session, line_id, gift_id)
                share = Share(gift_id, money)
                confirm_match(act, line_id, [share], reasons=reasons)
                act.note("lines_confirm", "lines", {"lines": [line_id]})
        except MatchRefused as refusal:
            refused[line_id] = str(refusal)
    return Confirmed(len(choices) - len(refused), refused)


def _suggested_reasons(session: Session, line_id: int, gift_id: int) -> list[str]:
    suggestion = session.get(Suggestion, (line_id, gift_id))
    return list(suggestion.reasons["reasons"]) if suggestion else []


def _check_shares(line: StatementLine, shares: Sequence[Share], gifts: Mapping[int, Gift]) -> None:
    if not shares or any(share.money.minor <= 0 for share in shares):
        raise MatchRefused(gettext("Choose a gift, and an amount above zero for it."))
    if len(gifts) != len(shares):
        raise MatchRefused(gettext("Choose each gift only once, and only gifts that exist."))
    currencies = {share.money.currency for share in shares}
    if currencies | {gift.currency for gift in gifts.values()} != {line.currency}:
        raise MatchRefused(gettext("The line and the gift are not in the same currency."))
    if sum(share.money.minor for share in shares) != line.amount_minor:
        raise MatchRefused(gettext("The amounts must add up to exactly the line’s amount."))
    for share in shares:
        _check_excess(share, gifts[share.gift_id])


def _check_excess(share: Share, gift: Gift) -> None:
    """More than was promised is booked only where a person says that it is meant so."""
    if share.may_exceed or share.money.minor <= gift.due.minor:
        return
    if not gift.due:
        raise MatchRefused(
            gettext("The gift %(reference)s has been paid already.", reference=gift.reference)
        )
    due = format_money(gift.due, current_locale())
    raise MatchRefused(
        gettext(
            "The gift %(reference)s is only waiting for %(due)s. Split the line, or say "
            "that all of it is for this gift.",
            reference=gift.reference,
            due=due,
        )
    )


def settle_gift(act: Act, gift_id: int, *, why: str) -> None:
    """A person's word that what came for a partly paid gift is all that will come.

    It hangs on the latest payment: taking that one back takes this word back too.
    """
    gift = lock_gifts(act.session, [gift_id]).get(gift_id)
    latest = _latest_payment(act.session, gift_id)
    if gift is None or latest is None or not gift.due:
        raise MatchRefused(gettext("Only a gift that was paid in part can be settled."))
    accept_for(act, gift, [settled_claim(latest, act.now, act.actor, why)])


def _latest_payment(session: Session, gift_id: int) -> str | None:
    """The subject of the newest payment that stands."""
    payments = select_payments(gift_id).with_only_columns(Evidence.subject)
    return session.scalar(payments.order_by(Evidence.id.desc()).limit(1))


def claim_unattributed(act: Act, line_id: int) -> Gift:
    """Book money nobody claims as a gift without a donor, on a person's word."""
    line = lock_line(act.session, line_id)
    slug, zone = _home_of_currency(act.catalogue, line.currency)
    day = noon(line.booked_on, zone)
    earlier = count_matches(act.session, [line.id]).get(line.id, 0)
    claim = paid_claim(line, f"line-{line.id}-{earlier + 1}", line.money, day, act.actor)
    gift = accept_unattributed(
        act,
        claim,
        why=gettext("nobody claims this money"),
        beside=None,
        region=slug,
        mode=UNATTRIBUTED_MODE,
    ).gift
    making = Making(by=act.actor, at=act.now, reasons=("unattributed",))
    add_match(act.session, line, Share(gift.id, line.money), claim.subject, making)
    mark_matched(act, [line.id])
    return gift


def _home_of_currency(catalogue: Catalogue, currency: str) -> tuple[str, str]:
    """The region whose first currency it is, and its time zone; none, and UTC, else."""
    for region in catalogue.regions.values():
        if region.currencies[0].currency == currency:
            return region.slug, region.issuer.timezone
    return "", "UTC"


def undo_match(act: Act, match_id: int, *, reason: str) -> None:
    """Take a line's matches back: every gift it paid is as if this line had not come."""
    line_id = act.session.scalar(sa.select(Match.line_id).where(Match.id == match_id))
    line = act.session.scalars(
        sa.select(StatementLine).where(StatementLine.id == line_id).with_for_update()
    ).one_or_none()
    together = _standing_matches(act.session, line_id)
    if line is None or match_id not in {match.id for match in together}:
        raise MatchRefused(gettext("This match has already been undone."))
    gifts = lock_gifts(act.session, [match.gift_id for match in together])
    for match in together:
        gift = gifts[match.gift_id]
        accept_for(act, gift, _withdrawals(act, match, gift, reason))
        match.undone_by, match.undone_at, match.undo_reason = act.actor, act.now, reason
        unlearn_payer(act.session, line, gift.email)
    line.state, line.note, line.decided_by, line.decided_at = LineState.OPEN, "", "", None
    act.session.flush()


def _standing_matches(session: Session, line_id: int | None) -> Sequence[Match]:
    """The line's matches as they are now, by gift."""
    return session.scalars(
        sa.select(Match)
        .where(Match.line_id == line_id, Match.undone_at.is_(None))
        .order_by(Match.gift_id)
        .execution_options(populate_existing=True)
    ).all()


def _withdrawals(act: Act, match: Match, gift: Gift, reason: str) -> list[Claim]:
    """The payment is taken back; a gift that only stood for unclaimed money ends with it."""
    withdrawn = Claim(
        fact=FactKind.WITHDRAWN,
        subject=match.subject,
        occurred_at=act.now,
        money=match.money,
        source=Source.STATEMENT,
        actor=act.actor,
        why=reason,
        detail={"line": match.line_id, "match": match.id},
    )
    return [withdrawn, _ending(act, match, reason)] if gift.is_unattributed else [withdrawn]


def _ending(act: Act, match: Match, reason: str) -> Claim:
    return Claim(
        fact=FactKind.EXPIRED,
        subject=match.subject,
        occurred_at=act.now,
        source=Source.PERSON,
        actor=act.actor,
        why=reason,
    )


def learn_payer(act: Act, line: StatementLine, email: str) -> None:
    """Remember how the bank names this donor, where a person has said so."""
    rows = [
        {"payer_key": key, "email": email, "learnt_at": act.now}
        for key in payer_keys(entry_of(line))
    ]
    if email and rows:
        insert_new(act.session, PayerAlias, *rows)


def unlearn_payer(session: Session, line: StatementLine, email: str) -> None:
    """Forget it: the match that taught it was none."""
    session.execute(
        sa.delete(PayerAlias).where(
            PayerAlias.payer_key.in_(payer_keys(entry_of(line))), PayerAlias.email == email
        )
    )


def correct_payers(act: Act, gift_ids: Sequence[int], *, before: str, right: str) -> None:
    """Let the lines that a person matched to these gifts teach the right address.

    What they taught of the former one is forgotten, unless it is still another gift's.
    """
    lines = act.session.scalars(
        sa.select(StatementLine)
        .join(Match, Match.line_id == StatementLine.id)
        .where(
            Match.gift_id.in_(gift_ids), Match.undone_at.is_(None), Match.is_automatic.is_(False)
        )
    ).all()
    is_elses = act.session.scalar(sa.select(Gift.id).where(Gift.email == before).limit(1))
    for line in lines:
        learn_payer(act, line, right)
        if before and is_elses is None:
            unlearn_payer(act.session, line, before)
