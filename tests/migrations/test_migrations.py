"""Migrations go up and down, with data, and make just what the models say."""

# ruff: noqa: S608 - the names in these statements are constants of this file

import hashlib
import json
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal import schema
from portal.codes.terms import Frequency, Pledge
from portal.database import Base, Database, DatabaseUnavailable, table_of
from portal.donors import Consent, DonorDetails, find_or_add_donor, record_consent
from portal.gifts.day_sums import has_changes, read_days
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import (
    Evidence,
    Gift,
    GiftEvent,
    GiftStanding,
    GiftWord,
    LedgerEntry,
    Plan,
    Subscription,
    SubscriptionState,
)
from portal.gifts.operations import add_gift, add_plan, book_claims, lock_gift, record_event
from portal.gifts.references import list_words
from portal.jobs.promising import Jobs, SendReceipt
from portal.jobs.queue import QueuedJob
from portal.mail.outbox import Email
from portal.money import Money
from portal.payments.models import Checkout, Refund, StripeEvent, StripeLink
from portal.payments.statements.models import Match, StatementFile, StatementLine
from portal.payments.stripe.event_gifts import keep_subscription
from portal.payments.stripe.reading import BEGINNINGS, STRIPE, kind_of, link_row, stripe_claim
from portal.payments.stripe.subscriptions import supersede
from portal.payments.transfers import ProofFile, ReminderSchedule, begin_watch
from portal.receipts.register import Receipt, ReceiptDocument, ReceiptGift, ReceiptSeries
from portal.services import FormKey, add_entry, take_key
from tests.workplace import act_in

SCHEDULE = ReminderSchedule(reminder_days=(3, 10), expires_days=60)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FORBIDDEN = (sa.exc.IntegrityError, sa.exc.DatabaseError, DatabaseUnavailable)


def add_paid_gift(database: Database) -> int:
    pledge = Pledge(
        given=Money(7553, "CAD"),
        cover=Money(0, "CAD"),
        region="ca",
        fund="missions",
        mode="card",
        frequency=Frequency.ONCE,
        code=None,
    )
    donor = DonorDetails(first_name="Ada", last_name="Eze", email="ada@example.org")
    claim = stripe_claim(
        fact=FactKind.PAID, subject="pi_1", occurred_at=NOW, money=Money(7553, "CAD")
    )
    with database.write() as session:
        gift = add_gift(act_in(session, NOW), pledge, donor, donor_id=None, partner=None)
        book_claims(act_in(session, NOW), gift, [claim])
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


def test_what_came_before_statements_is_counted_by_the_migration(database: Database) -> None:
    gift_id = add_paid_gift(database)
    schema.downgrade(database, "20261123_guards")
    schema.upgrade(database)
    with database.read() as session:
        assert session.get_one(Gift, gift_id).paid_minor == 7553


def test_a_partly_paid_gift_waits_again_below_statements(database: Database) -> None:
    gift_id = add_paid_gift(database)
    with database.write() as session:
        session.execute(sa.update(Gift).values(status="partly_paid"))
    schema.downgrade(database, "20261123_guards")
    with database.read() as session:
        status = sa.text("SELECT status FROM gifts WHERE id = :id")
        assert session.scalar(status, {"id": gift_id}) == "pending"
    assert "statement_lines" not in sa.inspect(database.reader).get_table_names()


def test_proofs_come_and_go_without_touching_gifts(database: Database) -> None:
    gift_id = add_paid_gift(database)
    with database.write() as session:
        begin_watch(act_in(session, NOW), gift_id, SCHEDULE)
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


def test_names_are_searched_with_one_apostrophe(database: Database) -> None:
    gift_id = add_paid_gift(database)
    schema.downgrade(database, "20261125_proofs")
    with database.write() as session:
        session.execute(sa.update(Gift).values(search_name="o’hara ada"))
    schema.upgrade(database)
    with database.read() as session:
        assert session.get_one(Gift, gift_id).search_name == "o'hara ada"
    schema.downgrade(database, "20261125_proofs")


def test_gifts_of_before_are_found_by_first_names(database: Database) -> None:
    gift_id = add_paid_gift(database)
    with database.write() as session:
        session.execute(sa.update(Gift).values(first_name="Zoë d’Or", last_name="Roy"))
    schema.downgrade(database, "20261126_apostrophes")
    schema.upgrade(database)
    with database.read() as session:
        assert session.get_one(Gift, gift_id).given_name == "zoe d'or"


def test_gifts_of_before_have_their_issuer_s_day(catalogued: Database) -> None:
    gift_id = add_paid_gift(catalogued)
    at = datetime(2027, 1, 1, 4, 50, tzinfo=UTC)
    with catalogued.write() as session:
        session.execute(sa.update(Gift).values(received_at=at, received_on=None))
    schema.downgrade(catalogued, "20261127_failing_mail")
    schema.upgrade(catalogued)
    with catalogued.read() as session:
        assert str(session.get_one(Gift, gift_id).received_on) == "2026-12-31"


def test_days_of_before_are_summed_from_the_ledger(catalogued: Database) -> None:
    gift_id = add_paid_gift(catalogued)
    # The first of December in UTC, and still November where the issuer is.
    late = datetime(2026, 12, 1, 4, 50, tzinfo=UTC)
    facts = (
        (FactKind.PAID, "pi_2", 5000, late),
        (FactKind.PAID, "pi_3", 700, NOW),
        (FactKind.WITHDRAWN, "pi_3", 700, late),
        (FactKind.FEE, "pi_1", 250, late),
        (FactKind.REFUNDED, "re_1", 1000, late),
        (FactKind.REFUNDED, "re_2", 300, NOW),
        (FactKind.REFUND_FAILED, "re_2", 300, late),
        (FactKind.DISPUTE_LOST, "dp_1", 400, NOW),
    )
    claims = [
        stripe_claim(fact=fact, subject=subject, occurred_at=at, money=Money(minor, "CAD"))
        for fact, subject, minor, at in facts
    ]
    with catalogued.write() as session:
        gift = session.get_one(Gift, gift_id)
        book_claims(act_in(session, NOW), gift, claims, timezone="America/Toronto")
        kept = read_days(session)
    assert sorted(kept.values()) == [250, 400, 1000, 5000, 7553]
    schema.downgrade(catalogued, "20261127_gift_standing")
    assert "day_sums" not in sa.inspect(catalogued.reader).get_table_names()
    schema.upgrade(catalogued)
    with catalogued.read() as session:
        assert read_days(session) == kept
        assert not has_changes(session)


def test_gifts_of_before_are_found_by_every_word(database: Database) -> None:
    gift_id = add_paid_gift(database)
    name = ("Seán Jürgen", "O’Brien-Łuk", "a.b+c@mail.example")
    with database.write() as session:
        first, last, email = name
        session.execute(sa.update(Gift).values(first_name=first, last_name=last, email=email))
    schema.downgrade(database, "20261127_received_on")
    schema.upgrade(database)
    with database.read() as session:
        words = set(session.scalars(sa.select(GiftWord.word).where(GiftWord.gift_id == gift_id)))
    assert words <= {*list_words(*name)}, "today's rules find more, and nothing less"
    assert {"sean", "juergen", "jurgen", "brien", "luk", "obrienluk", "mail.example"} <= words


def test_forms_of_before_are_not_acted_on_again(database: Database) -> None:
    schema.downgrade(database, "20261127_words")
    told = (
        ("receipt_resend", "gift:1", {"receipt": "2026-000001", "once": "a"}),
        ("receipt_resend", "gift:1", {"receipt": "2026-000001", "once": "a"}),
        ("receipt_resend", "gift:2", {"receipt": "2026-000002", "once": "a"}),
        ("refund_request", "gift:1", {"amount": "CAD 1.00", "once": "b"}),
        ("gift_receive", "gift:1", {"amount": "CAD 1.00"}),
        ("sign_in", "staff:1", {"once": "c"}),
    )
    with database.write() as session:
        for act, subject, detail in told:
            add_entry(session, "staff:1", act, subject, detail, now=NOW)
    schema.upgrade(database)
    with database.write() as session:
        act = act_in(session, NOW)
        assert session.scalars(sa.select(FormKey.at)).all() == [NOW] * 3
        assert not take_key(act, "receipt_resend", "gift:1", "a")
        assert not take_key(act, "refund_request", "gift:1", "b")
        assert take_key(act, "gift_receive", "gift:1", "a")


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


def add_matched_line(database: Database) -> None:
    gift_id = add_paid_gift(database)
    texts = ("payer_name", "payer_account", "payer_email", "bank_reference", "interac_reference")
    now = {"imported_at": NOW, "imported_by": "system"}
    with database.write() as session:
        session.execute(
            sa.insert(StatementFile).values(
                sha256="s", filename="f", format="rbc", account="", line_count=1, new_count=1, **now
            )
        )
        session.execute(
            sa.insert(StatementLine).values(
                key="k",
                file_id=1,
                position=1,
                booked_on=NOW.date(),
                amount_minor=7553,
                currency="CAD",
                message="thanks",
                raw="a,b,c",
                state="matched",
                **dict.fromkeys(texts, ""),
            )
        )
        session.execute(
            sa.insert(Match).values(
                subject="line-1-1",
                line_id=1,
                gift_id=gift_id,
                amount_minor=7553,
                currency="CAD",
                is_automatic=False,
                reasons={},
                made_by="system",
                made_at=NOW,
            )
        )


def test_matched_lines_go_down_and_up_below_withdrawals(database: Database) -> None:
    add_matched_line(database)
    for _round in range(2):
        schema.downgrade(database, "20261127_given_names")
        schema.upgrade(database)
    schema.check(database)
    with database.read() as session:
        file, line = session.get_one(StatementFile, 1), session.get_one(StatementLine, 1)
        assert (file.sha256, file.withdrawn_at, file.imported_at) == ("s", None, NOW)
        assert (line.key, line.raw, line.state) == ("k", "a,b,c", "matched")
        assert session.scalars(sa.select(Match)).one().line_id == 1
    for statement in ("UPDATE statement_lines SET raw = 'x'", "DELETE FROM statement_files"):
        with pytest.raises(FORBIDDEN), database.write() as session:
            session.execute(sa.text(statement))
    for table in ("statement_files", "statement_lines"):
        with pytest.raises(FORBIDDEN), database.write() as session:
            copy_row(session, table, 1)


def test_a_withdrawn_file_is_an_unknown_one_with_ignored_lines_below(database: Database) -> None:
    add_matched_line(database)
    with database.write() as session:
        copy_row(session, "statement_files", 1, withdrawn_at=NOW, withdrawn_why="columns")
        copy_row(session, "statement_lines", 1, file_id=2, state="withdrawn")
    schema.downgrade(database, "20261127_given_names")
    with database.read() as session:
        files = session.execute(sa.text("SELECT sha256 FROM statement_files ORDER BY id"))
        lines = session.execute(sa.text("SELECT key, state, raw FROM statement_lines ORDER BY id"))
        assert files.scalars().all() == ["s", "withdrawn-2"]
        assert [tuple(line) for line in lines] == [
            ("k", "matched", "a,b,c"),
            ("withdrawn-2", "ignored", "a,b,c"),
        ]
    for statement in ("UPDATE statement_lines SET key = 'x'", "DELETE FROM statement_files"):
        with pytest.raises(FORBIDDEN), database.write() as session:
            session.execute(sa.text(statement))
    schema.upgrade(database)


def test_links_of_lines_are_read_from_the_notes_of_before(database: Database) -> None:
    add_matched_line(database)
    notes = (
        ("a", -7553, "open", "may return line 1"),
        ("b", -7553, "ignored", "may return line 1"),
        ("c", 500, "open", "corrects A 1"),
        ("d", 500, "ignored", "corrects A1"),
        ("e", -7553, "open", ""),
    )
    with database.write() as session:
        for key, amount, state, note in notes:
            copy_row(
                session, "statement_lines", 1, key=key, amount_minor=amount, state=state, note=note
            )
    for _round in range(2):
        schema.downgrade(database, "20261127_form_keys")
        with database.read() as session:
            told = session.execute(sa.text("SELECT note FROM statement_lines ORDER BY id"))
            assert told.scalars().all() == ["", *(note for *_, note in notes)]
        schema.upgrade(database)
    with database.read() as session:
        lines = session.scalars(sa.select(StatementLine).order_by(StatementLine.id)).all()
        links = [None, 1, None, None, None, None]
        assert [line.returns_id for line in lines] == links
        assert [line.corrects for line in lines] == ["", "", "", "A 1", "", ""]
    with pytest.raises(FORBIDDEN), database.write() as session:
        session.execute(sa.update(StatementLine).values(returns_id=99))


def test_refunds_asked_for_before_keep_their_keys_and_payments(database: Database) -> None:
    gift_id = add_paid_gift(database)
    taken = stripe_claim(
        fact=FactKind.REFUNDED,
        subject="re_1",
        occurred_at=NOW,
        money=Money(5, "CAD"),
        detail={"payment": "pi_1"},
    )
    wish = {"amount_minor": 3003, "currency": "CAD", "payment": "pi_1", "once": "form-1"}
    with database.write() as session:
        act, gift = act_in(session, NOW, actor="staff:7"), session.get_one(Gift, gift_id)
        reference = gift.reference
        for data in (wish, {**wish, "payment": "pi_2"}, {"amount_minor": 1, "currency": "CAD"}):
            record_event(act, gift, "refund_requested", why="Asked", data=data)
        book_claims(act, gift, [taken])
    schema.downgrade(database, "20261127_line_links")
    schema.upgrade(database)
    with database.read() as session:
        refund = session.scalars(sa.select(Refund)).one()
        payments = dict(session.execute(sa.select(Evidence.subject, Evidence.payment)).all())
    digest = hashlib.sha256(f"{reference}:CAD 30.03:form-1".encode()).hexdigest()[:32]
    assert refund.idempotency_key == f"refund-{digest}"
    assert (refund.payment, refund.money, refund.once) == ("pi_1", Money(3003, "CAD"), "form-1")
    assert (refund.reason, refund.actor, refund.asked_at) == ("Asked", "staff:7", NOW)
    assert payments == {"pi_1": None, "re_1": "pi_1"}
    with pytest.raises(FORBIDDEN), database.write() as session:
        session.execute(sa.update(Evidence).values(payment="pi_2"))


def test_subscriptions_of_before_keep_what_became_of_them(database: Database) -> None:
    gift_id = add_paid_gift(database)
    with database.write() as session:
        act, gift = act_in(session, NOW), session.get_one(Gift, gift_id)
        plan = add_plan(act, find_or_add_donor(act, gift.email), gift.money)
        gift.plan_id = plan.id
        keep_subscription(act, plan.id, "sub_own", SubscriptionState.FOLLOWED)
        session.flush()
        supersede(act, gift, plan.id, ["sub_ended"])
        for linked in ("sub_own", "sub_other", "pi_1"):
            session.execute(sa.insert(StripeLink).values(link_row(linked, gift_id)))
    for _round in range(2):
        schema.downgrade(database, "20261127_refunds")
        own = sa.text("SELECT stripe_subscription_id, donor_id, status FROM plans")
        with database.read() as session:
            assert [tuple(row) for row in session.execute(own)] == [("sub_own", 1, "pending")]
        schema.upgrade(database)
    schema.check(database)
    with database.read() as session:
        kept = session.scalars(sa.select(Subscription).order_by(Subscription.stripe_id)).all()
        assert [(one.stripe_id, one.state, one.plan_id, one.ended_at) for one in kept] == [
            ("sub_ended", "superseded", 1, NOW),
            ("sub_other", "beside", 1, None),
            ("sub_own", "followed", 1, None),
        ]
        assert session.scalars(sa.select(Plan)).one().running == "sub_own"
        assert session.get_one(Gift, gift_id).plan_id == 1


def test_links_of_before_learn_what_they_link(database: Database) -> None:
    gift_id = add_paid_gift(database)
    ids = [*(f"{begin}_1" for begin in BEGINNINGS), "submarine", "px_1", "inX1"]
    with database.write() as session:
        session.execute(sa.insert(StripeLink), [link_row(one, gift_id) for one in ids])
        session.add(
            Checkout(
                provider=STRIPE,
                gift_id=gift_id,
                stripe_session_id="cs_1",
                state="open",
                expires_at=NOW,
                created_at=NOW,
            )
        )
        session.add(
            StripeEvent(
                provider=STRIPE,
                stripe_event_id="evt_1",
                type="x",
                livemode=False,
                api_version="",
                created_at=NOW,
                received_at=NOW,
                payload={"id": "evt_1"},
                state="processed",
            )
        )
    for _round in range(2):
        schema.downgrade(database, "20261127_subscriptions")
        schema.upgrade(database)
    schema.check(database)
    with database.read() as session:
        links = session.scalars(sa.select(StripeLink)).all()
        assert {link.stripe_id: link.kind for link in links} == {one: kind_of(one) for one in ids}
    for table in ("checkouts", "stripe_events"):
        with pytest.raises(FORBIDDEN), database.write() as session:
            copy_row(session, table, 1)
        with database.write() as session:
            copy_row(session, table, 1, provider="another")
    with pytest.raises(FORBIDDEN), database.write() as session:
        session.execute(sa.text("UPDATE stripe_events SET type = 'y'"))


def test_letters_and_consents_of_before_are_linked(database: Database) -> None:
    gift_id = add_paid_gift(database)
    with database.write() as session:
        act, gift = act_in(session, NOW), session.get_one(Gift, gift_id)
        donor_id = find_or_add_donor(act, gift.email)
        for source in (f"gift {gift.reference}", "gift of another", "a stall"):
            record_consent(act, donor_id, wording="News", locale="en", source=source)
        for key, sent_at in (("sent", NOW), ("waiting", None)):
            letter = {"message": "receipt", "recipient": "a@b", "subject": "x", "locale": "en"}
            session.add(Email(key=key, created_at=NOW, sent_at=sent_at, **letter))
    schema.downgrade(database, "20261127_providers")
    schema.upgrade(database)
    with database.read() as session:
        consents = sa.select(Consent.gift_id).order_by(Consent.id)
        assert session.scalars(consents).all() == [gift_id, None, None]
        noted = sa.select(Email.key, Email.noted_at).order_by(Email.id)
        assert [tuple(row) for row in session.execute(noted)] == [("sent", NOW), ("waiting", None)]


def test_unattributed_money_of_before_is_marked(database: Database) -> None:
    add_paid_gift(database)
    origins = ("unattributed:pi_1", "in_1", "unattributed")
    with database.write() as session:
        for number, origin in enumerate(origins):
            copy_row(session, "gifts", 1, origin=origin, token=f"{number}", reference=f"{number}")
    schema.downgrade(database, "20261127_noted")
    schema.upgrade(database)
    with database.read() as session:
        marked = session.scalars(sa.select(Gift.origin).where(Gift.is_unattributed))
        assert marked.all() == ["unattributed:pi_1"]


def copy_row(session: Session, name: str, row_id: int, **changes: object) -> None:
    """Add a row that is like another but for some values."""
    table = Base.metadata.tables[name]
    row = session.execute(sa.select(table).where(table.c.id == row_id)).mappings().one()
    values = {column: value for column, value in row.items() if column != "id"}
    session.execute(sa.insert(table).values({**values, **changes}))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE statement_files SET sha256 = 'x'",
        "DELETE FROM statement_files",
        "UPDATE statement_lines SET raw = 'x'",
        "UPDATE statement_lines SET amount_minor = 1",
        "UPDATE statement_lines SET message = 'x'",
        "DELETE FROM statement_lines",
        "UPDATE matches SET amount_minor = 1",
        "UPDATE matches SET gift_id = 2",
        "DELETE FROM matches",
    ],
)
def test_the_database_itself_keeps_what_the_bank_wrote(database: Database, statement: str) -> None:
    add_matched_line(database)
    with pytest.raises(FORBIDDEN), database.write() as session:
        session.execute(sa.text(statement))


def test_what_is_decided_of_a_line_may_change(database: Database) -> None:
    add_matched_line(database)
    with database.write() as session:
        session.execute(sa.update(StatementLine).values(state="open", note="taken back"))
        session.execute(sa.update(Match).values(undone_at=NOW, undone_by="staff:7"))


def test_a_line_pays_a_gift_once_at_a_time(database: Database) -> None:
    add_matched_line(database)
    again = sa.text(
        "INSERT INTO matches (subject, line_id, gift_id, amount_minor, currency, is_automatic,"
        " reasons, made_by, made_at, undone_by, undo_reason) SELECT 'line-1-2', line_id, gift_id,"
        " 1, currency, is_automatic, reasons, made_by, made_at, '', '' FROM matches"
    )
    with pytest.raises(FORBIDDEN), database.write() as session:
        session.execute(again)


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


OF_BEFORE = (
    ("send_receipt-7", "ENQUEUED", "send_receipt", "[7,1]", None, False),
    ("send_receipt-8", "SUCCESS", "send_receipt", "[8,1]", None, False),
    ("send_notice-x:3:LW~3", "DELAYED", "send_notice", '["x:3:LW",3]', 1795780563465, False),
    ("settle_plan-2:sub", "PENDING", "settle_plan", '["2:sub",1]', None, False),
    ("retry_event-4~60", "ERROR", "retry_event", "[4,60]", None, False),
    ("retry_event-5~60", "ERROR", "retry_event", "[5,60]", None, True),
    ("0-a-fork", "ENQUEUED", "retry_event", "[5,60]", None, False),
)


def keep_jobs_as_before(database: Database) -> str:
    """The former library's tables, as far as they count, with jobs; what their names begin with."""
    schema_name = "" if database.is_sqlite else "dbos."
    with database.write() as session:
        if schema_name:
            session.execute(sa.text("CREATE SCHEMA dbos"))
        for columns in (
            "status (workflow_uuid TEXT PRIMARY KEY, status TEXT, name TEXT, created_at BIGINT,"
            " updated_at BIGINT, application_version TEXT, queue_name TEXT, priority INTEGER,"
            " serialization TEXT, delay_until_epoch_ms BIGINT,"
            " was_forked_from BOOLEAN NOT NULL DEFAULT FALSE)",
            "input (workflow_uuid TEXT PRIMARY KEY, inputs TEXT)",
        ):
            session.execute(sa.text(f"CREATE TABLE {schema_name}workflow_{columns}"))
        for number, (key, status, name, given, due, was_forked) in enumerate(OF_BEFORE):
            values = {"key": key, "status": status, "name": name, "due": due, "fork": was_forked}
            session.execute(
                sa.text(
                    f"INSERT INTO {schema_name}workflow_status (workflow_uuid, status, name,"
                    " created_at, queue_name, delay_until_epoch_ms, was_forked_from)"
                    f" VALUES (:key, :status, :name, {1795780523000 + number}, 'portal', :due,"
                    " :fork)"
                ),
                values,
            )
            inputs = f'{{"namedArgs":{{}},"positionalArgs":{given}}}'
            into = f"INSERT INTO {schema_name}workflow_input VALUES (:key, :inputs)"
            session.execute(sa.text(into), {"key": key, "inputs": inputs})
    return schema_name


def test_jobs_of_before_are_brought_over_and_back(database: Database) -> None:
    schema.downgrade(database, "20261127_former_regions")
    prefix = keep_jobs_as_before(database)
    schema.upgrade(database)
    with database.read() as session:
        jobs = session.scalars(sa.select(QueuedJob).order_by(QueuedJob.id)).all()
    assert [(job.key, job.given, job.status.value, job.attempt) for job in jobs] == [
        ("send_receipt-7", 7, "waiting", 1),
        ("send_letter-x:3:LW", "x:3:LW", "waiting", 3),
        ("settle_plan-2:sub", "2:sub", "waiting", 1),
        ("retry_event-4", 4, "failed", 60),
        ("retry_event-5", 5, "waiting", 60),
    ]
    assert jobs[1].due_at == datetime.fromtimestamp(1795780563.465, UTC)
    at_work = sa.text(
        f"SELECT workflow_uuid FROM {prefix}workflow_status"
        " WHERE status IN ('ENQUEUED', 'PENDING', 'DELAYED')"
    )
    with database.read() as session:
        assert session.scalars(at_work).all() == []
    schema.downgrade(database, "20261127_former_regions")
    with database.read() as session:
        waiting = sorted(session.scalars(at_work))
        inputs = session.scalar(
            sa.text(
                f"SELECT inputs FROM {prefix}workflow_input WHERE workflow_uuid = 'send_receipt-7'"
            )
        )
    assert waiting == sorted(job.key.replace("send_letter", "send_notice") for job in jobs)
    assert json.loads(inputs or "")["positionalArgs"] == [7, 1]


def test_no_job_is_lost_on_the_way_back_from_a_new_installation(database: Database) -> None:
    with database.write() as session:
        Jobs(database).enqueue(session, SendReceipt(7))
    with pytest.raises(RuntimeError, match="let the worker finish"):
        schema.downgrade(database, "20261127_former_regions")
    with database.read() as session:
        assert session.scalars(sa.select(QueuedJob.key)).all() == ["send_receipt-7"]


def _standing(session: Session) -> list[tuple[object, ...]]:
    kept = table_of(GiftStanding)
    return [tuple(row) for row in session.execute(sa.select(kept).order_by(kept.c.gift_id))]


def _stands(session: Session) -> list[tuple[object, ...]]:
    names = table_of(GiftStanding).columns.keys()[1:]
    gifts = table_of(Gift)
    said = sa.select(gifts.c.id, *(gifts.c[name] for name in names)).order_by(gifts.c.id)
    return [tuple(row) for row in session.execute(said)]


def test_where_gifts_stand_is_filled_and_followed(database: Database) -> None:
    gift_id = add_paid_gift(database)
    with database.write() as session:
        session.execute(sa.text("DELETE FROM jobs"))
    schema.downgrade(database, "20261127_jobs")
    schema.upgrade(database)
    with database.read() as session:
        assert len(_standing(session)) == 1
        assert _standing(session) == _stands(session)
    refund = stripe_claim(
        fact=FactKind.REFUNDED, subject="re_1", occurred_at=NOW, money=Money(53, "CAD")
    )
    with database.write() as session:
        gift = lock_gift(session, gift_id)
        book_claims(act_in(session, NOW), gift, [refund])
    with database.write() as session:
        many = {"region": "ca", "fund": "missions", "mode": "card", "frequency": "once"}
        session.execute(
            sa.insert(Gift),
            [
                {
                    "token": f"t{number}",
                    "reference": f"R{number}",
                    "amount_minor": 100,
                    "currency": "CAD",
                    "created_at": NOW,
                    **many,
                }
                for number in range(3)
            ],
        )
        session.execute(sa.update(Gift).where(Gift.token == "t1").values(currency="USD"))
        session.execute(sa.delete(Gift).where(Gift.token == "t2"))
    with database.read() as session:
        assert [row[1] for row in _standing(session)] == ["partly_refunded", "pending", "pending"]
        assert _standing(session) == _stands(session)


def test_what_is_not_read_of_a_standing_comes_back_with_the_release_before(
    database: Database,
) -> None:
    add_paid_gift(database)
    schema.downgrade(database, "20261127_day_sums")
    both = sa.text(
        "SELECT gift_id, kept.currency, kept.received_on, kept.paid_minor,"
        " id, gifts.currency, gifts.received_on, gifts.paid_minor"
        " FROM gift_standing AS kept JOIN gifts ON id = gift_id"
    )
    with database.write() as session:
        session.execute(sa.text("UPDATE gifts SET paid_minor = 7001"))
    with database.read() as session:
        (row,) = session.execute(both).all()
    assert row[:4] == row[4:]
    assert row[3] == 7001
    schema.upgrade(database)
    assert "paid_minor" not in {
        column["name"] for column in sa.inspect(database.reader).get_columns("gift_standing")
    }


def test_a_booking_on_postgresql_writes_no_index_of_the_gift(database: Database) -> None:
    indexed = {
        column
        for index in sa.inspect(database.writer).get_indexes("gifts")
        for column in index["column_names"]
    }
    booked = {"status", "paid_minor", "refunded_minor", "received_at", "received_on", "fee_minor"}
    assert not indexed & booked


def test_receipts_of_before_say_which_gift_they_cover(database: Database) -> None:
    gift_id = add_paid_gift(database)
    row = {"year": 2026, "locale": "en", "reserved_at": NOW, "snapshot": {"amount_minor": 7553}}
    with database.write() as session:
        for number, voided_at in ((1, NOW), (2, None)):
            one = Receipt(issuer="us", number=number, gift_id=gift_id, voided_at=voided_at, **row)
            session.add(one)
            session.flush()
            document = {"receipt_id": one.id, "sha256": "0" * 64, "pdf": b"%PDF", "mark": ""}
            session.add(ReceiptDocument(rendered_at=NOW, **document))
        session.add(ReceiptSeries(issuer="us", year=2026, last_number=2))
    schema.downgrade(database, "20261128_partner_letters")
    assert "receipt_gifts" not in sa.inspect(database.reader).get_table_names()
    schema.upgrade(database)
    with database.read() as session:
        covered = session.execute(sa.select(table_of(ReceiptGift)).order_by("receipt_id")).all()
        assert len(session.scalars(sa.select(ReceiptDocument)).all()) == 2
        assert session.scalars(sa.select(ReceiptSeries.last_number)).all() == [2]
    assert [tuple(one)[1:] for one in covered] == [(gift_id, 7553, False), (gift_id, 7553, True)]
    with pytest.raises(FORBIDDEN), database.write() as session:
        session.execute(sa.update(Receipt).values(gift_id=7))
    with pytest.raises(FORBIDDEN), database.write() as session:
        session.execute(sa.delete(Receipt))
