"""One demo and one browser for all journeys; a visitor for each."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.demo_process import DemoProcess, running_demo
from tests.journeys.browser import Visitor, visiting
from tests.journeys.giving import Donor, new_donor
from tests.journeys.staff import sign_in


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for the browser carries its mark."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture
def donor() -> Donor:
    """Somebody who has never given before."""
    return new_donor()


@pytest.fixture
def visit(browser: Browser, demo: DemoProcess, donor: Donor) -> Iterator[Callable[..., Visitor]]:
    """Opens browser windows of the donor, which are closed at the end."""
    with ExitStack() as windows:

        def open_window(**options: Any) -> Visitor:
            given = {"extra_http_headers": donor.headers, **options}
            return windows.enter_context(visiting(browser, demo, **given))

        yield open_window


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    """The donor's window, as on a desk."""
    return visit()


@pytest.fixture(scope="session")
def staff_state(browser: Browser, demo: DemoProcess) -> Any:
    """The cookies of a staff member who has signed in."""
    with visiting(browser, demo) as visitor:
        sign_in(visitor)
        return visitor.page.context.storage_state()


@pytest.fixture
def clerk(browser: Browser, demo: DemoProcess, staff_state: Any) -> Iterator[Visitor]:
    """A staff member's window, signed in."""
    with visiting(browser, demo, storage_state=staff_state) as visitor:
        yield visitor


@pytest.fixture
def later(demo: DemoProcess) -> Iterator[Callable[..., Any]]:
    """Moves the sandbox's time; at the end the sandbox is as new, at the machine's own time."""
    yield lambda **by: demo.sandbox.control("advance", **by)
    demo.settle()
    demo.sandbox.control("reset")
