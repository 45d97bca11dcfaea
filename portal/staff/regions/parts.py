"""The parts of a desk's form: each leads a field of a table onto the form and back.

A part says which fields it has, with their first values, and what the document says then. What
is wrong with it is the table's to find; a part only refuses what it can't read. They are made with
a context: fields, languages, and how a page shows them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from babel import Locale
from wtforms import Form, TextAreaField
from wtforms.validators import StopValidation

from portal.database import Document
from portal.forms import LineField, TickField
from portal.i18n import current_locale, gettext, language
from portal.plain import drop_hidden
from portal.regions.branding import Made
from portal.regions.records import LANGUAGES

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
    """How a page shows one field: by `look`, a macro of the template.

    The first of a row may have a `legend`, which is over all of the row.
    """

    name: str
    label: str
    hint: str = ""
    look: str = "line"
    options: tuple[tuple[str, str], ...] = ()
    legend: str = ""


# Controls that belong on one line stand together.
Rows = Iterator[tuple[Control, ...]]


class Part:
    """A field of the table that is one line; the other kinds of fields differ from it.

    `ask` is the sentence where nothing was typed and something has to be.
    """

    def __init__(self, name: str, label: str = "", *, hint: str = "", ask: str = "") -> None:
        self.name, self.label, self.hint, self.ask = name, label, hint, ask

    def texts(self) -> Iterator[str]:
        """What it says on the page, in English."""
        yield from filter(None, (self.label, self.hint, self.ask))

    def fields(self, context: Context) -> Fields:
        """The form's fields, each with its first value."""
        return {self.name: (WordsField(longest=LONGEST, ask=self.ask), self.said(context))}

    def said(self, context: Context) -> Any:
        return context.document.get(self.name, "")

    def rows(self, context: Context) -> Rows:
        """The form's fields as the page shows them."""
        yield (self.control(self.name),)

    def control(self, name: str, label: str = "", look: str = "line") -> Control:
        hint = gettext(self.hint) if self.hint else ""
        return Control(name, label or gettext(self.label), hint, look)

    def read(self, form: Sent, context: Context) -> object:
        """What the document says then; None where it says nothing of it."""
        return self.say(form[self.name].data, context)

    def say(self, said: Any, context: Context) -> Any:
        """Nothing, where nothing was said before and is now: the table has its own default."""
        return said if said or self.name in context.document else None

    def field_at(self, below: str) -> str:
        """The field that a fault is about, by its place below the table's field."""
        return self.name


class TextsPart(Part):
    """A text in each language; those of `LANGUAGES` are asked for where one has to be."""

    def fields(self, context: Context) -> Fields:
        texts = context.document.get(self.name) or {}
        return {
            f"{self.name}_{code}": (self._field(code), texts.get(code, ""))
            for code in context.languages
        }

    def _field(self, code: str) -> Any:
        return WordsField(longest=LONGEST, ask=self.ask if code in LANGUAGES else "")

    def rows(self, context: Context) -> Rows:
        yield tuple(
            self.control(f"{self.name}_{code}", self.label_in(code)) for code in context.languages
        )

    def label_in(self, code: str) -> str:
        return gettext(
            "%(label)s (%(language)s)", label=gettext(self.label), language=name_language(code)
        )

    def read(self, form: Sent, context: Context) -> object:
        typed = {code: form[f"{self.name}_{code}"].data for code in context.languages}
        # What other languages say that this page has no field for, stays.
        kept = {**(context.document.get(self.name) or {}), **typed}
        texts = {code: text for code, text in kept.items() if text}
        return texts or None

    def field_at(self, below: str) -> str:
        return f"{self.name}_{below or LANGUAGES[0]}"


class StepsPart(TextsPart):
    """Texts, one a line, as many in each language that says any."""

    def fields(self, context: Context) -> Fields:
        texts = context.document.get(self.name) or ()
        return {
            f"{self.name}_{code}": (
                LinesField(ask=self.ask if code in LANGUAGES else ""),
                "\n".join(text.get(code, "") for text in texts).strip(),
            )
            for code in context.languages
        }

    def rows(self, context: Context) -> Rows:
        yield tuple(replace(one, look="lines") for row in super().rows(context) for one in row)

    def read(self, form: Sent, context: Context) -> object:
        lines = {code: form[f"{self.name}_{code}"].lines for code in context.languages}
        count = len(lines["en"])
        for code in context.languages[1:]:
            if len(lines[code]) != count and (code in LANGUAGES or lines[code]):
                form.refuse(f"{self.name}_{code}", _ask_as_many(code))
        spoken = [code for code in context.languages if len(lines[code]) == count]
        said = [{code: lines[code][at] for code in spoken} for at in range(count)]
        return self.say(said, context)

    def field_at(self, below: str) -> str:
        return super().field_at(below.rpartition(".")[2])


def _ask_as_many(code: str) -> str:
    if code == "fr":
        return gettext("Enter as many steps in French as in English")
    name = name_language(code)
    return gettext("Enter as many lines in %(language)s as in English, or none", language=name)


class LinesPart(Part):
    """A list of texts, one a line."""

    def fields(self, context: Context) -> Fields:
        said = "\n".join(context.document.get(self.name) or ())
        return {self.name: (LinesField(ask=self.ask), said)}

    def rows(self, context: Context) -> Rows:
        yield (self.control(self.name, look="lines"),)

    def read(self, form: Sent, context: Context) -> object:
        return self.say(form[self.name].lines, context)


class ListPart(Part):
    """Words with commas between."""

    def said(self, context: Context) -> Any:
        return ", ".join(map(str, context.document.get(self.name) or ()))

    def read(self, form: Sent, context: Context) -> object:
        return self.say(split_words(form[self.name].data), context)


class DaysPart(ListPart):
    """Days with commas between; none leaves it to the region."""

    def read(self, form: Sent, context: Context) -> object:
        words = split_words(form[self.name].data)
        if not all(word.isdecimal() for word in words):
            sentence = gettext("Enter whole days with commas between, like 3, 10")
            form.refuse(self.name, sentence)
            return None
        return [int(word) for word in words] or None


class NumberPart(Part):
    """A whole number, or nothing."""

    def said(self, context: Context) -> Any:
        return str(context.document.get(self.name, ""))

    def read(self, form: Sent, context: Context) -> object:
        text: str = form[self.name].data
        if text and not (text.isascii() and text.isdecimal() and len(text) <= 9):
            form.refuse(self.name, gettext("Enter a whole number, like 60"))
            return None
        return int(text) if text else None


class TickPart(Part):
    """Yes or no; `default` is what a document means that doesn't say."""

    def __init__(self, name: str, label: str = "", *, default: bool = False) -> None:
        super().__init__(name, label)
        self.default = default

    def fields(self, context: Context) -> Fields:
        return {self.name: (TickField(), context.document.get(self.name, self.default))}

    def rows(self, context: Context) -> Rows:
        yield (self.control(self.name, look="tick"),)

    def read(self, form: Sent, context: Context) -> object:
        ticked = bool(form[self.name].data)
        is_said = self.name in context.document
        return ticked if is_said or ticked != self.default else None
