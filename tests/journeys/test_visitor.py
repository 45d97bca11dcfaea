"""The visitor of the journeys notices what is wrong with a page."""

from contextlib import suppress

import pytest
from playwright.sync_api import Error

from tests.journeys.browser import Visitor


def test_an_error_page_that_nobody_expected_is_noticed(visitor: Visitor) -> None:
    with pytest.raises(AssertionError, match="status 404"):
        visitor.open("/nothing/here")


def test_an_inline_script_is_noticed(visitor: Visitor) -> None:
    visitor.open("/give/ca")
    visitor.page.evaluate("document.body.append(document.createElement('script'))")
    with pytest.raises(AssertionError, match="inline script"):
        visitor.look()


def test_what_the_policy_stops_is_noticed(visitor: Visitor) -> None:
    visitor.open("/give/ca")
    visitor.page.evaluate("new Image().src = 'http://127.0.0.1:9/pixel.png'")
    visitor.page.wait_for_timeout(200)
    with pytest.raises(AssertionError, match="Content Security Policy"):
        visitor.look()


def test_a_third_party_is_noticed(visitor: Visitor) -> None:
    with suppress(Error):
        visitor.page.goto("http://127.0.0.1:9/")
    visitor.page.wait_for_timeout(1000)
    visitor.page.goto(visitor.demo.portal)
    with pytest.raises(AssertionError, match="a request to a third party"):
        visitor.look()
