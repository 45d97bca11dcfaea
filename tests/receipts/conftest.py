"""A real SMTP server for letters, in this process, and settings that lead to it."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from portal.database import Database
from portal.mailbox.server import Inbox
from portal.mailbox.store import MailStore
from portal.settings import Settings, load_settings
from tests.conftest import SECRET


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[tuple[MailStore, int]]:
    """The store of a mailbox that listens, and its port."""
    store, port = MailStore(tmp_path / "mail"), free_port()
    controller = Controller(Inbox(store), hostname="127.0.0.1", port=port)
    controller.start()
    yield store, port
    controller.stop()


@pytest.fixture
def mail_settings(database: Database, inbox: tuple[MailStore, int]) -> Settings:
    return make_settings(mail_url=f"smtp://127.0.0.1:{inbox[1]}")


def make_settings(**values: Any) -> Settings:
    given = {"secret_key": SECRET, "mail_from": "giving@portal.example", **values}
    return load_settings(base_url="https://give.example", **given)
