"""Issuers: each stands whole in every region that has it, and is changed in all of them at once."""

from collections.abc import Sequence

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from portal.database import Document
from portal.regions.catalogue import Issuer
from portal.regions.files import parse
from portal.regions.history import keep_change
from portal.regions.models import IssuerRecord
from portal.regions.operations import bump_version, lock_catalogue, put_document
from portal.regions.queries import RegionRecord
from portal.services import Act

ADAPTER: TypeAdapter[Issuer] = TypeAdapter(Issuer)


def parse_issuer(document: Document) -> Issuer:
    """The issuer that a document describes; `RegionError` as for a region."""
    return parse(ADAPTER, document, str(document.get("key", "")))


def list_issuers(session: Session, *, samples: bool) -> dict[str, Document]:
    """Every issuer by key, by name; as its regions have it, else as staff wrote it."""
    rows = session.scalars(sa.select(IssuerRecord)).all()
    found = {row.key: row.document for row in rows}
    for record in reversed(_list_records(session)):
        if samples or not record.document.get("sample"):
            found[record.document["issuer"]["key"]] = record.document["issuer"]
    return dict(sorted(found.items(), key=lambda item: item[1]["legal_name"].casefold()))


def list_homes(session: Session, key: str) -> list[RegionRecord]:
    """The regions that have this issuer, in order."""
    records = _list_records(session)
    return [record for record in records if record.document["issuer"]["key"] == key]


def _list_records(session: Session) -> Sequence[RegionRecord]:
    order = RegionRecord.position, RegionRecord.slug
    return session.scalars(sa.select(RegionRecord).order_by(*order)).all()


def save_issuer(act: Act, document: Document, *, what: str = "issuer_edit") -> Issuer:
    """Put an issuer in force in every region that has it; `RegionError` before anything is."""
    issuer = parse_issuer(document)
    lock_catalogue(act.session)
    record = act.session.get(IssuerRecord, issuer.key)
    homes = list_homes(act.session, issuer.key)
    before = homes[0].document["issuer"] if homes else record.document if record else {}
    if before != document:
        keep_change(act, what, f"issuer:{issuer.key}", before, document)
    if record is None:
        record = IssuerRecord(key=issuer.key)
        act.session.add(record)
    record.document, record.updated_at = document, act.now
    for home in homes:
        put_document(act, home, {**home.document, "issuer": document})
    bump_version(act.session)
    return issuer
