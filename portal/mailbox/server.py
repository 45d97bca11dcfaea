"""The mailbox's process: SMTP in, pages out, both on loopback ports."""

import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from werkzeug.serving import WSGIRequestHandler, make_server

from portal.mailbox.app import create_mailbox
from portal.mailbox.store import MailStore

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
