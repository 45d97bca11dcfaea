"""Who gives: what a person said of themself on one form, donors by e-mail address, and consent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import Base, BigId, insert_new, partial_index
from portal.plain import full_name
from portal.services import Act

# One mailbox of Google’s has any address with dots put in, and both of these domains.
_DOTTED = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}


def fold_address(email: str) -> str:
    """An address as donors are known by it."""
    return email.strip().lower()


def spell(email: str) -> str:
    """An address as its other spellings have it, too: without a tag, or dots that say nothing."""
    local, at, domain = fold_address(email).rpartition("@")
    if not at:
        return ""
    mailbox = local.partition("+")[0] or local
    if domain in _DOTTED:
        mailbox = mailbox.replace(".", "")
    return f"{mailbox}@{_DOTTED.get(domain, domain)}"


def _spell_new(row: Any) -> str:
    return spell(row.get_current_parameters()["email"])


class Donor(Base):
    """One e-mail address that gave; names and addresses stand on each gift.

    `spelling` is common to all spellings of an address. `merged_into_id` is who has what comes by
    this address since staff merged it: always one who is not merged into another.
    """

    __tablename__ = "donors"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)
    spelling: Mapped[str] = mapped_column(
        sa.String(254), index=True, default=_spell_new, server_default=""
    )
    merged_into_id: Mapped[int | None] = mapped_column(
        BigId, sa.ForeignKey("donors.id"), index=True
    )
    created_at: Mapped[datetime]


class DonorMerge(Base):
    """Staff’s word that two donors are one: what was of `gone_id` is of `kept_id` until undone."""

    __tablename__ = "donor_merges"
    __table_args__ = (
        partial_index(
            "uq_donor_merges_standing", "gone_id", where="undone_at IS NULL", unique=True
        ),
        sa.CheckConstraint("kept_id <> gone_id", name="two_donors"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kept_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("donors.id"), index=True)
    gone_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("donors.id"), index=True)
    why: Mapped[str] = mapped_column(sa.String(300))
    actor: Mapped[str] = mapped_column(sa.String(80))
    at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str] = mapped_column(sa.String(80), default="")


class DonorMove(Base):
    """One thing that a merge moved: `what` names its kind, `row_id` is its number.

    `returned_at` is when an undo gave it back, of this merge or of one before it.
    """

    __tablename__ = "donor_moves"
    __table_args__ = (
        sa.UniqueConstraint("merge_id", "what", "row_id"),
        sa.Index("ix_donor_moves_what_row_id", "what", "row_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    merge_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("donor_merges.id"))
    what: Mapped[str] = mapped_column(sa.String(12))
    row_id: Mapped[int] = mapped_column(BigId)
    returned_at: Mapped[datetime | None]


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


def find_or_add_donor(act: Act, email: str) -> int:
    """The donor with this address; domains and local parts are compared without case."""
    return find_standing(act, email) or add_donor(act, email)


# Who has what comes by a donor's address.
STANDING = sa.func.coalesce(Donor.merged_into_id, Donor.id)


def find_standing(act: Act, email: str) -> int | None:
    """Who has what comes by an address, if it is known; nobody merges it until the act ends."""
    known = sa.select(STANDING).where(Donor.email == fold_address(email))
    found: int | None = act.session.scalar(hold_back_merges(known))
    return found


def hold_back_merges(of: sa.Select[Any]) -> sa.Select[Any]:
    """A look at donors that no merge changes until the transaction ends, which may write."""
    return of.with_for_update(read=True, key_share=True, of=Donor)


def add_donor(act: Act, email: str) -> int:
    """The id of a donor who wasn’t known a moment ago; another form may bring the same one."""
    address = fold_address(email)
    added = insert_new(act.session, Donor, {"email": address, "created_at": act.now})
    return int(added[0]) if added else find_standing(act, address) or 0


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
