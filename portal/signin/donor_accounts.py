"""Donors' accounts: one a person, who comes in by a mailed link to any address that is theirs.

An account begins when somebody first comes in by an address that gave. Further addresses are
asked for from within, and count once the link in a letter to them was used by the same account:
so nobody joins to their own what is another's, nor gives away theirs by a click.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, BigId, Document, insert_new, partial_index
from portal.donors import STANDING, Donor, Own, fold_address, hold_back_merges
from portal.gifts.models import Gift
from portal.plain import full_name
from portal.services import Act
from portal.signin.sessions import Cookie, make_session_key, read_session, touch_session

# What a donor's pages show is private, and they are looked at now and then.
LIFETIME = timedelta(hours=2)
IDLE = timedelta(minutes=20)
MOST_ADDRESSES = 10


class DonorAccount(Base):
    """A person who gave. `session_key` changes to end every session at once.

    `details` is what they said of themself here: the fields of a gift's contact, and `phone`.
    """

    __tablename__ = "donor_accounts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    session_key: Mapped[str] = mapped_column(sa.String(32))
    locale: Mapped[str] = mapped_column(sa.String(12))
    details: Mapped[Document]
    created_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]

    @property
    def name(self) -> str:
        """As they wrote it here; empty where they didn't."""
        first, last = (self.details.get(part, "") for part in ("first_name", "last_name"))
        return full_name(first, last)

    @property
    def actor(self) -> str:
        """What histories and the audit log call them."""
        return f"donor:{self.id}"


class DonorAddress(Base):
    """An address of an account; without `proven_at` it is only said to be theirs."""

    __tablename__ = "donor_addresses"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "email"),
        partial_index(
            "uq_donor_addresses_proven", "email", where="proven_at IS NOT NULL", unique=True
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("donor_accounts.id"))
    email: Mapped[str] = mapped_column(sa.String(254))
    asked_at: Mapped[datetime]
    proven_at: Mapped[datetime | None]


class TooManyAddresses(Exception):
    """The account has as many addresses as one person can need."""


class LastAddress(Exception):
    """Without this address nobody could come in any more."""


def find_donor(session: Session, email: str, now: datetime) -> int | None:
    """The donor with an address, who begins here if only a gift has it; None where none does."""
    address = fold_address(email)
    known = sa.select(Donor.id).where(Donor.email == address)
    given = sa.select(Gift.id).where(Gift.email == address).limit(1)
    donor_id = session.scalar(known)
    has_gift = session.scalar(given) is not None
    if donor_id is None and has_gift and address:
        insert_new(session, Donor, {"email": address, "created_at": now})
        donor_id = session.scalar(known)
    return donor_id


def open_account(act: Act, donor_id: int) -> DonorAccount:
    """The account that a donor's address is proven to be of; a new one the first time."""
    email = act.session.get_one(Donor, donor_id).email
    account = find_account(act.session, email)
    if account is None:
        account = _add_account(act, email)
    account.signed_in_at = act.now
    act.note("donor_sign_in", account.actor, {}, actor=account.actor)
    return account


def _add_account(act: Act, email: str) -> DonorAccount:
    account = DonorAccount(
        session_key=make_session_key(),
        locale=find_locale(act.session, email),
        details={},
        created_at=act.now,
    )
    act.session.add(account)
    act.session.flush()
    _add_address(act, account, email).proven_at = act.now
    act.session.flush()
    return account


def _add_address(act: Act, account: DonorAccount, email: str) -> DonorAddress:
    address = DonorAddress(account_id=account.id, email=email, asked_at=act.now, proven_at=None)
    act.session.add(address)
    return address


def find_account(session: Session, email: str) -> DonorAccount | None:
    """The account that an address is proven to be of."""
    return session.scalar(
        sa.select(DonorAccount)
        .join(DonorAddress, DonorAddress.account_id == DonorAccount.id)
        .where(DonorAddress.email == email, DonorAddress.proven_at.is_not(None))
    )


def find_locale(session: Session, email: str) -> str:
    """The language of the newest gift from an address."""
    newest = sa.select(Gift.locale).where(Gift.email == email)
    return session.scalar(newest.order_by(Gift.created_at.desc(), Gift.id.desc()).limit(1)) or "en"


def find_signed_in_donor(cookie: Cookie, db: Session, now: datetime) -> DonorAccount | None:
    """The account of this browser's session, while the session and the account hold."""
    held = read_session(cookie, now, lifetime=LIFETIME, idle=IDLE)
    account = db.get(DonorAccount, held.user_id) if held else None
    if held is None or account is None or account.session_key != held.key:
        return None
    touch_session(cookie, now)
    return account


def end_donor_sessions(account: DonorAccount) -> None:
    """Sign an account out of every browser: a copied cookie is worth nothing then."""
    account.session_key = make_session_key()


def list_addresses(session: Session, account_id: int) -> Sequence[DonorAddress]:
    """All addresses of an account, the proven ones first."""
    order = (DonorAddress.proven_at.is_(None), DonorAddress.email)
    return session.scalars(
        sa.select(DonorAddress).where(DonorAddress.account_id == account_id).order_by(*order)
    ).all()


def find_own(session: Session, account_id: int, *, writes: bool = False) -> Own:
    """All that an account is: each proven address, the donors by these, and who is merged in them.

    With `writes` no merge takes any of it away until the transaction ends.
    """
    proven = [one.email for one in list_addresses(session, account_id) if one.proven_at]
    wanted = sa.select(STANDING).where(Donor.email.in_(proven)).order_by(Donor.id)
    found = session.scalars(hold_back_merges(wanted) if writes else wanted)
    donors = tuple(dict.fromkeys(found))
    merged = sa.or_(Donor.merged_into_id.in_(donors), Donor.id.in_(donors))
    others = session.scalars(sa.select(Donor.email).where(merged, Donor.email.not_in(proven)))
    return Own(donors, (*proven, *others))


def add_address(act: Act, account: DonorAccount, email: str) -> DonorAddress:
    """An address that somebody says is theirs, to be proven; or `TooManyAddresses`."""
    address = fold_address(email)
    known = list_addresses(act.session, account.id)
    found = next((one for one in known if one.email == address), None)
    if found is not None:
        return found
    if len(known) >= MOST_ADDRESSES:
        raise TooManyAddresses
    found = _add_address(act, account, address)
    act.session.flush()
    return found


def prove_address(act: Act, account: DonorAccount, address_id: int) -> bool:
    """Keep that an address is the account's, and no other's any more; False for another's wish.

    Who moves away from another account ends its sessions: it no longer sees what it saw.
    """
    address = act.session.get(DonorAddress, address_id)
    if address is None or address.account_id != account.id:
        return False
    if address.proven_at is not None:
        return True
    former = find_account(act.session, address.email)
    if former is not None:
        end_donor_sessions(former)
        act.session.execute(_of(former.id, address.email))
    address.proven_at = act.now
    act.session.flush()
    insert_new(act.session, Donor, {"email": address.email, "created_at": act.now})
    act.note("donor_address_prove", account.actor, {})
    return True


def _of(account_id: int, email: str) -> sa.Delete:
    return sa.delete(DonorAddress).where(
        DonorAddress.account_id == account_id, DonorAddress.email == email
    )


def close_account(act: Act, account: DonorAccount) -> None:
    """Forget an account and its addresses, which ends all its sessions."""
    act.session.execute(sa.delete(DonorAddress).where(DonorAddress.account_id == account.id))
    act.session.delete(account)


def remove_address(act: Act, account: DonorAccount, address_id: int) -> bool:
    """Take an address off an account, or `LastAddress`; False where it isn't this account's."""
    addresses = list_addresses(act.session, account.id)
    found = next((one for one in addresses if one.id == address_id), None)
    if found is None:
        return False
    if found.proven_at and sum(one.proven_at is not None for one in addresses) == 1:
        raise LastAddress
    act.session.delete(found)
    act.note("donor_address_remove", account.actor, {})
    return True
