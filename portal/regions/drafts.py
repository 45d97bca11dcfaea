"""Drafts: a region as it would be, kept for a day, for staff to look at before it goes live."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Document
from portal.regions.catalogue import Catalogue, Region
from portal.regions.files import parse_region
from portal.regions.models import Draft
from portal.regions.workable import Means, narrow
from portal.services import Act

KEPT_FOR = timedelta(days=1)


def add_draft(act: Act, document: Document) -> int:
    """Keep a checked document to look at; old drafts go."""
    act.session.execute(sa.delete(Draft).where(Draft.at < act.now - KEPT_FOR))
    draft = Draft(at=act.now, actor=act.actor, document=document)
    act.session.add(draft)
    act.session.flush()
    return draft.id


def find_draft(session: Session, draft_id: int, now: datetime) -> Draft | None:
    """A draft that is still kept."""
    draft = session.get(Draft, draft_id)
    return draft if draft is not None and draft.at >= now - KEPT_FOR else None


def show_draft(document: Document, means: Means) -> Region:
    """The region as donors would see it; with all its modes where none can work here yet."""
    region = parse_region(document, "")
    shown = narrow(Catalogue({region.slug: region}, 0), means).regions[region.slug]
    return shown if shown.offered else region
