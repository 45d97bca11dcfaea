"""Owners let people in and out of their own pages; nobody reaches another partner's."""

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask

from portal.app import make_app
from portal.cli import main
from portal.database import Database
from portal.partners.access import LINKS, NEEDED
from portal.services import AuditEntry
from portal.signin.accounts import PartnerRole, PartnerUser, list_partner_users
from tests.conftest import SECRET
from tests.pages import CheckedClient
from tests.partners.conftest import Visitor

Visit = Callable[[], Visitor]
SignedIn = Callable[[str], Visitor]
OWNER = "owner@grace.example"


def who(database: Database, scope_id: int) -> dict[str, str]:
    with database.read() as session:
        return {one.email: one.role.value for one in list_partner_users(session, scope_id)}


def test_an_owner_adds_a_viewer_who_changes_and_goes(
    signed_in: SignedIn, catalogued: Database, tree: dict[str, int]
) -> None:
    owner, address = signed_in(OWNER), "New.Friend@grace.example"
    chosen = {"email": address, "locale": "ko"}
    for role in ("viewer", "owner", "viewer"):
        sent = owner.post("/partners/people", role=role, **chosen)
        assert sent.status_code == 303
        assert who(catalogued, tree["grace"])[address.lower()] == role
    with catalogued.read() as session:
        query = sa.select(PartnerUser.id).where(PartnerUser.email == address.lower())
        [user_id] = session.scalars(query)
        acts = set(session.scalars(sa.select(AuditEntry.act)))
    owner.post(f"/partners/people/{user_id}/remove", page="/partners/people")
    assert address.lower() not in who(catalogued, tree["grace"])
    assert "partner_user_add" in acts


def test_what_was_typed_is_kept_beside_what_is_wrong(signed_in: SignedIn) -> None:
    response = signed_in(OWNER).post("/partners/people", email="friend@", role="owner", locale="x")
    assert response.status_code == 422
    assert 'value="friend@"' in response.text
    assert "Choose the language of their messages" in response.text


def test_the_last_owner_stays(
    signed_in: SignedIn, catalogued: Database, people: dict[str, int], tree: dict[str, int]
) -> None:
    owner, page = signed_in(OWNER), "/partners/people"
    owner.post(f"{page}/{people[OWNER]}/remove", page=page)
    assert "last owner" in owner.get(page).text
    demoted = owner.post(page, email=OWNER, role="viewer", locale="en")
    assert demoted.status_code == 422
    assert who(catalogued, tree["grace"])[OWNER] == "owner"


def test_who_is_removed_is_signed_out_at_once(signed_in: SignedIn, people: dict[str, int]) -> None:
    viewer, owner, page = signed_in("viewer@grace.example"), signed_in(OWNER), "/partners/people"
    assert viewer.get(page).status_code == 200
    owner.post(f"{page}/{people['viewer@grace.example']}/remove", page=page)
    assert viewer.get(page).status_code == 303


def test_a_viewer_changes_nothing(signed_in: SignedIn, people: dict[str, int]) -> None:
    viewer, page = signed_in("viewer@grace.example"), "/partners/people"
    assert "Add someone" not in viewer.get(page).text
    assert viewer.post(page, email="x@grace.example").status_code == 403
    assert viewer.post(f"{page}/{people[OWNER]}/remove", page=page).status_code == 403


@pytest.mark.parametrize(
    "email", ["viewer@other.example", "viewer@zone.example", "owner@hope.example"]
)
def test_nobody_of_another_scope_is_removed(
    signed_in: SignedIn, catalogued: Database, people: dict[str, int], email: str
) -> None:
    owner = signed_in(OWNER)
    for user_id in (people[email], 999_999):
        response = owner.post(f"/partners/people/{user_id}/remove", page="/partners/people")
        assert response.status_code == 404
    with catalogued.read() as session:
        assert session.get_one(PartnerUser, people[email]).removed_at is None


def test_one_address_may_serve_several_partners(
    signed_in: SignedIn, people: dict[str, int]
) -> None:
    signed_in("owner@hope.example").post(
        "/partners/people", email=OWNER, role="viewer", locale="en"
    )
    owner = signed_in(OWNER)
    page = owner.get("/partners/people").text
    assert "House hope" in page
    own = next(part for part in page.split('action="') if part.startswith("/partners/change/"))
    assert owner.post(own.split('"')[0], page="/partners/people").status_code == 303
    assert "House hope" in owner.get("/partners/people").text.partition("<main")[0]
    foreign = f"/partners/change/{people['owner@other.example']}"
    assert owner.post(foreign, page="/partners/people").status_code == 404


def addresses(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Endpoint, method and an address for each route of the partners."""
    with app.test_request_context():
        adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            if not rule.endpoint.startswith("partners."):
                continue
            values = {
                name: 1 if "int:" + name in rule.rule else "NOT-THERE" for name in rule.arguments
            }
            for method in (rule.methods or set()) & {"GET", "POST"}:
                yield rule.endpoint, method, adapter.build(rule.endpoint, values, method)


def test_every_route_says_which_role_it_needs(app: Flask) -> None:
    assert {endpoint for endpoint, *_ in addresses(app)} == {*NEEDED, *LINKS.endpoints}


def test_nobody_sees_anything_before_signing_in(app: Flask, visit: Visit) -> None:
    for endpoint, method, path in addresses(app):
        if endpoint not in LINKS.endpoints:
            response = visit().client.open(path, method=method)
            assert (response.status_code, response.location) == (303, "/partners/sign-in"), path


def test_every_form_needs_its_token(app: Flask, signed_in: SignedIn) -> None:
    owner = signed_in(OWNER)
    for _endpoint, method, path in addresses(app):
        if method == "POST":
            assert owner.client.post(path).status_code == 400, path


def test_pages_are_kept_out_of_caches(signed_in: SignedIn) -> None:
    response = signed_in(OWNER).get("/partners/people")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Robots-Tag"] == "noindex"


class TestForgotten:
    @pytest.fixture
    def building(self) -> Flask:
        """An app of its own, with a route that the table knows nothing of."""
        app = make_app()
        app.test_client_class = CheckedClient
        app.add_url_rule("/partners/forgotten", "partners.forgotten", lambda: "seen")
        return app

    def test_a_route_that_the_table_forgets_is_shut(self, signed_in: SignedIn) -> None:
        assert signed_in(OWNER).get("/partners/forgotten").status_code == 403


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Callable[..., tuple[int, str]]:
    values = {
        "PORTAL_SECRET_KEY": SECRET,
        "PORTAL_DATABASE_URL": database_url,
        "PORTAL_BASE_URL": "http://localhost",
        "PORTAL_ENVIRONMENT": "demo",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["partner", *words])
        return result.exit_code, result.output

    return run


def test_an_operator_lets_the_first_owner_in_and_out(
    run: Callable[..., tuple[int, str]], catalogued: Database, tree: dict[str, int]
) -> None:
    assert run("users", "grace") == (0, "Nobody sees the figures of grace.\n")
    said = run("add-user", "grace", "First@Grace.example", "--role", "owner", "--lang", "fr")
    assert said == (0, "First@Grace.example can sign in at /partners.\n")
    assert who(catalogued, tree["grace"]) == {"first@grace.example": PartnerRole.OWNER.value}
    assert run("users", "grace") == (0, "first@grace.example  owner\n")
    for command in ("add-user", "remove-user"):
        assert run(command, "nowhere", "a@b.example")[0] == 1
    assert "no e-mail address" in run("add-user", "grace", "a@")[1]
    assert "last owner" in run("add-user", "grace", "first@grace.example")[1]
    assert "can’t sign in" in run("remove-user", "grace", "a@b.example")[1]
    said = run("remove-user", "grace", "FIRST@grace.example")
    assert said == (0, "FIRST@grace.example can no longer sign in.\n")
    assert who(catalogued, tree["grace"]) == {}
