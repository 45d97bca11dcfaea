"""The export: whole, filtered, harmless in a spreadsheet, the same from both databases."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.gifts.day_sums import sum_received
from portal.money import Money
from portal.receipts.register import Receipt
from portal.records.export import LINES, stream_gifts
from portal.records.filters import GiftFilters, read_search
from portal.services import AuditEntry
from tests.conftest import NOW
from tests.staff.conftest import Browser
from tests.staff.samples import add_crowd, add_sample, pay_sample

pytestmark = pytest.mark.both_engines

SignedIn = Callable[[str], Browser]


def read(database: Database, **choices: object) -> list[dict[str, str]]:
    filters = GiftFilters(**choices)  # type: ignore[arg-type]  # each test passes the field's own type
    search = read_search(filters.text, ("CAD", "JPY", "KWD"))
    text = "".join(stream_gifts(database, filters, search))
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_what_a_gift_does_not_have_is_empty(catalogued: Database) -> None:
    with catalogued.write() as session:
        add_sample(session)
    (row,) = read(catalogued)
    assert not {row[name] for name in ("code", "partner", "fee", "fee_currency", "receipt")} - {""}


def test_a_gift_is_one_line_with_all_that_matters(catalogued: Database) -> None:
    with catalogued.write() as session:
        gift = add_sample(session, code="LWCAN", partner="loveworld-canada", city="Québec")
        pay_sample(session, gift, "pi_1", NOW + timedelta(minutes=2, microseconds=5))
    (row,) = read(catalogued)
    assert row == {
        "reference": gift.reference,
        "status": "paid",
        "created_at_utc": "2026-11-23 12:00:00",
        "received_at_utc": "2026-11-23 12:02:00",
        "received_on": "2026-11-23",
        "amount": "75.53",
        "received": "75.53",
        "currency": "CAD",
        "refunded": "0",
        "cover_fee": "0",
        "fee": "",
        "fee_currency": "",
        "region": "ca",
        "fund": "missions",
        "code": "LWCAN",
        "partner": "loveworld-canada",
        "mode": "card",
        "frequency": "once",
        "first_name": "Zoë",
        "last_name": "Tremblay",
        "email": "zoe@example.org",
        "anonymous": "no",
        "address_line1": "",
        "address_line2": "",
        "city": "Québec",
        "province": "",
        "postal_code": "",
        "country": "",
        "dedication": "",
        "receipt": "2026-000001",
    }


def test_amounts_have_their_currency_s_decimals(catalogued: Database) -> None:
    with catalogued.write() as session:
        for minor, currency in ((7503, "CAD"), (5, "USD"), (5000, "JPY"), (12_005, "KWD")):
            add_sample(session, money=Money(minor, currency))
    assert [row["amount"] for row in read(catalogued)] == ["75.03", "0.05", "5000", "12.005"]


def test_nothing_in_it_is_a_formula(catalogued: Database) -> None:
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "a=b", 'He said "x", then\nleft', "'quoted", "%s%w"]
    with catalogued.write() as session:
        for name in names:
            add_sample(session, first_name=name, dedication=name)
    rows = read(catalogued)
    expected = ["'=1+1", "'+1", "'-1", "'@SUM(A1)", *names[4:]]
    assert [row["first_name"] for row in rows] == expected
    assert [row["dedication"] for row in rows] == expected


def test_filters_and_search_hold_for_the_export(catalogued: Database) -> None:
    with catalogued.write() as session:
        add_sample(session, NOW - timedelta(days=3), code="LWCAN")
        add_sample(session, NOW, first_name="Ann", email="ann@example.org")
    assert [row["code"] for row in read(catalogued, code="LWCAN")] == ["LWCAN"]
    assert [row["first_name"] for row in read(catalogued, since=NOW.date())] == ["Ann"]
    assert [row["first_name"] for row in read(catalogued, text="ann@")] == ["Ann"]
    assert read(catalogued, text="75.53", region="us") == []


# 23:50 on the last of December in Toronto, and 0:30 on the first of January in Sydney.
AT_MIDNIGHT = [
    ("ca", "CAD", datetime(2027, 1, 1, 4, 50, tzinfo=UTC), "2026-12-31", "2027-01-01 04:50:00"),
    ("au", "AUD", datetime(2026, 12, 31, 13, 30, tzinfo=UTC), "2027-01-01", "2026-12-31 13:30:00"),
]


@pytest.mark.parametrize("case", AT_MIDNIGHT, ids=["Toronto", "Sydney"])
def test_receipt_and_export_agree_on_the_year(
    catalogued: Database, case: tuple[str, str, datetime, str, str]
) -> None:
    region, currency, at, day, utc = case
    with catalogued.write() as session:
        gift = add_sample(session, at, region=region, money=Money(5000, currency))
        pay_sample(session, gift, "pi_1", at)
        receipt = session.scalars(sa.select(Receipt)).one()
    (row,) = read(catalogued)
    assert (row["received_on"], row["received_at_utc"]) == (day, utc)
    assert receipt.snapshot["received_on"] == row["received_on"]
    of_day = date.fromisoformat(day)
    assert len(read(catalogued, received_since=of_day, received_until=of_day)) == 1
    assert read(catalogued, received_until=of_day - timedelta(days=1)) == []
    assert read(catalogued, received_since=of_day + timedelta(days=1)) == []
    with catalogued.read() as session:
        assert sum_received(session, of_day, of_day) == [Money(5000, currency)]
        other = of_day + timedelta(days=1 if region == "ca" else -1)
        assert sum_received(session, other, other) == []


def test_the_page_filters_by_the_issuers_day_and_says_so(
    catalogued: Database, signed_in: SignedIn
) -> None:
    at = datetime(2027, 1, 1, 4, 50, tzinfo=UTC)
    with catalogued.write() as session:
        gift = add_sample(session, at)
        pay_sample(session, gift, "pi_1", at)
    browser = signed_in("viewer")

    def shows(query: str) -> bool:
        return gift.reference in browser.get(f"/staff/gifts?{query}").text

    assert shows("received_from=2026-12-31&received_to=2026-12-31")
    assert not shows("received_from=2027-01-01")
    assert not shows("received_to=2026-12-30")
    assert "Received from (issuer’s date)" in browser.get("/staff/gifts").text


def test_there_is_no_cap_and_no_line_is_lost_between_pieces(catalogued: Database) -> None:
    add_crowd(catalogued, 2 * LINES + 3)
    rows = read(catalogued)
    assert len({row["reference"] for row in rows}) == len(rows) == 2 * LINES + 3


def test_an_export_is_streamed_and_on_record(catalogued: Database, signed_in: SignedIn) -> None:
    with catalogued.write() as session:
        add_sample(session)
    response = signed_in("finance").get("/staff/gifts.csv?region=ca&q=tremblay")
    assert response.is_streamed
    assert response.mimetype == "text/csv"
    assert "attachment" in response.headers["Content-Disposition"]
    assert response.text.count("\n") == 2
    with catalogued.read() as session:
        entry = session.scalars(sa.select(AuditEntry).where(AuditEntry.act == "export")).one()
    # What was searched for may be a person’s name, which must not outlive their gift.
    assert entry.detail == {"filters": "q=*&region=ca"}
