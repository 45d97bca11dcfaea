"""Donors, known by their e-mail address, and what they agreed to."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import Base, BigId


class Donor(Base):
    """One e-mail address that gave; names and addresses stand on each gift."""

    __tablename__ = "donors"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)
    created_at: Mapped[datetime]


class Consent(Base):
    """A yes to news: the wording that was shown, and when. Kept apart from receipts.

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
