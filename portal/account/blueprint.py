"""The donor's own rooms, put together."""

from flask import Flask

from portal.account import (  # noqa: F401 - a room that is imported has its pages
    details,
    gift_aid,
    plans,
    pledges,
    tax_numbers,
)
from portal.account.access import account

__all__ = ["set_up_account"]


def set_up_account(app: Flask) -> None:
    """Register the pages under /account."""
    app.register_blueprint(account)
