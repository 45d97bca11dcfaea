"""What is kept of a gift that is paid by instructions, beside the gift itself."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import Base, BigId, partial_index
from portal.gifts.models import Gift


class TransferWatch(Base):
    """When a transfer is looked after: reminders, expiry, and the donor's word that it is sent.

    `round` grows with each change of the mode of payment and begins the reminders anew at
    `begun_at`; `reminded` counts those of this round. `next_at` is when the worker has to
    look; none where nothing is left to do.
    """

    __tablename__ = "transfer_watches"
    __table_args__ = (
        partial_index(
            "ix_transfer_watches_next_at",
            "next_at",
            where="next_at IS NOT NULL",
        ),
    )

    gift_id: Mapped[int] = mapped_column(
        sa.ForeignKey(Gift.id), primary_key=True, autoincrement=False
    )
    round: Mapped[int]
    begun_at: Mapped[datetime]
    reminded: Mapped[int]
    next_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    word_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]


class ProofFile(Base):
    """A picture or PDF a donor sent to show what they paid; `stored_name` is our own."""

    __tablename__ = "proof_files"
    __table_args__ = (sa.UniqueConstraint("gift_id", "sha256"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    gift_id: Mapped[int] = mapped_column(sa.ForeignKey(Gift.id))
    stored_name: Mapped[str] = mapped_column(sa.String(40), unique=True)
    media_type: Mapped[str] = mapped_column(sa.String(40))
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(sa.String(64))
    uploaded_at: Mapped[datetime]
