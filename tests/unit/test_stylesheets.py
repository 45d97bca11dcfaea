"""The style sheets: five layers, each class in one of them and defined once, none for nothing."""

import re
from collections import Counter, defaultdict

import pytest

from portal import PACKAGE, TEMPLATES
from tests.unit.stylesheets import Rule, read_sheet

LAYERS = ("tokens", "base", "components", "public", "staff")
SHEETS = sorted((PACKAGE / "static").glob("*.css"))
RULES = [rule for path in SHEETS for rule in read_sheet(path.name, path.read_text())]
# The sandbox and the mailbox stand in for others and have sheets of their own.
OTHERS = {"sandbox", "mailbox", "email"}
PAGES = [path for path in TEMPLATES.rglob("*.html") if not OTHERS & set(path.parts)]
SCRIPTS = [*(PACKAGE / "static").glob("*.js"), *(PACKAGE / "giving").rglob("*.py")]
WORDS = re.compile(r"[\w-]+")
# What a template puts after a class's name, as in `status--{{ tone }}`.
OPEN = re.compile(r"([\w-]+-)\{[{%]")
JINJA = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL)
TONES = {"good", "wait", "bad", "quiet"}


def find_twice(rules: list[Rule]) -> dict[str, object]:
    """Classes with a look in several layers, and selectors written again under one condition."""
    layers = defaultdict(set)
    for rule in rules:
        for name in rule.styled:
            layers[name].add(rule.layer)
    written = Counter((rule.conditions, rule.selector) for rule in rules if rule.classes)
    again = {selector: number for (_, selector), number in written.items() if number > 1}
    return {name: where for name, where in layers.items() if len(where) > 1} | again


def read(text: str) -> list[Rule]:
    return list(read_sheet("a.css", text))


@pytest.mark.parametrize(
    "text",
    [
        ".a { } .b { } .a { }",
        "@layer x { .a { } } @layer y { .a { } }",
        "@layer x { .a { } } @layer y { .b .a:hover { } }",
        "@layer x { .a { } } @layer y { p:is(.b, .a) { } }",
        ".a, .b { } .b { }",
        "@media print { .a { } } @media print { .a { } }",
    ],
)
def test_a_class_that_is_defined_twice_is_found(text: str) -> None:
    assert find_twice(read(text))


@pytest.mark.parametrize(
    "text",
    [
        ".a { } .a:hover { } .b .a { } @media print { .a { } }",
        "@layer x { .a { } } @layer y { .a > p { } .a + .b { } }",
    ],
)
def test_what_is_no_second_definition(text: str) -> None:
    assert not find_twice(read(text))


@pytest.mark.parametrize("text", [".a { .b { }", ".a { } }", ".a { margin: 0; .b { } }"])
def test_braces_that_do_not_match_are_found(text: str) -> None:
    with pytest.raises(ValueError, match=r"a\.css"):
        read(text)


def test_everything_is_in_a_layer() -> None:
    assert {rule.layer for rule in RULES} == set(LAYERS)
    first = next(path for path in SHEETS if path.name == "tokens.css").read_text()
    assert f"@layer {', '.join(LAYERS)};" in first


@pytest.mark.parametrize("layout", ["public", "staff"])
def test_a_page_asks_for_three_sheets_and_the_order_first(layout: str) -> None:
    page = (TEMPLATES / "layouts" / f"{layout}.html").read_text()
    assert re.findall(r"static\('(\w+)\.css'\)", page) == ["tokens", "components", layout]


def test_no_class_is_defined_twice() -> None:
    assert find_twice(RULES) == {}


def test_every_class_is_used() -> None:
    text = "\n".join(path.read_text() for path in [*PAGES, *SCRIPTS])
    words = set(WORDS.findall(text))
    words |= {begun + tone for begun in OPEN.findall(text) for tone in TONES}
    assert {name for rule in RULES for name in rule.classes} - words == set()


def test_no_page_names_a_class_that_no_sheet_knows() -> None:
    known = {name for rule in RULES for name in rule.classes}
    named = {
        name
        for path in PAGES
        for given in re.findall(r'\bclass="([^"]*)"', JINJA.sub("\0", path.read_text()))
        for name in given.split()
        if "\0" not in name
    }
    assert named - known == set()
