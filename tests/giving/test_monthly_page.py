"""A monthly gift's page for its donor: how it stands, and what can be done about it."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.gifts.models import Gift, Plan
from portal.intake.change_mode import ATTEMPTS_AN_HOUR
from tests.conftest import NOW
from tests.giving.visits import begin, text_of
from tests.pages import CheckedClient
from tests.workplace import follow


def begin_monthly(client: CheckedClient, database: Database, **plan: Any) -> str:
    """A monthly gift by card; the address of its page. `plan` is how its plan stands."""
    gift = begin(client, database, frequency="monthly", mode="card", code="LWCAN")
    facts = {"status": "active", "stripe_customer_id": "cus_1", "follows": "sub_1", **plan}
    with database.write() as session:
        kept = session.get_one(Plan, session.get_one(Gift, gift.id).plan_id)
        if follows := facts.pop("follows"):
            follow(session, kept, follows)
        for name, value in facts.items():
            setattr(kept, name, value)
    return f"/gift/{gift.token}"


@pytest.mark.parametrize(
    ("plan", "heading", "sentence"),
    [
        ({}, "Your monthly gift", "CAD\u00a075.50 is taken every month"),
        (
            {"status": "past_due"},
            "The last monthly payment did not go through",
            "No money was taken, and you owe nothing.",
        ),
        (
            {"cancel_at": NOW + timedelta(days=9)},
            "Your monthly gift comes to its end",
            "It ends on December 2, 2026, and nothing is taken after that.",
        ),
        (
            {"status": "cancelled", "cancelled_at": NOW},
            "Your monthly gift has ended",
            "It ended on November 23, 2026. Nothing more is taken",
        ),
    ],
)
def test_each_state_says_what_will_be_taken(
    client: CheckedClient,
    catalogued: Database,
    plan: dict[str, Any],
    heading: str,
    sentence: str,
) -> None:
    address = begin_monthly(client, catalogued, **plan)
    can_stop = plan.get("status") != "cancelled"
    page = client.get(f"{address}/monthly")
    assert f"<h1>{heading}</h1>" in page.text
    assert sentence in page.text
    assert ("Stop my monthly gift" in page.text) is can_stop
    assert ("Change it at Stripe" in page.text) is can_stop
    assert ("/give/ca?code=LWCAN&amp;amount=75.50" in page.text) is not can_stop
    gift_page = client.get(address)
    assert sentence in gift_page.text
    assert (f'href="{address}/monthly"' in gift_page.text) is can_stop
    assert "no-store" in page.headers["Cache-Control"]
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_what_is_not_monthly_or_has_not_begun_has_no_such_page(
    client: CheckedClient, catalogued: Database
) -> None:
    once = begin(client, catalogued, mode="interac")
    begun = begin_monthly(client, catalogued, follows=None)
    for address in (f"/gift/{once.token}", begun, "/gift/nobody"):
        assert client.get(f"{address}/monthly").status_code == 404
        assert client.post(f"{address}/monthly").status_code == 404
        assert client.post(f"{address}/monthly/card").status_code == 404
    assert "Your monthly gift" not in text_of(client.get(begun))


@pytest.mark.parametrize("form", ["monthly", "monthly/card"])
def test_while_stripe_is_away_nothing_changes_and_the_page_says_so(
    client: CheckedClient, catalogued: Database, form: str
) -> None:
    address = begin_monthly(client, catalogued)
    answer = client.post(f"{address}/{form}")
    assert answer.status_code == 503
    assert "so nothing has changed" in text_of(answer)
    assert "Stop my monthly gift" in answer.text
    with catalogued.read() as session:
        assert session.scalar(sa.select(Plan.status)) == "active"


def test_a_form_of_another_site_stops_nothing(client: CheckedClient, catalogued: Database) -> None:
    address = begin_monthly(client, catalogued)
    for form in ("monthly", "monthly/card"):
        answer = client.post(f"{address}/{form}", headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403


def test_tries_are_counted_by_visitor(client: CheckedClient, catalogued: Database) -> None:
    address = begin_monthly(client, catalogued, stripe_customer_id=None)
    answers = [
        client.post(f"{address}/monthly/card").status_code for _ in range(ATTEMPTS_AN_HOUR + 1)
    ]
    assert answers == [303] * ATTEMPTS_AN_HOUR + [429]


def test_the_page_may_lead_to_stripes_page_of_cards(
    client: CheckedClient, catalogued: Database
) -> None:
    page = client.get(f"{begin_monthly(client, catalogued)}/monthly")
    assert "form-action 'self' http://127.0.0.1:9" in page.headers["Content-Security-Policy"]


def test_it_speaks_the_donors_language(client: CheckedClient, catalogued: Database) -> None:
    address = begin_monthly(client, catalogued)
    with catalogued.write() as session:
        session.execute(sa.update(Gift).values(locale="fr_CA"))
    words = text_of(client.get(f"{address}/monthly"))
    assert "Arrêter mon don mensuel" in words
    assert "75,50" in words
