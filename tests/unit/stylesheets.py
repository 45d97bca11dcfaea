"""Style sheets as rules: enough of CSS to ask where a class is defined, and no more.

Names of layers and conditions are kept with each rule; declarations stay text. A sheet whose
braces don't match is refused, since a browser would nest whatever follows.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
TEXT = re.compile(r'"[^"]*"')
CLASS = re.compile(r"\.(-?[a-zA-Z_][\w-]*)")
PART = re.compile(r"(?<![\s>+~,(])\s*[\s>+~]\s*(?![^()]*\))")


@dataclass(frozen=True)
class Rule:
    """`selector`, one of a list, in a `layer`, under `conditions` such as a width."""

    sheet: str
    layer: str
    conditions: tuple[str, ...]
    selector: str

    @property
    def classes(self) -> set[str]:
        """All that it names."""
        return set(CLASS.findall(self.selector))

    @property
    def styled(self) -> set[str]:
        """The classes of what it gives a look to: those of its last part."""
        return set(CLASS.findall(PART.split(self.selector)[-1]))


def read_sheet(name: str, text: str) -> Iterator[Rule]:
    """All rules of a sheet; ValueError where its braces don't match."""
    inside: list[str] = []
    text = TEXT.sub('""', COMMENT.sub("", text))
    for found in re.finditer(r"([^{};]*)([{};])", text):
        before, sign = " ".join(found[1].split()), found[2]
        if sign == "}":
            if not inside:
                raise ValueError(f"{name}: a brace closes nothing")
            inside.pop()
        elif sign == "{":
            if inside and not inside[-1].startswith("@"):
                raise ValueError(f"{name}: “{before}” begins inside “{inside[-1]}”")
            if not before.startswith("@"):
                layer = next((one[7:] for one in inside if one.startswith("@layer ")), "")
                conditions = tuple(one for one in inside if not one.startswith("@layer "))
                yield from (Rule(name, layer, conditions, one) for one in _split(before))
            inside.append(before)
    if inside:
        raise ValueError(f"{name}: “{inside[-1]}” is never closed")


def _split(selectors: str) -> list[str]:
    """A list of selectors at its commas, but for those between brackets."""
    return [one.strip() for one in re.split(r",(?![^()]*\))", selectors)]
