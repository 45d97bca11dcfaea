"""The catalogue in the database: a document a region, and one version for all of them."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import Base, Document


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
