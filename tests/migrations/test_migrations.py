"""Migrations go up and down, with data, and make just what the models say."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from portal import schema
from portal.codes.pledge import Frequency, Pledge
from portal.database import Database, DatabaseUnavailable
from portal.donors.giver import Giver
from portal.gifts.evidence import Claim
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift, GiftEvent, LedgerEntry
from portal.gifts.operations import add_gift, book_claims
from portal.money import Money
from portal.payments.transfers.models import ProofFile
from portal.payments.transfers.schedule import Care
from portal.payments.transfers.watching import begin_watch

CARE = Care(reminder_days=(3, 10), expires_days=60)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FORBIDDEN = (sa.exc.IntegrityError, sa.exc.DatabaseError, DatabaseUnavailable)


def add_paid_gift(database: Database) -> int:
    pledge = Pledge(
        money=Money(7553, "CAD"),
        region="ca",
        fund="missions",
        mode="card",
        frequency=Frequency.ONCE,
        code=None,
    )
    giver = Giver(first_name="Ada", last_name="Eze", email="ada@example.org")
    claim = Claim(fact=FactKind.PAID, subject="pi_1", occurred_at=NOW, money=Money(7553, "CAD"))
    with database.write() as session:
        gift = add_gift(
            session, pledge, giver, NOW, donor_id=None, cover=Money(0, "CAD"), partner=None
        )
        book_claims(session, gift, [claim], NOW)
        return gift.id


def test_models_are_what_the_migrations_make(database: Database) -> None:
    schema.check(database)
    assert schema.is_current(database)


def test_goes_down_and_up_again_with_data(database: Database) -> None:
    gift_id = add_paid_gift(database)
    schema.downgrade(database, "20261123_begin")
    with database.write() as session:
        session.execute(sa.update(GiftEvent).values(why="unguarded"))
    schema.upgrade(database)
    with database.read() as session:
        assert session.get_one(Gift, gift_id).amount_minor == 7553
    with pytest.raises(FORBIDDEN), database.write() as session:
        session.execute(sa.update(GiftEvent).values(why="changed"))


def test_proofs_come_and_go_without_touching_gifts(database: Database) -> None:
    gift_id = add_paid_gift(database)
    with database.write() as session:
        begin_watch(session, gift_id, CARE, NOW)
        session.add(
            ProofFile(
                gift_id=gift_id,
                stored_name="a",
                media_type="application/pdf",
                size_bytes=1,
                sha256="0" * 64,
                uploaded_at=NOW,
            )
        )
    schema.downgrade(database, "20261123_guards")
    assert "proof_files" not in sa.inspect(database.reader).get_table_names()
    schema.upgrade(database)
    with database.read() as session:
        assert session.get_one(Gift, gift_id).amount_minor == 7553
        assert not session.scalars(sa.select(ProofFile)).all()


def test_goes_down_to_nothing(database: Database) -> None:
    add_paid_gift(database)
    schema.downgrade(database, "base")
    assert "gifts" not in sa.inspect(database.reader).get_table_names()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET amount_minor = 1",
        "DELETE FROM ledger_entries",
        "UPDATE evidence SET amount_minor = 1",
        "DELETE FROM evidence",
        "UPDATE gift_events SET why = 'x'",
        "DELETE FROM gift_events",
        "UPDATE gifts SET amount_minor = 1",
        "UPDATE gifts SET currency = 'USD'",
        "UPDATE gifts SET reference = 'X'",
        "DELETE FROM gifts",
    ],
)
def test_the_database_itself_keeps_what_was_booked(database: Database, statement: str) -> None:
    add_paid_gift(database)
    with pytest.raises(FORBIDDEN), database.write() as session:
        session.execute(sa.text(statement))


def test_an_entry_moves_a_positive_amount_between_two_accounts(database: Database) -> None:
    gift_id = add_paid_gift(database)
    with database.read() as session:
        row = {
            column.name: getattr(session.scalars(sa.select(LedgerEntry)).one(), column.name)
            for column in LedgerEntry.__table__.columns
            if column.name != "id"
        }
    for change in ({"amount_minor": 0}, {"debit_account": row["credit_account"]}):
        with pytest.raises(FORBIDDEN), database.write() as session:
            session.execute(sa.insert(LedgerEntry).values({**row, "key": "k", **change}))
    with database.write() as session:
        session.execute(sa.update(Gift).where(Gift.id == gift_id).values(dedication="fine"))
