"""A form sent in parts, one of which names no field: the rest of it is read."""

import pytest
from flask import Flask

from tests.giving.visits import DONOR, read_ticket
from tests.pages import CheckedClient

NAMELESS = "--part\r\nContent-Disposition: form-data{}\r\n\r\nnobody’s\r\n"


def write_parts(fields: dict[str, str]) -> str:
    return "".join(
        f'--part\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )


def send(client: CheckedClient, path: str, fields: dict[str, str], nameless: str) -> int:
    body = NAMELESS.format(nameless) + write_parts(fields) + "--part--\r\n"
    kind = "multipart/form-data; boundary=part"
    return client.post(path, data=body.encode(), content_type=kind).status_code


@pytest.mark.parametrize("nameless", ["", '; nam="amount"', '; filename="a.csv"'])
def test_a_gift_is_read_without_it(app: Flask, client: CheckedClient, nameless: str) -> None:
    ticket = read_ticket(client.get("/give/ca"))
    gift = {"ticket": ticket, "amount": "75.50", "mode": "interac", **DONOR}
    assert send(client, "/give/ca", gift, nameless) == 303


@pytest.mark.parametrize("nameless", ["", '; nam="amount"', '; filename="a.csv"'])
def test_a_sign_in_is_refused_for_what_it_lacks(client: CheckedClient, nameless: str) -> None:
    assert send(client, "/staff/sign-in", {"email": "a@example.org"}, nameless) == 400
