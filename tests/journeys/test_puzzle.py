"""A gift while very many payments begin: the browser works a moment for its payment."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from portal.intake.admission import CROWD_SECONDS
from portal.limits import RateCount
from tests.demo_process import DemoProcess
from tests.journeys.books import statuses
from tests.journeys.browser import PHONE, Visitor
from tests.journeys.giving import Donor, fill_form, pay_by_card
from tests.journeys.test_pages import AXE_SCRIPT, audit

STUCK = "crypto.subtle.deriveBits = () => new Promise(() => {})"
TITLE = "One moment before you pay"


@pytest.fixture(autouse=True)
def crowd(demo: DemoProcess) -> Iterator[None]:
    """Everybody has begun all that is free, in these ten minutes and the next."""
    now = datetime.now(UTC)
    window = int(now.timestamp()) // CROWD_SECONDS
    with demo.database.write() as session:
        mine = sa.delete(RateCount).where(RateCount.who == "everybody")
        session.execute(mine)
        for number in (window, window + 1):
            ends_at = now + timedelta(hours=1)
            row = RateCount(
                bucket="starts", who="everybody", window=number, count=10_000, ends_at=ends_at
            )
            session.add(row)
    yield
    with demo.database.write() as session:
        session.execute(mine)


def test_the_browser_solves_it_and_goes_on_to_payment(
    visit: Callable[..., Visitor], donor: Donor, demo: DemoProcess
) -> None:
    visitor = visit(viewport=PHONE, locale="fr-CA")
    visitor.open("/give/ca?code=LWCAN&lang=fr")
    fill_form(visitor, donor, mode="card", amount="75,50")
    visitor.expect_status(428)
    visitor.page.locator("#send").click()
    visitor.page.wait_for_url("**/pay/**", timeout=60_000)
    pay_by_card(visitor)
    assert visitor.heading() == "Merci, Adaeze"
    demo.settle()
    assert statuses(demo, donor) == ["paid"]


def test_the_page_while_it_works(visit: Callable[..., Visitor], donor: Donor) -> None:
    visitor = visit()
    visitor.page.add_init_script(AXE_SCRIPT)
    visitor.page.add_init_script(STUCK)
    visitor.open("/give/ca")
    fill_form(visitor, donor, mode="card", amount="31.07")
    visitor.expect_status(428)
    visitor.send()
    assert visitor.heading() == TITLE
    assert visitor.page.get_by_label("Solving the puzzle").is_visible()
    assert visitor.page.get_by_text("needs JavaScript").is_hidden()
    audit(visitor)


def test_without_script_another_mode_is_chosen_and_nothing_typed_is_lost(
    visit: Callable[..., Visitor], donor: Donor, demo: DemoProcess
) -> None:
    visitor = visit(java_script_enabled=False)
    visitor.open("/give/ca")
    fill_form(visitor, donor, mode="card", amount="31.07")
    visitor.expect_status(428)
    visitor.send()
    assert visitor.heading() == TITLE
    assert visitor.page.get_by_text("needs JavaScript").is_visible()
    visitor.press("Choose another mode of payment")
    assert visitor.page.locator("[name=last_name]").input_value() == donor.last_name
    visitor.page.locator("#mode-interac").check()
    visitor.send()
    assert "partnership@loveworldcan.ca" in visitor.text()
    assert statuses(demo, donor) == ["pending"]
