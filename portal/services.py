"""What everything that is done works with, and one act of it: no page, no Flask.

An act's line in the audit log, who did what to which thing, is written in the transaction of what
was done. So is the key of a form that is acted on once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.clock import Clock
from portal.database import Base, BigId, Database, Document, insert_new
from portal.jobs.promising import Job, Jobs
from portal.settings import Settings

if TYPE_CHECKING:
    # The kernel carries these two for the rooms that know them; it never looks inside.
    from portal.payments.providers import Providers
    from portal.regions.catalogue import Catalogue
    from portal.regions.queries import CatalogueCache


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


SYSTEM, DONOR = "system", "donor"


@dataclass(frozen=True, slots=True)
class Services:
    """One installation as a process holds it: made once, shared by all threads."""

    settings: Settings
    database: Database
    clock: Clock
    jobs: Jobs
    providers: "Providers"
    regions: "CatalogueCache"

    @property
    def catalogue(self) -> "Catalogue":
        """The catalogue, at most a second old; a process without one asks the database."""
        return self.regions.get()

    def now(self) -> datetime:
        """This moment, in UTC."""
        return self.clock.now().astimezone(UTC)

    def close(self) -> None:
        """Give back every connection; for commands and tests."""
        self.database.close()

    @contextmanager
    def write(self, actor: str = SYSTEM) -> Iterator["Act"]:
        """One act of `actor` (`system`, `donor` or `staff:7`): a transaction.

        It is committed at the end of the block and undone by any exception, with its audit lines
        and its promised jobs.
        """
        # Before the transaction: a look for a newer catalogue is a transaction of its own.
        catalogue = self.catalogue
        with self.database.write() as session:
            yield Act(session, self.now(), actor, self, catalogue)

    @contextmanager
    def reading(self, actor: str = SYSTEM) -> Iterator["Act"]:
        """The same of a transaction that only looks."""
        with self.database.read() as session:
            yield Act(session, self.now(), actor, self, self.catalogue)


@dataclass(frozen=True, slots=True)
class Act:
    """A transaction, its moment, who acts, and by which rules."""

    session: Session
    now: datetime
    actor: str
    services: Services
    catalogue: "Catalogue"

    def promise(self, job: Job, *, attempt: int = 1, delay_seconds: float = 0) -> None:
        """Promise a job, which is kept if this act is."""
        self.services.jobs.enqueue(self.session, job, attempt=attempt, delay_seconds=delay_seconds)

    def note(self, act: str, subject: str, detail: Document, *, actor: str | None = None) -> None:
        """Put into the audit log that the actor did `act` to `subject` (`gift:12`)."""
        add_entry(self.session, actor or self.actor, act, subject, detail, now=self.now)


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
