"""Messages as files: `<id>.eml`, and beside it how often and to whom it was delivered.

The id is the hash of the Message-ID: a message that comes again is counted, not doubled,
so that a sender's repetitions can be seen.
"""

import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Any, cast

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
