"""Recording who gives and what they agreed to."""

import sqlalchemy as sa

from portal.donors.models import Consent, Donor
from portal.services import Act


def find_or_add_donor(act: Act, email: str) -> Donor:
    """The donor with this address; domains and local parts are compared without case."""
    address = email.strip().lower()
    donor = act.session.scalar(sa.select(Donor).where(Donor.email == address))
    if donor is None:
        donor = Donor(email=address, created_at=act.now)
        act.session.add(donor)
        act.session.flush()
    return donor


def record_news_consent(
    act: Act, donor: Donor, *, wording: str, locale: str, source: str, gift_id: int | None = None
) -> Consent:
    """Keep the very words the donor ticked, and with which gift."""
    consent = Consent(
        donor_id=donor.id,
        channel="news",
        wording=wording,
        locale=locale,
        source=source,
        gift_id=gift_id,
        given_at=act.now,
    )
    act.session.add(consent)
    return consent
