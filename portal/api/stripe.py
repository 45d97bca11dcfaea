"""Where Stripe delivers: check the signature, store and apply, answer."""

from flask import Blueprint, Response, jsonify, request

from portal.logs import get_logger
from portal.payments.stripe.envelopes import read_envelope
from portal.payments.stripe.events import receive_event
from portal.payments.stripe.gateway import API_VERSION, ForgedWebhook, gateway_of
from portal.web import services, utc_now

log = get_logger()
blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")

LARGEST_EVENT_BYTES = 1_000_000


@blueprint.post("/stripe")
def stripe() -> tuple[Response, int]:
    """200 once the event is stored; 400 for what Stripe did not sign; 503 to be asked again."""
    if (request.content_length or 0) > LARGEST_EVENT_BYTES:
        return _answer("too large"), 413
    gateway = gateway_of(services())
    try:
        event = gateway.verify_webhook(
            request.get_data(), request.headers.get("Stripe-Signature", "")
        )
    except ForgedWebhook as error:
        log.warning("webhook_forged", why=str(error))
        return _answer("signature"), 400
    envelope = read_envelope(event, utc_now())
    if envelope.api_version != API_VERSION:
        log.warning("webhook_version", version=envelope.api_version, expected=API_VERSION)
    outcome = receive_event(services(), envelope, livemode=gateway.livemode)
    log.info("webhook", type=envelope.type, state=outcome.state, gift_id=outcome.gift_id)
    return _answer(outcome.state), 200


def _answer(state: str) -> Response:
    return jsonify(state=state)
