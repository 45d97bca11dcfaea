"""Bank statements as they came, what each line was matched to, and who is known to pay."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import Base, BigId, Document, enum_column, partial_index
from portal.gifts.models import Gift
from portal.i18n import Labelled
from portal.money import Money

# Who decided where nobody did.
BY_ITSELF = "system"


class LineState(Labelled):
    """What became of a line: it is in exactly one state, so that totals prove themselves."""

    OPEN = "open", "Open"
    MATCHED = "matched", "Matched"
    IGNORED = "ignored", "Ignored"
    WITHDRAWN = "withdrawn", "Withdrawn"


class StatementFile(Base):
    """One file of a bank's, known by its content: the same file again changes nothing.

    One that was read wrongly is withdrawn, and may come again.
    """

    __tablename__ = "statement_files"
    __table_args__ = (
        partial_index(
            "uq_statement_files_standing",
            "sha256",
            where="withdrawn_at IS NULL",
            unique=True,
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    sha256: Mapped[str] = mapped_column(sa.String(64))
    filename: Mapped[str] = mapped_column(sa.String(200))
    format: Mapped[str] = mapped_column(sa.String(40))
    account: Mapped[str] = mapped_column(sa.String(80))
    line_count: Mapped[int]
    new_count: Mapped[int]
    imported_by: Mapped[str] = mapped_column(sa.String(80))
    imported_at: Mapped[datetime]
    withdrawn_by: Mapped[str] = mapped_column(sa.String(80), default="")
    withdrawn_at: Mapped[datetime | None]
    withdrawn_why: Mapped[str] = mapped_column(sa.String(300), default="")


class StatementLine(Base):
    """One line, raw and read. `key` is its content and which of its equals it is.

    A line that comes again in an overlapping file has the same key; two identical lines of
    one day in one file are the first and the second of their kind, and stay two. Lines that
    were withdrawn leave their keys to those that come after them.

    `corrects` is the bank's reference of a movement that this one stands for; `returns_id` the
    matched line that a debit may return. `note` is words for people, and decides nothing.
    """

    __tablename__ = "statement_lines"
    __table_args__ = (
        sa.Index("ix_statement_lines_state_id", "state", "id"),
        sa.Index("ix_statement_lines_booked_on_amount_minor", "booked_on", "amount_minor"),
        sa.Index("ix_statement_lines_file_id_position", "file_id", "position"),
        partial_index(
            "uq_statement_lines_standing",
            "key",
            where="state <> 'withdrawn'",
            unique=True,
        ),
        sa.CheckConstraint("amount_minor <> 0", name="amount_not_zero"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(64))
    file_id: Mapped[int] = mapped_column(sa.ForeignKey(StatementFile.id))
    position: Mapped[int]
    booked_on: Mapped[date]
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str] = mapped_column(sa.String(3))
    payer_name: Mapped[str] = mapped_column(sa.String(200))
    payer_account: Mapped[str] = mapped_column(sa.String(80))
    payer_email: Mapped[str] = mapped_column(sa.String(254))
    message: Mapped[str] = mapped_column(sa.Text)
    bank_reference: Mapped[str] = mapped_column(sa.String(80))
    interac_reference: Mapped[str] = mapped_column(sa.String(40))
    raw: Mapped[str] = mapped_column(sa.Text)
    state: Mapped[LineState] = enum_column(LineState, 12)
    corrects: Mapped[str] = mapped_column(sa.String(80), default="", server_default="")
    returns_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("statement_lines.id"))
    note: Mapped[str] = mapped_column(sa.String(300), default="")
    decided_by: Mapped[str] = mapped_column(sa.String(80), default="")
    decided_at: Mapped[datetime | None]

    @property
    def money(self) -> Money:
        return Money(self.amount_minor, self.currency)


class Suggestion(Base):
    """A gift an open line may be for, best first, and why."""

    __tablename__ = "match_suggestions"

    line_id: Mapped[int] = mapped_column(sa.ForeignKey(StatementLine.id), primary_key=True)
    gift_id: Mapped[int] = mapped_column(sa.ForeignKey(Gift.id), primary_key=True)
    rank: Mapped[int]
    score: Mapped[int] = mapped_column(doc="Hundredths: 87 is 0.87.")
    reasons: Mapped[Document]


class Match(Base):
    """So much of a line is for this gift. Undoing keeps the row; a new match is a new row.

    `subject` is the payment's name in evidence and ledger.
    """

    __tablename__ = "matches"
    __table_args__ = (
        sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
        partial_index(
            "uq_matches_standing",
            "line_id",
            "gift_id",
            where="undone_at IS NULL",
            unique=True,
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    subject: Mapped[str] = mapped_column(sa.String(80), unique=True)
    line_id: Mapped[int] = mapped_column(sa.ForeignKey(StatementLine.id), index=True)
    gift_id: Mapped[int] = mapped_column(sa.ForeignKey(Gift.id), index=True)
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str] = mapped_column(sa.String(3))
    is_automatic: Mapped[bool]
    reasons: Mapped[Document]
    made_by: Mapped[str] = mapped_column(sa.String(80))
    made_at: Mapped[datetime]
    undone_by: Mapped[str] = mapped_column(sa.String(80), default="")
    undone_at: Mapped[datetime | None]
    undo_reason: Mapped[str] = mapped_column(sa.String(300), default="")

    @property
    def money(self) -> Money:
        return Money(self.amount_minor, self.currency)


class PayerAlias(Base):
    """A payer as a bank names them, learnt from a confirmed match."""

    __tablename__ = "payer_aliases"

    payer_key: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(254), primary_key=True)
    learnt_at: Mapped[datetime]


class TransferNotice(Base):
    """A notification mail of Interac's: evidence that helps to match, never proof of money.

    `key` is what it says: two mails that say different things of one reference are both kept,
    so that whoever forges one first can't push out the true one.
    """

    __tablename__ = "transfer_notices"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(64), unique=True)
    interac_reference: Mapped[str] = mapped_column(sa.String(40), index=True)
    sender_name: Mapped[str] = mapped_column(sa.String(200))
    sender_email: Mapped[str] = mapped_column(sa.String(254))
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str] = mapped_column(sa.String(3))
    message: Mapped[str] = mapped_column(sa.Text)
    authentication: Mapped[str] = mapped_column(sa.String(12))
    received_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
