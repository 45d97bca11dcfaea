"""The audit log: who did what to which thing, written in the transaction of what was done."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, BigId, Document


class AuditEntry(Base):
    """One act: who did what to which thing. Only ever added; a trigger holds that."""

    __tablename__ = "audit_entries"
    __table_args__ = (sa.Index("ix_audit_entries_subject", "subject"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(sa.String(80))
    act: Mapped[str] = mapped_column(sa.String(40))
    subject: Mapped[str] = mapped_column(sa.String(80))
    detail: Mapped[Document]


def add_entry(
    session: Session, actor: str, act: str, subject: str, detail: Document, *, now: datetime
) -> None:
    """Add a line: `actor` (`staff:7`) did `act` to `subject` (`gift:12`)."""
    session.execute(
        sa.insert(AuditEntry).values(at=now, actor=actor, act=act, subject=subject, detail=detail)
    )
