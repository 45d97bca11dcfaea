"""What the parts of a desk's form are made with: fields, languages, and how a page shows them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from babel import Locale
from wtforms import Form, TextAreaField
from wtforms.validators import StopValidation

from portal.database import Document
from portal.forms import LineField
from portal.i18n import current_locale, gettext, language
from portal.plain import drop_hidden
from portal.regions.branding import Made
from portal.regions.fields import LANGUAGES

LONGEST = 300
SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"


def clean_words(text: str | None) -> str:
    """One line as typed, trimmed: French keeps its no-break spaces."""
    seen = drop_hidden((text or "").strip())
    return "".join(char for char in seen if not char.isspace() or char in SPACES)


def split_words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", text) if word]


def list_languages(locales: Iterable[str]) -> tuple[str, ...]:
    """English and French, then the other languages of some locales, each once."""
    return tuple(dict.fromkeys([*LANGUAGES, *map(language, locales)]))


def name_language(code: str) -> str:
    """`fr` as the reader calls it."""
    return str(Locale.parse(code).get_display_name(language(current_locale())) or code)


class WordsField(LineField):
    """One line of the catalogue's words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters = (clean_words,)


class LinesField(TextAreaField):  # type: ignore[misc]  # WTForms carries no types
    """Several lines; `ask` is the sentence for none."""

    data: str

    def __init__(self, *args: Any, ask: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ask = ask

    def pre_validate(self, form: Form) -> None:
        if self.ask and not self.lines:
            raise StopValidation(gettext(self.ask))

    @property
    def lines(self) -> list[str]:
        return [line for typed in (self.data or "").splitlines() if (line := clean_words(typed))]


@dataclass(frozen=True, slots=True)
class Context:
    """What is edited, as it was, and what may be said in it."""

    document: Document
    currencies: tuple[str, ...] = ()
    languages: tuple[str, ...] = LANGUAGES
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # The pictures that came with the form, for whoever keeps them.
    pictures: list[Made] = field(default_factory=list)


# The form's fields by name, each with its first value.
Fields = dict[str, tuple[Any, Any]]


class Sent(Protocol):
    """A form, or a part of one, that was sent."""

    def __getitem__(self, name: str) -> Any: ...
    def __contains__(self, name: str) -> bool: ...
    def refuse(self, name: str, sentence: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Control:
    """How a page shows one field: by `look`, a macro of the template."""

    name: str
    label: str
    hint: str = ""
    look: str = "line"
    options: tuple[tuple[str, str], ...] = ()


# Controls that belong on one line stand together.
Rows = Iterator[tuple[Control, ...]]
