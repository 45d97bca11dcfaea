"""Recording who gives and what they agreed to."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.donors.models import Consent, Donor


def find_or_add_donor(session: Session, email: str, now: datetime) -> Donor:
    """The donor with this address; domains and local parts are compared without case."""
    address = email.strip().lower()
    donor = session.scalar(sa.select(Donor).where(Donor.email == address))
    if donor is None:
        donor = Donor(email=address, created_at=now)
        session.add(donor)
        session.flush()
    return donor


def record_news_consent(
    session: Session, donor: Donor, *, wording: str, locale: str, source: str, now: datetime
) -> Consent:
    """Keep the very words the donor ticked."""
    consent = Consent(
        donor_id=donor.id,
        channel="news",
        wording=wording,
        locale=locale,
        source=source,
        given_at=now,
    )
    session.add(consent)
    return consent
