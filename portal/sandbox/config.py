"""What one sandbox process is told when it starts."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

API_VERSION = "2026-10-28.endive"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SandboxRefused(ValueError):
    """The sandbox will not start this way; the message says what to do."""


def is_loopback(url: str) -> bool:
    """Whether a web address leads to this machine and nowhere else."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and parts.hostname in LOOPBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """Times are seconds.

    `webhook_wait` is how long the pay page waits for the webhook's answer, as Checkout
    does (Stripe: up to 10 s); `settle_after` is how long a charge stays without its
    balance transaction; `retry_after` are the pauses between delivery attempts.
    """

    port: int
    data: Path
    webhook_secret: str
    webhook_url: str | None = None
    secret_key: str = "sk_test_sandbox"  # noqa: S105 - a sample that opens nothing but this sandbox
    host: str = "127.0.0.1"
    threads: int = 64
    webhook_wait: float = 3.0
    settle_after: int = 1
    retry_after: tuple[float, ...] = field(default=(1, 3, 10, 60, 600, 3600, 7200, *[14400] * 16))

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK:
            raise SandboxRefused(f"The sandbox listens on 127.0.0.1 only, not on {self.host}.")
        if not self.secret_key.startswith("sk_test_"):
            raise SandboxRefused("The sandbox's key must start with sk_test_, never a live key.")
        if self.webhook_url and not is_loopback(self.webhook_url):
            raise SandboxRefused("The sandbox sends webhooks to this machine only (127.0.0.1).")

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"
