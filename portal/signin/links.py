"""Signing in by a mailed link, for any area: no password, and nothing that a mail scanner uses up.

A link is short-lived and works once. Only a form that is sent uses it; looking at its page doesn't,
since mail servers and previews do that. Of three things two must be there: the link, the browser
that asked, and the code that the letter has beside the link. So a link opened on another device
asks for the code, and the browser that asked takes the code alone.

Token and code are derived from a random salt and the installation's secret, so that the letter's
job needs neither; the database has the token's hash alone. What is asked for an unknown address
leaves the same rows and the same job, which then sends nothing.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from unicodedata import normalize

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.codes.models import Scope
from portal.database import Base, BigId
from portal.donors import Donor
from portal.gifts.references import ALPHABET
from portal.i18n import use_locale
from portal.jobs.promising import SendSignInLink
from portal.limits import Limit, anonymise, hit_all
from portal.logs import get_logger
from portal.mail.outbox import LetterKind, Outgoing, deliver, mark_sent, render_letter
from portal.mail.smtp import Letter
from portal.services import Services
from portal.settings import Settings
from portal.signin.accounts import PartnerUser, TooManyTries, clean_email
from portal.signin.donor_accounts import DonorAccount, DonorAddress, find_account, find_locale

LIFE = timedelta(minutes=15)
KEPT_FOR = timedelta(days=1)
CODE_LENGTH = 8
# Of 31^8 codes, in the life of one link.
MOST_TRIES = 5
WINDOW_SECONDS = 15 * 60
LINKS_BY_ADDRESS = 5
LINKS_BY_NETWORK = 20
TRIES_BY_NETWORK = 30


class SignInLink(Base):
    """A link that was asked for; without `owner_id` nobody has the address.

    `owner_id` is an account of the area's own table.
    """

    __tablename__ = "sign_in_links"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    area: Mapped[str] = mapped_column(sa.String(12))
    owner_id: Mapped[int | None] = mapped_column(BigId)
    salt: Mapped[str] = mapped_column(sa.String(32))
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    browser_hash: Mapped[str] = mapped_column(sa.String(64), index=True)
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class Asking:
    """Somebody at a network (a keyed hash) who says that an address is theirs.

    `browser` is the secret that the browser has from an earlier time, if any: what it asked for
    then is still its own.
    """

    area: str
    email: str
    network: str
    browser: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What somebody shows to come in; two of the first three must be of one link."""

    token: str = ""
    browser: str = ""
    code: str = ""
    network: str


FindOwner = Callable[[Session, str], int | None]


def ask_for_link(services: Services, asking: Asking, find_owner: FindOwner) -> str:
    """Promise a link; returns the secret that the asking browser keeps. Or `TooManyTries`."""
    email = clean_email(asking.email)
    secret = services.settings.secret_key.get_secret_value()
    _count(
        services,
        Limit("link_address", anonymise(secret, email), LINKS_BY_ADDRESS, WINDOW_SECONDS),
        Limit("link_network", asking.network, LINKS_BY_NETWORK, WINDOW_SECONDS),
    )
    browser, salt = asking.browser or secrets.token_urlsafe(24), secrets.token_hex(16)
    with services.write() as act:
        link = SignInLink(
            area=asking.area,
            owner_id=find_owner(act.session, email),
            salt=salt,
            token_hash=_hash(make_token(services.settings, salt)),
            browser_hash=_hash(browser),
            tries=0,
            created_at=act.now,
            expires_at=act.now + LIFE,
            used_at=None,
        )
        act.session.add(link)
        act.session.flush()
        act.promise(SendSignInLink(link.id))
    return browser


def use_link(services: Services, area: str, shown: Shown) -> int | None:
    """Use a link up; the account that it lets in, or None. Or `TooManyTries`."""
    _count(services, Limit("link_tries", shown.network, TRIES_BY_NETWORK, WINDOW_SECONDS))
    with services.write() as act:
        link = _take_try(act.session, area, shown, act.now)
        if link is None or not _fits(services.settings, link, shown):
            return None
        used = sa.update(SignInLink).where(SignInLink.id == link.id, SignInLink.used_at.is_(None))
        found = act.session.execute(used.values(used_at=act.now).returning(SignInLink.owner_id))
        return found.scalar()


def _take_try(session: Session, area: str, shown: Shown, now: datetime) -> Any:
    """The link that is meant, while it holds, one try the poorer."""
    by_token = SignInLink.token_hash == _hash(shown.token)
    by_browser = SignInLink.browser_hash == _hash(shown.browser)
    newest = sa.select(sa.func.max(SignInLink.id)).where(by_token if shown.token else by_browser)
    holding = sa.update(SignInLink).where(
        SignInLink.id == newest.scalar_subquery(),
        SignInLink.area == area,
        SignInLink.used_at.is_(None),
        SignInLink.expires_at > now,
        SignInLink.tries < MOST_TRIES,
    )
    taken = holding.values(tries=SignInLink.tries + 1)
    columns = (SignInLink.id, SignInLink.salt, SignInLink.token_hash, SignInLink.browser_hash)
    return session.execute(taken.returning(*columns)).first()


def _fits(settings: Settings, link: Any, shown: Shown) -> bool:
    found = (
        hmac.compare_digest(_hash(shown.token), link.token_hash),
        hmac.compare_digest(_hash(shown.browser), link.browser_hash),
        hmac.compare_digest(clean_code(shown.code), make_code(settings, link.salt)),
    )
    return sum(found) >= 2


def clean_code(text: str) -> str:
    """A typed code without case and separators, whatever keyboard it comes from."""
    return "".join(sign for sign in normalize("NFKC", text).upper() if sign in ALPHABET)


def make_token(settings: Settings, salt: str) -> str:
    """The secret part of a link's address."""
    return urlsafe_b64encode(_derive(settings, "token", salt)[:24]).decode()


def make_code(settings: Settings, salt: str) -> str:
    """The code in a link's letter: eight letters of which none looks like another."""
    number, letters = int.from_bytes(_derive(settings, "code", salt)), ""
    for _ in range(CODE_LENGTH):
        number, place = divmod(number, len(ALPHABET))
        letters += ALPHABET[place]
    return letters


def _derive(settings: Settings, what: str, salt: str) -> bytes:
    key = settings.secret_key.get_secret_value().encode()
    return hmac.new(key, f"sign-in-{what}:{salt}".encode(), hashlib.sha256).digest()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _count(services: Services, *limits: Limit) -> None:
    """Count in a transaction of its own, which what is refused doesn't undo."""
    with services.database.write() as session:
        is_within = hit_all(session, *limits, now=services.now())
    if not all(is_within):
        raise TooManyTries


def sweep_links(session: Session, now: datetime) -> None:
    """Forget links that ran out long ago."""
    session.execute(sa.delete(SignInLink).where(SignInLink.expires_at < now - KEPT_FOR))


log = get_logger()


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a link lets in: where they read mail, in which language, and what they come to see."""

    email: str
    locale: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Area:
    """What links of an area are for: who has one, by what letter, and where it leads."""

    find: Callable[[Session, int], Addressee | None]
    letter: LetterKind
    path: str


def _find_partner_user(session: Session, user_id: int) -> Addressee:
    user = session.get_one(PartnerUser, user_id)
    return Addressee(user.email, user.locale, session.get_one(Scope, user.scope_id).name)


def _find_donor(session: Session, donor_id: int) -> Addressee | None:
    """Who gave from an address; nobody any more once they were forgotten."""
    email = session.get_one(Donor, donor_id).email
    if "@" not in email:
        return None
    account = find_account(session, email)
    return Addressee(email, account.locale if account else find_locale(session, email))


def _find_address(session: Session, address_id: int) -> Addressee | None:
    """Who says that an address is theirs; nobody any more once it is taken back."""
    address = session.get(DonorAddress, address_id)
    if address is None:
        return None
    return Addressee(address.email, session.get_one(DonorAccount, address.account_id).locale)


AREAS = {
    "partners": Area(_find_partner_user, LetterKind.SIGN_IN_LINK, "/partners/sign-in"),
    "account": Area(_find_donor, LetterKind.ACCOUNT_LINK, "/account/sign-in"),
    "address": Area(_find_address, LetterKind.ADDRESS_LINK, "/account/addresses/prove"),
}


def send_link(services: Services, link_id: int) -> None:
    """Send a link's letter, once; nothing where nobody has the address, or it ran out."""
    now = services.now()
    with services.database.read() as session:
        link = session.get(SignInLink, link_id)
        if link is None or link.owner_id is None or link.expires_at <= now:
            log.info("sign_in_link_moot", link_id=link_id)
            return
        area = AREAS[link.area]
        to = area.find(session, link.owner_id)
    if to is None:
        return
    letter = write_link(services, link, to)
    outgoing = Outgoing(f"sign-in-{link_id}", letter, area.letter, to.locale)

    def note(_letter: Outgoing, email_id: int) -> None:
        with services.write() as act:
            mark_sent(act.session, email_id, act.now)

    for error in deliver(services.database, services.settings, [outgoing], now, note).values():
        raise error


def write_link(services: Services, link: SignInLink, to: Addressee) -> Letter:
    """The letter, with the link and the code that goes instead of it."""
    settings, area = services.settings, AREAS[link.area]
    code = make_code(settings, link.salt)
    address = f"{settings.base_url}{area.path}/{make_token(settings, link.salt)}"
    with use_locale(to.locale):
        subject, text, html = render_letter(
            area.letter,
            to.locale,
            partner=to.name,
            code=f"{code[:4]}-{code[4:]}",
            url=address,
            minutes=int(LIFE.total_seconds() // 60),
        )
    return Letter(recipient=to.email, recipient_name="", subject=subject, text=text, html=html)
