"""Codes and partners as they are kept, and finding them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.codes.parsing import LONGEST_CODE, normalise_code, parse_code
from portal.codes.terms import Code, Kind
from portal.database import Base, BigId, Database, Document, enum_column, table_of


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


def find_code(session: Session, text: str) -> Code | None:
    """The code someone typed, in whatever spelling; None where there is no such code."""
    wanted = normalise_code(text)
    if not wanted:
        return None
    row = session.execute(_SELECT.where(CodeRecord.code == wanted)).one_or_none()
    return _as_code(*row) if row else None


def fetch_code(database: Database, text: str) -> Code | None:
    """The same in a transaction of its own, for the path of every visitor."""
    wanted = normalise_code(text)
    row = database.fetch_one(_FETCH, {"wanted": wanted}) if wanted else None
    return _as_code(row, row) if row else None


def with_code(statement: sa.Select[Any]) -> sa.Select[Any]:
    """A statement of one row that also brings the code `:wanted`, to be read by `read_code`."""
    return (
        statement.add_columns(*_COLUMNS)
        .outerjoin(_CODES, _CODES.c.code == sa.bindparam("wanted"))
        .outerjoin(_PARTNERS, _CODES.c.partner_id == _PARTNERS.c.id)
    )


def read_code(row: Any) -> Code | None:
    """The code in a row of such a statement; None where there is no such code."""
    return _as_code(row, row) if row.display is not None else None


def list_codes(session: Session) -> list[Code]:
    """All codes, by their spelling."""
    return [_as_code(*row) for row in session.execute(_SELECT.order_by(CodeRecord.code))]


_SELECT = sa.select(CodeRecord, Partner).outerjoin(Partner, CodeRecord.partner_id == Partner.id)


_CODES, _PARTNERS = table_of(CodeRecord), table_of(Partner)
# The names of a code and its partner don't meet.
_COLUMNS = (
    _CODES.c.display,
    _CODES.c.document,
    _CODES.c.kind,
    _CODES.c.starts_at,
    _CODES.c.ends_at,
    _CODES.c.active,
    _PARTNERS.c.key,
    _PARTNERS.c.name,
)
_FETCH = (
    sa.select(*_COLUMNS)
    .select_from(_CODES.outerjoin(_PARTNERS, _CODES.c.partner_id == _PARTNERS.c.id))
    .where(_CODES.c.code == sa.bindparam("wanted"))
)


def _as_code(record: Any, partner: Any) -> Code:
    """The code of two records, or of one row that has the columns of both."""
    return parse_code(
        record.display,
        record.document,
        kind=record.kind,
        partner=partner.key if partner is not None else None,
        partner_name=(partner.name or "") if partner is not None else "",
        starts_at=record.starts_at,
        ends_at=record.ends_at,
        active=record.active,
    )
