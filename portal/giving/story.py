"""One state of a gift in words, as its page tells it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Story:
    """`sign` is an icon, `tone` its colour; both only repeat the words."""

    sign: str
    tone: str
    heading: str
    text: str
    can_pay: bool = False
