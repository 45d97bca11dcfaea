"""The partners' rooms, put together."""

from flask import Flask

from portal.partners import (  # noqa: F401 - a room that is imported has its pages
    overview,
    people,
    sign_in,
)
from portal.partners.access import partners

__all__ = ["set_up_partners"]


def set_up_partners(app: Flask) -> None:
    """Register the pages under /partners."""
    app.register_blueprint(partners)
