"""A sandbox process for each test module, a receiver for its webhooks, and the real SDK."""

from collections.abc import Iterator

import pytest
import stripe

from tests.sandbox_client import make_client
from tests.sandbox_process import Receiver, SandboxProcess, running_receiver, running_sandbox


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def process(
    receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SandboxProcess]:
    data = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(data, webhook_url=receiver.url, retry_after=(0.05, 0.1)) as process:
        yield process


@pytest.fixture
def sandbox(process: SandboxProcess, receiver: Receiver) -> SandboxProcess:
    """The module's sandbox, as on its first day."""
    receiver.answers.clear()
    receiver.pause = 0
    process.control("drain")
    process.control("reset")
    receiver.got.clear()
    return process


@pytest.fixture
def client(sandbox: SandboxProcess) -> stripe.StripeClient:
    return make_client(sandbox)
