"""What donors do, by browser or by plain requests: fill in the form, pay, come back."""

import re
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.demo_process import DemoProcess
from tests.journeys.browser import Visitor
from tests.sandbox_process import Answer

CARD = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"
CHALLENGED = "4000 0027 6000 3184"
_numbers = count(1)


@dataclass(frozen=True)
class Donor:
    """One made-up person at a network address of their own."""

    number: int
    first_name: str = "Adaeze"
    last_name: str = "O’Brien-Tremblay"

    @property
    def email(self) -> str:
        return f"donor{self.number}@example.org"

    @property
    def headers(self) -> dict[str, str]:
        """Where a proxy says they come from: documentation addresses, one each."""
        return {"X-Forwarded-For": f"2001:db8:{self.number:x}::1"}

    @property
    def fields(self) -> dict[str, str]:
        """About them, as the Canadian form asks."""
        return {
            "first_name": self.first_name,
            "last_name": self.last_name,
            "email": self.email,
            "address_line1": "12 Rue de l’Église",
            "city": "Québec",
            "postal_code": "G1R 4S9",
        }


def new_donor() -> Donor:
    return Donor(next(_numbers))


def fill_form(visitor: Visitor, donor: Donor, *, mode: str, amount: str | None) -> None:
    """Everything the form of Canada asks for; `amount` None leaves what is chosen."""
    if amount is not None:
        visitor.fill(amount=amount)
    visitor.page.locator(f"#mode-{mode}").check()
    visitor.fill(**donor.fields)
    visitor.page.locator("#province").select_option("QC")


def pay_by_card(visitor: Visitor, card: str = CARD) -> None:
    """Fill in and send the pay page."""
    visitor.fill(card_number=card, exp="12 / 40", cvc="123", name="A O’Brien")
    with visitor.page.expect_navigation():
        visitor.page.locator("button[value=card]").click()
    visitor.look()


def give_by_card(visitor: Visitor, donor: Donor, address: str, amount: str) -> str:
    """From an address to the thank-you page; the gift's own path."""
    visitor.open(address)
    fill_form(visitor, donor, mode="card", amount=amount)
    visitor.send()
    pay_by_card(visitor)
    return gift_path(visitor)


def gift_path(visitor: Visitor) -> str:
    """The address of the gift's page that is shown."""
    found = re.search(r"/gift/[^/?#]+", visitor.page.url)
    assert found, f"not on a gift's page: {visitor.page.url}"
    return found[0]


def post_form(demo: DemoProcess, donor: Donor, **choices: str) -> Answer:
    """The Canadian form without a browser; `choices` change or add fields."""
    page = demo.request("GET", "/give/ca", headers=donor.headers)
    ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert ticket, page.text
    form: dict[str, Any] = {
        "ticket": ticket[1],
        "lang": "en_CA",
        "amount": "75.53",
        "currency": "CAD",
        "frequency": "once",
        "fund": "general",
        "mode": "card",
        "province": "QC",
        "country": "CA",
        **donor.fields,
        **choices,
    }
    return demo.request("POST", "/give/ca", form=form, headers=donor.headers)


def start(demo: DemoProcess, donor: Donor, **choices: str) -> str:
    """Where the form leads its donor."""
    answer = post_form(demo, donor, **choices)
    assert answer.status == 303, answer.text
    return str(answer.location)


def give(demo: DemoProcess, donor: Donor, card: str = CARD, **choices: str) -> str:
    """A gift by card without a browser; the path of its page."""
    answer = demo.sandbox.pay(start(demo, donor, **choices), card)
    assert answer.status == 303, answer.text
    back = demo.request("GET", str(answer.location), headers=donor.headers)
    return str(back.location).partition("?")[0]
