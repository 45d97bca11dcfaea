"""The parts of forms that issuers, regions and funds have; pictures and tables within tables."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from babel import Locale
from wtforms import FileField, HiddenField

from portal.database import Document
from portal.forms import ChoiceField, EmailField, LineField, TickField
from portal.i18n import current_locale, gettext, language
from portal.regions.branding import MOST_BYTES, NotAPicture, TooLarge, make_picture
from portal.regions.documents import CurrencyTable
from portal.regions.records import LANGUAGES
from portal.staff.regions.parts import (
    LONGEST,
    Context,
    Control,
    Fields,
    LinesField,
    ListPart,
    Part,
    Rows,
    Sent,
    split_words,
)


class Prefixed:
    """The part of a form whose fields begin with a word."""

    def __init__(self, form: Sent, prefix: str) -> None:
        self._form, self._prefix = form, prefix

    def __getitem__(self, name: str) -> Any:
        return self._form[self._prefix + name]

    def __contains__(self, name: str) -> bool:
        return self._prefix + name in self._form

    def refuse(self, name: str, sentence: str) -> None:
        self._form.refuse(self._prefix + name, sentence)


class TablePart(Part):
    """A table within the table: its parts' fields begin with its name."""

    def __init__(self, name: str, parts: Iterable[Part]) -> None:
        super().__init__(name)
        self.parts = {part.name: part for part in parts}

    def texts(self) -> Iterator[str]:
        for part in self.parts.values():
            yield from part.texts()

    def _inner(self, context: Context) -> Context:
        return replace(context, document=context.document.get(self.name) or {})

    def fields(self, context: Context) -> Fields:
        inner = self._inner(context)
        return {
            f"{self.name}_{name}": found
            for part in self.parts.values()
            for name, found in part.fields(inner).items()
        }

    def rows(self, context: Context) -> Rows:
        for part in self.parts.values():
            for row in part.rows(self._inner(context)):
                yield tuple(replace(one, name=f"{self.name}_{one.name}") for one in row)

    def read(self, form: Sent, context: Context) -> object:
        inner, own = self._inner(context), Prefixed(form, f"{self.name}_")
        read = {name: part.read(own, inner) for name, part in self.parts.items()}
        return {name: said for name, said in {**inner.document, **read}.items() if said is not None}

    def field_at(self, below: str) -> str:
        found = re.match(r"(\w+)(?:\[\d+\])?\.?(.*)", below)
        part = self.parts.get(found[1]) if found else None
        inner = part.field_at(found[2]) if found and part else ""
        return f"{self.name}_{inner}"


class GiftAidPart(TablePart):
    """The United Kingdom's Gift Aid, for its regions alone; without a tick there is no table."""

    def _is_asked(self, context: Context) -> bool:
        return "GB" in context.document.get("countries", ()) or self.name in context.document

    def fields(self, context: Context) -> Fields:
        return super().fields(context) if self._is_asked(context) else {}

    def rows(self, context: Context) -> Rows:
        if self._is_asked(context):
            yield from super().rows(context)

    def read(self, form: Sent, context: Context) -> object:
        if not self._is_asked(context):
            return None
        said = super().read(form, context)
        is_there = self.name in context.document or form[f"{self.name}_offered"].data
        return said if is_there else None

    def _inner(self, context: Context) -> Context:
        """A region without the table doesn't offer it, whatever a table means that doesn't say."""
        table = context.document.get(self.name)
        return replace(context, document={"offered": False} if table is None else table)


class PicturePart(Part):
    """A picture: a new one, the one that is there, or none any more.

    The name of the one that is there goes along, so that no other mistake loses it.
    """

    def __init__(self, name: str, label: str, *, box: tuple[int, int], hint: str = "") -> None:
        super().__init__(name, label, hint=hint)
        self.box = box

    def fields(self, context: Context) -> Fields:
        kept = HiddenField(filters=(lambda name: name or "",))
        return {
            self.name: (FileField(), None),
            f"{self.name}_kept": (kept, context.document.get(self.name, "")),
            f"{self.name}_gone": (TickField(), False),
        }

    def rows(self, context: Context) -> Rows:
        yield (self.control(self.name, look="picture"),)

    def read(self, form: Sent, context: Context) -> object:
        kept, upload = form[f"{self.name}_kept"], form[self.name].data
        if form[f"{self.name}_gone"].data:
            kept.data = ""
        content = upload.read(MOST_BYTES + 1) if hasattr(upload, "read") else b""
        if content:
            kept.data = self._make(form, context, content) or kept.data
        return self.say(kept.data, context)

    def _make(self, form: Sent, context: Context, content: bytes) -> str:
        try:
            made = make_picture(content, box=self.box)
        except TooLarge:
            form.refuse(self.name, gettext("Choose a smaller picture, of 10 MB at most"))
        except NotAPicture:
            form.refuse(
                self.name, gettext("Choose a picture (PNG, JPEG or WebP); this file is none")
            )
        else:
            context.pictures.append(made)
            return made.name
        return ""


SPARE_CURRENCIES = 1
BETWEEN = re.compile(r"[\s;]+")


class PickField(ChoiceField):
    """One of some options."""

    def __init__(self, *args: Any, options: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.options = tuple(options)


class PickPart(Part):
    """One of some options: its own, or those that the context has by its name."""

    def __init__(
        self,
        name: str,
        label: str,
        *,
        options: Mapping[str, str] | None = None,
        default: str = "",
        **texts: str,
    ) -> None:
        """`default` is what a document means that doesn't say."""
        super().__init__(name, label, **texts)
        self.own, self.default = options, default

    def said(self, context: Context) -> Any:
        return context.document.get(self.name, self.default)

    def say(self, said: Any, context: Context) -> Any:
        return said if said != self.default or self.name in context.document else None

    def texts(self) -> Iterator[str]:
        yield from super().texts()
        yield from (self.own or {}).values()

    def options(self, context: Context) -> Mapping[str, str]:
        if self.own is None:
            return context.choices[self.name]
        return {key: gettext(text) for key, text in self.own.items()}

    def fields(self, context: Context) -> Fields:
        field = PickField(ask=self.ask, options=self.options(context))
        return {self.name: (field, self.said(context))}

    def rows(self, context: Context) -> Rows:
        control = self.control(self.name, look="pick")
        yield (replace(control, options=tuple(self.options(context).items())),)


class CountryPart(PickPart):
    def options(self, context: Context) -> Mapping[str, str]:
        return name_countries(language(current_locale()))


class ZonePart(PickPart):
    def options(self, context: Context) -> Mapping[str, str]:
        return _list_zones()


@cache
def _list_zones() -> dict[str, str]:
    """The zones that are places, and UTC."""
    found = (name for name in available_timezones() if "/" in name)
    return {"UTC": "UTC"} | {name: name for name in sorted(found) if not name.startswith("Etc/")}


@cache
def name_countries(speech: str) -> dict[str, str]:
    """Every country by its two letters, in the order of a language's names."""
    names = Locale.parse(speech).territories
    found = {code: name for code, name in names.items() if re.fullmatch("[A-Z]{2}", code)}
    real = {code: name for code, name in found.items() if code not in {"EU", "EZ", "UN", "ZZ"}}
    return dict(sorted(real.items(), key=lambda item: str(item[1]).casefold()))


class EmailPart(Part):
    def fields(self, context: Context) -> Fields:
        return {self.name: (EmailField(ask=self.ask, longest=254), self.said(context))}


class DayPart(Part):
    """A day of the calendar, or none."""

    def rows(self, context: Context) -> Rows:
        yield (self.control(self.name, look="date"),)


class IssuerPart(PickPart):
    """Which issuer a region has; the document holds all of it."""

    def said(self, context: Context) -> Any:
        return (context.document.get("issuer") or {}).get("key", "")


class CurrencyRowsPart(Part):
    """A row a currency, and one to add; a row without a currency is gone."""

    LABELS = {  # noqa: RUF012 - a constant
        "currency": "Currency",
        "presets": "Suggested amounts",
        "marked": "The one that stands out",
        "monthly_presets": "Suggested monthly amounts",
        "monthly_marked": "The monthly one that stands out",
        "minimum": "Smallest gift",
        "maximum": "Largest gift",
    }
    COLUMNS = tuple(name for name in LABELS if name in CurrencyTable.model_fields)
    PLAIN = ("marked", "monthly_marked", "minimum", "maximum")

    def texts(self) -> Iterator[str]:
        yield from super().texts()
        yield from self.LABELS.values()

    def _rows(self, context: Context) -> list[Document]:
        return [*context.document.get(self.name, ()), *({},) * SPARE_CURRENCIES]

    def fields(self, context: Context) -> Fields:
        fields: Fields = {}
        for row, option in enumerate(self._rows(context)):
            for name in self.COLUMNS:
                said = option.get(name, "")
                text = "  ".join(said) if isinstance(said, list) else said
                fields[f"currency_{row}_{name}"] = (LineField(longest=LONGEST), text)
        return fields

    def rows(self, context: Context) -> Rows:
        for row, _ in enumerate(self._rows(context)):
            controls = (
                Control(f"currency_{row}_{name}", gettext(self.LABELS[name]))
                for name in self.COLUMNS
            )
            first, *rest = controls
            hint = gettext(self.hint) if self.hint and not row else ""
            yield (replace(first, hint=hint), *rest)

    def read(self, form: Sent, context: Context) -> object:
        found = []
        for row, option in enumerate(self._rows(context)):
            typed = {name: form[f"currency_{row}_{name}"].data for name in self.COLUMNS}
            if not typed["currency"]:
                continue
            said: Document = {
                name: _read_amounts(form, f"currency_{row}_{name}")
                for name in ("presets", "monthly_presets")
            }
            plain = {name: typed[name].replace(",", ".") for name in self.PLAIN if name in typed}
            whole = {**option, **said, **plain, "currency": typed["currency"].upper()}
            found.append({name: text for name, text in whole.items() if text or name in option})
        return found

    def field_at(self, below: str) -> str:
        found = re.match(r"\[(\d+)\]\.?(\w*)", below)
        return f"currency_{found[1]}_{found[2] or 'currency'}" if found else "currency_0_currency"


def _read_amounts(form: Sent, name: str) -> list[str]:
    """Amounts with spaces, semicolons or commas between; a comma that may be a point is asked."""
    words = [word.rstrip(",") for word in BETWEEN.split(form[name].data) if word.rstrip(",")]
    if any("," in word for word in words):
        form.refuse(name, gettext("Put a space between amounts and a point before cents"))
    return words


class ProvincesPart(Part):
    """Provinces, one a line: their code and their names."""

    def fields(self, context: Context) -> Fields:
        lines = [
            " | ".join([one["code"], *(one["names"].get(code, "") for code in context.languages)])
            for one in context.document.get(self.name) or ()
        ]
        return {self.name: (LinesField(), "\n".join(lines))}

    def rows(self, context: Context) -> Rows:
        yield (self.control(self.name, look="lines"),)

    def read(self, form: Sent, context: Context) -> object:
        found = []
        for line in form[self.name].lines:
            code, *names = (word.strip() for word in line.split("|"))
            said = {one: text for one, text in zip(context.languages, names, strict=False) if text}
            needed = {one: said.get("en") or code for one in LANGUAGES}
            found.append({"code": code, "names": needed | said})
        return self.say(found, context)


class TicksPart(Part):
    """Any of some options; the context has them by the part's name."""

    def _options(self, context: Context) -> Mapping[str, str]:
        return context.choices[self.name]

    def fields(self, context: Context) -> Fields:
        said = context.document.get(self.name) or ()
        return {f"{self.name}_{key}": (TickField(), key in said) for key in self._options(context)}

    def rows(self, context: Context) -> Rows:
        ticks = (
            Control(f"{self.name}_{key}", text, look="tick")
            for key, text in self._options(context).items()
        )
        if row := tuple(ticks):
            yield row

    def read(self, form: Sent, context: Context) -> object:
        """Those that are ticked; in the order they had, and the new ones after them."""
        ticked = [key for key in self._options(context) if form[f"{self.name}_{key}"].data]
        said = context.document.get(self.name)
        if said is None and not ticked:
            return None
        kept = [key for key in said or () if key in ticked]
        return [*kept, *(key for key in ticked if key not in kept)]


class CodesPart(ListPart):
    """Codes with commas between, in capitals."""

    def read(self, form: Sent, context: Context) -> object:
        return [word.upper() for word in split_words(form[self.name].data)]


class LocalesPart(ListPart):
    """Languages with commas between, as they are or as the web writes them (`en-CA`)."""

    def read(self, form: Sent, context: Context) -> object:
        return [word.replace("-", "_") for word in split_words(form[self.name].data)]
