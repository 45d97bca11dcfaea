"""Who gives: what a person said of themself on one form, donors by e-mail address, and consent."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import Base, BigId, insert_new
from portal.plain import full_name
from portal.services import Act


class Donor(Base):
    """One e-mail address that gave; names and addresses stand on each gift."""

    __tablename__ = "donors"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)
    created_at: Mapped[datetime]


# What a person may say yes to: news, and that a code's partner knows who a gift is from.
NEWS, PARTNER = "news", "partner"


class Consent(Base):
    """A yes: the wording that was shown, and when. Kept apart from receipts.

    `channel` says to what: `NEWS`, or `PARTNER` for the name of the one gift it came with.
    `gift_id` is the gift it came with; `source` says the same, or another way, for people.
    """

    __tablename__ = "consents"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    donor_id: Mapped[int] = mapped_column(sa.ForeignKey("donors.id"), index=True)
    channel: Mapped[str] = mapped_column(sa.String(20))
    wording: Mapped[str] = mapped_column(sa.Text)
    locale: Mapped[str] = mapped_column(sa.String(12))
    source: Mapped[str] = mapped_column(sa.String(40))
    gift_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("gifts.id"), index=True)
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


# A person's proven addresses, which a later room keeps: their gifts are one person's.
DONOR_ADDRESSES = sa.table(
    "donor_addresses", sa.column("account_id"), sa.column("email"), sa.column("proven_at")
)


@dataclass(frozen=True, slots=True)
class Own:
    """Whose things somebody may see: all donors that one person is, and their addresses."""

    donor_ids: tuple[int, ...]
    emails: tuple[str, ...]


def find_or_add_donor(act: Act, email: str) -> Donor:
    """The donor with this address; domains and local parts are compared without case."""
    known = sa.select(Donor).where(Donor.email == fold_address(email))
    donor = act.session.scalar(known)
    if donor is None:
        add_donor(act, email)
        donor = act.session.scalars(known).one()
    return donor


def fold_address(email: str) -> str:
    """An address as donors are known by it."""
    return email.strip().lower()


def add_donor(act: Act, email: str) -> int:
    """The id of a donor who wasn’t known a moment ago; another form may bring the same one."""
    address = fold_address(email)
    added = insert_new(act.session, Donor, {"email": address, "created_at": act.now})
    if added:
        return int(added[0])
    return act.session.scalars(sa.select(Donor.id).where(Donor.email == address)).one()


def record_consent(
    act: Act,
    donor_id: int,
    *,
    wording: str,
    locale: str,
    source: str,
    gift_id: int | None = None,
    channel: str = NEWS,
) -> Consent:
    """Keep the very words the donor ticked, and with which gift."""
    consent = Consent(
        donor_id=donor_id,
        channel=channel,
        wording=wording,
        locale=locale,
        source=source,
        gift_id=gift_id,
        given_at=act.now,
    )
    act.session.add(consent)
    return consent


@dataclass(frozen=True, slots=True, kw_only=True)
class DonorDetails:
    """Name, address and wishes as typed for one gift; empty text where nothing was given.

    `country` is ISO 3166-1 alpha-2, `locale` the language of the form (`fr_CA`).
    """

    first_name: str
    last_name: str
    email: str
    address_line1: str = ""
    address_line2: str = ""
    city: str = ""
    province: str = ""
    postal_code: str = ""
    country: str = ""
    locale: str = "en"
    dedication: str = ""
    anonymous: bool = False
    consent_news: bool = False
    consent_partner: bool = False
    gift_aid: bool = False

    @property
    def name(self) -> str:
        return full_name(self.first_name, self.last_name)
