"""The giving form as it is sent: `POST /give/<region>`."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from flask import Flask

from portal.clock import FixedClock
from portal.codes.models import CodeUse
from portal.commands.installation import free_port
from portal.database import Database
from portal.donors import Consent
from portal.gifts.models import Gift
from portal.giving.form.fields import HONEYPOT
from portal.intake.start import CARD_GIFTS_AN_HOUR
from portal.limits import hit
from portal.mailbox import Inbox, MailStore
from portal.web import client_key
from tests.conftest import NOW
from tests.giving.visits import DONOR, give, known_words, read_ticket, tag_of, text_of
from tests.pages import CheckedClient


def all_gifts(database: Database) -> list[Gift]:
    with database.read() as session:
        return list(session.scalars(sa.select(Gift)))


def only_gift(database: Database) -> Gift:
    [gift] = all_gifts(database)
    return gift


def test_a_good_form_becomes_a_gift_and_leads_to_its_page(
    client: CheckedClient, catalogued: Database
) -> None:
    answer = give(client, code="lw-can", fund="partnership", dedication="For Grace", anonymous="1")
    gift = only_gift(catalogued)
    assert answer.status_code == 303
    assert answer.location == f"/gift/{gift.token}"
    assert (gift.amount_minor, gift.currency, gift.fund) == (7550, "CAD", "partnership")
    assert (gift.code, gift.partner) == ("LWCAN", "loveworld-canada")
    assert (gift.first_name, gift.last_name) == ("Ada", "O’Hára")
    assert gift.postal_code == "M5V 2T6"
    assert gift.country == "CA"
    assert gift.anonymous


def test_a_card_gift_is_kept_when_stripe_is_away_and_the_page_says_so(
    client: CheckedClient, catalogued: Database
) -> None:
    answer = give(client, mode="card")
    gift = only_gift(catalogued)
    assert answer.location == f"/gift/{gift.token}?trouble=1"
    page = client.get(answer.location)
    assert "Nothing was charged" in text_of(page)
    assert f'action="/gift/{gift.token}/pay"' in page.text


def test_only_an_amount_is_needed_beside_the_donor_and_the_mode(
    client: CheckedClient, catalogued: Database
) -> None:
    assert give(client).status_code == 303
    gift = only_gift(catalogued)
    assert (gift.frequency, gift.fund, gift.currency) == ("once", "general", "CAD")


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("", "Enter an amount to give"),
        ("1.505", "Enter the amount with no more than 2 decimals, like 75.50"),
        ("-5", "Enter an amount of more than zero"),
        ("1e9", "Enter the amount in figures only, like 75.50"),
        ("0", "The least you can give here is $1.00."),
        ("0.99", "The least you can give here is $1.00."),
        ("50,000.01", "The most you can give here at once is $50,000.00."),
        ("1.2.3", "Enter the amount in figures only, like 75.50"),
        ("<b>", "Enter the amount in figures only, like 75.50"),
    ],
)
def test_a_bad_amount_is_explained_and_kept(
    client: CheckedClient, catalogued: Database, amount: str, sentence: str
) -> None:
    page = give(client, amount=amount)
    assert page.status_code == 422
    assert "<title>Error: Give" in page.text
    assert sentence in text_of(page)
    assert 'href="#amount-own"' in page.text
    assert 'aria-invalid="true"' in tag_of(page, "amount-own")
    assert amount in {"<b>", ""} or f'value="{amount}"' in tag_of(page, "amount-own")
    assert not all_gifts(catalogued)


@pytest.mark.parametrize(("amount", "minor"), [("1,50", 150), ("٥٠", 5000), ("1 234.5", 123450)])
def test_an_amount_may_be_written_as_people_do(
    client: CheckedClient, catalogued: Database, amount: str, minor: int
) -> None:
    assert give(client, amount=amount).status_code == 303
    assert only_gift(catalogued).amount_minor == minor


def test_a_currency_without_decimals_takes_none(client: CheckedClient) -> None:
    page = give(client, "jp", amount="500.5", mode="card", lang="en")
    assert page.status_code == 422
    assert "JPY has no decimals" in text_of(page)


def test_every_missing_field_is_named_and_all_that_was_typed_is_kept(
    client: CheckedClient,
) -> None:
    page = give(
        client,
        first_name="",
        email="nobody",
        postal_code="12345",
        mode=None,
        dedication='"For" <Grace>',
        cover_fee="1",
        consent_news="1",
    )
    assert page.status_code == 422
    words = text_of(page)
    for sentence in (
        "Enter your first name",
        "Enter an e-mail address in full, like name@example.org",
        "Enter a postal code like A1A 1A1",
        "Select your preferred mode of payment",
    ):
        assert words.count(sentence) == 2, f"{sentence}: in the summary and at the field"
    assert 'value="O’Hára"' in page.text
    assert 'value="nobody"' in page.text
    assert 'value="12345"' in page.text
    assert 'value="&#34;For&#34; &lt;Grace&gt;"' in page.text
    assert 'value="75.50"' in tag_of(page, "amount-own")
    assert "checked" in tag_of(page, "cover_fee")
    assert "checked" in tag_of(page, "consent_news")
    assert page.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fund": "yachts"}, "Choose one of the funds listed here"),
        ({"currency": "USD"}, "Choose one of the currencies listed here"),
        ({"mode": "gold"}, "Select your preferred mode of payment"),
        ({"frequency": "hourly"}, "Choose to give one time or every month"),
        ({"province": "XX"}, "Choose one from the list"),
        ({"code": "LWKAN"}, "We don’t know the code LWKAN."),
        ({"code": "LWUK"}, "LWUK is for gifts from the United Kingdom."),
        ({"code": "EASTER2026"}, "EASTER2026 ended on"),
        ({"code": "LWCAN", "fund": "missions"}, "Gifts with LWCAN go to Partnership."),
        ({"frequency": "monthly"}, "“Interac e-Transfer” can’t be charged every month."),
    ],
)
def test_a_choice_that_is_not_offered_is_explained(
    client: CheckedClient, catalogued: Database, changes: dict[str, str], sentence: str
) -> None:
    page = give(client, **changes)
    assert page.status_code == 422
    assert sentence in text_of(page)
    assert not all_gifts(catalogued)


def test_the_fee_is_added_when_the_donor_wants_to_cover_it(
    client: CheckedClient, catalogued: Database
) -> None:
    give(client, mode="card", amount="100.00", cover_fee="1")
    gift = only_gift(catalogued)
    assert (gift.amount_minor, gift.cover_minor) == (10330, 330)


def test_no_fee_is_added_for_a_mode_that_has_none(
    client: CheckedClient, catalogued: Database
) -> None:
    give(client, mode="interac", amount="100.00", cover_fee="1")
    assert only_gift(catalogued).amount_minor == 10000


def test_consent_keeps_the_very_words_that_were_ticked(
    client: CheckedClient, catalogued: Database
) -> None:
    words = text_of(client.get("/give/ca"))
    give(client, consent_news="1")
    with catalogued.read() as session:
        [consent] = session.scalars(sa.select(Consent))
    assert consent.wording in words
    assert consent.given_at == NOW


def test_no_consent_is_kept_unless_it_was_ticked(
    client: CheckedClient, catalogued: Database
) -> None:
    give(client)
    with catalogued.read() as session:
        assert not session.scalars(sa.select(Consent)).all()


def test_the_apply_button_shows_the_code_and_keeps_all(
    client: CheckedClient, catalogued: Database
) -> None:
    page = give(client, code="lwcan", apply_code="1", email="", ticket="none")
    assert page.status_code == 200
    assert "LWCAN is applied to your gift." in text_of(page)
    assert 'value="O’Hára"' in page.text
    assert 'value="75.50"' in tag_of(page, "amount-own")
    assert "There is a problem" not in page.text
    assert not all_gifts(catalogued)


def test_the_fee_is_worked_out_at_a_press_and_all_is_kept(
    client: CheckedClient, catalogued: Database
) -> None:
    page = give(client, mode="card", cover_fee="1", apply_cover="1", email="")
    assert page.status_code == 200
    assert known_words(page, "part-cover") == "Add $2.57 so that all of $75.50 arrives"
    assert known_words(page, "send") == "Give CAD 78.07"
    assert "checked" in tag_of(page, "cover_fee")
    assert 'value="O’Hára"' in page.text
    assert "There is a problem" not in page.text
    assert not all_gifts(catalogued)


@pytest.mark.parametrize(
    "said", [{"dedication": "For Grace"}, {"anonymous": "1"}, {"consent_news": "1"}]
)
def test_more_options_are_open_once_they_hold_something(
    client: CheckedClient, said: dict[str, str]
) -> None:
    assert " open" not in tag_of(give(client, email=""), "more")
    assert " open" in tag_of(give(client, email="", **said), "more")


def test_a_code_can_be_taken_off_again(client: CheckedClient) -> None:
    page = give(client, "gb", code="LWCAN", remove_code="1", mode="card")
    assert page.status_code == 200
    assert "LWCAN is for gifts" not in text_of(page)
    assert 'value=""' in tag_of(page, "code")
    assert 'value="O’Hára"' in page.text


def test_another_currency_shows_its_own_amounts(client: CheckedClient) -> None:
    page = give(client, "world", currency="EUR", apply_currency="1")
    assert page.status_code == 200
    assert "€" in page.text
    assert 'data-currency="EUR"' in tag_of(page, "summary")


def test_another_fund_shows_its_own_modes(client: CheckedClient, catalogued: Database) -> None:
    assert 'id="mode-cheque"' in client.get("/give/ca?fund=general").text
    page = give(client, fund="media", mode="cheque", apply_fund="1")
    assert page.status_code == 200
    assert 'id="mode-cheque"' not in page.text
    assert page.text.index('id="mode-interac"') < page.text.index('id="mode-card"')
    refused = give(client, fund="media", mode="cheque")
    assert refused.status_code == 422
    assert "Select your preferred mode of payment" in text_of(refused)
    assert not all_gifts(catalogued)


def test_an_expired_ticket_keeps_all_and_brings_a_new_one(
    client: CheckedClient, catalogued: Database, clock: FixedClock
) -> None:
    old = read_ticket(client.get("/give/ca"))
    clock.at += timedelta(hours=25)
    page = client.post(
        "/give/ca", data={"ticket": old, "amount": "75.50", "mode": "interac", **DONOR}
    )
    assert page.status_code == 422
    assert "open for too long. Nothing was charged" in text_of(page)
    assert 'value="O’Hára"' in page.text
    assert not all_gifts(catalogued)
    fresh = read_ticket(page)
    assert fresh != old
    again = client.post(
        "/give/ca", data={"ticket": fresh, "amount": "75.50", "mode": "interac", **DONOR}
    )
    assert again.status_code == 303


@pytest.mark.parametrize("ticket", ["", "1700000000.forged", "x" * 500])
def test_a_ticket_we_did_not_make_makes_no_gift(
    client: CheckedClient, catalogued: Database, ticket: str
) -> None:
    assert give(client, ticket=ticket).status_code == 422
    assert not all_gifts(catalogued)


# What form fillers know: https://html.spec.whatwg.org/#autofill and Chromium's own names.
FILLED_BY_BROWSERS = (
    "name mail tel phone fax address street city zip post company org country url"
    " user nick birth bday sex card cc pass code title web site home"
).split()


def test_a_filled_trap_makes_no_gift_and_says_to_press_again(
    client: CheckedClient, catalogued: Database
) -> None:
    page = give(client, **{HONEYPOT: "555"})
    assert page.status_code == 422
    assert "press the button once more" in text_of(page)
    assert "555" not in tag_of(page, HONEYPOT)
    assert not all_gifts(catalogued)
    assert give(client).status_code == 303


def test_no_form_filler_knows_the_traps_name() -> None:
    assert not [known for known in FILLED_BY_BROWSERS if known in HONEYPOT]


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
)
def test_a_form_from_another_site_is_refused(
    client: CheckedClient, catalogued: Database, headers: dict[str, str]
) -> None:
    assert give(client, headers=headers).status_code == 403
    assert not all_gifts(catalogued)


def test_the_same_form_twice_is_one_gift(client: CheckedClient, catalogued: Database) -> None:
    first, second = give(client), give(client)
    assert first.location == second.location
    assert len(all_gifts(catalogued)) == 1


def test_the_same_form_after_it_was_paid_asks_first(
    client: CheckedClient, catalogued: Database
) -> None:
    give(client)
    with catalogued.write() as session:
        session.execute(sa.update(Gift).values(status="paid"))
    page = give(client)
    assert page.status_code == 409
    assert "You gave this a moment ago. Give again?" in text_of(page)
    assert 'name="again" value="1"' in page.text
    assert 'value="O’Hára"' in page.text
    assert give(client, again="1").status_code == 303
    assert len(all_gifts(catalogued)) == 2


def test_too_many_cards_from_one_network_pause_and_transfers_stay_open(
    app: Flask, client: CheckedClient, catalogued: Database
) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": "127.0.0.1"}):
        who = client_key()
    with catalogued.write() as session:
        for _ in range(CARD_GIFTS_AN_HOUR):
            hit(session, "card_gifts", who, limit=CARD_GIFTS_AN_HOUR, seconds=3600, now=NOW)
    refused = give(client, mode="card")
    assert refused.status_code == 429
    assert "Nothing was charged" in text_of(refused)
    assert 'value="O’Hára"' in refused.text
    assert give(client, mode="interac").status_code == 303


def test_codes_cannot_be_guessed_one_after_the_other(client: CheckedClient) -> None:
    statuses = [client.get(f"/c/GUESS{number}").status_code for number in range(22)]
    assert statuses == [404] * 20 + [429] * 2
    assert client.get("/c/LWCAN").status_code == 302
    assert client.get("/give/ca?code=GUESSED").status_code == 429
    assert give(client).status_code == 303


def test_a_french_form_is_answered_in_french(client: CheckedClient, catalogued: Database) -> None:
    page = give(client, amount="1.505", first_name="", lang="fr")
    assert page.status_code == 422
    assert "<title>Erreur\u00a0: Donner" in page.text
    words = text_of(page)
    assert "Entrez votre prénom" in words
    assert "comme 75,50" in words
    give(client, lang="fr_CA")
    assert only_gift(catalogued).locale == "fr_CA"


def test_control_characters_are_taken_out_of_what_is_typed(
    client: CheckedClient, catalogued: Database
) -> None:
    typed = {"first_name": "A\x00da", "dedication": "For\x00\r\nGrace", "code": "LW\x00CAN"}
    assert give(client, **typed).status_code == 303
    gift = only_gift(catalogued)
    assert (gift.first_name, gift.dedication, gift.code) == ("Ada", "For Grace", "LWCAN")


@pytest.mark.parametrize("ticket", ["\x00.\x00", "é.é", "1e9.x"])
def test_a_ticket_of_nonsense_is_just_no_ticket(client: CheckedClient, ticket: str) -> None:
    assert give(client, ticket=ticket).status_code == 422


def test_an_unknown_region_takes_nothing(client: CheckedClient, catalogued: Database) -> None:
    assert client.post("/give/atlantis", data=DONOR).status_code == 404
    assert not all_gifts(catalogued)


def test_a_database_that_fails_keeps_nothing_half(
    client: CheckedClient, app: Flask, catalogued: Database
) -> None:
    ticket = read_ticket(client.get("/give/ca"))
    with catalogued.write() as session:
        session.execute(sa.text("DROP TABLE rate_counts"))
    page = client.post(
        "/give/ca", data={"ticket": ticket, "amount": "75.50", "mode": "interac", **DONOR}
    )
    assert page.status_code in {500, 503}
    assert not all_gifts(catalogued)


@pytest.mark.parametrize("field", ["first_name", "last_name", "address_line1", "city"])
@pytest.mark.parametrize("text", ["\u200b\u3164", "🎉🎊"])
def test_nobody_gets_no_receipt(
    client: CheckedClient, catalogued: Database, field: str, text: str
) -> None:
    assert give(client, **{field: text}).status_code == 422
    assert not all_gifts(catalogued)


@pytest.mark.parametrize("field", ["first_name", "last_name", "city", "dedication"])
def test_what_a_receipt_can_not_show_is_refused_and_kept(
    client: CheckedClient, catalogued: Database, field: str
) -> None:
    page = give(client, **{field: "Grace 🎉"})
    assert page.status_code == 422
    assert "Leave out 🎉: the document for the gift can’t show it" in text_of(page)
    assert 'value="Grace 🎉"' in page.text
    assert not all_gifts(catalogued)


def test_nothing_hidden_is_kept_of_a_form(client: CheckedClient, catalogued: Database) -> None:
    hidden = "\u202eAda\U000e0041\x07"
    assert give(client, first_name=hidden, last_name=hidden, dedication=hidden).status_code == 303
    gift = only_gift(catalogued)
    assert {gift.first_name, gift.last_name, gift.dedication} == {"Ada"}


@pytest.fixture
def plain_mail(tmp_path: Path) -> Iterator[int]:
    """A mail server without SMTPUTF8; its port."""
    port = free_port()
    inbox = Inbox(MailStore(tmp_path / "mail"))
    controller = Controller(inbox, hostname="127.0.0.1", port=port, enable_SMTPUTF8=False)
    controller.start()
    yield port
    controller.stop()


class TestMailServerWithoutUtf8:
    @pytest.fixture
    def settings_values(self, plain_mail: int) -> dict[str, Any]:
        return {"mail_url": f"smtp://127.0.0.1:{plain_mail}"}

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_an_address_that_can_not_be_written_to_is_refused_at_its_field(
        self, client: CheckedClient, catalogued: Database
    ) -> None:
        page = give(client, email="jürgen@example.org")
        assert page.status_code == 422
        assert "can’t write to an address with such letters" in text_of(page)
        assert 'aria-invalid="true"' in tag_of(page, "email")
        assert give(client, email="donor@münchen.de").status_code == 303
        assert only_gift(catalogued).email == "donor@münchen.de"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"code": "LWCAN", "first_code": "LWCAN"}, ("link", "LWCAN")),
        ({"code": "lw-can", "first_code": "LWCAN", "via": "qr"}, ("qr", "LWCAN")),
        ({"code": "LWCAN", "first_code": "LWCAN", "via": "embed"}, ("embed", "LWCAN")),
        ({"code": "LWCAN", "first_code": "HARVEST", "via": "qr"}, ("typed", "HARVEST")),
        ({"code": "LWCAN"}, ("typed", "LWCAN")),
        # What no page of ours sends.
        ({"code": "LWCAN", "first_code": "LWCAN", "via": "staff"}, ("link", "LWCAN")),
        ({"code": "LWCAN", "first_code": "X" * 40}, ("typed", "LWCAN")),
        ({"code": "LWCAN", "first_code": "<b>&"}, ("typed", "LWCAN")),
    ],
)
def test_a_gift_keeps_how_its_donor_came_by_the_code(
    client: CheckedClient, catalogued: Database, sent: dict[str, str], kept: tuple[str, str]
) -> None:
    assert give(client, fund="partnership", **sent).status_code == 303
    gift = only_gift(catalogued)
    with catalogued.read() as session:
        use = session.get_one(CodeUse, gift.id)
    assert (use.via, use.first_code) == kept
    assert use.path.count("/") == 2
