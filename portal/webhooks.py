"""Where Stripe delivers: check the signature, store and apply, answer.

Three deliveries a gift come this way, and the app's routing, session and hooks cost more than to
book one. So a usual one goes past them, straight to what the view calls, and is answered and
logged as the view would. What is unusual, and what fails, goes the app's way.
"""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any, cast

from flask import Blueprint, Flask, Response, request

from portal.logs import get_logger
from portal.payments.stripe.events import receive_event
from portal.payments.stripe.gateway import API_VERSION, ForgedWebhook, gateway_of
from portal.payments.stripe.reading import open_envelope
from portal.proxies import report_unknown_proxy
from portal.services import Services
from portal.web import begin_request, lasting_headers, log_request, services

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]

log = get_logger()
blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")

LARGEST_EVENT_BYTES = 1_000_000
PATH = "/webhooks/stripe"
STATUS = {200: "200 OK", 400: "400 BAD REQUEST"}
# Where the short way leaves what it failed by.
FAILED = "portal.webhook_failed"


@blueprint.post("/stripe")
def stripe() -> tuple[Response, int]:
    """200 once the event is stored; 400 for what Stripe did not sign; 503 to be asked again."""
    if (failed := request.environ.get(FAILED)) is not None:
        raise failed
    if (request.content_length or 0) > LARGEST_EVENT_BYTES:
        return _answer("too large"), 413
    signature = request.headers.get("Stripe-Signature", "")
    state, status = take_delivery(services(), request.get_data(), signature)
    return _answer(state), status


def _answer(state: str) -> Response:
    return Response(_write(state), mimetype="application/json")


def _write(state: str) -> bytes:
    return json.dumps({"state": state}, separators=(",", ":")).encode() + b"\n"


def take_delivery(installation: Services, body: bytes, signature: str) -> tuple[str, int]:
    """Store and apply a delivery that Stripe signed; what became of it, and HTTP's status."""
    gateway = gateway_of(installation)
    try:
        text = gateway.verify_webhook(body, signature)
    except ForgedWebhook as error:
        log.warning("webhook_forged", why=str(error))
        return "signature", 400
    envelope = open_envelope(text, installation.now())
    if envelope.api_version != API_VERSION:
        log.warning("webhook_version", version=envelope.api_version, expected=API_VERSION)
    outcome = receive_event(installation, envelope, livemode=gateway.livemode)
    log.info("webhook", type=envelope.type, state=outcome.state, gift_id=outcome.gift_id)
    return outcome.state, 200


class ShortWay:
    """Usual deliveries past the app, all else by `onward`, the app's own way."""

    def __init__(self, app: Flask, onward: Wsgi) -> None:
        self._app, self._onward = app, onward

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH or not _is_usual(environ):
            return self._onward(environ, start_response)
        started, request_id = time.perf_counter(), begin_request()
        report_unknown_proxy(self._app, environ)
        installation = cast(Services, self._app.extensions["portal"])
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        signature = environ.get("HTTP_STRIPE_SIGNATURE", "")
        try:
            state, status = take_delivery(installation, body, signature)
        except Exception as error:  # noqa: BLE001 - the app has the words and the line for any
            return self._onward({**environ, FAILED: error}, start_response)
        text = _write(state)
        start_response(STATUS[status], _headers(installation, request_id, len(text)))
        log_request("POST", "webhooks.stripe", status, started)
        return (text,)


def _is_usual(environ: Environ) -> bool:
    length = environ.get("CONTENT_LENGTH", "")
    return (
        environ.get("REQUEST_METHOD") == "POST"
        and length.isdecimal()
        and int(length) <= LARGEST_EVENT_BYTES
    )


def _headers(installation: Services, request_id: str, length: int) -> list[tuple[str, str]]:
    return [
        ("Content-Type", "application/json"),
        ("Content-Length", str(length)),
        ("X-Request-Id", request_id),
        *lasting_headers(installation.settings.is_secure),
    ]
