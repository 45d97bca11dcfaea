"""Pledges as pages and commands make, change and read them; `Commitment` is one as it is kept.

What fulfils a donor's is summed from their gifts when it is read: a person has few; the ledger is
asked for the same by `portal.gifts.pledge_proof`. What fulfils a partner's is one of the sums that
every change of a gift keeps up (`portal.gifts.code_sums`), and is proven with them: a partner may
have a million gifts. Either is what was paid within the span, by the day on which it came, less
refunds and lost disputes, in the pledge's own currency alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from email_validator import EmailNotValidError, validate_email
from sqlalchemy.orm import Session

from portal.clock import day_in
from portal.codes.models import CodeRecord, CodeUse, Scope
from portal.codes.operations import find_scope
from portal.codes.parsing import CodeError, normalise_code
from portal.database import Document, table_of
from portal.donors import Donor, find_or_add_donor, fold_address
from portal.gifts.code_counting import count_commitment
from portal.gifts.code_sums import CodeSum, catch_up, hold_sums
from portal.gifts.code_weighing import ALL, PLEDGE
from portal.gifts.models import Commitment, CommitmentChange, Gift
from portal.gifts.progress import Reckoning, Rhythm, Schedule, reckon
from portal.money import Money
from portal.regions.catalogue import Catalogue
from portal.services import Act, Services

LONGEST_NOTE = 300
# An instalment is at most so many minor units, far from what the database can count.
MOST_MINOR = 10**12
FIRST_YEAR, LAST_YEAR = 1990, 2199
NAME = "pledge"
# The source of a consent by which a partner may know who made a pledge; its number follows.
NAMED = "pledge:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose a pledge is, by what people know them by; with an address it is a donor's."""

    email: str = ""
    partner: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a pledge says: so much, so often, within a span; any fund where `fund` is empty."""

    money: Money
    rhythm: Rhythm
    since: date
    until: date | None = None
    fund: str = ""
    note: str = ""

    def document(self) -> Document:
        """The same for its history; a note may name somebody, and is not in it."""
        return {
            "amount": str(self.money),
            "rhythm": self.rhythm.value,
            "since": self.since.isoformat(),
            "until": self.until.isoformat() if self.until else None,
            "fund": self.fund,
        }


@contextmanager
def committing(services: Services, actor: str, *, is_partners: bool) -> Iterator[Act]:
    """An act that makes or changes a pledge; sums are held where a partner's is counted anew."""
    with services.write(actor) as act:
        if is_partners:
            hold_sums(act.session)
        yield act


def add_commitment(act: Act, owner: Owner, said: Said) -> Commitment:
    """A new pledge, within `committing`; raises `CodeError` where it can't be."""
    _check(act.catalogue, said)
    row = Commitment(**_find_owner(act, owner), created_at=act.now)
    _write(row, said)
    act.session.add(row)
    act.session.flush()
    _keep(act, row, "made", said.document())
    return row


def change_commitment(act: Act, row: Commitment, said: Said) -> bool:
    """Let a pledge say something else from now on; whether that is new. `CodeError` as above.

    It is judged by what it says now as if it had always said so; its history keeps the rest.
    """
    _refuse_cancelled(row)
    before = read_said(row)
    if said == before:
        return False
    if said.money.currency != before.money.currency:
        raise CodeError(NAME, "amount", f"is in {before.money.currency}")
    _check(act.catalogue, said, known_fund=before.fund)
    _write(row, said)
    act.session.flush()
    _keep(act, row, "changed", said.document())
    return True


def cancel_commitment(act: Act, row: Commitment) -> bool:
    """End a pledge: nothing more is due. Whether that is new."""
    if row.cancelled_at is not None:
        return False
    row.cancelled_at = act.now
    act.session.flush()
    _keep(act, row, "cancelled", {})
    return True


def _refuse_cancelled(row: Commitment) -> None:
    if row.cancelled_at is not None:
        raise CodeError(NAME, "", "is cancelled: make another one")


def _write(row: Commitment, said: Said) -> None:
    row.amount_minor, row.currency = said.money.minor, said.money.currency
    row.rhythm, row.since, row.until = said.rhythm, said.since, said.until
    row.fund, row.note = said.fund, said.note


def read_said(row: Commitment) -> Said:
    return Said(
        money=Money(row.amount_minor, row.currency),
        rhythm=row.rhythm,
        since=row.since,
        until=row.until,
        fund=row.fund,
        note=row.note,
    )


def _keep(act: Act, row: Commitment, what: str, said: Document) -> None:
    """Keep what changed, and count a partner's anew."""
    change = CommitmentChange(
        commitment_id=row.id, what=what, said=said, at=act.now, actor=act.actor
    )
    act.session.add(change)
    act.session.flush()
    act.note(f"pledge_{what}", f"pledge:{row.id}", {})
    if row.donor_id is None and what != "cancelled":
        count_commitment(act.session, row.id)


def _check(catalogue: Catalogue, said: Said, known_fund: str = "") -> None:
    if not 0 < said.money.minor <= MOST_MINOR:
        raise CodeError(NAME, "amount", "is more than nothing, and no more than can be counted")
    if not FIRST_YEAR <= said.since.year <= LAST_YEAR:
        raise CodeError(NAME, "since", f"is a day from {FIRST_YEAR} to {LAST_YEAR}")
    if said.until is not None and not said.since <= said.until <= date(LAST_YEAR, 12, 31):
        raise CodeError(NAME, "until", f"is the first day or a later one, up to {LAST_YEAR}")
    if len(said.note) > LONGEST_NOTE or not said.note.isprintable():
        raise CodeError(NAME, "note", f"is one line of at most {LONGEST_NOTE} characters")
    funds = {fund.key for region in catalogue.regions.values() for fund in region.funds}
    if said.fund not in {"", known_fund, *funds}:
        raise CodeError(NAME, "fund", "is the key of a fund that there is")


def _find_owner(act: Act, owner: Owner) -> dict[str, int | None]:
    """The numbers of whom a pledge is of; `CodeError` for one that there isn't."""
    found: dict[str, int | None] = {}
    if owner.partner:
        scope = find_scope(act.session, owner.partner)
        if scope is None:
            raise CodeError(NAME, "partner", "is the key of a partner that there is")
        found["scope_id"] = scope.id
    if owner.code:
        found |= _find_code(act.session, owner, found.get("scope_id"))
    if owner.email:
        found["donor_id"] = find_or_add_donor(act, _check_address(owner.email))
    if not found:
        raise CodeError(NAME, "partner", "is given, or a code, or a donor’s address")
    return found


def _check_address(email: str) -> str:
    try:
        return validate_email(email, check_deliverability=False).normalized
    except EmailNotValidError:
        raise CodeError(NAME, "email", "is an e-mail address") from None


def _find_code(session: Session, owner: Owner, scope_id: int | None) -> dict[str, int | None]:
    wanted = normalise_code(owner.code)
    row = session.scalar(sa.select(CodeRecord).where(CodeRecord.code == wanted)) if wanted else None
    if row is None:
        raise CodeError(NAME, "code", "is a code that there is")
    if scope_id not in {None, row.scope_id}:
        raise CodeError(NAME, "code", "is a code of that partner")
    return {"code_id": row.id, "scope_id": row.scope_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fulfilled:
    """What came for a pledge: money in minor units, and of how many people it is."""

    gross: int = 0
    refunded: int = 0
    gifts: int = 0
    donors: int = 0

    @property
    def net(self) -> int:
        return self.gross - self.refunded


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A pledge for readers: whose it is, what it says and how it stands today."""

    row: Commitment
    email: str
    partner: str
    partner_key: str
    code: str
    spelling: str
    fulfilled: Fulfilled
    reckoning: Reckoning

    @property
    def said(self) -> Said:
        return read_said(self.row)

    @property
    def is_donors(self) -> bool:
        return self.row.donor_id is not None


_C, _SUMS = table_of(Commitment), table_of(CodeSum)
_WHOLE = (
    sa.select(
        Commitment,
        sa.func.coalesce(Donor.email, ""),
        sa.func.coalesce(Scope.name, ""),
        sa.func.coalesce(Scope.key, ""),
        sa.func.coalesce(CodeRecord.display, ""),
        sa.func.coalesce(CodeRecord.code, ""),
    )
    .outerjoin(Donor, Donor.id == Commitment.donor_id)
    .outerjoin(Scope, Scope.id == Commitment.scope_id)
    .outerjoin(CodeRecord, CodeRecord.id == Commitment.code_id)
)


def find_commitment(session: Session, commitment_id: int) -> Commitment | None:
    return session.get(Commitment, commitment_id)


def tell(
    session: Session, catalogue: Catalogue, now: datetime, *wanted: Any, most: int | None = None
) -> list[Told]:
    """The pledges that fit all of `wanted`, the newest first, at most so many."""
    found = _WHOLE.where(*wanted).order_by(Commitment.id.desc()).limit(most)
    rows = session.execute(found).all()
    fulfilled = read_fulfilled(session, [row[0] for row in rows])
    return [_tell(catalogue, now, row, fulfilled.get(row[0].id, Fulfilled())) for row in rows]


PAGE = 50


def list_pages(
    services: Services, *, number: int | None = None, email: str = "", partner: str = ""
) -> Iterator[Told]:
    """All pledges that fit, the newest first, a page of them from the database at a time."""
    catch_up(services.database)
    asked = [Commitment.id == number] if number is not None else []
    asked += [Donor.email == fold_address(email)] if email else []
    asked += [Scope.key == partner] if partner else []
    after: list[Any] = []
    while True:
        with services.database.read() as session:
            page = tell(session, services.catalogue, services.now(), *asked, *after, most=PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after = [Commitment.id < page[-1].row.id]


def _tell(catalogue: Catalogue, now: datetime, row: Any, fulfilled: Fulfilled) -> Told:
    one, email, partner, key, code, spelling = row
    given = Money(fulfilled.net, one.currency)
    today = day_in(zone_of(catalogue, one.currency), now)
    return Told(
        row=one,
        email=email,
        partner=partner,
        partner_key=key,
        code=code,
        spelling=spelling,
        fulfilled=fulfilled,
        reckoning=reckon(schedule_of(one), given, today, is_cancelled=one.cancelled_at is not None),
    )


def schedule_of(row: Commitment) -> Schedule:
    money = Money(row.amount_minor, row.currency)
    return Schedule(money=money, rhythm=row.rhythm, since=row.since, until=row.until)


def zone_of(catalogue: Catalogue, currency: str) -> str:
    """Whose calendar says what day it is: that of the first region with the currency."""
    own = (region.timezone for region in catalogue.open if region.currency(currency))
    return next(own, "UTC")


def read_fulfilled(session: Session, rows: Iterable[Commitment]) -> dict[int, Fulfilled]:
    """What came for each of some pledges, by their numbers."""
    rows = list(rows)
    donors = [row.id for row in rows if row.donor_id is not None]
    partners = [str(row.id) for row in rows if row.donor_id is None]
    found = _sum_kept(session, partners) if partners else {}
    return found | (_sum_donors(session, donors) if donors else {})


def _sum_kept(session: Session, keys: Sequence[str]) -> dict[int, Fulfilled]:
    sums = sa.select(
        _SUMS.c.key, _SUMS.c.gross, _SUMS.c.refunded, _SUMS.c.gifts, _SUMS.c.donors
    ).where(_SUMS.c.scope_id == ALL, _SUMS.c.dimension == PLEDGE, _SUMS.c.key.in_(keys))
    return {int(key): _read(numbers) for key, *numbers in session.execute(sums)}


def _sum_donors(session: Session, ids: Sequence[int]) -> dict[int, Fulfilled]:
    paid = select_gifts(
        _C.c.id,
        sa.func.sum(Gift.paid_minor),
        sa.func.sum(Gift.refunded_minor),
        sa.func.count(),
        sa.func.count(sa.distinct(_C.c.donor_id)),
    ).where(_C.c.id.in_(ids))
    return {key: _read(numbers) for key, *numbers in session.execute(paid.group_by(_C.c.id))}


def _read(numbers: Sequence[int]) -> Fulfilled:
    gross, refunded, gifts, donors = map(int, numbers)
    return Fulfilled(gross=gross, refunded=refunded, gifts=gifts, donors=donors)


def select_gifts(*values: Any) -> sa.Select[Any]:
    """`values` of the gifts that fulfil donors' pledges; one a pledge and a gift.

    One that was never put down to a donor is theirs by its address.
    """
    is_theirs = sa.or_(
        Gift.donor_id == _C.c.donor_id,
        sa.and_(Gift.donor_id.is_(None), Gift.email == Donor.email),
    )
    under = sa.or_(
        sa.and_(_C.c.code_id.is_(None), _C.c.scope_id.is_(None)),
        CodeUse.code_id == _C.c.code_id,
        sa.and_(
            _C.c.code_id.is_(None),
            CodeUse.path.like(sa.literal("%/") + sa.cast(_C.c.scope_id, sa.String) + "/%"),
        ),
    )
    return (
        sa.select(*values)
        .join_from(_C, Donor, Donor.id == _C.c.donor_id)
        .join(Gift, is_theirs)
        .outerjoin(CodeUse, CodeUse.gift_id == Gift.id)
        .where(
            Gift.currency == _C.c.currency,
            Gift.paid_minor > 0,
            Gift.received_on >= _C.c.since,
            sa.or_(_C.c.until.is_(None), Gift.received_on <= _C.c.until),
            sa.or_(_C.c.fund == "", _C.c.fund == Gift.fund),
            under,
        )
    )


def list_changes(session: Session, commitment_id: int) -> Sequence[CommitmentChange]:
    """A pledge's history, oldest first."""
    own = sa.select(CommitmentChange).where(CommitmentChange.commitment_id == commitment_id)
    return session.scalars(own.order_by(CommitmentChange.id)).all()
