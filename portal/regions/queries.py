"""Reading the catalogue, and keeping it at hand."""

import json
import threading
import time
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, Database, DatabaseUnavailable, Document
from portal.logs import get_logger
from portal.regions.catalogue import Catalogue, Region
from portal.regions.files import parse_region
from portal.regions.workable import Means, narrow


class RegionRecord(Base):
    """One region's whole document, as its file or staff wrote it.

    `edited_at` is set once staff changed it; its file no longer overwrites it then.
    `removed_at` is set while it is out of the catalogue: nothing new is given there, and the
    gifts that were are looked after by what the document says.
    """

    __tablename__ = "regions"

    slug: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    position: Mapped[int]
    document: Mapped[Document]
    updated_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]


class CatalogueState(Base):
    """One row: the version that grows with every change, so that processes notice it."""

    __tablename__ = "catalogue_state"
    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]


log = get_logger()


def read_version(session: Session) -> int:
    """The catalogue's version; 0 before anything was loaded."""
    return session.scalar(sa.select(CatalogueState.version)) or 0


def load_catalogue(session: Session) -> Catalogue:
    """The whole catalogue as the database has it now."""
    version = read_version(session)
    rows = session.execute(
        sa.select(
            RegionRecord.slug, RegionRecord.document, RegionRecord.removed_at.is_not(None)
        ).order_by(RegionRecord.position, RegionRecord.slug)
    )
    places: dict[bool, dict[str, Region]] = {False: {}, True: {}}
    for slug, document, is_removed in rows:
        places[is_removed][slug] = _parse_known(slug, json.dumps(document))
    return Catalogue(regions=places[False], former=places[True], version=version)


@lru_cache(maxsize=256)
def _parse_known(slug: str, document: str) -> Region:
    """A region by its document's text: when one region changes, the others are not read again."""
    return parse_region(json.loads(document), slug)


class CatalogueCache:
    """The catalogue for all threads of a process, at most `seconds` behind the database."""

    def __init__(
        self, database: Database, means: Means | None = None, *, seconds: float = 1.0
    ) -> None:
        """With `means`, modes that can't work here are not offered."""
        self._database = database
        self._means = means
        self._seconds = seconds
        self._kept: Catalogue | None = None
        self._look_again_at = 0.0
        self._turn = threading.Lock()

    @property
    def kept(self) -> Catalogue | None:
        """The catalogue as it was last seen, without asking anybody; None before the first look."""
        return self._kept

    def get(self) -> Catalogue:
        """The catalogue. While one thread looks for a newer one, the others take the kept one.

        A database that is away leaves the kept one in use; without one it raises
        `DatabaseUnavailable`.
        """
        kept = self._kept
        if kept is not None and time.monotonic() < self._look_again_at:
            return kept
        if not self._turn.acquire(blocking=kept is None):
            return kept or self.get()
        try:
            return self._refresh()
        finally:
            self._turn.release()

    def _refresh(self) -> Catalogue:
        kept = self._kept
        if kept is not None and time.monotonic() < self._look_again_at:
            return kept
        try:
            kept = self._read(kept)
        except DatabaseUnavailable:
            if kept is None:
                raise
            log.warning("catalogue_kept_without_database")
        self._kept = kept
        self._look_again_at = time.monotonic() + self._seconds
        return kept

    def _read(self, kept: Catalogue | None) -> Catalogue:
        with self._database.read() as session:
            if kept is not None and read_version(session) == kept.version:
                return kept
            found = load_catalogue(session)
        return narrow(found, self._means) if self._means else found
