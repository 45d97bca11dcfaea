"""Gift Aid declarations: the words a donor agreed to, and what became of them.

Each row is a version that never changes: another name or address, a confirmation or a
cancellation is one more row of the same declaration. They are kept for six years after the last
claim that needed them (Income Tax Act 2007, s. 416; SI 2000/2074).
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from babel.dates import format_date
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from portal.clock import day_in
from portal.database import Base, BigId, Document, enum_column
from portal.gifts.models import Gift
from portal.gifts.operations import fold_name
from portal.i18n import gettext
from portal.jobs.promising import SendLetter
from portal.mail.outbox import LetterKind
from portal.plain import full_name
from portal.receipts.eligibility import DAYS_TO_CANCEL, first_day
from portal.receipts.gift_aid import Covers, Declared, How
from portal.regions.catalogue import Issuer, Region
from portal.services import Act

# Changed with the English words below, so that each declaration says which it was made by.
WORDING_VERSION = "2026-11"


class Declaration(Base):
    """A version of a donor's declaration to one issuer; `key` is common to its versions.

    `gift_id` is the gift it came with, and the only one it covers where it `covers` one alone.
    `cancelled_from` is the first day whose gifts it no longer covers.
    """

    __tablename__ = "gift_aid_declarations"
    __table_args__ = (sa.UniqueConstraint("key", "version"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(24))
    version: Mapped[int]
    donor_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("donors.id"), index=True)
    issuer: Mapped[str] = mapped_column(sa.String(40))
    gift_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("gifts.id"), index=True)
    covers: Mapped[Covers] = enum_column(Covers, 12)
    how: Mapped[How] = enum_column(How, 12)
    title: Mapped[str] = mapped_column(sa.String(20), default="")
    first_name: Mapped[str] = mapped_column(sa.String(100))
    last_name: Mapped[str] = mapped_column(sa.String(100))
    address_line1: Mapped[str] = mapped_column(sa.String(200))
    address_line2: Mapped[str] = mapped_column(sa.String(200), default="")
    city: Mapped[str] = mapped_column(sa.String(100), default="")
    province: Mapped[str] = mapped_column(sa.String(100), default="")
    postal_code: Mapped[str] = mapped_column(sa.String(20), default="")
    country: Mapped[str] = mapped_column(sa.String(2))
    wording: Mapped[str] = mapped_column(sa.Text)
    wording_version: Mapped[str] = mapped_column(sa.String(20))
    locale: Mapped[str] = mapped_column(sa.String(12))
    made_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    cancelled_from: Mapped[date | None]
    recorded_at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(sa.String(80))
    why: Mapped[str] = mapped_column(sa.String(300), default="")

    @property
    def name(self) -> str:
        return full_name(self.first_name, self.last_name)

    @property
    def address(self) -> tuple[str, ...]:
        """The home's lines without postcode and country, none of them empty."""
        lines = (self.address_line1, self.address_line2, self.city, self.province)
        return tuple(line for line in lines if line)

    @property
    def needs_confirmation(self) -> bool:
        """Whether it holds only once its donor was written to."""
        return self.how is How.ORAL and self.confirmed_at is None and self.cancelled_at is None


PERSON = (
    *("title", "first_name", "last_name", "address_line1", "address_line2", "city"),
    *("province", "postal_code", "country"),
)
# What a version takes over from the one before.
_KEPT = (
    *("key", "donor_id", "issuer", "gift_id", "covers", "how", *PERSON, "wording"),
    *("wording_version", "locale", "made_at", "confirmed_at", "cancelled_at", "cancelled_from"),
)


@dataclass(frozen=True, slots=True)
class Wording:
    """What stands beside the tick, in the reader's language; HMRC's model in its parts."""

    offer: str
    wish: str
    statement: str
    notes: str

    @property
    def whole(self) -> str:
        """All of it, as it is kept."""
        return "\n".join((self.offer, self.wish, self.statement, self.notes))


def write_wording(issuer: Issuer, covers: Covers = Covers.ALL) -> Wording:
    """The declaration in the current language.

    https://www.gov.uk/guidance/gift-aid-declarations-claiming-tax-back-on-donations
    """
    name = issuer.legal_name
    return Wording(
        offer=gettext(
            "Gift Aid adds 25p to each £1 that you give, at no cost to you: %(issuer)s reclaims it "
            "from the tax you pay for the current tax year. Your home address shows that you are "
            "a current UK taxpayer.",
            issuer=name,
        ),
        wish=_write_wish(name, covers),
        statement=gettext(
            "I am a UK taxpayer and understand that if I pay less Income Tax and/or Capital Gains "
            "Tax in a tax year than the amount of Gift Aid claimed on all my donations in that tax "
            "year, it is my responsibility to pay any difference."
        ),
        notes=gettext(
            "It is for your own money alone, not a company’s or what you collected. Tell "
            "%(issuer)s if you want to cancel this declaration, if your name or home address "
            "changes, or if you no longer pay enough tax on your income or capital gains. If you "
            "pay a higher rate and want the further relief, put your Gift Aid donations on your "
            "Self Assessment tax return, or ask HMRC to adjust your tax code.",
            issuer=name,
        ),
    )


def _write_wish(name: str, covers: Covers) -> str:
    if covers is Covers.GIFT:
        return gettext("I want to Gift Aid this donation to %(issuer)s.", issuer=name)
    return gettext(
        "I want to Gift Aid this donation, and any donations I make in the future or have made in "
        "the past 4 years, to %(issuer)s.",
        issuer=name,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaring:
    """What somebody declares: who they are by `PERSON`, and the words, as they were shown."""

    person: Mapping[str, str]
    wording: str
    locale: str
    how: How
    covers: Covers = Covers.ALL
    made_at: datetime | None = None


def declare(
    act: Act, issuer: str, donor_id: int, said: Declaring, *, gift_id: int | None = None
) -> Declaration:
    """Keep a new declaration of a donor to an issuer, by its key; with a gift where there is one.

    An oral one begins without its confirmation.
    """
    made_at = said.made_at or act.now
    declaration = Declaration(
        key=secrets.token_hex(10),
        version=1,
        donor_id=donor_id,
        issuer=issuer,
        gift_id=gift_id,
        covers=said.covers,
        how=said.how,
        **{name: said.person.get(name, "") for name in PERSON},
        wording=said.wording,
        wording_version=WORDING_VERSION,
        locale=said.locale,
        made_at=made_at,
        confirmed_at=None,
        cancelled_at=None,
        cancelled_from=None,
        recorded_at=act.now,
        actor=act.actor,
    )
    act.session.add(declaration)
    act.session.flush()
    return declaration


def _revise(
    act: Act, before: Declaration, changes: Mapping[str, object], why: str = ""
) -> Declaration:
    """One more version; of two at once the second is refused by the database."""
    kept = {name: getattr(before, name) for name in _KEPT}
    after = Declaration(
        **{**kept, **changes},
        version=before.version + 1,
        recorded_at=act.now,
        actor=act.actor,
        why=why,
    )
    act.session.add(after)
    act.session.flush()
    return after


def correct_person(act: Act, before: Declaration, person: Mapping[str, str]) -> Declaration:
    """Keep another name or address of who declared; the same where nothing differs."""
    changes = {name: text for name, text in person.items() if getattr(before, name) != text}
    return _revise(act, before, changes) if changes else before


def confirm(act: Act, before: Declaration) -> Declaration:
    """Keep that the donor of an oral declaration was written to."""
    if not before.needs_confirmation:
        return before
    return _revise(act, before, {"confirmed_at": act.now})


def confirm_by_key(act: Act, key: str) -> None:
    """The same by its key, as the letter that confirms it knows it."""
    found = find_declaration(act.session, key)
    if found is not None:
        confirm(act, found)


def cancel(
    act: Act, before: Declaration, timezone: str, *, day: date | None = None, why: str = ""
) -> Declaration:
    """Keep that it no longer holds from a day on, today where none is named.

    An oral one that is cancelled within the thirty days was never made.
    """
    if before.cancelled_at is not None:
        return before
    today = day_in(timezone, act.now)
    first = first_day(day_in(timezone, before.made_at))
    begins = first if is_in_doubt(before, timezone, today) else day or today
    return _revise(act, before, {"cancelled_at": act.now, "cancelled_from": begins}, why)


def is_in_doubt(one: Declaration, timezone: str, today: date) -> bool:
    """Whether it is an oral one that its donor may still undo from its beginning."""
    if one.how is not How.ORAL:
        return False
    confirmed = one.confirmed_at
    return confirmed is None or today <= day_in(timezone, confirmed) + DAYS_TO_CANCEL


def promise_confirmation(act: Act, declaration: Declaration) -> bool:
    """Promise the letter that confirms an oral declaration; False where nobody can be written to.

    It is confirmed once the letter went out.
    """
    gift = act.session.get(Gift, declaration.gift_id) if declaration.gift_id else None
    if gift is None or not gift.email or not declaration.needs_confirmation:
        return False
    act.promise(SendLetter(LetterKind.GIFT_AID_CONFIRMATION, gift.id, declaration.key))
    return True


_LATER = aliased(Declaration)
_STANDS = ~sa.exists().where(_LATER.key == Declaration.key, _LATER.version > Declaration.version)


def find_declaration(session: Session, key: str) -> Declaration | None:
    """The newest version of a declaration."""
    return session.scalar(sa.select(Declaration).where(Declaration.key == key, _STANDS))


def list_of_donors(session: Session, donor_ids: Iterable[int]) -> Sequence[Declaration]:
    """The newest version of each declaration of some donors, the newest first."""
    own = sa.select(Declaration).where(Declaration.donor_id.in_([*donor_ids]), _STANDS)
    return session.scalars(own.order_by(Declaration.made_at.desc(), Declaration.id.desc())).all()


def list_of_gift(session: Session, gift: Gift) -> Sequence[Declaration]:
    """The same of a gift's donor, and those that came with the gift."""
    its = sa.or_(Declaration.donor_id == gift.donor_id, Declaration.gift_id == gift.id)
    found = sa.select(Declaration).where(its, _STANDS)
    return session.scalars(found.order_by(Declaration.made_at.desc(), Declaration.id.desc())).all()


def read_declared(
    session: Session, issuer: str, timezone: str, donor_ids: Iterable[int] | None = None
) -> dict[int, list[Declared]]:
    """All declarations to an issuer as they stand, by donor; of some donors, or of all."""
    wanted = sa.select(Declaration).where(Declaration.issuer == issuer)
    if donor_ids is not None:
        # By the version that stands: an earlier one may have been of another donor.
        its = sa.select(Declaration.key).where(Declaration.donor_id.in_([*donor_ids]), _STANDS)
        wanted = wanted.where(Declaration.key.in_(its))
    newest: dict[str, Declaration] = {}
    names: dict[str, set[str]] = defaultdict(set)
    for one in session.scalars(wanted.order_by(Declaration.key, Declaration.version)):
        newest[one.key] = one
        names[one.key].add(fold_name(one.first_name, one.last_name))
    found: dict[int, list[Declared]] = defaultdict(list)
    for key, one in newest.items():
        found[one.donor_id].append(_read(one, frozenset(names[key]), timezone))
    return found


def _read(one: Declaration, names: frozenset[str], timezone: str) -> Declared:
    confirmed = one.confirmed_at
    return Declared(
        id=one.id,
        key=one.key,
        donor_id=one.donor_id,
        names=names,
        covers=one.covers,
        gift_id=one.gift_id,
        how=one.how,
        made_on=day_in(timezone, one.made_at),
        confirmed_on=day_in(timezone, confirmed) if confirmed else None,
        cancelled_from=one.cancelled_from,
        title=one.title,
        first_name=one.first_name,
        last_name=one.last_name,
        address=one.address,
        postal_code=one.postal_code,
        country=one.country,
    )


def declare_with_gift(act: Act, gift: Gift, region: Region, wording: str) -> Declaration:
    """Keep what was ticked with a gift, in the name and address that came with it."""
    person = {name: getattr(gift, name) for name in PERSON if name != "title"}
    said = Declaring(person=person, wording=wording, locale=gift.locale, how=How.FORM)
    if gift.donor_id is None:
        raise ValueError("nobody is known to declare")
    return declare(act, region.issuer.key, gift.donor_id, said, gift_id=gift.id)


def follow_gifts(act: Act, gifts: Iterable[Gift], right: Mapping[str, str]) -> None:
    """Let the declarations that came with gifts know what of their donor was corrected."""
    by_id = {gift.id: gift for gift in gifts}
    came = sa.select(Declaration).where(Declaration.gift_id.in_(by_id), _STANDS)
    for one in act.session.scalars(came).all():
        gift = by_id[one.gift_id or 0]
        person = {name: text for name, text in right.items() if name in PERSON}
        changes = {"donor_id": gift.donor_id or one.donor_id, **person}
        if any(getattr(one, name) != value for name, value in changes.items()):
            _revise(act, one, changes)


def move_declaration(act: Act, one: Declaration, donor_id: int) -> None:
    """Let a declaration be another donor’s, in a version of its own."""
    _revise(act, one, {"donor_id": donor_id})


def follow_details(act: Act, donor_ids: Iterable[int], said: Mapping[str, str]) -> None:
    """Let what donors declared know another name, and another home where the whole was said."""
    is_whole = bool(said.get("address_line1") and said.get("postal_code") and said.get("country"))
    names = PERSON[1:] if is_whole else ("first_name", "last_name")
    for one in list_of_donors(act.session, donor_ids):
        if one.cancelled_at is None:
            correct_person(act, one, {name: said.get(name, "") for name in names})


def forget_declarations(act: Act, donor_ids: Iterable[int], today: date) -> None:
    """Cancel what a claim needs, which has to be kept, and let go of all the rest."""
    mine = list_of_donors(act.session, donor_ids)
    claimed = sa.table("gift_aid_claim_items", sa.column("declaration_id"))
    for one in mine:
        versions = sa.select(Declaration.id).where(Declaration.key == one.key)
        needed = sa.select(claimed.c.declaration_id).where(claimed.c.declaration_id.in_(versions))
        if act.session.execute(needed.limit(1)).first() is None:
            act.session.execute(sa.delete(Declaration).where(Declaration.key == one.key))
        elif one.cancelled_at is None:
            _revise(act, one, {"cancelled_at": act.now, "cancelled_from": today})


def letter_values(session: Session, key: str) -> Document:
    """What the letter that confirms a declaration says of it; nothing where it is none's."""
    found = find_declaration(session, key)
    if found is None:
        return {}
    return {
        "declaration": found,
        "declaration_address": ", ".join((*found.address, found.postal_code)),
        "declaration_day": format_date(found.made_at, format="long", locale=found.locale),
    }
