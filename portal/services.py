"""What everything that is done works with, and one act of it: no page, no Flask."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from portal.audit import add_entry
from portal.clock import Clock
from portal.database import Database, Document
from portal.jobs.promising import Job, Jobs
from portal.settings import Settings

if TYPE_CHECKING:
    # The kernel carries these two for the rooms that know them; it never looks inside.
    from portal.payments.providers import Providers
    from portal.regions.catalogue import Catalogue
    from portal.regions.queries import CatalogueCache

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
