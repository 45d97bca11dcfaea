"""A tree of scopes, people who see their figures, and browsers that they sign in with."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from portal.codes.models import Scope
from portal.codes.operations import Draft, add_code, add_policy, add_scope
from portal.codes.terms import Kind, LevelKind
from portal.database import Database
from portal.services import Services
from portal.signin.accounts import PartnerRole, PartnerUser, Person, add_partner_user
from portal.signin.links import SignInLink, make_code, make_token
from portal.signin.sessions import begin_session
from tests.conftest import NOW
from tests.pages import CheckedClient
from tests.workplace import act_in

# The keys of the scopes of `tree`, and what stands above each.
TREE = (
    ("net", LevelKind.NETWORK, None),
    ("zone", LevelKind.ZONE, "net"),
    ("grace", LevelKind.PARTNER, "zone"),
    ("hope", LevelKind.PARTNER, "zone"),
    ("other", LevelKind.PARTNER, None),
)


@dataclass
class Visitor:
    """A browser that sends forms with their CSRF token."""

    client: CheckedClient

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.client.get(path, **kwargs)

    def post(self, path: str, *, page: str | None = None, **fields: str) -> TestResponse:
        """Send the form that stands on `page`."""
        match = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page or path).text)
        assert match, f"no form on {page or path}"
        return self.client.post(path, data={"csrf_token": match[1], **fields})


def plant_tree(database: Database) -> dict[str, int]:
    """The scopes by key, and a code of each partner: `GRACE`, `HOPE`, `OTHER`."""
    with database.write() as session:
        policy = add_policy(session, "Open", Draft(), NOW)
        found: dict[str, Scope] = {}
        for key, kind, above in TREE:
            parent = found[above] if above else None
            found[key] = add_scope(session, kind, key, f"House {key}", NOW, parent=parent)
            if kind is LevelKind.PARTNER:
                code = add_code(session, key.upper(), policy, NOW, kind=Kind.PARTNER)
                code.scope_id = found[key].id
        session.flush()
        return {key: scope.id for key, scope in found.items()}


@pytest.fixture
def tree(catalogued: Database) -> dict[str, int]:
    return plant_tree(catalogued)


@pytest.fixture
def people(catalogued: Database, tree: dict[str, int]) -> dict[str, int]:
    """Accounts by address: `owner@net.example`, `viewer@net.example` and so on for each scope."""
    with catalogued.write() as session:
        return {
            f"{role}@{key}.example": add_partner_user(
                act_in(session, NOW),
                session.get_one(Scope, scope_id),
                Person(f"{role}@{key}.example", role),
            ).id
            for key, scope_id in tree.items()
            for role in PartnerRole
        }


@pytest.fixture
def visit(app: Flask, people: dict[str, int]) -> Callable[[], Visitor]:
    """A new browser that nobody is signed in to."""

    def visit() -> Visitor:
        client = app.test_client()
        assert isinstance(client, CheckedClient)
        return Visitor(client)

    return visit


@pytest.fixture
def signed_in(
    app: Flask, visit: Callable[[], Visitor], people: dict[str, int]
) -> Callable[[str], Visitor]:
    """A new browser with the cookie of an account."""
    services: Services = app.extensions["portal"]

    def signed_in(email: str) -> Visitor:
        visitor = visit()
        with (
            services.database.read() as session,
            visitor.client.session_transaction("/partners/") as cookie,
        ):
            begin_session(cookie, session.get_one(PartnerUser, people[email]), services.now())
        return visitor

    return signed_in


@dataclass(frozen=True)
class Mailed:
    """What the letter of the newest link says."""

    path: str
    code: str
    is_anybodys: bool


@pytest.fixture
def read_link(app: Flask) -> Callable[[], Mailed]:
    services: Services = app.extensions["portal"]

    def read_link() -> Mailed:
        with services.database.read() as session:
            newest = sa.select(SignInLink).order_by(SignInLink.id.desc()).limit(1)
            link = session.scalars(newest).one()
        token = make_token(services.settings, link.salt)
        code = make_code(services.settings, link.salt)
        return Mailed(f"/partners/sign-in/{token}", code, link.owner_id is not None)

    return read_link
