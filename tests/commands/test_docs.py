"""What README and the pages beside it say is what the product has."""

import re
import shlex
from pathlib import Path

import click
import pytest

from portal.cli import main
from portal.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "deploy" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMED = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def settings_table() -> list[str]:
    """README's rows, as the settings class says them."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.is_required() else str(field.get_default())
        shown = f"`{default}`" if default not in {"", "()", "**********"} else ""
        rows.append(f"| `PORTAL_{name.upper()}` | {shown} | {field.description} |")
    return rows


def test_every_setting_stands_in_its_table() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    between = text.partition("<!-- settings -->")[2].partition("<!-- /settings -->")[0]
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


@NAMED
def test_the_settings_that_a_page_names_exist(page: Path) -> None:
    known = {f"PORTAL_{name.upper()}" for name in Settings.model_fields}
    assert {*re.findall(r"PORTAL_[A-Z][A-Z_]*[A-Z]", page.read_text())} <= known


@NAMED
def test_the_pages_that_a_page_links_to_exist(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def said_commands(text: str) -> list[list[str]]:
    """The `portal …` of a page's listings and sentences, in words and without their comments."""
    listings = "\n".join(re.findall(r"^ *```\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE))
    lines = re.findall(r"^ *(?:\S*/)?portal ((?!\S*[.:/]).+)$", listings, re.MULTILINE)
    inline = re.findall(r"`portal ([^`]+)`", re.sub(r"\s+", " ", text))
    return [shlex.split(line, comments=True) for line in (*lines, *inline)]


@NAMED
def test_the_commands_that_a_page_says_can_be_given(page: Path) -> None:
    """Each is parsed by the command itself, with its options and arguments, and not run."""
    for words in said_commands(page.read_text()):
        if "COMMAND" not in words:
            parse(main, words)


def parse(command: click.Command, words: list[str]) -> None:
    while isinstance(command, click.Group):
        name, *words = words
        found = command.commands.get(name)
        assert found, f"no command {name}"
        command = found
    options = [word for word in words if word.startswith("-")]
    known = {name for one in command.params for name in one.opts}
    assert {*options} <= known, words
    if words:
        arguments = [one for one in command.params if isinstance(one, click.Argument)]
        assert arguments or options, words


def test_every_page_is_linked_from_the_readme() -> None:
    assert [page.name for page in PAGES[2:] if f"](docs/{page.name})" not in README] == []
