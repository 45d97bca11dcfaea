"""What staff members do."""

from tests.journeys.browser import Visitor


def sign_in(visitor: Visitor) -> None:
    visitor.open("/staff/")
    visitor.fill(**visitor.demo.staff)
    visitor.press("Sign in")


def find_gifts(visitor: Visitor, text: str) -> list[str]:
    """The rows of the gift list for a search, each as one line of text."""
    visitor.open("/staff/gifts")
    visitor.page.locator("[name=q]").fill(text)
    visitor.page.locator("[name=q]").press("Enter")
    visitor.look()
    rows = visitor.page.locator("main tbody tr").all_inner_texts()
    return [" ".join(row.split()) for row in rows]
