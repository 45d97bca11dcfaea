"""What README says is what the product has."""

import re
from pathlib import Path

import click
import pytest

from portal.cli import main
from portal.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text()


def settings_table() -> list[str]:
    """README's rows, as the settings class says them."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.is_required() else str(field.get_default())
        shown = f"`{default}`" if default not in {"", "()", "**********"} else ""
        rows.append(f"| `PORTAL_{name.upper()}` | {shown} | {field.description} |")
    return rows


def test_every_setting_stands_in_the_readme() -> None:
    between = README.partition("<!-- settings -->")[2].partition("<!-- /settings -->")[0]
    assert between.strip().splitlines()[2:] == settings_table()


def commands(group: click.Group, prefix: str = "") -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += commands(command, f"{prefix}{name} ")
        else:
            found.append((f"{prefix}{name}", command))
    return found


@pytest.mark.parametrize(("name", "command"), commands(main), ids=[n for n, _ in commands(main)])
def test_every_command_stands_in_the_readme_and_shows_an_example(
    name: str, command: click.Command
) -> None:
    assert f"`{name}" in README
    assert re.search(rf"Example:\s+portal {name}\b", command.help or "")
