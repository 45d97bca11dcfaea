"""What a clerk does with bank files, in one line each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import sqlalchemy as sa

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, LedgerEntry
from portal.jobs.queue import QueuedJob
from portal.payments.books import prove
from portal.payments.statements.booking import Share
from portal.payments.statements.decisions import confirm_match, undo_match
from portal.payments.statements.formats.reading import read_statement
from portal.payments.statements.match_run import Worked, match_open_lines
from portal.payments.statements.models import LineState, Match, StatementLine
from portal.payments.statements.operations import Imported, import_statement
from portal.receipts.register import Receipt, verify_register
from portal.services import Services
from tests.conftest import NOW
from tests.workplace import Workplace, act_in, at

RBC_HEADER = (
    '"Account Type","Account Number","Transaction Date","Cheque Number","Description 1",'
    '"Description 2","CAD$","USD$"'
)
_promises = count(1)
# Gifts are promised now, and no bank is quicker than that.
DAY = datetime.now(UTC).date()


def rbc(
    *rows: tuple[str, str],
    day: date = DAY,
    column: str = "CAD",
    payer: str = "ADAEZE O'BRIEN-TREMBLAY",
) -> bytes:
    """RBC's file of some rows: what the payer wrote, and the amount."""
    start = f"Chequing,00012-0012345,{day.month}/{day.day}/{day.year},"
    told = f'"E-TRANSFER - AUTODEPOSIT {payer}"'
    lines = [RBC_HEADER]
    for message, amount in rows:
        amounts = f"{amount},," if column == "CAD" else f",{amount},"
        lines.append(f'{start},{told},"{message}",{amounts}')
    return "\n".join([*lines, ""]).encode()


@dataclass(frozen=True)
class Clerk:
    """A workplace, and a clerk at it."""

    place: Workplace
    by: str = "staff:7"

    @property
    def services(self) -> Services:
        return self.place.services

    def promise(self, **choices: Any) -> Gift:
        """A gift of CAD 75.53 that waits for an e-Transfer, each time another one."""
        number = next(_promises)
        donor = {"dedication": f"number {number}"}
        chosen = {"mode": "interac", "donor": donor, "who": f"visitor {number}", **choices}
        return self.place.gift(self.place.start(**chosen).token)

    def keep(self, content: bytes, filename: str = "rbc.csv") -> Imported:
        """Import a file, and match nothing yet."""
        document = read_statement(content, filename=filename)
        return import_statement(
            at(self.place.services, NOW), document, content, filename=filename, by=self.by
        )

    def match(self) -> Worked:
        return match_open_lines(at(self.place.services, NOW))

    def bring(self, *rows: tuple[str, str], **more: Any) -> Worked:
        """A file of these rows, imported and matched."""
        self.keep(rbc(*rows, **more))
        return self.match()

    def confirm(self, line_id: int, *shares: Share, now: datetime = NOW) -> list[Match]:
        with self.place.database.write() as session:
            return confirm_match(
                act_in(session, now, self.services, actor=self.by), line_id, shares
            )

    def undo(self, match_id: int, reason: str = "another’s") -> None:
        with self.place.database.write() as session:
            undo_match(act_in(session, NOW, self.services, actor=self.by), match_id, reason=reason)

    def lines(self, state: LineState | None = None) -> list[StatementLine]:
        wanted = sa.select(StatementLine).order_by(StatementLine.id)
        if state is not None:
            wanted = wanted.where(StatementLine.state == state)
        with self.place.database.read() as session:
            return list(session.scalars(wanted))

    def matches(self) -> list[Match]:
        with self.place.database.read() as session:
            return list(session.scalars(sa.select(Match).order_by(Match.id)))

    def gift(self, gift: Gift) -> Gift:
        return self.place.gift(gift.token)

    def status(self, gift: Gift) -> Status:
        return self.gift(gift).status

    def receipts(self, gift: Gift) -> list[Receipt]:
        """Every receipt the gift ever had, oldest first."""
        with self.place.database.read() as session:
            return list(
                session.scalars(
                    sa.select(Receipt).where(Receipt.gift_id == gift.id).order_by(Receipt.id)
                )
            )

    def standing(self, gift: Gift) -> Receipt | None:
        return next((one for one in self.receipts(gift) if one.voided_at is None), None)

    def balance(self, account: str) -> int:
        """What an account holds."""
        with self.place.database.read() as session:
            entries: Iterable[LedgerEntry] = session.scalars(sa.select(LedgerEntry)).all()
        return sum(
            ((entry.debit_account == account) - (entry.credit_account == account))
            * entry.amount_minor
            for entry in entries
        )

    def jobs(self, name: str) -> list[str]:
        """The ids of the jobs of a kind that were promised."""
        with self.place.database.read() as session:
            found = sa.select(QueuedJob.key).where(QueuedJob.name == name).order_by(QueuedJob.key)
            return list(session.scalars(found))

    def check(self) -> None:
        """Everything adds up, whatever was done."""
        with self.place.database.read() as session:
            assert prove(session) == []
            assert verify_register(session) == []
