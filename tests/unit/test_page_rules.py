"""Templates show what Python decided: none of them judges a gift, a plan, a line or a role."""

import re
from pathlib import Path

import pytest

from portal import TEMPLATES

PAGES = sorted(
    path
    for folder in ("account", "giving", "partners", "staff")
    for path in (TEMPLATES / folder).glob("*.html")
)
CONDITION = re.compile(
    r"\{%-?\s*(?:el)?if\b(.*?)%\}|\{\{[^{}]*? if (.*?)(?: else |\}\})", re.DOTALL
)
JUDGES = re.compile(
    r"\bmay\([^)]*\).*\b(and|or)\b|\b(and|or)\b.*\bmay\(|\.is_(open|received|unattributed)\b"
    r"|\.running\b|\b(gift|plan)\.status\s*(==|!=|in)|\.minor\s*[<>]|\.can_pay\b|\bstory\.sign\s*=="
)


def judge(text: str) -> list[str]:
    """The conditions that decide what Python has to decide."""
    conditions = [first or second for first, second in CONDITION.findall(text)]
    return [one.strip() for one in conditions if JUDGES.search(one)]


@pytest.mark.parametrize(
    "text",
    [
        "{% if gift.status.is_open %}",
        '{% elif gift.status == "paid" %}',
        '{% if may("finance") and gift.due %}',
        '{% if plan and not plan.running or may("admin") %}',
        "{{ 1 if plan.running else 2 }}",
    ],
)
def test_a_template_that_judges_is_found(text: str) -> None:
    assert judge(text)


@pytest.mark.parametrize("text", ['{% if may("finance") %}', "{% if actions.refund %}"])
def test_a_template_that_asks_is_let_be(text: str) -> None:
    assert not judge(text)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_template_judges(path: Path) -> None:
    assert judge(path.read_text()) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_section_has_the_name_of_what_scrolls_in_it(path: Path) -> None:
    text = path.read_text()
    named = {*re.findall(r'<section[^>]*aria-labelledby="([^"]+)"', text)}
    scrolls = {*re.findall(r'role="region"[^>]*aria-labelledby="([^"]+)"', text)}
    assert not named & scrolls, "a landmark's name is its own, as axe wants it"
