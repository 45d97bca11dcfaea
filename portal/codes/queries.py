"""Finding codes."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import CodeRecord, Partner
from portal.codes.parsing import normalise_code, parse_code
from portal.codes.terms import Code


def find_code(session: Session, text: str) -> Code | None:
    """The code someone typed, in whatever spelling; None where there is no such code."""
    wanted = normalise_code(text)
    if not wanted:
        return None
    row = session.execute(_SELECT.where(CodeRecord.code == wanted)).one_or_none()
    return _as_code(*row) if row else None


def with_code(statement: sa.Select[Any]) -> sa.Select[Any]:
    """A statement of one row that also brings the code `:code`, to be read by `read_code`."""
    return (
        statement.add_columns(CodeRecord, Partner)
        .outerjoin(CodeRecord, CodeRecord.code == sa.bindparam("code"))
        .outerjoin(Partner, CodeRecord.partner_id == Partner.id)
    )


def read_code(row: Any) -> Code | None:
    """The code in a row of such a statement; None where there is no such code."""
    return _as_code(row.CodeRecord, row.Partner) if row.CodeRecord is not None else None


def list_codes(session: Session) -> list[Code]:
    """All codes, by their spelling."""
    return [_as_code(*row) for row in session.execute(_SELECT.order_by(CodeRecord.code))]


_SELECT = sa.select(CodeRecord, Partner).outerjoin(Partner, CodeRecord.partner_id == Partner.id)


def _as_code(record: CodeRecord, partner: Partner | None) -> Code:
    return parse_code(
        record.display,
        record.document,
        kind=record.kind,
        partner=partner.key if partner else None,
        partner_name=partner.name if partner else "",
        starts_at=record.starts_at,
        ends_at=record.ends_at,
        active=record.active,
    )
