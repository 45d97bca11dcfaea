"""The built package alone, in a folder of its own: README's real commands, as they are written."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from portal.commands.installation import free_port
from tests.commands.test_docs import README, ROOT, said_commands
from tests.conftest import SECRET
from tests.sandbox_process import wait_until

SERVED_SECONDS = 120


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel's files lie; what they need comes from the environment of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*build, "--directory", folder], cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    place = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*place, "--target", folder / "site", wheel], check=True, capture_output=True)
    return folder / "site"


@pytest.fixture(scope="module")
def environment(package: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("installation")
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PORTAL_")}
    return {
        **kept,
        "PYTHONPATH": str(package),
        "HOME": str(home),
        "PORTAL_SECRET_KEY": SECRET,
        "PORTAL_BASE_URL": "http://127.0.0.1:9",
        "PORTAL_DATABASE_URL": f"sqlite:///{home}/portal.db",
        "PORTAL_NEW_PASSWORD": "a hill of nine quiet lanterns",
    }


def readme_commands() -> Iterator[list[str]]:
    real = README.partition("## Running it for real")[2].partition("\n## ")[0]
    yield from said_commands(real)


def begin(environment: dict[str, str], words: list[str]) -> "subprocess.Popen[bytes]":
    """A command of the package, which says what it says into `<its name>.log`."""
    home = Path(environment["HOME"])
    with (home / f"{words[0]}.log").open("wb") as log:
        command = [sys.executable, "-m", "portal", *words]
        return subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)


def said(environment: dict[str, str], name: str) -> str:
    return (Path(environment["HOME"]) / f"{name}.log").read_text()


def test_the_package_installs_serves_and_examines_itself(environment: dict[str, str]) -> None:
    by_name = {words[0]: words for words in readme_commands()}
    for name in ("db", "user"):
        done = begin(environment, by_name[name])
        assert done.wait(SERVED_SECONDS) == 0, said(environment, name)
    port = str(free_port())
    serve = [port if word == "8000" else word for word in by_name["serve"]]
    running = [begin(environment, serve), begin(environment, by_name["worker"])]
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_ready(f"{address}/readyz"), SERVED_SECONDS)
        page = requests.get(address, timeout=30)
        assert (page.status_code, "set up" in page.text) == (503, True)
        for asset in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text):
            assert requests.get(address + asset, timeout=30).status_code == 200, asset
        assert requests.get(f"{address}/staff/sign-in", timeout=30).status_code == 200
        assert begin(environment, by_name["doctor"]).wait(SERVED_SECONDS) == 1
        found = said(environment, "doctor")
        assert "ok   database: sqlite" in found
        assert "ok   worker: 1 running" in found
        assert "FAIL regions: nothing can be given" in found
    finally:
        for one in running:
            one.terminate()
        codes = [one.wait(30) for one in running]
    assert codes == [0, 0], said(environment, "serve") + said(environment, "worker")


def is_ready(address: str) -> bool:
    try:
        return requests.get(address, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_every_command_of_the_readme_was_read() -> None:
    assert {words[0] for words in readme_commands()} >= {"db", "user", "serve", "worker", "doctor"}
    assert shlex.join(next(readme_commands())) == "db upgrade"
