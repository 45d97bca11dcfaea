"""Default deny: every staff route, by every role and by nobody."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from portal.app import make_app
from portal.signin.accounts import Role
from portal.staff.access import NEEDED, OPEN, find_tab, local_path
from tests.pages import CheckedClient
from tests.staff.conftest import Browser

pytestmark = pytest.mark.both_engines

Visit = Callable[[], Browser]
SignedIn = Callable[[str], Browser]


def staff_rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("staff.")]


def addresses(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Endpoint, method and an address for each staff route."""
    with app.test_request_context():
        adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
        for rule in staff_rules(app):
            values = {
                name: 1 if "int:" + name in rule.rule else "NOT-THERE" for name in rule.arguments
            }
            for method in (rule.methods or set()) & {"GET", "POST"}:
                yield rule.endpoint, method, adapter.build(rule.endpoint, values, method)


def test_every_staff_route_says_which_role_it_needs(app: Flask) -> None:
    assert {rule.endpoint for rule in staff_rules(app)} == {*NEEDED, *OPEN}


def test_nobody_sees_anything_before_signing_in(app: Flask, visit: Visit) -> None:
    browser = visit()
    token = browser.token("/staff/sign-in")
    for endpoint, method, path in addresses(app):
        if endpoint in OPEN:
            continue
        response = browser.client.open(path, method=method, data={"csrf_token": token})
        assert response.status_code == 303, path
        assert response.location.startswith("/staff/sign-in"), path


@pytest.mark.parametrize("role", [Role.VIEWER, Role.FINANCE])
def test_a_role_reaches_no_further_than_it_may(app: Flask, signed_in: SignedIn, role: Role) -> None:
    browser = signed_in(role)
    token = browser.token("/staff/password")
    for endpoint, method, path in addresses(app):
        if endpoint in OPEN or role.may(NEEDED[endpoint]):
            continue
        response = browser.client.open(path, method=method, data={"csrf_token": token})
        assert response.status_code == 403, path
        assert "Your role doesn’t allow this" in response.text


class TestForgotten:
    @pytest.fixture
    def building(self) -> Flask:
        """An app of its own, with a route that the table knows nothing of."""
        app = make_app()
        app.test_client_class = CheckedClient
        app.add_url_rule("/staff/forgotten", "staff.forgotten", lambda: "seen")
        return app

    def test_a_route_that_the_table_forgets_is_shut(self, signed_in: SignedIn) -> None:
        assert signed_in("admin").get("/staff/forgotten").status_code == 403


def test_every_form_needs_its_token(app: Flask, signed_in: SignedIn) -> None:
    browser = signed_in("admin")
    for _endpoint, method, path in addresses(app):
        if method == "POST":
            assert browser.client.post(path).status_code == 400, path


def test_pages_are_kept_out_of_caches(signed_in: SignedIn) -> None:
    response = signed_in("viewer").get("/staff/gifts")
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/staff",
        "//evil.example/staff",
        "/\\evil.example/staff",
        "/staff\\evil",
        "javascript:alert(1)",
        "/give/ca",
        "/staff/\nx",
        "",
    ],
)
def test_only_own_addresses_are_gone_on_to(path: str) -> None:
    assert local_path(path) is None


def test_own_addresses_are_gone_on_to() -> None:
    assert local_path("/staff/gifts?status=paid") == "/staff/gifts?status=paid"


# Pages that belong to whoever is signed in.
WITHOUT_TAB = {"staff.password"}


def test_every_page_stands_under_a_tab(app: Flask, signed_in: SignedIn) -> None:
    page = signed_in("admin").get("/staff/").text
    head = page.partition('class="tabs"')[2].partition("</nav>")[0]
    with app.test_request_context():
        adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
        tabs = {adapter.match(path)[0] for path in re.findall(r'href="([^"]+)"', head)}
    assert len(tabs) == 9
    assert 'href="/staff/" aria-current="page"' in head
    stray = {
        rule.endpoint
        for rule in staff_rules(app)
        if rule.endpoint not in OPEN | WITHOUT_TAB and "GET" in (rule.methods or set())
        if find_tab(rule.endpoint, app.view_functions[rule.endpoint].__module__) not in tabs
    }
    assert not stray
