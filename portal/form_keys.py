"""Forms that are acted on once: the key that a form carries, kept with what was done by it."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import Base, insert_new
from portal.services import Act


class FormKey(Base):
    """`act` was done to `subject` (`gift:12`) by the form that carried `key`."""

    __tablename__ = "form_keys"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own way

    subject: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    act: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    at: Mapped[datetime]


def take_key(act: Act, what: str, subject: str, key: str) -> bool:
    """Whether a form does `what` to `subject` for the first time; its key is kept with the act.

    Of two at once the second waits for the first one's transaction.
    """
    row = {"subject": subject, "act": what, "key": key, "at": act.now}
    return bool(insert_new(act.session, FormKey, row))
