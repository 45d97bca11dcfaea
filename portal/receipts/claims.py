"""Claims of Gift Aid: what can be claimed for now, claims that were made, and giving back.

A gift is in one claim that stands at most. What of a claimed gift goes back, or turns out to be
covered by nothing, is taken back in the next claim, as HMRC asks.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.clock import day_in
from portal.database import Base, BigId, Document, enum_column, partial_index
from portal.gifts.lifecycle import RECEIVED, Status
from portal.gifts.models import Gift
from portal.i18n import Labelled
from portal.receipts.declarations import Declaration, read_declared
from portal.receipts.eligibility import (
    YEARS_BACK,
    Claimed,
    SmallYear,
    judge,
    overclaimed_tax,
    sum_small,
)
from portal.receipts.gift_aid import (
    CURRENCY,
    Declared,
    Entry,
    Given,
    Row,
    Verdict,
    Why,
    compose_rows,
    list_faults,
    split_schedules,
    tax_on,
    years_before,
)
from portal.regions.catalogue import Catalogue, Issuer
from portal.services import Act


class ItemKind(Labelled):
    """What an item of a claim is: a gift that is claimed for, or a part of one taken back."""

    CLAIMED = "claimed", "Claimed"
    TAKEN_BACK = "taken_back", "Taken back"


class GiftAidClaim(Base):
    """One claim: the rows of its schedule as they were, and the tax it gives back, in pence."""

    __tablename__ = "gift_aid_claims"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    issuer: Mapped[str] = mapped_column(sa.String(40), index=True)
    made_at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(sa.String(80))
    rows: Mapped[Document]
    total_minor: Mapped[int] = mapped_column(sa.BigInteger)
    overclaimed_minor: Mapped[int] = mapped_column(sa.BigInteger)
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str] = mapped_column(sa.String(80), default="")
    why: Mapped[str] = mapped_column(sa.String(300), default="")

    @property
    def tax_minor(self) -> int:
        return tax_on(self.total_minor)

    @property
    def lines(self) -> list[Row]:
        return [Row(**{**row, "day": date.fromisoformat(row["day"])}) for row in self.rows["rows"]]

    @property
    def schedules(self) -> list[Sequence[Row]]:
        """Its rows by spreadsheets."""
        return split_schedules(self.lines) or [[]]


class GiftAidItem(Base):
    """A gift in a claim by the version of the declaration that covers it; `minor` in pence."""

    __tablename__ = "gift_aid_claim_items"
    __table_args__ = (
        partial_index(
            "uq_gift_aid_claim_items_standing",
            "gift_id",
            where="kind = 'claimed' AND withdrawn_at IS NULL",
            unique=True,
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    claim_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("gift_aid_claims.id"), index=True)
    gift_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("gifts.id"), index=True)
    declaration_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("gift_aid_declarations.id"), index=True
    )
    kind: Mapped[ItemKind] = enum_column(ItemKind, 12)
    minor: Mapped[int] = mapped_column(sa.BigInteger)
    withdrawn_at: Mapped[datetime | None]


class NothingToClaim(Exception):
    """No gift can be claimed for, so there is no schedule to send."""


class NotTheNewest(Exception):
    """A later claim builds on it: what that took back would be taken back of nothing."""


class ClaimedMeanwhile(Exception):
    """Somebody else made a claim at the same moment."""


@dataclass(frozen=True, slots=True)
class Charity:
    """An issuer that Gift Aid is offered for: its regions' slugs, and when its accounts end."""

    issuer: Issuer
    regions: tuple[str, ...]
    year_end: str


def list_charities(catalogue: Catalogue) -> list[Charity]:
    """Every issuer that took Gift Aid in some region, also where that is no longer offered."""
    regions = [*catalogue.regions.values(), *catalogue.former.values()]
    found: dict[str, Charity] = {}
    for region in regions:
        if region.gift_aid is not None and region.issuer.registration_number:
            key = region.issuer.key
            slugs = tuple(one.slug for one in regions if one.issuer.key == key)
            found.setdefault(key, Charity(region.issuer, slugs, region.gift_aid.year_end))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a claim made now would be, and why other gifts are not in it."""

    entries: tuple[Entry, ...]
    refused: Mapping[Why, Sequence[Given]]
    undeclared: int
    taken_back: tuple[Claimed, ...]
    small_years: tuple[SmallYear, ...]

    @property
    def rows(self) -> list[Row]:
        return [entry.row for entry in self.entries]

    @property
    def total_minor(self) -> int:
        return sum(row.amount_minor for row in self.rows)

    @property
    def tax_minor(self) -> int:
        return tax_on(self.total_minor)

    @property
    def overclaimed_minor(self) -> int:
        return overclaimed_tax(one.due_minor for one in self.taken_back)


def look_ahead(session: Session, charity: Charity, now: datetime, *, together: str = "") -> Outlook:
    """Judge every gift of the last years that stands in no claim, and what was claimed."""
    timezone = charity.issuer.timezone
    today = day_in(timezone, now)
    declared = read_declared(session, charity.issuer.key, timezone)
    open_gifts = _list_open(session, charity, today, declared)
    verdicts = [
        judge(gift, declared.get(gift.donor_id or 0, ()), today, charity.year_end)
        for gift in open_gifts
    ]
    refused: dict[Why, list[Given]] = defaultdict(list)
    for one in verdicts:
        if one.why is not None:
            refused[one.why].append(one.gift)
    return Outlook(
        tuple(compose_rows(verdicts, charity.year_end, together=together)),
        refused,
        _count_undeclared(session, charity, today),
        tuple(_list_taken_back(session, charity, declared)),
        tuple(_sum_small_years(session, charity, today)),
    )


def _of(charity: Charity, since: date) -> tuple[sa.ColumnElement[bool], ...]:
    """The gifts that came to a charity since a day."""
    return (
        Gift.region.in_(charity.regions),
        Gift.status.in_(RECEIVED),
        Gift.received_on >= since,
    )


_DECLARED_DONORS = sa.select(Declaration.donor_id)
_IS_CLAIMED = sa.exists().where(
    GiftAidItem.gift_id == Gift.id,
    GiftAidItem.kind == ItemKind.CLAIMED,
    GiftAidItem.withdrawn_at.is_(None),
)


def _list_open(
    session: Session, charity: Charity, today: date, declared: Mapping[int, Sequence[Declared]]
) -> list[Given]:
    """What donors who declared gave within what may still be claimed, and stands in no claim."""
    if not declared:
        return []
    its = _DECLARED_DONORS.where(Declaration.issuer == charity.issuer.key)
    wanted = sa.select(Gift).where(
        *_of(charity, _since(today)), Gift.donor_id.in_(its), ~_IS_CLAIMED
    )
    rows = session.scalars(wanted.order_by(Gift.received_on, Gift.id))
    return [read_given(gift) for gift in rows]


def _since(today: date) -> date:
    """Gifts before it are too late for a claim whenever the accounts end."""
    return years_before(today, YEARS_BACK + 1)


def read_given(gift: Gift) -> Given:
    """A gift as it is judged: what came and did not go back, the cover of its fee included."""
    return Given(
        gift_id=gift.id,
        reference=gift.reference,
        donor_id=gift.donor_id,
        name=gift.search_name,
        received_on=gift.received_on or gift.created_at.date(),
        minor=gift.paid_minor - gift.refunded_minor,
        currency=gift.currency,
        is_disputed=gift.status is Status.DISPUTED,
        is_others=gift.is_only_acknowledged,
    )


def _count_undeclared(session: Session, charity: Charity, today: date) -> int:
    its = _DECLARED_DONORS.where(Declaration.issuer == charity.issuer.key)
    is_unknown = sa.or_(Gift.donor_id.is_(None), Gift.donor_id.not_in(its))
    counted = sa.select(sa.func.count(Gift.id)).where(*_of(charity, _since(today)), is_unknown)
    return session.scalar(counted) or 0


def _list_taken_back(
    session: Session, charity: Charity, declared: Mapping[int, Sequence[Declared]]
) -> list[Claimed]:
    """Claimed gifts of which more is claimed than is left, or whose declaration ended before."""
    by_key = {one.key: one for several in declared.values() for one in several}
    ended = sa.select(Declaration.key).where(
        Declaration.issuer == charity.issuer.key, Declaration.cancelled_from.is_not(None)
    )
    doubtful = sa.or_(
        Gift.paid_minor - Gift.refunded_minor < GiftAidItem.minor, Declaration.key.in_(ended)
    )
    rows = session.execute(
        sa.select(Gift, GiftAidItem.minor, Declaration.key)
        .join(GiftAidItem, GiftAidItem.gift_id == Gift.id)
        .join(GiftAidClaim, GiftAidClaim.id == GiftAidItem.claim_id)
        .join(Declaration, Declaration.id == GiftAidItem.declaration_id)
        .where(
            GiftAidClaim.issuer == charity.issuer.key,
            GiftAidItem.kind == ItemKind.CLAIMED,
            GiftAidItem.withdrawn_at.is_(None),
            doubtful,
        )
        .order_by(Gift.id)
    ).all()
    before = _sum_taken_back(session, [gift.id for gift, _, _ in rows])
    found = (
        Claimed(read_given(gift), by_key.get(key), minor, before.get(gift.id, 0))
        for gift, minor, key in rows
    )
    return [one for one in found if one.due_minor]


def _sum_taken_back(session: Session, gift_ids: Sequence[int]) -> dict[int, int]:
    summed = (
        sa.select(GiftAidItem.gift_id, sa.func.sum(GiftAidItem.minor))
        .where(
            GiftAidItem.gift_id.in_(gift_ids),
            GiftAidItem.kind == ItemKind.TAKEN_BACK,
            GiftAidItem.withdrawn_at.is_(None),
        )
        .group_by(GiftAidItem.gift_id)
    )
    return {gift_id: int(minor) for gift_id, minor in session.execute(summed)}


def _sum_small_years(session: Session, charity: Charity, today: date) -> list[SmallYear]:
    """Cash without a declaration by tax years, beside what Gift Aid was claimed for."""
    since = years_before(today, YEARS_BACK)
    mine = _of(charity, since)
    its = _DECLARED_DONORS.where(Declaration.issuer == charity.issuer.key)
    is_loose = sa.or_(Gift.donor_id.is_(None), Gift.donor_id.not_in(its))
    cash = sa.select(Gift).where(*mine, Gift.mode == "cash", Gift.currency == CURRENCY, is_loose)
    claimed = sa.select(Gift).where(*mine, _IS_CLAIMED)
    read = ([read_given(one) for one in session.scalars(each)] for each in (cash, claimed))
    return sum_small(*read)


def make_claim(act: Act, charity: Charity, *, together: str = "") -> GiftAidClaim:
    """Claim for all that can be claimed for now, and take back what is to be taken back.

    `NothingToClaim` where there is no row; `ClaimedMeanwhile` where another claim has the gifts.
    """
    outlook = look_ahead(act.session, charity, act.now, together=together)
    if not outlook.entries:
        raise NothingToClaim
    today = day_in(charity.issuer.timezone, act.now)
    wrong = [row for row in outlook.rows if list_faults(row, today)]
    if wrong:
        raise ValueError(f"{len(wrong)} rows are not as HMRC reads them")
    claim = GiftAidClaim(
        issuer=charity.issuer.key,
        made_at=act.now,
        actor=act.actor,
        rows={"rows": [_keep_row(row) for row in outlook.rows]},
        total_minor=outlook.total_minor,
        overclaimed_minor=outlook.overclaimed_minor,
        withdrawn_at=None,
    )
    act.session.add(claim)
    try:
        act.session.flush()
        act.session.execute(sa.insert(GiftAidItem), [*_list_items(outlook, claim.id)])
    except sa.exc.IntegrityError as error:
        raise ClaimedMeanwhile from error
    act.note("gift_aid_claim", f"gift_aid:{claim.id}", {"rows": len(outlook.entries)})
    return claim


def _keep_row(row: Row) -> Document:
    return {**asdict(row), "day": row.day.isoformat()}


def _list_items(outlook: Outlook, claim_id: int) -> Iterable[Document]:
    verdicts = (one for entry in outlook.entries for one in entry.verdicts)
    yield from (_item(claim_id, ItemKind.CLAIMED, one, one.gift.minor) for one in verdicts)
    yield from (
        _item(claim_id, ItemKind.TAKEN_BACK, one, one.due_minor) for one in outlook.taken_back
    )


def _item(claim_id: int, kind: ItemKind, one: Verdict | Claimed, minor: int) -> Document:
    if one.declared is None:
        raise ValueError("a gift is claimed for by its declaration")
    return {
        "claim_id": claim_id,
        "gift_id": one.gift.gift_id,
        "declaration_id": one.declared.id,
        "kind": kind,
        "minor": minor,
        "withdrawn_at": None,
    }


def withdraw_claim(act: Act, claim: GiftAidClaim, why: str) -> None:
    """Let a claim that was not sent stand no more; its gifts can be claimed for again.

    `NotTheNewest` where another one came after it and stands.
    """
    if claim.withdrawn_at is not None:
        return
    standing = (one.id for one in list_claims(act.session, claim.issuer) if not one.withdrawn_at)
    if max(standing) != claim.id:
        raise NotTheNewest
    claim.withdrawn_at, claim.withdrawn_by, claim.why = act.now, act.actor, why
    items = sa.update(GiftAidItem).where(GiftAidItem.claim_id == claim.id)
    act.session.execute(items.values(withdrawn_at=act.now))
    act.note("gift_aid_withdraw", f"gift_aid:{claim.id}", {"reason": why})


def list_claims(session: Session, issuer: str | None = None) -> Sequence[GiftAidClaim]:
    """Claims of an issuer, or of all, the newest first."""
    wanted = sa.select(GiftAidClaim).order_by(GiftAidClaim.id.desc())
    if issuer is not None:
        wanted = wanted.where(GiftAidClaim.issuer == issuer)
    return session.scalars(wanted).all()


def list_items_of_gift(session: Session, gift_id: int) -> Sequence[GiftAidItem]:
    """What stands in claims of one gift, oldest first."""
    its = sa.select(GiftAidItem).where(
        GiftAidItem.gift_id == gift_id, GiftAidItem.withdrawn_at.is_(None)
    )
    return session.scalars(its.order_by(GiftAidItem.id)).all()
