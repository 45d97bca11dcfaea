"""A sandbox for the module and a catalogued workplace for each test."""

from collections.abc import Iterator

import pytest

from portal.database import Database
from tests.sandbox_process import SandboxProcess, running_sandbox
from tests.workplace import Workplace, make_workplace


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as process:
        yield process


@pytest.fixture
def sandbox(process: SandboxProcess) -> SandboxProcess:
    """The module's sandbox, as on its first day."""
    process.control("reset")
    return process


@pytest.fixture
def place(catalogued: Database, database_url: str, sandbox: SandboxProcess) -> Iterator[Workplace]:
    """An installation over an empty database and the sandbox."""
    place = make_workplace(database_url, sandbox)
    yield place
    place.close()
