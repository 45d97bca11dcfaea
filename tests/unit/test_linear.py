"""No text from outside makes a pattern or a parser work for longer than it is long.

Each pattern of the product is fed repeats of what it looks for, whole and in pairs, with an
end that spoils the match; each method that the code calls on it is tried. Time is CPU time,
and only what takes long at all is measured twice.
"""

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from re import _constants as ops  # type: ignore[attr-defined]  # as the engine itself reads them
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import portal
from portal.codes.parsing import normalise_code
from portal.forms import clean_line
from portal.gifts.evidence import Provider
from portal.gifts.references import ask_words, clean_reference
from portal.money import AmountError, parse_amount
from portal.records.filters import read_search

LENGTHS = (250, 500, 1_000, 2_000, 4_000, 8_000)
FLOOR_SECONDS = 0.05
MOST_GROWTH = 2.5
ENDS = ("", "\x00", "1", " !")
METHODS = ("search", "match", "fullmatch", "sub", "split", "findall", "finditer")
SPARED = ("portal.sandbox", "portal.mailbox", "portal.commands.seed", "portal.__main__")


def _modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(portal.__path__, "portal."):
        if not found.name.startswith(SPARED):
            yield found.name


def _patterns_in(value: Any, depth: int = 2) -> Iterator[re.Pattern[Any]]:
    """The patterns of a module's name: itself, or what a tuple, list or table holds."""
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, dict):
        for one in value.values():
            yield from _patterns_in(one, depth - 1)
    elif depth and isinstance(value, (tuple, list)):
        for one in value:
            yield from _patterns_in(one, depth - 1)


def _used(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each name and the method of a pattern that is called on it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            target = node.value
            while isinstance(target, ast.Subscript):
                target = target.value
            if isinstance(target, ast.Name):
                yield target.id, node.attr


def _written(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each `re.sub("pattern", …)` with its pattern as it stands."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        is_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
        first = node.args[0] if node.args else None
        is_text = isinstance(first, ast.Constant) and isinstance(first.value, str)
        if is_re and is_text and node.func.attr in METHODS:
            yield first.value, node.func.attr


def collect() -> dict[str, tuple[re.Pattern[Any], str]]:
    """Every pattern of the product with each way it is called, by where it stands."""
    found: dict[str, tuple[re.Pattern[Any], str]] = {}
    for name in _modules():
        module = importlib.import_module(name)
        tree = ast.parse(Path(str(module.__file__)).read_text())
        used = set(_used(tree))
        for attribute, value in vars(module).items():
            ways = {way for known, way in used if known == attribute} or {"match", "fullmatch"}
            for number, pattern in enumerate(_patterns_in(value)):
                for way in sorted(ways):
                    found[f"{name}.{attribute}.{number}.{way}"] = (pattern, way)
        for text, way in sorted(set(_written(tree))):
            found[f"{name}:{text}:{way}"] = (re.compile(text), way)
    return found


PATTERNS = collect()
SAMPLES = {
    ops.CATEGORY_DIGIT: "1",
    ops.CATEGORY_SPACE: " ",
    ops.CATEGORY_WORD: "a",
    ops.CATEGORY_NOT_DIGIT: "a",
    ops.CATEGORY_NOT_SPACE: "a",
    ops.CATEGORY_NOT_WORD: "-",
}


def samples(parsed: Any) -> Iterator[str]:
    """One character for each thing that a parsed pattern looks for."""
    for op, given in parsed:
        if op in {ops.LITERAL, ops.NOT_LITERAL}:
            yield chr(given) if op is ops.LITERAL else "a"
        elif op is ops.ANY:
            yield "a"
        elif op is ops.IN:
            yield from _of_class(given)
        elif op is ops.BRANCH:
            for branch in given[1]:
                yield from samples(branch)
        else:
            yield from _of_nested(given)


def _of_class(items: Any) -> Iterator[str]:
    for op, given in items:
        if op is ops.LITERAL:
            yield chr(given)
        elif op is ops.RANGE:
            yield chr(given[0])
        elif op is ops.CATEGORY:
            yield SAMPLES[given]
        elif op is ops.NEGATE:
            yield "~"


def _of_nested(given: Any) -> Iterator[str]:
    for part in given if isinstance(given, tuple) else ():
        if isinstance(part, _parser.SubPattern):
            yield from samples(part)


def hostile(pattern: re.Pattern[Any]) -> list[str]:
    """What the pattern looks for, one and two at a time, the way it stands there."""
    looked_for = list(dict.fromkeys(samples(_parser.parse(pattern.pattern, pattern.flags))))[:12]
    pairs = [one + two for one, two in pairwise(looked_for)]
    return [*looked_for, *pairs, "".join(looked_for)]


def call(pattern: re.Pattern[Any], way: str, text: str) -> Callable[[], object]:
    given: Any = text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text
    if way == "sub":
        return partial(pattern.sub, given[:0], given)
    if way == "finditer":
        return lambda: list(pattern.finditer(given))
    return partial(getattr(pattern, way), given)


def cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def grows_too_fast(make: Callable[[int], Callable[[], object]]) -> bool:
    """Whether twice the text takes more than its share, once it takes any time at all."""
    length = next((many for many in LENGTHS if cpu(make(many)) > FLOOR_SECONDS), None)
    if length is None:
        return False
    once, twice = (min(cpu(make(many * length)) for _ in range(3)) for many in (1, 2))
    return once > FLOOR_SECONDS and twice > MOST_GROWTH * once


def repeat(unit: str, end: str, length: int) -> str:
    return unit * (length // len(unit)) + end


@pytest.mark.parametrize("place", PATTERNS)
def test_a_pattern_takes_no_more_than_its_share(place: str) -> None:
    pattern, way = PATTERNS[place]
    for unit in hostile(pattern):
        for end in ENDS:
            slow = grows_too_fast(
                lambda length, unit=unit, end=end: call(pattern, way, repeat(unit, end, length))
            )
            assert not slow, f"{pattern.pattern!r} by {way} over {unit!r} … {end!r}"


def read_amount(text: str) -> None:
    for locale in ("en", "fr_CA", "de", "hi_IN", "ar"):
        try:
            parse_amount(text, "CAD", locale)
        except AmountError:
            continue


PARSERS: dict[str, Callable[[str], object]] = {
    "amounts": read_amount,
    "lines": clean_line,
    "references": clean_reference,
    "codes": normalise_code,
    "searches": lambda text: read_search(text, ("CAD", "JPY"), (Provider("other"),)),
    "spellings": ask_words,
}
UNITS = (" ", "1", ",", "1 ", "1,", "-", "$", "a ", "CAD", "\u200b", "é", "é", "٣", "'")


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("parser", PARSERS)
def test_a_parser_takes_no_more_than_its_share(parser: str, unit: str) -> None:
    read = PARSERS[parser]
    for end in ENDS:
        slow = grows_too_fast(
            lambda length, end=end: partial(read, f"1{repeat(unit, '1' + end, length)}")
        )
        assert not slow, f"{parser} over {unit!r} … {end!r}"
