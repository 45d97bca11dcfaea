"""How long the body of a request may be, by where it goes."""

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from portal.app import LARGEST_REQUEST_BYTES
from portal.giving.gift.transfer_views import ENVELOPE_BYTES
from portal.services import Services
from portal.serving.environ import Scope
from portal.staff.access import LARGEST


class BodySizes:
    """What the views of an app take, in bytes: most one length, few have their own."""

    def __init__(self, app: Flask) -> None:
        found: Services = app.extensions["portal"]
        self.routes = app.url_map.bind("")
        self.own = LARGEST | {"giving.send_proof": found.settings.upload_bytes + ENVELOPE_BYTES}

    def of(self, scope: Scope) -> int:
        """The most that the view of a request takes; it says so itself where more is sent."""
        try:
            endpoint, _ = self.routes.match(scope["path"], method=scope["method"])
        except (HTTPException, RequestRedirect):
            return LARGEST_REQUEST_BYTES
        return self.own.get(endpoint, LARGEST_REQUEST_BYTES)
