"""A second provider takes gifts by the same way as Stripe; nothing above it knows of it."""

import ast
import re
from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.database import Database
from portal.gifts.evidence import BARE, Claim, Provider, Source
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Evidence, Gift, LedgerEntry
from portal.money import Money
from portal.payments.books import prove
from portal.payments.models import Checkout, Refund, RefundState
from portal.payments.operations import MoneyDiffers, accept
from portal.payments.providers import Providers
from portal.payments.stripe.reading import STRIPE, stripe_claim
from portal.receipts.register import find_receipt
from portal.regions.files import RegionError, parse_region
from portal.regions.operations import find_document, find_mode, put_mode, save_region
from portal.regions.queries import CatalogueCache, Lack, find_lack, means_of
from portal.services import Services
from tests.conftest import NOW
from tests.giving.visits import begin, give, text_of
from tests.pages import CheckedClient
from tests.payments.second_provider import NAME, Second, claim
from tests.staff.conftest import Browser, password_hash, signed_in, team, visit
from tests.unit.test_layers import ALL, imports
from tests.workplace import promised_jobs

__all__ = ["password_hash", "signed_in", "team", "visit"]

ONE_ENGINE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MODE = {"kind": "charged", "provider": NAME}
STRIPES_OWN = {"stripe_allowed", "stripe_excluded", "wallets"}


def let_take(services: Services, key: str, **changes: object) -> None:
    """Let the second provider take what is given in Canada by the mode of this key."""
    with services.write() as act:
        record = find_document(act.session, "ca")
        assert record is not None
        mode = {**find_mode(record.document, key), **MODE, "frequencies": ["once"], **changes}
        kept = {name: value for name, value in mode.items() if name not in STRIPES_OWN}
        save_region(act, record, put_mode(record.document, kept))


@pytest.fixture
def second(app: Flask) -> Second:
    """It takes the cards of Canada; Stripe takes its bank debits as ever."""
    services, second = app.extensions["portal"], Second()
    let_take(services, "card")
    providers = Providers(*services.providers, second)
    regions = CatalogueCache(services.database, means_of(services.settings, providers))
    app.extensions["portal"] = replace(services, providers=providers, regions=regions)
    return second


@pytest.fixture
def services(app: Flask, second: Second) -> Services:
    found = app.extensions["portal"]
    assert isinstance(found, Services)
    return found


def look_again(database: Database, gift: Gift) -> Gift:
    with database.read() as session:
        return session.get_one(Gift, gift.id)


def compare(services: Services) -> None:
    """What the worker does every ten minutes, and `portal reconcile` at once."""
    for provider in services.providers:
        if provider.name == NAME:
            provider.compare(services)


def pay(client: CheckedClient, services: Services, second: Second, **changes: str) -> Gift:
    gift = begin(client, services.database, mode="card", **changes)
    number = str(len(second.orders))
    second.ends[number] = FactKind.PAID
    assert client.get(f"/gift/{gift.token}?session_id={number}").status_code == 303
    return look_again(services.database, gift)


def refund(browser: Browser, gift: Gift, amount: str, once: str) -> int:
    page = f"/staff/gifts/{gift.reference}/refund"
    return browser.post(page, amount=amount, reason="Asked for", once=once).status_code


@ONE_ENGINE
def test_the_form_leads_to_its_pay_page_and_the_return_books_the_gift(
    client: CheckedClient, services: Services, second: Second
) -> None:
    form = client.get("/give/ca")
    assert second.pay_origin in form.headers["Content-Security-Policy"]
    assert "are handled by Stripe and Second Pay" in text_of(form)
    answer = give(client, mode="card")
    assert answer.location == f"{second.pay_origin}/1"
    assert second.orders["1"].money == Money(7550, "CAD")
    gift = pay(client, services, second, amount="31.07")
    assert (gift.status, gift.paid_minor) == (Status.PAID, 3107)
    with services.database.read() as session:
        receipt = find_receipt(session, gift.id)
        assert receipt is not None
        checkout = session.scalars(sa.select(Checkout).where(Checkout.gift_id == gift.id)).one()
        evidence = session.scalars(sa.select(Evidence)).one()
        entry = session.scalars(sa.select(LedgerEntry)).one()
        assert prove(session) == []
    assert f"send_receipt-{receipt.id}" in promised_jobs(services.database)
    assert (checkout.provider, checkout.stripe_session_id, checkout.state) == (
        *(NAME, "2"),
        "complete",
    )
    assert (evidence.key, evidence.source, evidence.actor) == ("paid:second:2", NAME, NAME)
    assert (entry.key, entry.debit_account) == ("gift:second:2", "clearing:second")


@ONE_ENGINE
def test_one_gift_is_booked_one_fails_and_one_is_refunded_and_the_books_add_up(
    client: CheckedClient,
    services: Services,
    second: Second,
    signed_in: Callable[[str], Browser],
) -> None:
    paid = pay(client, services, second)
    failed = begin(client, services.database, mode="card", amount="31.07")
    second.ends["2"] = FactKind.FAILED
    for _ in range(2):
        compare(services)
    assert look_again(services.database, failed).status is Status.FAILED
    browser = signed_in("finance")
    assert "Refund" in browser.get(f"/staff/gifts/{paid.reference}").text
    assert (
        "Second Pay returns the money" in browser.get(f"/staff/gifts/{paid.reference}/refund").text
    )
    for _ in range(2):
        assert refund(browser, paid, "10.01", "form-1") == 303
    assert refund(browser, paid, "70.00", "form-2") == 422, "only 65.49 are left"
    gift = look_again(services.database, paid)
    assert (gift.status, gift.refunded_minor) == (Status.PARTLY_REFUNDED, 1001)
    assert refund(browser, paid, "65.49", "form-3") == 303
    assert look_again(services.database, paid).status is Status.REFUNDED
    assert [order.payment for order in second.given_back.values()] == ["1", "1"]
    with services.database.read() as session:
        kept = session.scalars(sa.select(Refund).order_by(Refund.id)).all()
        held = session.scalar(
            sa.select(sa.func.sum(LedgerEntry.amount_minor)).where(
                LedgerEntry.credit_account == "clearing:second"
            )
        )
        assert prove(session) == []
    assert [(one.provider, one.state, one.stripe_refund_id) for one in kept] == [
        (NAME, RefundState.MADE, "1"),
        (NAME, RefundState.MADE, "2"),
    ]
    assert held == 7550
    jobs = promised_jobs(services.database)
    assert f"send_letter-payment_failed:{failed.id}:second:2" in jobs
    assert f"send_letter-refund_made:{paid.id}:second:1" in jobs
    story = browser.get(f"/staff/gifts/{paid.reference}").text
    assert "Second · 1" in story


@ONE_ENGINE
def test_while_it_is_away_the_gift_waits_on_its_page(
    client: CheckedClient, services: Services, second: Second
) -> None:
    second.is_away = True
    answer = give(client, mode="card")
    assert answer.location.endswith("?trouble=1")
    second.is_away = False
    page = answer.location.partition("?")[0]
    assert client.post(f"{page}/pay").location == f"{second.pay_origin}/1"


@ONE_ENGINE
def test_another_mode_closes_its_pay_page_unless_that_was_paid(
    client: CheckedClient, services: Services, second: Second
) -> None:
    left, paid = (begin(client, services.database, mode="card", amount=one) for one in ("9", "8"))
    second.ends["2"] = FactKind.PAID
    for gift in (left, paid):
        assert client.post(f"/gift/{gift.token}/mode", data={"mode": "interac"}).status_code == 303
    compare(services)
    assert second.ends["1"] is FactKind.EXPIRED
    changed = look_again(services.database, left)
    assert (changed.mode, changed.status) == ("interac", Status.PENDING)
    assert look_again(services.database, paid).status is Status.PAID


@ONE_ENGINE
def test_ids_that_stripe_uses_too_are_other_payments(
    client: CheckedClient, services: Services, second: Second
) -> None:
    mine = pay(client, services, second)
    theirs = begin(client, services.database, mode="interac", amount="12.00")
    told = {"subject": "1", "fact": FactKind.PAID, "money": theirs.money, "occurred_at": NOW}
    with services.write() as act:
        accept(act, theirs.id, [stripe_claim(**told)])
    for gift in (mine, theirs):
        assert look_again(services.database, gift).status is Status.PAID
    with services.write() as act, pytest.raises(MoneyDiffers):
        accept(act, mine.id, [claim(**{**told, "subject": "2"})])


@ONE_ENGINE
def test_one_that_charges_nothing_monthly_is_offered_for_once_only(
    services: Services, second: Second
) -> None:
    means = means_of(services.settings, services.providers)
    region = services.catalogue.regions["ca"]
    card = region.mode("card")
    assert card is not None
    assert find_lack(region, card, means) is None
    assert find_lack(region, replace(card, provider="third"), means) is Lack.PROVIDER
    let_take(services, "card", frequencies=["once", "monthly"])
    with services.database.read() as session:
        record = find_document(session, "ca")
        assert record is not None
        changed = parse_region(record.document, "ca")
    both = changed.mode("card")
    assert both is not None
    assert find_lack(changed, both, means) is Lack.MONTHLY


@pytest.mark.parametrize("name", ["Second", "", "stripe", "a_b", "averylongname"])
@ONE_ENGINE
def test_a_region_names_a_provider_by_a_plain_word(services: Services, name: str) -> None:
    with pytest.raises(RegionError, match=r"modes\[\d\]\.provider: is a provider's name"):
        let_take(services, "card", provider=name)


@pytest.mark.parametrize("name", ["person", "Second", "averylongname", ""])
def test_a_name_that_means_something_else_is_no_providers(name: str) -> None:
    for odd in ([Second(name=Provider(name))], [Second(), Second()]):
        with pytest.raises(ValueError, match="names of their own"):
            Providers(*odd)


def test_a_claim_says_by_whom_and_why_it_is_believed() -> None:
    wanted = {one.name for one in fields(Claim) if one.default is one.default_factory is MISSING}
    assert wanted == {"fact", "subject", "occurred_at", "source", "actor"}


def test_only_the_first_providers_ids_stand_bare() -> None:
    def name_of(source: Source | Provider) -> str:
        return Claim(fact=FactKind.PAID, subject="x", occurred_at=NOW, source=source, actor="a").key

    assert BARE == STRIPE
    assert [name_of(one) for one in (STRIPE, NAME, Source.PERSON)] == [
        *("paid:x", "paid:second:x"),
        "paid:x",
    ]


# Who may know of Stripe by name, and why.
KNOWS_STRIPE = {
    "webhooks": "its own address, where it delivers",
    "commands.doctor": "tries its key",
    "commands.doctor_outside": "asks how it is set up",
    "commands.installation": "puts the installation's providers together",
    "worker": "runs the jobs that its wing promises",
}


def test_nothing_else_above_its_wing_knows_of_stripe() -> None:
    wing = "payments.stripe"
    others = [name for name in ALL if not name.startswith((wing, "sandbox"))]
    importing = {
        name for name in others if any(one.startswith(f"portal.{wing}") for one in imports(name))
    }
    assert importing == {*KNOWS_STRIPE}
    asking = re.compile(r"is_stripe|kind\W+==\W+stripe")
    assert not [name for name in others if asking.search(ALL[name].read_text())]


def test_the_second_provider_is_a_hundred_lines_and_imports_nothing_above_the_door() -> None:
    path = Path(__file__).with_name("second_provider.py")
    text = path.read_text()
    assert len(text.splitlines()) <= 100
    named = {node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    above = ("giving", "staff", "intake", "records", "webhooks", "payments.stripe")
    assert not [one for one in named if (one or "").startswith(tuple(f"portal.{x}" for x in above))]
