"""The giving form as it is asked for: `GET /give/<region>`."""

import pytest

from tests.pages import CheckedClient


def test_shows_a_regions_form(client: CheckedClient) -> None:
    page = client.get("/give/ca")
    assert page.status_code == 200
    assert "Please select your preferred mode of payment" in page.text
