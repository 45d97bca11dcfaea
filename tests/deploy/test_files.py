"""What ships under `deploy/` names commands, settings and figures that there are, and holds."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from flask.testing import FlaskClient

from portal.cli import main
from portal.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
COMPOSE = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())

DASHBOARD = json.loads((DEPLOY / "grafana" / "portal.json").read_text())


def parse(words: list[str]) -> None:
    """As `portal` would read them; what it doesn't know it says."""
    command: click.Command = main
    while isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(click.Context(command), name)
        assert found is not None, name
        command = found
    command.make_context(None, words)


def list_commands() -> Iterator[str]:
    for path in FILES:
        yield from re.findall(r"/bin/portal ([^'\n]+)", path.read_text())


@pytest.mark.parametrize("line", sorted(set(list_commands())))
def test_a_command_is_one_of_ours(line: str) -> None:
    parse(shlex.split(line.replace("$(date +%%F-%%H%%M%%S)", "now").replace("%i", "1")))


@pytest.mark.parametrize("name", ["upgrade", "worker"])
def test_a_container_runs_a_command_of_ours(name: str) -> None:
    parse(COMPOSE["services"][name]["command"])


def test_a_containers_own_command_is_one_of_ours() -> None:
    text = (DEPLOY / "container" / "Containerfile").read_text()
    found = re.search(r"^CMD (.*)$", text, re.MULTILINE)
    assert found
    parse(yaml.safe_load(found[1]))


def test_settings_are_those_there_are() -> None:
    own = {"PORTAL_HOST", "PORTAL_UPSTREAM"}
    known = {f"PORTAL_{name.upper()}" for name in Settings.model_fields}
    for path in FILES:
        named = set(re.findall(r"PORTAL_[A-Z_]+[A-Z]", path.read_text()))
        assert named - own <= known, path.name


def list_expressions() -> Iterator[tuple[str, str]]:
    """Who asks, and in Prometheus' words for what: every alert and every panel."""
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        yield variable["name"], variable["query"]


def read_figures(client: FlaskClient) -> dict[str, set[tuple[str, str]]]:
    """Each figure of `/metrics` with the labels it comes with, by name and value."""
    figures: dict[str, set[tuple[str, str]]] = {}
    for name, labels in re.findall(r"^(\w+)(\{.*\})? ", client.get("/metrics").text, re.MULTILINE):
        figures.setdefault(name, set()).update(re.findall(r'(\w+)="(\w+)"', labels))
    return figures


def test_alerts_and_panels_ask_for_figures_that_there_are(client: FlaskClient) -> None:
    given = read_figures(client)
    for who, expression in list_expressions():
        for name, labels in re.findall(r"(portal_\w+)(\{.*?\})?", expression):
            assert name in given, who
            wanted = set(re.findall(r'(\w+)="([\w$]+)"', labels))
            assert {one for one in wanted if one[0] != "job"} <= given[name], who
        for words in re.findall(r"by \((.*?)\) \((portal_\w+)", expression):
            assert words[0] in {label for label, _ in given[words[1]]}, who


def test_every_figure_is_on_the_dashboard_and_in_the_docs(client: FlaskClient) -> None:
    shown = str(DASHBOARD["panels"])
    told = (DEPLOY.parent / "docs" / "monitoring.md").read_text()
    for name in read_figures(client):
        assert name in shown, name
        assert f"`{name}`" in told, name


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    """No panel without a name, words and a source that is chosen there; none over another."""
    panels = DASHBOARD["panels"]
    assert [one["id"] for one in panels] == [*range(1, len(panels) + 1)]
    sources = {
        str(one["datasource"]) for one in (*panels, *(t for p in panels for t in p["targets"]))
    }
    assert sources == {"{'type': 'prometheus', 'uid': '${datasource}'}"}
    assert all(one["title"] and one["description"] for one in panels)
    taken = [cell for one in panels for cell in list_cells(**one["gridPos"])]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < GRAFANA_COLUMNS


GRAFANA_COLUMNS = 24


def list_cells(x: int, y: int, w: int, h: int) -> Iterator[tuple[int, int]]:
    return ((across, down) for across in range(x, x + w) for down in range(y, y + h))


def test_the_dashboards_line_is_where_the_alert_is() -> None:
    [panel] = [one for one in DASHBOARD["panels"] if "portal_payment_starts" in str(one)]
    [alert] = [one for one in ALERTS["groups"][0]["rules"] if "payment_starts" in one["expr"]]
    line = panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"]
    assert alert["expr"] == f"portal_payment_starts > {line}"


def test_what_is_copied_into_a_container_is_there() -> None:
    text = (DEPLOY / "container" / "Containerfile").read_text()
    for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        *sources, _ = line.split()
        assert all((DEPLOY.parent / source).exists() for source in sources), line


def test_services_of_the_containers_wait_for_those_there_are() -> None:
    services: dict[str, Any] = COMPOSE["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text().replace("/opt/portal/bin/portal", sys.executable)
        (tmp_path / unit.name).write_text(text)
    names = [str(tmp_path / unit.name.replace("@", "@1")) for unit in UNITS]
    for unit in UNITS:
        if "@" in unit.name:
            shutil.copy(tmp_path / unit.name, tmp_path / unit.name.replace("@", "@1"))
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in ran.stderr.splitlines() if str(tmp_path) in line or "portal" in line]
    assert (ran.returncode, said) == (0, [])
