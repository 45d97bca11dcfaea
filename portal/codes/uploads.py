"""Tables of codes that staff send: looked at first, then imported by the worker, with progress.

A file's content is kept with its row until its codes are there, or until nobody wanted them for a
day: so it reaches a worker on any machine, and the promise of the job stands with it. A block of
codes, how far the import is and the rows that were not taken are one transaction: whoever is
killed goes on from there.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.codes.batches import Order
from portal.codes.importing import (
    COLUMNS,
    MOST_ROWS,
    Imported,
    Rejected,
    begin_import,
    find_import,
    import_lines,
    try_lines,
)
from portal.codes.models import CodeBatch, CodeRecord, Policy, Scope
from portal.codes.operations import Draft, add_policy
from portal.codes.revising import check_tag
from portal.codes.sheets import Line, SheetError, read_lines
from portal.codes.terms import BatchState, Kind
from portal.database import Base, BigId, Document, JSONDocument, enum_column, insert_new
from portal.i18n import Labelled
from portal.jobs.promising import ImportCodes
from portal.services import Act, Services

# Of larger tables, so many rows are looked at before; all are counted.
LOOKED_AT = 10_000
# Of those that can't be taken, so many are kept to show before.
SHOWN_BEFORE = 100
UNWANTED_AFTER = timedelta(days=1)
LONGEST_FILENAME, LONGEST_TEXT, LONGEST_WHY = 200, 60, 200


class UploadState(Labelled):
    """Whether staff have looked at a file, want its codes, have them, or can't."""

    LOOKED = "looked", "Looked at"
    IMPORTING = "importing", "Being imported"
    DONE = "done", "Imported"
    BROKEN = "broken", "Broken off"


class CodeUpload(Base):
    """A table of codes: what was asked of it, and what became of its `total` rows.

    While it is `looked` at, the counts are what would become of them. `asked` are the fields of
    `Asked`, `problem` says why the import ended before its time.
    """

    __tablename__ = "code_uploads"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    filename: Mapped[str] = mapped_column(sa.String(LONGEST_FILENAME))
    sha256: Mapped[str] = mapped_column(sa.String(64))
    content: Mapped[bytes | None] = mapped_column(sa.LargeBinary, deferred=True)
    asked: Mapped[Document] = mapped_column(JSONDocument)
    state: Mapped[UploadState] = enum_column(UploadState, 10)
    batch_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("code_batches.id"))
    total: Mapped[int]
    rows: Mapped[int]
    new: Mapped[int]
    known: Mapped[int]
    rejected: Mapped[int]
    problem: Mapped[str] = mapped_column(sa.String(LONGEST_WHY), default="", server_default="")
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    actor: Mapped[str] = mapped_column(sa.String(80))

    @property
    def done(self) -> Imported:
        """How far the import is."""
        return Imported(rows=self.rows, new=self.new, known=self.known, rejected=self.rejected)

    def count(self, found: Imported) -> None:
        self.rows, self.new = found.rows, found.new
        self.known, self.rejected = found.known, found.rejected


class CodeReject(Base):
    """A row that was not taken, or, before the import, would not be."""

    __tablename__ = "code_rejects"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own way

    upload_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("code_uploads.id"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(sa.String(LONGEST_TEXT))
    why: Mapped[str] = mapped_column(sa.String(LONGEST_WHY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What all codes of a file have in common; `like` is the id of a code whose terms, and whose
    place if none is said, they share."""

    like: int | None = None
    scope_id: int | None = None
    tag: str = ""
    kind: str = Kind.PROMOTION.value
    is_secret: bool = False

    def document(self) -> Document:
        return {name: getattr(self, name) for name in self.__slots__}


def keep_upload(services: Services, filename: str, content: bytes, asked: Asked, by: str) -> int:
    """Look at a file and keep it until it is wanted; its id. `SheetError` where it is no table."""
    sha256 = hashlib.sha256(content).hexdigest()
    with _as_path(content) as path, services.reading() as act:
        batch = find_import(act, sha256) or _make_order_batch(act, asked)
        found, rejected, total = _look(act, batch, path)
    with services.write(by) as act:
        _forget_unwanted(act)
        upload = CodeUpload(
            filename=filename[-LONGEST_FILENAME:],
            sha256=sha256,
            content=content,
            asked=asked.document(),
            state=UploadState.LOOKED,
            total=total,
            created_at=act.now,
            actor=act.actor,
        )
        upload.count(found)
        act.session.add(upload)
        act.session.flush()
        _keep_rejects(act, upload.id, rejected[:SHOWN_BEFORE])
        return upload.id


@contextmanager
def _as_path(content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="portal-codes-") as folder:
        path = Path(folder) / "codes"
        path.write_bytes(content)
        yield path


def _make_order_batch(act: Act, asked: Asked) -> CodeBatch:
    """The batch as it would be, of terms that need not be there yet."""
    like = act.session.get(CodeRecord, asked.like) if asked.like else None
    return CodeBatch(
        kind=Kind(asked.kind),
        is_secret=asked.is_secret,
        policy_id=like.policy_id if like else 0,
        scope_id=asked.scope_id or (like.scope_id if like else None),
        tag=asked.tag,
    )


def _look(act: Act, batch: CodeBatch, path: Path) -> tuple[Imported, list[Rejected], int]:
    """What would become of the first rows, those that wouldn't be taken, and how many there are."""
    lines = read_lines(path, COLUMNS)
    found, rejected = try_lines(act, batch, islice(lines, LOOKED_AT))
    total = found.rows + sum(1 for _ in islice(lines, MOST_ROWS + 1 - found.rows))
    if total > MOST_ROWS:
        raise SheetError(f"The file has more than {MOST_ROWS} rows: divide it.")
    return found, rejected, total


def _forget_unwanted(act: Act) -> None:
    """Throw away what nobody wanted for a day."""
    old = sa.select(CodeUpload.id).where(
        CodeUpload.state == UploadState.LOOKED, CodeUpload.created_at < act.now - UNWANTED_AFTER
    )
    for upload_id in act.session.scalars(old).all():
        _throw_away(act.session, upload_id)


def _throw_away(session: Session, upload_id: int) -> None:
    session.execute(sa.delete(CodeReject).where(CodeReject.upload_id == upload_id))
    session.execute(sa.delete(CodeUpload).where(CodeUpload.id == upload_id))


def drop_upload(act: Act, upload_id: int) -> bool:
    """Throw away a file that was only looked at; whether it was."""
    upload = hold_upload(act.session, upload_id)
    is_unwanted = upload is not None and upload.state is UploadState.LOOKED
    if is_unwanted:
        _throw_away(act.session, upload_id)
    return is_unwanted


def hold_upload(session: Session, upload_id: int) -> CodeUpload | None:
    """A file's row, which nobody else changes before this transaction ends."""
    return session.scalar(
        sa.select(CodeUpload)
        .where(CodeUpload.id == upload_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def start_upload(act: Act, upload_id: int) -> bool:
    """Promise the import of a file that was looked at; whether that is new.

    One that was imported before goes on under the terms of then.
    """
    upload = hold_upload(act.session, upload_id)
    if upload is None or upload.state is not UploadState.LOOKED:
        return False
    batch = find_import(act, upload.sha256) or _begin(act, upload)
    batch.state = BatchState.MAKING
    upload.batch_id, upload.state = batch.id, UploadState.IMPORTING
    upload.count(Imported())
    act.session.execute(sa.delete(CodeReject).where(CodeReject.upload_id == upload_id))
    act.promise(ImportCodes(upload_id))
    act.session.flush()
    return True


def _begin(act: Act, upload: CodeUpload) -> CodeBatch:
    asked = Asked(**upload.asked)
    check_tag("tag", asked.tag)
    like = act.session.get(CodeRecord, asked.like) if asked.like else None
    if like is not None:
        policy = act.session.get_one(Policy, like.policy_id)
    else:
        policy = add_policy(act.session, upload.filename[:100], Draft(), act.now, actor=act.actor)
    scope_id = asked.scope_id or (like.scope_id if like else None)
    order = Order(
        count=0,
        policy=policy,
        scope=act.session.get(Scope, scope_id) if scope_id else None,
        tag=asked.tag,
        kind=Kind(asked.kind),
        is_secret=asked.is_secret,
    )
    return begin_import(act, order, upload.sha256)


class _Overtaken(Exception):
    """Somebody else works on the same file, and is further."""


def run_upload(services: Services, upload_id: int) -> None:
    """Import what is wanting of a file, block by block.

    Safe to break off anywhere, to run again and to run twice at once.
    """
    with services.database.read() as session:
        upload = session.get(CodeUpload, upload_id)
        content = upload.content if upload else None
    if upload is None or content is None or upload.state is not UploadState.IMPORTING:
        return
    with suppress(_Overtaken):
        _import(services, upload, content)


def _import(services: Services, upload: CodeUpload, content: bytes) -> None:
    try:
        with _as_path(content) as path:
            import_rows(services, upload, read_lines(path, COLUMNS))
    except SheetError as error:
        with services.write() as act:
            _end(upload.id, UploadState.BROKEN, act, str(error))


def import_rows(services: Services, upload: CodeUpload, lines: Iterator[Line]) -> None:
    """Import a file's rows, from where it was; it ends with its batch, or neither does."""
    import_lines(
        services,
        upload.batch_id or 0,
        lines,
        done=upload.done,
        keep=partial(_note, upload.id),
        end=partial(_end, upload.id, UploadState.DONE),
        actor=upload.actor,
    )


def _note(
    upload_id: int, act: Act, before: Imported, after: Imported, rejected: list[Rejected]
) -> None:
    """Keep how far the import is, in the transaction of its block."""
    upload = hold_upload(act.session, upload_id)
    if upload is None or upload.state is not UploadState.IMPORTING or upload.done != before:
        raise _Overtaken
    upload.count(after)
    act.session.flush()
    _keep_rejects(act, upload_id, rejected)


def _keep_rejects(act: Act, upload_id: int, rejected: list[Rejected]) -> None:
    rows = [
        {
            "upload_id": upload_id,
            "number": one.number,
            "text": one.text[:LONGEST_TEXT],
            "why": one.why[:LONGEST_WHY],
        }
        for one in rejected
    ]
    if rows:
        insert_new(act.session, CodeReject, *rows)


def _end(upload_id: int, state: UploadState, act: Act, problem: str = "") -> None:
    upload = hold_upload(act.session, upload_id)
    if upload is None or upload.state is not UploadState.IMPORTING:
        raise _Overtaken
    upload.state, upload.problem = state, problem[:LONGEST_WHY]
    upload.content, upload.ended_at = None, act.now


def list_uploads(session: Session, most: int = 20) -> list[CodeUpload]:
    """The newest files, without their content."""
    statement = sa.select(CodeUpload).order_by(CodeUpload.id.desc()).limit(most)
    return list(session.scalars(statement))


def list_rejects(session: Session, upload_id: int, most: int | None = None) -> Iterator[CodeReject]:
    """The rows of a file that were not taken, in order."""
    statement = (
        sa.select(CodeReject)
        .where(CodeReject.upload_id == upload_id)
        .order_by(CodeReject.number)
        .limit(most)
    )
    return iter(session.scalars(statement.execution_options(yield_per=1_000)))
