"""The letter that a sign-in link comes in."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from portal.codes.models import Scope
from portal.i18n import use_locale
from portal.logs import get_logger
from portal.mail.outbox import LetterKind, Outgoing, deliver, mark_sent, render_letter
from portal.mail.smtp import Letter
from portal.services import Services
from portal.signin.links import LIFE, SignInLink, make_code, make_token
from portal.signin.partner_users import PartnerUser

log = get_logger()


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a link lets in: where they read mail, in which language, and what they come to see."""

    email: str
    locale: str
    name: str


def _find_partner_user(session: Session, user_id: int) -> Addressee:
    user = session.get_one(PartnerUser, user_id)
    return Addressee(user.email, user.locale, session.get_one(Scope, user.scope_id).name)


# Who an account of each area is.
ADDRESSEES: dict[str, Callable[[Session, int], Addressee]] = {"partners": _find_partner_user}


def send_link(services: Services, link_id: int) -> None:
    """Send a link's letter, once; nothing where nobody has the address, or it ran out."""
    now = services.now()
    with services.database.read() as session:
        link = session.get(SignInLink, link_id)
        if link is None or link.owner_id is None or link.expires_at <= now:
            log.info("sign_in_link_moot", link_id=link_id)
            return
        to = ADDRESSEES[link.area](session, link.owner_id)
    outgoing = Outgoing(
        f"sign-in-{link_id}", write_link(services, link, to), LetterKind.SIGN_IN_LINK, to.locale
    )

    def note(_letter: Outgoing, email_id: int) -> None:
        with services.write() as act:
            mark_sent(act.session, email_id, act.now)

    for error in deliver(services.database, services.settings, [outgoing], now, note).values():
        raise error


def write_link(services: Services, link: SignInLink, to: Addressee) -> Letter:
    """The letter, with the link and the code that goes instead of it."""
    settings = services.settings
    code = make_code(settings, link.salt)
    address = f"{settings.base_url}/{link.area}/sign-in/{make_token(settings, link.salt)}"
    with use_locale(to.locale):
        subject, text, html = render_letter(
            LetterKind.SIGN_IN_LINK,
            to.locale,
            partner=to.name,
            code=f"{code[:4]}-{code[4:]}",
            url=address,
            minutes=int(LIFE.total_seconds() // 60),
        )
    return Letter(recipient=to.email, recipient_name="", subject=subject, text=text, html=html)
