"""A year's receipts in bulk, told and handed out: the dry run, how far a run is, and its documents.

A run's documents come as one ZIP file, which is written as it is read, and as one PDF to print for
those without an e-mail address: before each document a page that shows the address in the window
of an envelope.
"""

import io
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.models import Gift
from portal.mail.bounces import Bounce
from portal.mail.outbox import Email
from portal.money import Money
from portal.receipts.pdf import render_address
from portal.receipts.register import Receipt
from portal.receipts.rendering import render_receipts
from portal.receipts.runs import (
    LETTERS_AT_ONCE,
    REFUSED,
    ItemState,
    ReceiptRun,
    ReceiptRunItem,
    with_letters,
)
from portal.receipts.sending import receipt_filename
from portal.receipts.yearly import Share, find_issuer, list_shares
from portal.regions.catalogue import Catalogue, ReceiptRule
from portal.services import Services


@dataclass
class Preview:
    """What a run would do: receipts and sums by currency, how they go out, and what is left out.

    `left_out` counts gifts by reason, `examples` has references of some of each.
    """

    receipts: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    gifts: int = 0
    mailed: int = 0
    printed: int = 0
    unreachable: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def totals(self) -> list[tuple[int, Money]]:
        """How many receipts, and what they come to, a currency each."""
        return [(self.receipts[one], Money(self.sums[one], one)) for one in sorted(self.sums)]

    def add(self, share: Share) -> None:
        lead = share.lead
        if share.why is not None:
            self.left_out[share.why.value] += 1
            _keep_some(self.examples.setdefault(share.why.value, []), lead.reference)
            return
        self.receipts[lead.currency] += 1
        self.sums[lead.currency] += share.money.minor
        self.gifts += len(share.gifts)
        self.mailed += bool(lead.email)
        self.printed += not lead.email
        if not (lead.email or lead.address_line1):
            _keep_some(self.unreachable, lead.reference)


MOST_EXAMPLES = 20


def _keep_some(found: list[str], reference: str) -> None:
    if len(found) < MOST_EXAMPLES:
        found.append(reference)


def preview_run(
    session: Session, catalogue: Catalogue, issuer: str, year: int, rule: ReceiptRule
) -> Preview:
    """A dry run: nothing is numbered or written. `LookupError` for an issuer nobody knows."""
    find_issuer(catalogue, issuer)
    found = Preview()
    is_each = rule is ReceiptRule.EACH
    for share in list_shares(session, catalogue, issuer, year, is_each=is_each):
        found.add(share)
    return found


# Of an item's letter: that it came back.
HAS_COME_BACK = sa.exists().where(Bounce.email_id == Email.id)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: items by state, letters that went out, did not, or came back."""

    planned: int
    issued: int
    left_out: int
    mailed: int
    unsent: int
    refused: int
    printed: int
    returned: int


def measure_run(session: Session, run_id: int) -> Progress:
    """Counted from the items and the letters themselves."""
    state = ReceiptRunItem.state
    is_issued = state == ItemState.ISSUED
    by_mail = sa.and_(is_issued, ReceiptRunItem.has_email)
    is_refused = sa.func.coalesce(Email.problem, "").like(REFUSED)

    def count(condition: Any) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

    row = session.execute(
        with_letters(
            sa.select(
                count(state == ItemState.PLANNED),
                count(is_issued),
                count(state == ItemState.LEFT_OUT),
                count(sa.and_(by_mail, Email.noted_at.is_not(None))),
                count(sa.and_(by_mail, Email.noted_at.is_(None), ~is_refused)),
                count(sa.and_(by_mail, Email.noted_at.is_(None), is_refused)),
                count(sa.and_(is_issued, ~ReceiptRunItem.has_email)),
                count(sa.and_(by_mail, HAS_COME_BACK)),
            )
        ).where(ReceiptRunItem.run_id == run_id)
    ).one()
    return Progress(*map(int, row))


def list_runs(session: Session, most: int = 50) -> Sequence[ReceiptRun]:
    """The newest runs."""
    return session.scalars(sa.select(ReceiptRun).order_by(ReceiptRun.id.desc()).limit(most)).all()


def find_latest(session: Session, issuer: str, year: int) -> ReceiptRun | None:
    """The newest run of an issuer and a year."""
    wanted = sa.select(ReceiptRun).where(ReceiptRun.issuer == issuer, ReceiptRun.year == year)
    return session.scalars(wanted.order_by(ReceiptRun.id.desc()).limit(1)).first()


def list_left_out(session: Session, run_id: int, most: int = 200) -> list[tuple[str, str]]:
    """Reasons and references of gifts that got no receipt in a run."""
    items = session.scalars(
        sa.select(ReceiptRunItem)
        .where(ReceiptRunItem.run_id == run_id, ReceiptRunItem.state == ItemState.LEFT_OUT)
        .order_by(ReceiptRunItem.why, ReceiptRunItem.id)
        .limit(most)
    ).all()
    ids = [gift_id for item in items for gift_id in item.gift_ids]
    found = session.execute(sa.select(Gift.id, Gift.reference).where(Gift.id.in_(ids)))
    names = {row.id: row.reference for row in found}
    return [(item.why, names[one]) for item in items for one in item.gift_ids if one in names]


def list_refused(session: Session, run_id: int, most: int = 200) -> list[tuple[str, str, str]]:
    """Addresses that refuse mail for good, with their receipt's number and the server's words."""
    statement = with_letters(sa.select(Receipt, Email.recipient, Email.problem))
    rows = session.execute(
        statement.join(Receipt, Receipt.id == ReceiptRunItem.receipt_id)
        .where(
            ReceiptRunItem.run_id == run_id,
            Email.noted_at.is_(None),
            Email.problem.like(REFUSED),
        )
        .order_by(ReceiptRunItem.id)
        .limit(most)
    )
    return [(receipt.label, recipient, problem) for receipt, recipient, problem in rows]


def list_came_back(session: Session, run_id: int, most: int = 200) -> list[tuple[str, Bounce]]:
    """Letters of a run that came back, by their receipt's number, with what was said."""
    statement = with_letters(sa.select(Receipt, Bounce))
    rows = session.execute(
        statement.join(Receipt, Receipt.id == ReceiptRunItem.receipt_id)
        .join(Bounce, Bounce.email_id == Email.id)
        .where(ReceiptRunItem.run_id == run_id)
        .order_by(ReceiptRunItem.id, Bounce.id)
        .limit(most)
    )
    return [(receipt.label, bounce) for receipt, bounce in rows]


def list_issued(
    session: Session, run_id: int, *, is_print: bool = False
) -> Iterator[Sequence[Receipt]]:
    """A run's receipts that stand, some at once; `is_print` those that reach no e-mail address."""
    wanted = (
        with_letters(sa.select(Receipt))
        .join(Receipt, Receipt.id == ReceiptRunItem.receipt_id)
        .where(ReceiptRunItem.run_id == run_id, Receipt.voided_at.is_(None))
        .order_by(Receipt.year, Receipt.number)
    )
    if is_print:
        wanted = wanted.where(sa.or_(~ReceiptRunItem.has_email, HAS_COME_BACK))
    last = (0, 0)
    place = sa.tuple_(Receipt.year, Receipt.number)
    while found := session.scalars(
        wanted.where(place > sa.tuple_(*last)).limit(LETTERS_AT_ONCE)
    ).all():
        last = found[-1].year, found[-1].number
        yield found


class _Pipe(io.RawIOBase):
    """A file that can only be written, and gives up what came since."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def _list_blocks(
    services: Services, run_id: int, *, is_print: bool = False
) -> Iterator[list[tuple[Receipt, bytes]]]:
    """A run's receipts with their documents, some at once."""
    with services.database.read() as session:
        for block in list_issued(session, run_id, is_print=is_print):
            pdfs = render_receipts(services, block)
            yield [(one, pdfs[one.id]) for one in block]
            session.expunge_all()


def stream_zip(services: Services, run_id: int) -> Iterator[bytes]:
    """All documents of a run as a ZIP file, piece by piece; memory stays flat."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        for block in _list_blocks(services, run_id):
            for receipt, pdf in block:
                # Of one moment, so that the same run gives the same bytes.
                at = receipt.reserved_at.timetuple()[:6]
                archive.writestr(zipfile.ZipInfo(receipt_filename(receipt), at), pdf)
            yield pipe.take()
    yield pipe.take()


def write_print(services: Services, run_id: int, file: IO[bytes]) -> int:
    """One PDF of all that goes out on paper, an address page before each; how many there are."""
    from pypdf import PdfWriter  # noqa: PLC0415 - only who prints needs it

    count = 0
    with PdfWriter() as book:
        for block in _list_blocks(services, run_id, is_print=True):
            for receipt, pdf in block:
                for part in (render_address(receipt.snapshot), pdf):
                    book.append(io.BytesIO(part), import_outline=False)
                count += 1
        book.write(file)
    return count
