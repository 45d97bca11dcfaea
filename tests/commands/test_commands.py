"""The command line: settings that are wrong stop it with a sentence, and it says how things are."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import SECRET
from tests.warm import settings_alone, start_portal


def portal(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does, with these settings alone."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        code = start_portal(*arguments, settings=settings, stdout=out, stderr=err).wait(120)
        return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())


def test_the_command_is_a_module_too() -> None:
    """As a person without the script runs it: one start in which nothing is loaded before."""
    command = [sys.executable, "-m", "portal", "db", "upgrade"]
    result = subprocess.run(
        command, env=settings_alone({}), capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 1
    assert "PORTAL_SECRET_KEY" in result.stderr


@pytest.fixture
def good(tmp_path: Path) -> dict[str, str]:
    return {
        "PORTAL_SECRET_KEY": SECRET,
        "PORTAL_DATABASE_URL": f"sqlite:///{tmp_path / 'portal.db'}",
        "PORTAL_ENVIRONMENT": "demo",
    }


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"PORTAL_SECRET_KEY": "short"}, "PORTAL_SECRET_KEY"),
        ({"PORTAL_BASE_URL": "nonsense"}, "PORTAL_BASE_URL"),
        ({"PORTAL_ENVIRONMENT": "staging"}, "PORTAL_ENVIRONMENT"),
        ({"PORTAL_STRIPE_API_BASE": "https://stripe.example.net"}, "PORTAL_STRIPE_API_BASE"),
        (
            {
                "PORTAL_STRIPE_SECRET_KEY": "sk_live_real",
                "PORTAL_STRIPE_API_BASE": "http://127.0.0.1:1",
            },
            "live Stripe key",
        ),
        ({"PORTAL_THREADS": "0"}, "PORTAL_THREADS"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_sentence(
    good: dict[str, str], change: dict[str, str], names: str
) -> None:
    result = portal("db", "upgrade", **{**good, **change})
    assert result.returncode == 1
    assert names in result.stderr
    assert "Traceback" not in result.stderr
    assert "sk_live_real" not in result.stderr


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    result = portal("serve")
    assert result.returncode == 1
    assert "PORTAL_SECRET_KEY" in result.stderr


def test_an_unknown_option_is_a_usage_error() -> None:
    assert portal("demo", "--colour").returncode == 2


def test_upgrades_twice_adds_staff_and_examines(good: dict[str, str]) -> None:
    for _ in range(2):
        assert portal("db", "upgrade", **good).returncode == 0
    added = portal(
        "user",
        "add",
        "clerk@example.org",
        "--role",
        "finance",
        PORTAL_NEW_PASSWORD="a long enough pass phrase",
        **good,
    )
    assert added.returncode == 0, added.stderr
    again = portal(
        "user", "add", "clerk@example.org", PORTAL_NEW_PASSWORD="a long enough pass phrase", **good
    )
    assert again.returncode == 1
    assert "Traceback" not in again.stderr
    doctor = portal("doctor", **good)
    assert doctor.returncode == 1
    assert "ok   database" in doctor.stdout
    assert "FAIL worker: none runs" in doctor.stdout
    assert "ok   jobs" in doctor.stdout
    assert "FAIL stripe" in doctor.stdout
    assert portal("receipts", "verify", **good).returncode == 0
    assert portal("seed", "--gifts", "50", **good).returncode == 0
    recount = portal("reconcile", "--recount", **good)
    assert (recount.returncode, recount.stdout) == (0, "The sums of days are counted anew.\n")


def test_made_up_gifts_stay_out_of_real_books(good: dict[str, str]) -> None:
    assert portal("db", "upgrade", **good).returncode == 0
    result = portal("seed", "--gifts", "1", **{**good, "PORTAL_ENVIRONMENT": "production"})
    assert result.returncode == 1
    assert "demo" in result.stderr
