"""Numbers that tax laws ask of donors: kept encrypted, shown by their last signs alone.

They are a person's: of a donor's address and of the name that was given under, since two may share
an address. What is kept by one proven address of an account holds for its others. In the clear
they stand only where a law wants them: on its document, in its file, in their bearer's own copy.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from babel import Locale
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from portal.clock import day_in
from portal.database import Base, BigId, Document, enum_column
from portal.donors import DONOR_ADDRESSES, STANDING, Donor
from portal.encryption import Unreadable, decrypt, encrypt, name_keys
from portal.gifts.models import Gift
from portal.i18n import language, use_locale
from portal.logs import get_logger
from portal.receipts.planning import Receiver, receiver_of
from portal.regions.catalogue import Region
from portal.regions.donor_numbers import RULES
from portal.regions.schemes import NumberKind, ReceiptField
from portal.services import Act, Services
from portal.settings import Settings

log = get_logger()

SHOWN = 2
# What of a document numbers fill.
OF_NUMBERS = frozenset(
    {
        *(rule.field for rule in RULES.values()),
        ReceiptField.PERSON_NATURE,
        ReceiptField.ID_TYPE,
        ReceiptField.ID_COUNTRY,
    }
)
# What stands for the rest, however long it is.
HIDDEN = "••••"


class DonorNumber(Base):
    """One number of a donor by the `name` they give under, as `Gift.search_name` has it.

    `encrypted` is of `portal.encryption`, `ending` its last signs, `country` who gave it, where its
    kind doesn't say.
    """

    __tablename__ = "donor_tax_numbers"
    __table_args__ = (sa.UniqueConstraint("donor_id", "name", "kind"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    donor_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey(Donor.id))
    name: Mapped[str] = mapped_column(sa.String(210))
    kind: Mapped[NumberKind] = enum_column(NumberKind, 20)
    encrypted: Mapped[str] = mapped_column(sa.Text)
    ending: Mapped[str] = mapped_column(sa.String(SHOWN))
    country: Mapped[str] = mapped_column(sa.String(2), default="")
    said_at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(sa.String(80))

    @property
    def masked(self) -> str:
        return f"{HIDDEN}{self.ending}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Whose a number is: a donor, and the folded name that their gifts have."""

    donor_id: int
    name: str


def bearer_of(gift: Gift) -> Bearer | None:
    """The one a gift's number is looked for by; None where nobody is known."""
    if gift.donor_id is None or not gift.search_name:
        return None
    return Bearer(donor_id=gift.donor_id, name=gift.search_name)


def keep_number(
    act: Act,
    bearer: Bearer,
    kind: NumberKind,
    text: str,
    *,
    country: str = "",
    instead_of: Collection[NumberKind] = (),
) -> bool:
    """Keep a number that its kind's rule has read, in place of what there was; False for the same.

    `instead_of` are the kinds of which its bearer has one alone.
    """
    # Of two forms at once the second waits here for the first.
    act.session.get(Donor, bearer.donor_id, with_for_update=True)
    standing = list_numbers(act.session, bearer)
    known = next((one for one in standing if one.kind is kind), None)
    if known is not None and known.country == country and _is_same(act, known, text):
        return False
    for one in standing:
        if one.kind in {kind, *instead_of}:
            act.session.delete(one)
    act.session.flush()
    act.session.add(
        DonorNumber(
            donor_id=bearer.donor_id,
            name=bearer.name,
            kind=kind,
            encrypted=encrypt(act.services.settings, text, kind),
            ending=text[-SHOWN:],
            country=country,
            said_at=act.now,
            actor=act.actor,
        )
    )
    act.session.flush()
    return True


def _is_same(act: Act, one: DonorNumber, text: str) -> bool:
    return read_number(act.services.settings, one) == text


def read_number(settings: Settings, one: DonorNumber) -> str:
    """A number in the clear; nothing, and a line in the log, where its key is not there."""
    try:
        return decrypt(settings, one.encrypted, one.kind)
    except Unreadable:
        log.error("donor_number_unreadable", number_id=one.id)
        return ""


def list_numbers(session: Session, bearer: Bearer) -> Sequence[DonorNumber]:
    """What is kept of a person by any of their addresses, the newest first."""
    own = sa.or_(
        is_of_donors((bearer.donor_id,)), DonorNumber.donor_id.in_(list_others(bearer.donor_id))
    )
    wanted = sa.select(DonorNumber).where(own, DonorNumber.name == bearer.name)
    return session.scalars(wanted.order_by(DonorNumber.said_at.desc(), DonorNumber.id.desc())).all()


def is_of_donors(donor_ids: Collection[int]) -> sa.ColumnElement[bool]:
    """A number of some donors, or of one that was merged into them, whose numbers stay its own."""
    theirs = sa.or_(Donor.id.in_(donor_ids), Donor.merged_into_id.in_(donor_ids))
    return DonorNumber.donor_id.in_(sa.select(Donor.id).where(theirs))


def list_others(donor_id: int) -> sa.Select[int]:
    """The donors by all proven addresses of the account that a donor's is of."""
    its, theirs = DONOR_ADDRESSES.alias("its"), DONOR_ADDRESSES.alias("theirs")
    known, other = aliased(Donor), aliased(Donor)
    is_same = sa.and_(theirs.c.account_id == its.c.account_id, theirs.c.proven_at.is_not(None))
    return (
        sa.select(other.id)
        .select_from(known)
        .join(its, sa.and_(its.c.email == known.email, its.c.proven_at.is_not(None)))
        .join(theirs, is_same)
        .join(other, other.email == theirs.c.email)
        .where(sa.or_(known.id == donor_id, known.merged_into_id == donor_id))
    )


def list_of_donors(session: Session, donor_ids: Collection[int]) -> Sequence[DonorNumber]:
    """All that is kept of some donors, whatever name they give under."""
    wanted = sa.select(DonorNumber).where(is_of_donors(donor_ids))
    return session.scalars(wanted.order_by(DonorNumber.name, DonorNumber.id)).all()


def find_receiver(
    session: Session, settings: Settings, gift: Gift, region: Region, now: datetime
) -> Receiver:
    """Whom a gift's receipt is for, with the numbers that its official scheme asks for, if any."""
    receiver = receiver_of(gift)
    scheme = region.official_on(day_in(region.issuer.timezone, now))
    bearer = bearer_of(gift)
    if scheme is None or bearer is None or not scheme.donor_numbers:
        return receiver
    found = [one for one in list_numbers(session, bearer) if one.kind in scheme.donor_numbers]
    with use_locale(scheme.speech or gift.locale):
        return replace(receiver, details=_tell(settings, found, scheme.speech or gift.locale))


def _tell(
    settings: Settings, numbers: Sequence[DonorNumber], locale: str
) -> Mapping[ReceiptField, str]:
    """Numbers by the fields of a document, with what they say of their bearer."""
    told: dict[ReceiptField, str] = {}
    for one in numbers:
        rule = RULES[one.kind]
        if rule.field in told or not (text := read_number(settings, one)):
            continue
        told[rule.field] = text
        if rule.nature is not None:
            told[ReceiptField.PERSON_NATURE] = rule.nature.label
            told[ReceiptField.ID_TYPE] = one.kind.label
            told[ReceiptField.ID_COUNTRY] = _name_country(one.country or rule.country, locale)
    return told


def _name_country(country: str, locale: str) -> str:
    return str(Locale.parse(language(locale)).territories.get(country, country))


def read_by_gift(
    session: Session, settings: Settings, gifts: Iterable[Gift], kinds: Collection[NumberKind]
) -> dict[int, Mapping[NumberKind, str]]:
    """The numbers of some kinds that gifts' donors have said, by gift; for a tax office's file."""
    wanted = sa.select(DonorNumber).where(DonorNumber.kind.in_(kinds)).order_by(DonorNumber.id)
    numbers = session.scalars(wanted).all() if kinds else ()
    if not numbers:
        return {}
    persons = _list_persons(session)
    said: dict[tuple[object, str], dict[NumberKind, str]] = defaultdict(dict)
    for one in numbers:
        if text := read_number(settings, one):
            said[persons.get(one.donor_id, one.donor_id), one.name][one.kind] = text
    return {
        gift.id: said.get((persons.get(bearer.donor_id, bearer.donor_id), bearer.name), {})
        for gift in gifts
        if (bearer := bearer_of(gift)) is not None
    }


def _list_persons(session: Session) -> dict[int, object]:
    """Who each donor is that has an account, told apart from any donor, or was merged."""
    is_theirs = sa.and_(
        DONOR_ADDRESSES.c.email == Donor.email, DONOR_ADDRESSES.c.proven_at.is_not(None)
    )
    rows = session.execute(
        sa.select(Donor.id, DONOR_ADDRESSES.c.account_id).join(DONOR_ADDRESSES, is_theirs)
    )
    accounts: dict[int, object] = {donor_id: f"account {number}" for donor_id, number in rows}
    merged = sa.select(Donor.id, STANDING).where(Donor.merged_into_id.is_not(None))
    ends = {donor_id: accounts.get(end, end) for donor_id, end in session.execute(merged)}
    return accounts | ends


def follow_person(
    act: Act, before: Bearer | None, gift: Gift, *, is_own_word: bool = False
) -> None:
    """Let numbers go with a gift whose donor was corrected, unless others are still given so.

    By the donor's own word it is one person by both names, whose numbers then hold for both.
    """
    after = bearer_of(gift)
    if before is None or after is None or after == before:
        return
    own = sa.and_(Gift.donor_id == before.donor_id, Gift.search_name == before.name)
    is_left = act.session.scalar(sa.select(Gift.id).where(own).limit(1)) is not None
    if is_left and not is_own_word:
        return
    has = {one.kind for one in list_numbers(act.session, after)}
    for one in list_of_donors(act.session, (before.donor_id,)):
        if one.name == before.name and one.kind not in has:
            _hand_on(act.session, one, after, keep=is_left)
    act.session.flush()


def _hand_on(session: Session, one: DonorNumber, after: Bearer, *, keep: bool) -> None:
    if keep:
        names = ("kind", "encrypted", "ending", "country", "said_at", "actor")
        same = {name: getattr(one, name) for name in names}
        session.add(DonorNumber(donor_id=after.donor_id, name=after.name, **same))
    else:
        one.donor_id, one.name = after.donor_id, after.name


def tell_own(session: Session, settings: Settings, donor_ids: Collection[int]) -> list[Document]:
    """All numbers of some donors in the clear, for their own copy of what is kept."""
    return [
        {
            "kind": one.kind.value,
            "name": one.name,
            "number": read_number(settings, one),
            "country": one.country,
            "said_at": one.said_at.isoformat(),
        }
        for one in list_of_donors(session, donor_ids)
    ]


def forget_numbers(session: Session, donor_ids: Collection[int]) -> None:
    """Let go of all numbers of some donors; what stands on documents stays there."""
    session.execute(sa.delete(DonorNumber).where(is_of_donors(donor_ids)))


def count_unreadable(session: Session, settings: Settings) -> int:
    """How many numbers were encrypted by a key that is not among the settings."""
    by_key = (DonorNumber.encrypted.startswith(f"{name}.") for name in name_keys(settings))
    return session.scalar(sa.select(sa.func.count()).where(~sa.or_(*by_key))) or 0


def encrypt_anew(services: Services) -> tuple[int, int]:
    """Encrypt by the secret key what former ones did; how many, and how many can't be read."""
    newest = name_keys(services.settings)[0]
    renewed = 0
    with services.write() as act:
        old = sa.select(DonorNumber).where(~DonorNumber.encrypted.startswith(f"{newest}."))
        for one in act.session.scalars(old.with_for_update()).all():
            text = read_number(services.settings, one)
            if text:
                one.encrypted = encrypt(services.settings, text, one.kind)
                renewed += 1
        act.session.flush()
        return renewed, count_unreadable(act.session, services.settings)
