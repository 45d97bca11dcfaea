"""Made-up gifts are booked like real ones, also where they go in by PostgreSQL's COPY."""

import pytest
import sqlalchemy as sa

from portal.codes.models import CodeUse
from portal.commands.installation import make_services
from portal.commands.seed import reference_of, seed_gifts
from portal.database import Database, table_of
from portal.gifts.code_sums import CodeSum
from portal.gifts.lifecycle import EventKind
from portal.gifts.models import Evidence, Gift, GiftEvent, GiftWord, LedgerEntry
from portal.gifts.operations import record_event
from portal.payments.books import prove
from portal.settings import Settings

GIFTS = 300
TABLES = (Gift, GiftWord, Evidence, LedgerEntry, GiftEvent)


@pytest.mark.usefixtures("catalogued")
def test_their_books_are_proven_and_numbering_goes_on(
    database: Database, settings: Settings
) -> None:
    services = make_services(settings)
    for _ in range(2):
        seed_gifts(services, GIFTS, lambda _: None)
    with database.read() as session:
        counts = [
            session.scalar(sa.select(sa.func.count()).select_from(table_of(one))) for one in TABLES
        ]
        gifts = session.scalars(sa.select(Gift).order_by(Gift.id)).all()
        uses = session.scalars(sa.select(CodeUse.gift_id).order_by(CodeUse.gift_id)).all()
        summed = session.scalars(sa.select(CodeSum.started).where(CodeSum.dimension == "total"))
        assert sum(summed) == len(uses)
        assert prove(session) == []
    assert uses == [gift.id for gift in gifts if gift.code]
    assert counts[0] == 2 * GIFTS
    assert all(count and count > GIFTS for count in counts[1:])
    assert [gift.reference for gift in gifts] == [reference_of(gift.id) for gift in gifts]
    with services.write("staff:1") as act:
        record_event(act, gifts[0], EventKind.REMINDERS_STOPPED, actor="staff:1")
    services.database.close()
