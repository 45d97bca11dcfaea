"""The parts that only the desks of codes have: days, amounts by currency, choices with a legend."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from portal.database import Document
from portal.forms import LineField, explain_amount
from portal.i18n import current_locale, gettext
from portal.money import AmountError, parse_amount
from portal.staff.regions.desk_parts import PickPart, TicksPart
from portal.staff.regions.parts import Context, Control, Fields, Part, Rows, Sent, WordsField

SPARE_ROWS = 2
LONGEST = 120
BETWEEN = re.compile(r"[\s;]+")
ASK_CURRENCY = "Enter a currency by its three letters, like CAD, that some region takes"
ASK_ONCE = "Enter each only once"
ASK_DAY = "Enter a day like 2026-11-23"
ASK_PLACE = "Enter its place among those that are offered, like 1, or nothing"


class ShortPart(Part):
    """A line of at most so many characters."""

    def __init__(self, name: str, label: str = "", *, longest: int, **texts: str) -> None:
        super().__init__(name, label, **texts)
        self.longest = longest

    def fields(self, context: Context) -> Fields:
        field = WordsField(longest=self.longest, ask=self.ask)
        return {self.name: (field, self.said(context))}


class DayPart(Part):
    """A day, or none."""

    def fields(self, context: Context) -> Fields:
        return {self.name: (LineField(longest=10), self.said(context))}

    def rows(self, context: Context) -> Rows:
        yield (self.control(self.name, look="date"),)

    def read(self, form: Sent, context: Context) -> object:
        text = form[self.name].data
        try:
            return date.fromisoformat(text).isoformat() if text else None
        except ValueError:
            form.refuse(self.name, gettext(ASK_DAY))
            return None


class ChoicesPart(TicksPart):
    """Any of some options, under a legend; what was said and is no longer there stays to choose."""

    def _options(self, context: Context) -> Mapping[str, str]:
        known = context.choices[self.name.removeprefix("not_")]
        said = context.document.get(self.name) or ()
        return {**known, **{key: key for key in said if key not in known}}

    def rows(self, context: Context) -> Rows:
        legend = gettext(self.label)
        if not self.name.startswith("not_"):
            legend = gettext("%(term)s (none: all)", term=legend)
        for row in super().rows(context):
            yield (replace(row[0], legend=legend), *row[1:])


class OrderPart(ChoicesPart):
    """Some options in an order: each one's place, or nothing."""

    def fields(self, context: Context) -> Fields:
        said = list(context.document.get(self.name) or ())
        return {
            f"{self.name}_{key}": (
                LineField(longest=20),
                str(said.index(key) + 1) if key in said else "",
            )
            for key in self._options(context)
        }

    def rows(self, context: Context) -> Rows:
        for row in super().rows(context):
            yield tuple(replace(control, look="line") for control in row)

    def read(self, form: Sent, context: Context) -> object:
        places = []
        for at, key in enumerate(self._options(context)):
            typed = form[f"{self.name}_{key}"].data
            if typed and not (typed.isascii() and typed.isdecimal() and int(typed)):
                form.refuse(f"{self.name}_{key}", gettext(ASK_PLACE))
            elif typed:
                places.append((int(typed), at, key))
        return [key for _place, _at, key in sorted(places)]


# So many are chosen from a list; of more, one is named.
MOST_CHOSEN = 300
NAME_IT = "Its name in addresses, as “Networks and partners” lists it."


class ScopePart(PickPart):
    """One of the tree, or nothing."""

    def texts(self) -> Iterator[str]:
        yield from super().texts()
        yield NAME_IT

    def rows(self, context: Context) -> Rows:
        for row in super().rows(context):
            [control] = row
            is_long = len(control.options) > MOST_CHOSEN
            yield (replace(control, look="line", hint=gettext(NAME_IT)) if is_long else control,)


# A currency's column, and where the document has it.
COLUMNS = {
    "currency": "Currency",
    "presets": "Suggested amounts",
    "amount": "Amount filled in",
    "minimum": "Smallest gift",
    "goal": "Goal",
    "match_cap": "Most added to a gift",
}
BY_CURRENCY = tuple(COLUMNS)[1:]


class AmountsPart(Part):
    """A row a currency, and some to add; a row without a currency is gone."""

    def texts(self) -> Iterator[str]:
        yield from super().texts()
        yield from COLUMNS.values()
        yield from (ASK_CURRENCY, ASK_ONCE, ASK_DAY, ASK_PLACE)

    def _rows(self, context: Context) -> list[Document]:
        return [*context.document.get(self.name, ()), *({},) * SPARE_ROWS]

    def fields(self, context: Context) -> Fields:
        return {
            f"{self.name}_{row}_{name}": (LineField(longest=LONGEST), option.get(name, ""))
            for row, option in enumerate(self._rows(context))
            for name in COLUMNS
        }

    def rows(self, context: Context) -> Rows:
        for row, _ in enumerate(self._rows(context)):
            controls = (
                Control(f"{self.name}_{row}_{name}", gettext(label))
                for name, label in COLUMNS.items()
            )
            first, *rest = controls
            hint = gettext(self.hint) if self.hint and not row else ""
            yield (replace(first, hint=hint), *rest)

    def read(self, form: Sent, context: Context) -> object:
        found: dict[str, Document] = {}
        for row, _ in enumerate(self._rows(context)):
            typed = {name: form[f"{self.name}_{row}_{name}"].data for name in COLUMNS}
            if any(typed.values()):
                self._read_row(form, f"{self.name}_{row}", typed, context, found)
        return list(found.values())

    def _read_row(
        self,
        form: Sent,
        at: str,
        typed: Mapping[str, str],
        context: Context,
        found: dict[str, Document],
    ) -> None:
        currency = typed["currency"].upper()
        if currency not in context.currencies:
            form.refuse(f"{at}_currency", gettext(ASK_CURRENCY))
        elif currency in found:
            form.refuse(f"{at}_currency", gettext(ASK_ONCE))
        else:
            amounts = {
                name: _read_amounts(form, f"{at}_{name}", currency, several=name == "presets")
                for name in BY_CURRENCY
            }
            found[currency] = {"currency": currency, **amounts}


def _read_amounts(form: Sent, name: str, currency: str, *, several: bool) -> str:
    """The amount, or amounts, in major units with a point, spaces between."""
    text = form[name].data
    words = [word.rstrip(",") for word in BETWEEN.split(text)] if several else [text]
    try:
        return " ".join(_plain(word, currency) for word in words if word)
    except AmountError as error:
        form.refuse(name, explain_amount(error, currency))
        return ""


def _plain(word: str, currency: str) -> str:
    """As documents have it; one that is so already stays as it is."""
    money = parse_amount(word, currency, current_locale())
    is_plain = re.fullmatch(r"\d+(\.\d+)?", word, re.ASCII) and Decimal(word) == money.decimal
    return word if is_plain else money.plain()


def list_amounts(document: Document) -> list[Document]:
    """What a policy's document says by currency, a row each."""
    currencies = dict.fromkeys(
        currency for name in BY_CURRENCY for currency in document.get(name) or {}
    )
    return [
        {
            "currency": currency,
            **{name: _said((document.get(name) or {}).get(currency, "")) for name in BY_CURRENCY},
        }
        for currency in currencies
    ]


def _said(amounts: str | list[str]) -> str:
    return amounts if isinstance(amounts, str) else " ".join(amounts)


def map_amounts(rows: list[Document]) -> Document:
    """The same as a policy's document has it; what no row says is not there."""
    found: Document = {}
    for row in rows:
        for name in BY_CURRENCY:
            if row[name]:
                amounts = row[name].split() if name == "presets" else row[name]
                found.setdefault(name, {})[row["currency"]] = amounts
    return found
