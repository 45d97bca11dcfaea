"""Writing partners and codes."""

import tomllib
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal import PACKAGE
from portal.codes.parsing import parse_code
from portal.codes.queries import CodeRecord, Partner
from portal.codes.terms import Kind
from portal.database import Document

SAMPLES = PACKAGE / "codes" / "samples.toml"


def load_sample_codes(session: Session, now: datetime) -> list[str]:
    """Add the sample partners and codes that are not there yet; returns the codes added."""
    samples = tomllib.loads(SAMPLES.read_text(encoding="utf-8"))
    partners = {
        key: find_or_add_partner(session, key, name, now)
        for key, name in samples["partners"].items()
    }
    added = [_add_sample(session, entry, partners, now) for entry in samples["codes"]]
    return [code for code in added if code]


def find_or_add_partner(session: Session, key: str, name: str, now: datetime) -> Partner:
    """The partner with this key, new under this name if need be."""
    partner = session.scalar(sa.select(Partner).where(Partner.key == key))
    if partner is None:
        partner = Partner(key=key, name=name, created_at=now)
        session.add(partner)
        session.flush()
    return partner


def add_code(
    session: Session,
    display: str,
    document: Document,
    now: datetime,
    *,
    kind: Kind,
    partner: Partner | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    active: bool = True,
) -> CodeRecord:
    """Keep a new code; raises `CodeError` where its document makes no terms."""
    code = parse_code(
        display, document, kind=kind, starts_at=starts_at, ends_at=ends_at, active=active
    )
    record = CodeRecord(
        code=code.code,
        display=display,
        kind=kind,
        partner_id=partner.id if partner else None,
        document=document,
        starts_at=starts_at,
        ends_at=ends_at,
        active=active,
        created_at=now,
    )
    session.add(record)
    session.flush()
    return record


def _add_sample(
    session: Session, entry: dict[str, Any], partners: dict[str, Partner], now: datetime
) -> str | None:
    rest = dict(entry)
    display = rest.pop("code")
    if session.scalar(sa.select(CodeRecord.id).where(CodeRecord.code == display)):
        return None
    add_code(
        session,
        display,
        kind=Kind(rest.pop("kind")),
        partner=partners.get(rest.pop("partner", "")),
        starts_at=rest.pop("starts_at", None),
        ends_at=rest.pop("ends_at", None),
        active=rest.pop("active", True),
        document=rest,
        now=now,
    )
    return str(display)
