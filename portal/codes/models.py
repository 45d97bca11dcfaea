"""Partners, and the codes of partners, campaigns and promotions."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.codes.parsing import LONGEST_CODE
from portal.codes.terms import Kind
from portal.database import Base, BigId, Document, enum_column


class Partner(Base):
    """Who brings gifts in; `key` is its name on gifts and in addresses."""

    __tablename__ = "partners"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(40), unique=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    created_at: Mapped[datetime]


class CodeRecord(Base):
    """One code. `code` is its one spelling, `document` its terms (`portal.codes.parsing`)."""

    __tablename__ = "codes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(LONGEST_CODE), unique=True)
    display: Mapped[str] = mapped_column(sa.String(60))
    kind: Mapped[Kind] = enum_column(Kind, 20)
    partner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("partners.id"), index=True)
    document: Mapped[Document]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
