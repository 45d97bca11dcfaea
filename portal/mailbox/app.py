"""The mailbox's pages and its JSON, for this machine only."""

from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    jsonify,
    render_template,
    request,
    send_file,
    url_for,
)

from portal.mailbox.store import MailStore, StoredMessage
from portal.paths import TEMPLATES

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
# A message's own HTML: nothing from elsewhere, no script, and its links open a new tab.
MESSAGE_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)

pages = Blueprint("mailbox", __name__)


def create_mailbox(store: MailStore) -> Flask:
    """The app over a store of messages."""
    app = Flask(__name__, template_folder=str(TEMPLATES / "mailbox"), static_folder="static")
    app.extensions["store"] = store
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.register_blueprint(pages)
    app.before_request(_refuse_strangers)
    app.after_request(_protect)
    return app


def _refuse_strangers() -> None:
    """Only this machine, under its own name: another site's page must not read the mail."""
    if urlsplit(f"//{request.host}").hostname not in LOOPBACK:
        abort(403)


def _protect(response: Response) -> Response:
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


def _store() -> MailStore:
    store: MailStore = current_app.extensions["store"]
    return store


def _find(message_id: str) -> StoredMessage:
    stored = _store().find(message_id)
    if stored is None:
        abort(404)
    return stored


@pages.get("/")
def index() -> str:
    return render_template("index.html", messages=_store().list_messages())


@pages.get("/messages/<message_id>")
def message(message_id: str) -> str:
    return render_template("message.html", message=_find(message_id))


@pages.get("/messages/<message_id>/html")
def message_html(message_id: str) -> Response:
    # Its links would otherwise open inside the frame, where no other page may stand.
    html = _find(message_id).html.replace("<head>", '<head><base target="_blank">', 1)
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = MESSAGE_POLICY
    return response


@pages.get("/messages/<message_id>/attachments/<int:number>")
def attachment(message_id: str, number: int) -> Response:
    """An attachment by its place, from 1; a PDF opens in the browser, all else is saved."""
    parts = _find(message_id).attachments
    if not 1 <= number <= len(parts):
        abort(404)
    part = parts[number - 1]
    is_pdf = part.content_type == "application/pdf"
    return send_file(
        BytesIO(part.content),
        mimetype=part.content_type if is_pdf else "application/octet-stream",
        as_attachment=not is_pdf,
        download_name=part.filename,
    )


@pages.get("/api/messages")
def api_messages() -> Response:
    """Every message, newest first."""
    return jsonify([_as_json(stored) for stored in _store().list_messages()])


def _as_json(stored: StoredMessage) -> dict[str, Any]:
    return {
        "id": stored.id,
        "message_id": stored.header("Message-ID"),
        "subject": stored.header("Subject"),
        "from": stored.header("From"),
        "to": stored.header("To"),
        "reply_to": stored.header("Reply-To"),
        "recipients": stored.recipients,
        "received_at": stored.received_at.isoformat(),
        "deliveries": stored.deliveries,
        "delivered_at": [at.isoformat() for at in stored.delivered_at],
        "text": stored.text,
        "url": url_for("mailbox.message", message_id=stored.id),
        "html_url": url_for("mailbox.message_html", message_id=stored.id),
        "attachments": _attachments_as_json(stored),
    }


def _attachments_as_json(stored: StoredMessage) -> list[dict[str, Any]]:
    return [
        {
            "filename": part.filename,
            "content_type": part.content_type,
            "size": len(part.content),
            "url": url_for("mailbox.attachment", message_id=stored.id, number=number),
        }
        for number, part in enumerate(stored.attachments, start=1)
    ]
