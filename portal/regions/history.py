"""The catalogue's history: each change whole, what differs in words' reach, and its undoing.

Drafts are kept beside it for a day: documents that staff look at before they go live. So are
issuers as staff wrote them, also while no region has them.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, BigId, Document
from portal.regions.catalogue import Catalogue, Region
from portal.regions.files import parse_region
from portal.regions.queries import Means, narrow
from portal.services import Act


class IssuerRecord(Base):
    """An issuer as staff wrote it, also while no region has it; regions carry their own copy."""

    __tablename__ = "issuers"

    key: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    document: Mapped[Document]
    updated_at: Mapped[datetime]


class CatalogueChange(Base):
    """One change of a region or an issuer, whole before and after.

    Only ever added; a trigger holds that. `subject` is `region:ca` or `issuer:grace`; `before` is
    empty where it was new.
    """

    __tablename__ = "catalogue_changes"
    __table_args__ = (sa.Index("ix_catalogue_changes_subject", "subject", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(sa.String(80))
    act: Mapped[str] = mapped_column(sa.String(40))
    subject: Mapped[str] = mapped_column(sa.String(80))
    before: Mapped[Document]
    after: Mapped[Document]


class Draft(Base):
    """A region as it would be, to look at; nobody but staff can, and it is thrown away soon."""

    __tablename__ = "catalogue_drafts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(sa.String(80))
    document: Mapped[Document]


SHOWN = 50
# Lists whose entries have a key of their own: a change of one entry leaves the others alone.
KEYED = ("modes", "funds")


class ChangedSince(Exception):
    """What is to be undone was changed again; the text names the first such part."""


class NothingBefore(Exception):
    """The change made a thing that was not there: nothing can be put back."""


def version_of(document: Document) -> str:
    """Twelve hex digits that differ where anything of a document does."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def keep_change(act: Act, what: str, subject: str, before: Document, after: Document) -> None:
    """Keep what was changed; call in the transaction of the change."""
    act.session.add(
        CatalogueChange(
            at=act.now, actor=act.actor, act=what, subject=subject, before=before, after=after
        )
    )


def list_changes(session: Session, subjects: Sequence[str]) -> Sequence[CatalogueChange]:
    """The newest changes of some subjects, newest first."""
    return session.scalars(
        sa.select(CatalogueChange)
        .where(CatalogueChange.subject.in_(subjects))
        .order_by(CatalogueChange.id.desc())
        .limit(SHOWN)
    ).all()


def undo(current: Document, change: CatalogueChange) -> Document:
    """The document without this one change; later changes of other parts stay.

    Raises `ChangedSince` where a part of it was changed again, `NothingBefore` where it began.
    """
    if not change.before:
        raise NothingBefore
    now, before, after = spread(current), spread(change.before), spread(change.after)
    for part in before.keys() | after.keys():
        if before.get(part) == after.get(part):
            continue
        if now.get(part) != after.get(part):
            raise ChangedSince(".".join(part))
        now.pop(part, None)
        if part in before:
            now[part] = before[part]
    return gather(now)


Path = tuple[str, ...]


def spread(document: Mapping[str, Any]) -> dict[Path, Any]:
    """A document by its parts; of a keyed list each entry, and the order of its keys."""
    parts: dict[Path, Any] = {}
    for name, value in document.items():
        if name in KEYED:
            parts |= {(name, entry["key"]): entry for entry in value}
            value = [entry["key"] for entry in value]  # noqa: PLW2901 - the order stands for it
        parts[(name,)] = value
    return parts


def gather(parts: Mapping[Path, Any]) -> Document:
    """The document of its parts."""
    return {
        name: [parts[name, key] for key in value] if name in KEYED else value
        for (name, *rest), value in parts.items()
        if not rest
    }


@dataclass(frozen=True, slots=True)
class Difference:
    """One text that differs: the fields on the way to it, and what it was and is."""

    path: Path
    before: str
    after: str


def list_differences(before: Document, after: Document) -> list[Difference]:
    """What differs, text by text, in the order of the documents."""
    old, new = dict(_flatten(before, ())), dict(_flatten(after, ()))
    paths = dict.fromkeys([*new, *old])
    return [
        Difference(path, old.get(path, ""), new.get(path, ""))
        for path in paths
        if old.get(path, "") != new.get(path, "")
    ]


def _flatten(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flatten(inner, (*path, name))
    elif isinstance(value, list | tuple) and any(isinstance(entry, Mapping) for entry in value):
        names = [_name(entry, at) for at, entry in enumerate(value, start=1)]
        yield path, ", ".join(names)
        for name, entry in zip(names, value, strict=True):
            yield from _flatten(entry, (*path, name))
    elif isinstance(value, list | tuple):
        yield path, ", ".join(map(str, value))
    elif value is not None:
        yield path, str(value)


def _name(entry: Any, at: int) -> str:
    """What an entry of a list is called: by its key, currency or code, or its place."""
    found = (entry.get(name) for name in ("key", "currency", "code"))
    return next((str(name) for name in found if name), str(at))


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
