"""Idempotency keys (https://docs.stripe.com/api/idempotent_requests).

The same key with the same request is answered with the first answer; with another request
it is an error; while the first is still running it is a conflict. Kept for 24 hours.
"""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from portal.sandbox.errors import StripeError
from portal.sandbox.store import Json, Store

_KEPT_SECONDS = 24 * 3600
_LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Stored:
    """An earlier answer."""

    status: int
    body: Json
    request_id: str


def fingerprint(method: str, path: str, params: Json) -> str:
    """What makes two requests the same."""
    text = json.dumps([method, path, params], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Keys:
    """Which keys are in use right now, and which were answered before."""

    store: Store
    _running: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def claim(self, key: str | None) -> Iterator[None]:
        """Hold a key while its request runs."""
        if key is None:
            yield
            return
        if len(key) > _LONGEST_KEY:
            raise StripeError(400, "Idempotency keys may have at most 255 characters.")
        with self._lock:
            if key in self._running:
                raise StripeError(
                    409,
                    "There is currently another in-progress request using this Idempotent Key"
                    f" ({key}). Please try again later.",
                    type="idempotency_error",
                    code="idempotency_key_in_use",
                )
            self._running.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(key)

    def earlier(self, key: str | None, mark: str) -> Stored | None:
        """The answer this key had before; an error when that was another request."""
        row = self.store.row(
            "SELECT * FROM idempotency WHERE key = ? AND created > ?",
            key,
            time.time() - _KEPT_SECONDS,
        )
        if row is None:
            return None
        if row["fingerprint"] != mark:
            raise StripeError(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were"
                f" first used with. Try using a key other than '{key}' if you meant to execute a"
                " different request.",
                type="idempotency_error",
            )
        return Stored(row["status"], json.loads(row["body"]), row["request_id"])

    def remember(self, key: str | None, mark: str, answer: Stored) -> None:
        if key is not None:
            self.store.execute(
                "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
                key,
                mark,
                time.time(),
                answer.status,
                json.dumps(answer.body),
                answer.request_id,
            )
