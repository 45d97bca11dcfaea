"""Settings that lead to the mailbox of a test."""

from typing import Any

import pytest

from portal.database import Database
from portal.mailbox import MailStore
from portal.settings import Settings, load_settings
from tests.conftest import SECRET


@pytest.fixture
def mail_settings(database: Database, inbox: tuple[MailStore, int]) -> Settings:
    return make_settings(mail_url=f"smtp://127.0.0.1:{inbox[1]}")


def make_settings(**values: Any) -> Settings:
    given = {"secret_key": SECRET, "mail_from": "giving@portal.example", **values}
    return load_settings(base_url="https://give.example", **given)
