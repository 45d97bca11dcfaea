"""What a donor does on the giving pages, for tests."""

import html
import re
from typing import Any

import sqlalchemy as sa
from werkzeug.test import TestResponse

from portal.database import Database
from portal.gifts.models import Gift
from tests.pages import CheckedClient

TICKET = re.compile(r'name="ticket" value="([^"]+)"')

DONOR = {
    "first_name": "Ada",
    "last_name": "O’Hára",
    "email": "ada@example.org",
    "address_line1": "1 Main Street",
    "city": "Toronto",
    "province": "ON",
    "postal_code": "m5v2t6",
}


def read_ticket(page: TestResponse) -> str:
    found = TICKET.search(page.text)
    assert found, "the page has no form ticket"
    return html.unescape(found.group(1))


def give(
    client: CheckedClient, region: str = "ca", *, headers: Any = None, **changes: Any
) -> TestResponse:
    """Send a region's form, filled in well but for `changes`; None leaves a field out."""
    ticket = read_ticket(client.get(f"/give/{region}"))
    form = {"ticket": ticket, "amount": "75.50", "mode": "interac", **DONOR, **changes}
    sent = {name: value for name, value in form.items() if value is not None}
    return client.post(f"/give/{region}", data=sent, headers=headers)


def begin(client: CheckedClient, database: Database, **changes: Any) -> Gift:
    """A gift that was just started through the form."""
    assert give(client, **changes).status_code == 303
    with database.read() as session:
        return session.scalars(sa.select(Gift).order_by(Gift.id.desc())).first() or Gift()


def text_of(page: TestResponse) -> str:
    """What a page says, without its marks."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text)))


def tag_of(page: TestResponse, element_id: str) -> str:
    """The opening tag with this id."""
    found = re.search(rf'<[^>]*\bid="{element_id}"[^>]*>', page.text)
    assert found, f"nothing has the id {element_id}"
    return found.group(0)


def known_words(page: TestResponse, element_id: str) -> str:
    """What an element says of what was known when the page was made."""
    after = page.text.partition(f'id="{element_id}"')[2]
    found = re.search(r'<span class="said-known">([^<]*)</span>', after)
    assert found, f"{element_id} says nothing"
    return html.unescape(found.group(1)).replace("\u00a0", " ")
