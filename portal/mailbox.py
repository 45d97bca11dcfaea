"""A mailbox on this machine, for demos and tests: takes every message, shows it, sends none.

SMTP in, pages out, both on loopback ports of one process. Messages are files, `<id>.eml`, and
beside each how often and to whom it was delivered. The id is the hash of the Message-ID: a
message that comes again is counted, not doubled, so that a sender's repetitions can be seen.
"""

import hashlib
import json
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any, cast
from urllib.parse import urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
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
from werkzeug.serving import WSGIRequestHandler, make_server

from portal import TEMPLATES

_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Part:
    """A file that came with a message; `content` is decoded."""

    filename: str
    content_type: str
    content: bytes


class StoredMessage:
    """One message as it was delivered, `deliveries` times, first at `received_at`."""

    def __init__(self, message_id: str, raw: bytes, facts: dict[str, Any]) -> None:
        self.id = message_id
        self.raw = raw
        self.deliveries: int = facts["deliveries"]
        self.recipients: list[str] = facts["recipients"]
        self.received_at = datetime.fromisoformat(facts["received_at"])
        self.delivered_at = [datetime.fromisoformat(text) for text in facts["delivered_at"]]

    @cached_property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    def header(self, name: str) -> str:
        """A header's text, decoded; empty where there is none."""
        return str(self.message.get(name, ""))

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        return self._body("html")

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return str(part.get_content()) if part is not None else ""

    @property
    def attachments(self) -> list[Part]:
        return [
            Part(
                filename=part.get_filename() or f"part-{number}",
                content_type=part.get_content_type(),
                content=cast(bytes, part.get_payload(decode=True) or b""),
            )
            for number, part in enumerate(self.message.iter_attachments(), start=1)
        ]


class MailStore:
    """The folder of messages; safe for the threads of one process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()

    def keep(self, raw: bytes, recipients: list[str], at: datetime) -> str:
        """Store a delivered message, or count it again; its id."""
        name = _name(raw)
        facts_path = self.folder / f"{name}.json"
        with self._lock:
            if facts_path.is_file():
                facts = json.loads(facts_path.read_bytes())
                facts["deliveries"] += 1
                facts["delivered_at"].append(at.isoformat())
            else:
                _write(self.folder / f"{name}.eml", raw)
                facts = {
                    "deliveries": 1,
                    "recipients": recipients,
                    "received_at": at.isoformat(),
                    "delivered_at": [at.isoformat()],
                }
            _write(facts_path, json.dumps(facts).encode())
        return name

    def find(self, message_id: str) -> StoredMessage | None:
        """The message of an id; None where there is none, or the id is none of ours."""
        facts_path = self.folder / f"{message_id}.json"
        if not _ID.fullmatch(message_id) or not facts_path.is_file():
            return None
        raw = (self.folder / f"{message_id}.eml").read_bytes()
        return StoredMessage(message_id, raw, json.loads(facts_path.read_bytes()))

    def list_messages(self) -> list[StoredMessage]:
        """All messages, newest first."""
        return sorted(self._all(), key=lambda stored: stored.received_at, reverse=True)

    def _all(self) -> Iterator[StoredMessage]:
        for path in self.folder.glob("*.json"):
            stored = self.find(path.stem)
            if stored is not None:
                yield stored


def _name(raw: bytes) -> str:
    message_id = message_from_bytes(raw, policy=policy.default).get("Message-ID", "")
    return hashlib.sha256(str(message_id).strip().encode() or raw).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, so that a reader never sees half a file."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)


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
    app = Flask(
        __name__, template_folder=str(TEMPLATES / "mailbox"), static_folder="sandbox/static"
    )
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


HOST = "127.0.0.1"
LARGEST_MESSAGE = 20 * 2**20


class MailboxRefused(Exception):
    """The mailbox can't start; the text says what to do."""


class Inbox:
    """aiosmtpd's handler: keeps whatever is delivered."""

    def __init__(self, store: MailStore) -> None:
        self._store = store

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        self._store.keep(raw, list(envelope.rcpt_tos), datetime.now(UTC))
        return "250 Kept"


class QuietHandler(WSGIRequestHandler):
    """Serves without a line a request: addresses of messages are nobody's business."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return


def main(port: int, smtp_port: int, data: Path) -> None:
    """Take and show mail until SIGTERM or SIGINT. Raises `MailboxRefused` if it can't start."""
    store = MailStore(data / "mail")
    smtp = Controller(
        Inbox(store),
        hostname=HOST,
        port=smtp_port,
        data_size_limit=LARGEST_MESSAGE,
        enable_SMTPUTF8=True,
    )
    try:
        smtp.start()
        web = make_server(
            HOST, port, create_mailbox(store), threaded=True, request_handler=QuietHandler
        )
    except (OSError, SystemExit) as error:
        raise MailboxRefused(
            f"The mailbox needs ports {port} and {smtp_port}, and one is taken. Choose others."
        ) from error
    _stop_on_signals(web.shutdown)
    try:
        web.serve_forever()
    finally:
        smtp.stop()


def _stop_on_signals(shutdown: Callable[[], None]) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        # `shutdown` waits for the loop that this handler interrupts: another thread must ask.
        threading.Thread(target=shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
