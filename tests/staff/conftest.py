"""Staff who are signed in, and gifts for them to look at."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from portal.database import Database
from portal.services import Services
from portal.signin.accounts import Role, StaffUser
from portal.signin.sessions import begin_session, hash_password
from tests.conftest import NOW
from tests.pages import CheckedClient

PASSWORD = "correct horse battery staple"


@dataclass
class Browser:
    """A staff member's browser: follows forms with their CSRF token."""

    client: CheckedClient

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.client.get(path, **kwargs)

    def post(self, path: str, *, page: str | None = None, **fields: str) -> TestResponse:
        """Send the form that stands on `page`."""
        return self.client.post(path, data={"csrf_token": self.token(page or path), **fields})

    def token(self, page: str) -> str:
        match = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
        assert match, f"no form on {page}"
        return match[1]

    def sign_in(self, email: str, password: str = PASSWORD, **fields: str) -> TestResponse:
        return self.post("/staff/sign-in", email=email, password=password, **fields)


@pytest.fixture(scope="session")
def password_hash() -> str:
    """The hash of everybody's password; to make one takes a while, as it should."""
    return hash_password(PASSWORD)


@pytest.fixture
def team(catalogued: Database, password_hash: str) -> dict[str, int]:
    """One member of each role: `<role>@staff.example`; their ids by role."""
    with catalogued.write() as session:
        members = {
            role.value: StaffUser(
                email=f"{role}@staff.example",
                name=f"Sam {role.title()}",
                role=role.value,
                password_hash=password_hash,
                session_key=role.value,
                created_at=NOW,
            )
            for role in Role
        }
        session.add_all(members.values())
        session.flush()
        return {role: member.id for role, member in members.items()}


@pytest.fixture
def visit(app: Flask, team: dict[str, int]) -> Callable[[], Browser]:
    """A new browser that nobody is signed in to."""

    def visit() -> Browser:
        client = app.test_client()
        assert isinstance(client, CheckedClient)
        return Browser(client)

    return visit


@pytest.fixture
def signed_in(
    app: Flask, visit: Callable[[], Browser], team: dict[str, int]
) -> Callable[[str], Browser]:
    """A new browser with the cookie of a member of a role.

    It is what the page of the sign-in gives, which takes its time over a password.
    """
    services: Services = app.extensions["portal"]

    def signed_in(role: str) -> Browser:
        browser = visit()
        with (
            services.database.read() as session,
            browser.client.session_transaction("/staff/") as cookie,
        ):
            begin_session(cookie, session.get_one(StaffUser, team[role]), services.clock.now())
        return browser

    return signed_in


@pytest.fixture
def count_statements(catalogued: Database) -> Iterator[Callable[[], int]]:
    """How many questions the database was asked so far."""
    if not catalogued.is_sqlite:
        pytest.skip("SQLite tells each statement that it runs; both engines are sent the same")
    seen: list[str] = []

    def listen(connection: Any, *_: object) -> None:
        connection.set_trace_callback(seen.append)

    engines = {catalogued.reader, catalogued.writer}
    for engine in engines:
        sa.event.listen(engine, "checkout", listen)
    yield lambda: sum(statement.startswith(("SELECT", "WITH")) for statement in seen)
    for engine in engines:
        sa.event.remove(engine, "checkout", listen)
