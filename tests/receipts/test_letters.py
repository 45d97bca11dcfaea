"""Every letter, whole, in both languages, with nothing left out or let in."""

from types import SimpleNamespace
from typing import Any

import html5lib
import pytest
from jinja2 import UndefinedError

from portal import TEMPLATES
from portal.i18n import translations
from portal.mail.outbox import LetterKind, render_letter
from portal.receipts.composition import compose_snapshot
from tests.receipts.samples import NOW, make_gift, region

MESSAGES = sorted(folder.name for folder in (TEMPLATES / "email").iterdir() if folder.is_dir())


def test_every_letter_has_its_folder() -> None:
    assert sorted(LetterKind) == MESSAGES


def values(message: str, locale: str) -> dict[str, Any]:
    gift, here = make_gift(locale=locale), region()
    common = {
        "gift": gift,
        "amount": "$75.50 CAD",
        "whole": "$75.50 CAD",
        "received": "$75.50 CAD",
        "due": "$75.50 CAD",
        "mode": "Interac e-Transfer",
        "steps": ["Open your bank’s app.", "Send $75.50 to partnership@loveworldcan.ca."],
        "details": [("Send to", "partnership@loveworldcan.ca")],
        "issuer": here.issuer,
        "gift_url": "https://give.example/gift/token",
        "stop_url": "https://give.example/gift/token/reminders",
        "monthly_url": "https://give.example/gift/token/monthly",
        "account_url": "https://give.example/account/",
    }
    link = {
        "code": "ABCD-EFGH",
        "url": "https://give.example/gift/token?giving@ca.example.org",
        "minutes": 15,
    }
    more: dict[str, dict[str, Any]] = {
        "receipt": {
            "receipt": {**compose_snapshot(gift, here, NOW), "number": "2026-000417"},
            "filename": "receipt-2026-000417.pdf",
            "help_email": "giving@ca.example.org",
            "is_marked": False,
            "is_again": True,
        },
        "yearly_receipt": {
            "receipt": {**compose_snapshot(gift, here, NOW), "number": "2026-000417"},
            "filename": "receipt-2026-000417.pdf",
            "help_email": "giving@ca.example.org",
            "is_again": True,
        },
        "sign_in_link": {
            # What is looked for in letters about gifts, which this one is not.
            "partner": "Grace Okafor, LW7K-3QXD-9, $75.50 CAD",
            **link,
        },
        "partner_month": {
            "partner": "Grace Okafor, LW7K-3QXD-9, $75.50 CAD",
            "month": "2026",
            "lines": ["CAD: $75.50 CAD"],
            "fewest": 5,
            "is_withheld": True,
            "switch_url": "https://give.example/gift/token",
            **link,
        },
        "gift_aid_confirmation": {
            "declaration": SimpleNamespace(name="Grace Okafor", wording="2026"),
            "declaration_address": "2026, EX1 1AA",
            "declaration_day": "2026",
        },
        "account_link": link,
        "address_link": link,
    }
    return {**common, **more.get(message, {})}


# What these open is nobody's business but their reader's.
LINKS = {"account_link", "address_link"}
ABOUT_MANY = {"yearly_receipt"}


@pytest.mark.parametrize("locale", ["en_CA", "fr_CA"])
@pytest.mark.parametrize("message", MESSAGES)
def test_letter_is_whole(message: str, locale: str):
    subject, text, html = render_letter(message, locale, **values(message, locale))
    assert subject
    assert "\n" not in subject
    is_about_a_gift = message not in LINKS
    is_about_one = is_about_a_gift and message not in ABOUT_MANY
    for body in (text, html):
        assert ("Grace Okafor" in body) is is_about_a_gift
        assert ("LW7K-3QXD-9" in body) is is_about_one
        assert ("https://give.example/gift/token" in body) is (message not in ABOUT_MANY)
        assert "giving@ca.example.org" in body
        assert "%(" not in body
        assert "{{" not in body
    assert ("$75.50 CAD" in subject + text) is is_about_a_gift
    html5lib.HTMLParser(strict=True).parse(html)
    assert f'lang="{locale.replace("_", "-")}"' in html


@pytest.mark.parametrize("message", MESSAGES)
def test_french_letter_leaves_no_english_behind(message: str):
    if translations("fr").gettext("With thanks,") == "With thanks,":
        pytest.skip("the French catalogue is not there")
    english = render_letter(message, "en_CA", **values(message, "fr_CA"))
    french = render_letter(message, "fr_CA", **values(message, "fr_CA"))
    assert english[0] != french[0]
    data = {"Grace Okafor", "$75.50 CAD"}
    same = {
        line
        for line in set(english[1].splitlines()) & set(french[1].splitlines())
        if line.strip()
        and line not in data
        and line != region().issuer.legal_name
        and not line.startswith("https://give.example/gift/token")
    }
    assert not {line for line in same if not line[0].isdigit() and ":" not in line}


def test_missing_value_is_an_error_not_a_gap():
    given = values("refund_made", "en")
    del given["amount"]
    with pytest.raises(UndefinedError):
        render_letter("refund_made", "en", **given)


def test_text_lines_are_separated_as_paragraphs():
    _, text, _ = render_letter("receipt", "en_CA", **values("receipt", "en_CA"))
    assert "\n\n\n" not in text
    assert text.startswith("Dear Grace Okafor,\n\nThank you for your gift.")
    assert "\nGiven to: Missions\nMode of payment: Card\nFrequency: One time\n" in text
