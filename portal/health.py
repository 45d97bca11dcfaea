"""For whoever runs it: alive, ready, and in numbers."""

import hmac
from ipaddress import ip_address

import sqlalchemy as sa
from flask import Blueprint, Response, abort, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy.orm import Session

from portal.database import DatabaseUnavailable
from portal.gifts.models import Gift
from portal.intake.admission import count_starts
from portal.jobs.promising import DEAD_AFTER, Worker
from portal.jobs.queue import count_open
from portal.payments.models import EventState, StripeEvent
from portal.proxies import UNKNOWN_PROXY, is_by_unknown_proxy
from portal.schema import is_current
from portal.web import services, utc_now

blueprint = Blueprint("health", __name__)
INTERNAL = frozenset({"health.ready", "health.metrics"})


@blueprint.before_request
def refuse_unknown_proxy() -> tuple[Response, int] | None:
    """What is for operations is not told by way of a proxy that the settings don't know of."""
    if request.endpoint not in INTERNAL or not is_by_unknown_proxy():
        return None
    why = "a proxy stands in front: set PORTAL_TRUSTED_PROXIES"
    return jsonify({"status": UNKNOWN_PROXY, "why": why}), 403


@blueprint.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """The database can be read and is migrated; workers are named, and don't make it unready."""
    try:
        with services().database.read() as session:
            workers = session.scalar(_living_workers())
        state = {
            "database": "ok",
            "workers": workers or 0,
            "migrated": is_current(services().database),
        }
    except (DatabaseUnavailable, sa.exc.SQLAlchemyError):
        return jsonify({"status": "unavailable", "database": "away"}), 503
    is_ready = bool(state["migrated"])
    word = "ok" if is_ready else "unavailable"
    return jsonify({"status": word, **state}), 200 if is_ready else 503


def _living_workers() -> sa.Select[int]:
    return sa.select(sa.func.count()).where(Worker.seen_at > utc_now() - DEAD_AFTER)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus' text format, to loopback or to whoever has the token."""
    if not _may_read_metrics():
        abort(403)
    registry = CollectorRegistry()
    with services().database.read() as session:
        _measure(session, registry)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics() -> bool:
    token = services().settings.metrics_token.get_secret_value()
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())
    return ip_address(request.remote_addr or "0.0.0.0").is_loopback  # noqa: S104 - "unknown" is not loopback


def _count_events(session: Session, state: EventState) -> int:
    of_state = sa.select(sa.func.count()).select_from(StripeEvent).where(StripeEvent.state == state)
    return session.scalar(of_state) or 0


def _measure(session: Session, registry: CollectorRegistry) -> None:
    events = Gauge(
        "portal_stripe_events_open", "Stripe events not booked yet", ["state"], registry=registry
    )
    for state in (EventState.WAITING, EventState.FAILED):
        events.labels(state=state).set(_count_events(session, state))
    workers = Gauge("portal_workers", "Workers that showed signs of life", registry=registry)
    workers.set(session.scalar(_living_workers()) or 0)
    jobs = Gauge("portal_jobs", "Jobs that are not done", ["status"], registry=registry)
    for status, count in count_open(session).items():
        jobs.labels(status=status.value).set(count)
    starts = Gauge(
        "portal_payment_starts", "Payments begun at Stripe in these ten minutes", registry=registry
    )
    starts.set(count_starts(session, utc_now()))
    newest = Gauge("portal_gifts_newest_id", "The newest gift's number", registry=registry)
    newest.set(session.scalar(sa.select(sa.func.max(Gift.id))) or 0)
