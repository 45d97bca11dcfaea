"""The hosted pay page: what a donor sees instead of Stripe Checkout."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Request,
    Response,
    make_response,
    redirect,
    render_template,
    request,
)
from werkzeug.wrappers import Response as AnyResponse

from portal.money import Money, format_money
from portal.sandbox.checkout import fail_authentication, pay_session
from portal.sandbox.customers import (
    CARDS,
    add_card_method,
    add_debit_method,
    billing_details,
    read_card,
)
from portal.sandbox.store import LOOPBACK, Json
from portal.sandbox.texts import TEXTS, language_of, number_locale
from portal.sandbox.world import World

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';"
    " frame-ancestors 'none'; form-action 'self'"
)


def install_guard(app: Flask) -> None:
    """Refuse what does not come from here, and mark every answer as the sandbox's."""
    app.before_request(_refuse_strangers)
    app.after_request(_mark)


def _refuse_strangers() -> Response | None:
    if not _host_is_loopback(request):
        # A foreign name that resolves to 127.0.0.1 is how a website reaches local servers.
        return Response("The sandbox answers on 127.0.0.1 only.\n", 421, mimetype="text/plain")
    browser_page = not request.path.startswith("/v1/")
    if browser_page and request.method not in _SAFE and not _same_origin(request):
        return Response("Another site may not use the sandbox.\n", 403, mimetype="text/plain")
    return None


def _host_is_loopback(asked: Request) -> bool:
    return urlsplit(f"//{asked.host}").hostname in LOOPBACK


def _same_origin(asked: Request) -> bool:
    """What a browser says of itself; programs send neither header and are let in."""
    site = asked.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = asked.headers.get("Origin")
    return origin is None or origin == asked.host_url.rstrip("/")


def _mark(response: Response) -> Response:
    response.headers["Portal-Sandbox"] = "1"
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def allow_form_redirect(response: Response, *addresses: str | None) -> Response:
    """Browsers hold a form's redirect against `form-action` too: name where it may end."""
    origins = {
        f"{parts.scheme}://{parts.netloc}"
        for parts in (urlsplit(address) for address in addresses if address)
    }
    policy = " ".join([_POLICY, *sorted(origins)])
    response.headers["Content-Security-Policy"] = policy
    return response


KEPT_FIELDS = ("card_number", "exp", "name", "email")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a post was refused: a sentence for the whole form, or one for each field."""

    notice: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


def make_pages(world: World) -> Blueprint:
    pages = Blueprint("pages", __name__)
    for method, rule, endpoint, view in (
        ("GET", "/pay/<session_id>", "show", _show),
        ("POST", "/pay/<session_id>", "submit", _submit),
        ("GET", "/pay/<session_id>/confirm", "confirm", _confirm),
        ("POST", "/pay/<session_id>/confirm", "answer", _answer),
    ):
        pages.add_url_rule(rule, endpoint, partial(view, world), methods=[method])
    pages.add_url_rule("/receipts/<id>", "receipt", _show_receipt)
    return pages


def _show_receipt(id: str) -> str:
    return render_template("sandbox/notice.html", **_notice("en", "receipt"))


def _show(world: World, session_id: str) -> AnyResponse:
    session = world.find(session_id)
    if session is None or session["status"] != "open":
        return _closed(session)
    return _form(session, world)


def _form(session: Json, world: World, trouble: Trouble | None = None) -> Response:
    """The page with its form; after trouble with everything typed but the security code."""
    typed = {name: request.form.get(name, "") for name in KEPT_FIELDS}
    items = world.private(session["id"])["line_items"]
    response = make_response(
        render_template(
            "sandbox/pay.html",
            session=session,
            items=items,
            typed=typed,
            trouble=trouble,
            recurring=items[0]["price"]["recurring"],
            debit=_debit_type(session),
            cards=CARDS,
            **_words(session),
        ),
        422 if trouble else 200,
    )
    return allow_form_redirect(response, session["success_url"])


def _words(session: Json) -> Json:
    """The page's language, its texts and the amount as its reader writes it."""
    locale = session["locale"]
    language = language_of(locale)
    return {
        "language": language,
        "t": TEXTS[language],
        "amount": written(session["amount_total"], session["currency"], locale),
        "write": lambda amount, currency: written(amount, currency, locale),
    }


def written(amount: int, currency: str, locale: str | None) -> str:
    return format_money(Money.from_stripe(amount, currency), number_locale(locale))


def _debit_type(session: Json) -> str | None:
    return next((kind for kind in session["payment_method_types"] if kind != "card"), None)


def _submit(world: World, session_id: str) -> AnyResponse:
    """One attempt. The whole of it holds the lock, so a double click pays once."""
    with world.store.transaction():
        session = world.find(session_id)
        if session is None or session["status"] != "open":
            return _closed(session, paid=_to_success(session))
        method, trouble = _method(world, session)
        if method is None:
            return _form(session, world, trouble)
        intent = pay_session(world, session, method)
    return _after(world, session, intent)


def _method(world: World, session: Json) -> tuple[Json | None, Trouble]:
    """The way to pay that was posted, or what is wrong with it."""
    words = TEXTS[language_of(session["locale"])]
    kind = _debit_type(session) if request.form.get("method") == "bank_debit" else "card"
    if kind is None or kind not in session["payment_method_types"]:
        return None, Trouble(notice=words["no_method"])
    if kind != "card":
        billing = _billing(world, session, request.form.get("name") or None)
        fails = request.form.get("outcome") == "fails"
        return add_debit_method(world, kind, billing, fails=fails), Trouble()
    card, wrong = read_card(request.form.to_dict(), world.clock.now())
    if card is None:
        return None, Trouble(fields={name: words[key] for name, key in wrong.items()})
    return add_card_method(world, card, _billing(world, session, card.name)), Trouble()


def _billing(world: World, session: Json, name: str | None) -> Json:
    customer: Any = world.find(session["customer"]) or {}
    email = session["customer_email"] or customer.get("email") or request.form.get("email")
    return billing_details(name or customer.get("name"), email or None, customer.get("address"))


def _after(world: World, session: Json, intent: Json) -> AnyResponse:
    """On to the second step, back with an error, or away with the donor."""
    if intent["status"] == "requires_action":
        return redirect(f"/pay/{session['id']}/confirm", 303)
    if intent["status"] == "requires_payment_method":
        error = intent["last_payment_error"]
        words = TEXTS[language_of(session["locale"])]
        notice = words.get(error.get("decline_code") or "", error["message"])
        return _form(world.get("checkout.session", session["id"]), world, Trouble(notice=notice))
    _wait_for_webhook(world, session["id"])
    completed = world.get("checkout.session", session["id"])
    return redirect(_success_url(completed), 303)


def _wait_for_webhook(world: World, session_id: str) -> None:
    """Checkout waits for the answer to `checkout.session.completed`, but not for long."""
    event_id = world.private(session_id)["completed_event"]
    deadline = time.monotonic() + world.config.webhook_wait
    waiting = (
        "SELECT 1 FROM deliveries WHERE event_id = ? AND attempts = 0"
        " AND state IN ('pending', 'sending') AND due <= ?"
    )
    soon = time.time() + world.config.webhook_wait
    with world.store.changed:
        while world.store.row(waiting, event_id, soon) and time.monotonic() < deadline:
            world.store.changed.wait(max(deadline - time.monotonic(), 0))


def _success_url(session: Json) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _to_success(session: Json | None) -> AnyResponse | None:
    """Where a second click on Pay leads: to the same end as the first."""
    if session is None or session["status"] != "complete":
        return None
    return redirect(_success_url(session), 303)


def _confirm(world: World, session_id: str) -> AnyResponse:
    session = world.find(session_id)
    if session is None or session["status"] != "open":
        return _closed(session)
    if not world.private(session_id).get("challenged"):
        return redirect(f"/pay/{session_id}", 303)
    response = make_response(
        render_template("sandbox/confirm.html", session=session, **_words(session))
    )
    return allow_form_redirect(response, session["success_url"])


def _answer(world: World, session_id: str) -> AnyResponse:
    with world.store.transaction():
        session = world.find(session_id)
        if session is None or session["status"] != "open":
            return _closed(session, paid=_to_success(session))
        method_id = world.private(session_id).get("challenged")
        if not method_id:
            return redirect(f"/pay/{session_id}", 303)
        if request.form.get("answer") == "complete":
            method = world.get("payment_method", method_id)
            intent = pay_session(world, session, method, authenticated=True)
        else:
            intent = fail_authentication(world, session)
    return _after(world, session, intent)


def _closed(session: Json | None, paid: AnyResponse | None = None) -> AnyResponse:
    """Why nobody can pay here: paid, expired or never there."""
    if paid is not None:
        return paid
    if session is None:
        page = render_template("sandbox/notice.html", **_notice("en", "missing"))
        return make_response(page, 404)
    what = "paid" if session["status"] == "complete" else "expired"
    back = _success_url(session) if what == "paid" else session["cancel_url"]
    notice = _notice(language_of(session["locale"]), what, back)
    return make_response(render_template("sandbox/notice.html", **notice), 410)


def _notice(language: str, what: str, back: str | None = None) -> Json:
    words = TEXTS[language]
    return {
        "language": language,
        "t": words,
        "title": words[f"{what}_title"],
        "text": words[f"{what}_text"],
        "back": back,
    }
