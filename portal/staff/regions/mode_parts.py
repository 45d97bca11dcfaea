"""The parts of a mode's form: each leads a field of the mode's table onto the form and back.

A part says which fields it has, with their first values, and what the document says then.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from wtforms import Form, TextAreaField
from wtforms.validators import StopValidation

from portal.database import Document
from portal.forms import ChoiceField, LineField, PortalForm, TickField
from portal.i18n import gettext
from portal.money import exponent
from portal.plain import drop_hidden
from portal.regions.accounts import SCHEMES
from portal.regions.fields import LANGUAGES

SPARE_ROWS = 2
LONGEST = 300
SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
PERCENT = re.compile(r"\d{1,2}(?:[.,]\d{1,2})?")


def clean_words(text: str | None) -> str:
    """One line as typed, trimmed: French keeps its no-break spaces."""
    seen = drop_hidden((text or "").strip())
    return "".join(char for char in seen if not char.isspace() or char in SPACES)


def split_words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", text) if word]


class WordsField(LineField):
    """One line of the catalogue's words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters = (clean_words,)


class StepsField(TextAreaField):  # type: ignore[misc]  # WTForms carries no types
    """Steps, one a line."""

    data: str

    def pre_validate(self, form: Form) -> None:
        if not self.lines:
            raise StopValidation(gettext("Enter the steps, one a line"))

    @property
    def lines(self) -> list[str]:
        return [line for typed in (self.data or "").splitlines() if (line := clean_words(typed))]


def account_kind(mode: Document) -> str:
    """Which country's particulars a mode's account has; empty without an account."""
    kind: str = mode.get("account", {}).get("kind", "")
    return kind


@dataclass(frozen=True, slots=True)
class Context:
    """The mode's document as it was, and the currencies of its region."""

    mode: Document
    currencies: tuple[str, ...]


# The form's fields by name, each with its first value.
Fields = dict[str, tuple[Any, Any]]


class Part:
    """A field of the table that is one line; the other kinds of fields differ from it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fields(self, context: Context) -> Fields:
        """The form's fields, each with its first value."""
        return {self.name: (WordsField(longest=LONGEST), context.mode.get(self.name, ""))}

    def read(self, form: PortalForm, context: Context) -> object:
        """What the document says then; None where it says nothing of it."""
        return form[self.name].data

    def field_at(self, below: str) -> str:
        """The field that a fault is about, by its place below the table's field."""
        return self.name


class TextsPart(Part):
    """A text in each language; what `ModeForm` has already, it asks for."""

    def fields(self, context: Context) -> Fields:
        texts = context.mode.get(self.name, {})
        return {
            f"{self.name}_{language}": (WordsField(longest=LONGEST), texts.get(language, ""))
            for language in LANGUAGES
        }

    def read(self, form: PortalForm, context: Context) -> object:
        texts = {language: form[f"{self.name}_{language}"].data for language in LANGUAGES}
        return texts if any(texts.values()) else None

    def field_at(self, below: str) -> str:
        return f"{self.name}_{below or LANGUAGES[0]}"


class StepsPart(TextsPart):
    def fields(self, context: Context) -> Fields:
        steps = context.mode.get("steps", ())
        return {
            f"steps_{language}": (StepsField(), "\n".join(step[language] for step in steps))
            for language in LANGUAGES
        }

    def read(self, form: PortalForm, context: Context) -> object:
        english, french = form["steps_en"].lines, form["steps_fr"].lines
        if len(english) != len(french):
            form.refuse("steps_fr", gettext("Enter as many steps in French as in English"))
        steps = [{"en": one, "fr": other} for one, other in zip(english, french, strict=False)]
        if any("{recipient}" in step["en"] for step in steps) and not form["recipient"].data:
            form.refuse("recipient", gettext("Enter who receives it: the steps name the recipient"))
        return steps

    def field_at(self, below: str) -> str:
        return super().field_at(below.rpartition(".")[2])


class CurrenciesPart(Part):
    """A box for each currency of the region; all ticked, as before, need no mention."""

    def fields(self, context: Context) -> Fields:
        taken = context.mode.get("currencies") or context.currencies
        return {f"currency_{code}": (TickField(), code in taken) for code in context.currencies}

    def read(self, form: PortalForm, context: Context) -> object:
        ticked = [code for code in context.currencies if form[f"currency_{code}"].data]
        said = context.mode.get("currencies", [])
        if not ticked:
            name = f"currency_{context.currencies[0]}"
            form.refuse(name, gettext("Choose at least one currency"))
        return said if ticked == list(said or context.currencies) else ticked

    def field_at(self, below: str) -> str:
        return "currency_"


class MonthlyPart(Part):
    def fields(self, context: Context) -> Fields:
        return {"monthly": (TickField(), "monthly" in context.mode.get("frequencies", ()))}

    def read(self, form: PortalForm, context: Context) -> object:
        return ["once", "monthly"] if form["monthly"].data else ["once"]

    def field_at(self, below: str) -> str:
        return "monthly"


class FeePart(Part):
    AMOUNTS = ("fixed", "maximum")

    def fields(self, context: Context) -> Fields:
        fee = context.mode.get("fee")
        percent = f"{Decimal(fee['basis_points']) / 100:.2f}" if fee else ""
        amounts = {
            f"fee_{part}_{code}": (LineField(longest=12), (fee or {}).get(part, {}).get(code, ""))
            for part in self.AMOUNTS
            for code in context.currencies
        }
        return {"fee_percent": (LineField(longest=6), percent), **amounts}

    def read(self, form: PortalForm, context: Context) -> object:
        percent = form["fee_percent"].data
        if not percent:
            return None
        if not PERCENT.fullmatch(percent):
            form.refuse("fee_percent", gettext("Enter the fee in per cent, like 2.9"))
            return None
        amounts = {part: self._read_amounts(form, part, context) for part in self.AMOUNTS}
        return {"basis_points": int(Decimal(percent.replace(",", ".")) * 100), **amounts}

    def _read_amounts(self, form: PortalForm, part: str, context: Context) -> dict[str, str]:
        read = {code: _read_amount(form, f"fee_{part}_{code}", code) for code in context.currencies}
        return {code: text for code, text in read.items() if text}

    def field_at(self, below: str) -> str:
        return "fee_percent" if below == "basis_points" else f"fee_{below.replace('.', '_')}"


def _read_amount(form: PortalForm, name: str, currency: str) -> str:
    """An amount as files write it ("0.30"), or empty."""
    text: str = form[name].data.replace(",", ".")
    try:
        minor = Decimal(text or "0").scaleb(exponent(currency))
    except InvalidOperation:
        minor = Decimal(-1)
    if minor < 0 or minor != minor.to_integral_value():
        form.refuse(name, gettext("Enter an amount in figures, like 0.30"))
    return text


class AccountPart(Part):
    """The fields of the account's kind; an account without a kind has none."""

    def fields(self, context: Context) -> Fields:
        kind, account = account_kind(context.mode), context.mode.get("account", {})
        names = SCHEMES[kind].fields if kind else ()
        return {f"account_{name}": (LineField(longest=70), account.get(name, "")) for name in names}

    def read(self, form: PortalForm, context: Context) -> object:
        kind = account_kind(context.mode)
        if not kind:
            return None
        values = {name: form[f"account_{name}"].data for name in SCHEMES[kind].fields}
        return {"kind": kind, **{name: text for name, text in values.items() if text}}

    def field_at(self, below: str) -> str:
        return f"account_{below}"


class SecurityPart(Part):
    """An e-Transfer's question and answer; no other mode has them."""

    def fields(self, context: Context) -> Fields:
        if context.mode["key"] != "interac":
            return {}
        security = context.mode.get("security", {})
        return {
            "security_question": (LineField(longest=60), security.get("question", "")),
            "security_answer": (LineField(longest=60), security.get("answer", "")),
            "security_autodeposit": (TickField(), security.get("autodeposit", True)),
        }

    def read(self, form: PortalForm, context: Context) -> object:
        if "security_question" not in form or not form["security_question"].data:
            return None
        names = ("question", "answer", "autodeposit")
        return {name: form[f"security_{name}"].data for name in names}

    def field_at(self, below: str) -> str:
        return f"security_{below}"


class DetailsPart(Part):
    """A row for each line, and some to add; a row that is emptied is gone."""

    COLUMNS = (*LANGUAGES, "value")

    def _rows(self, context: Context) -> list[tuple[int, Document]]:
        return list(enumerate([*context.mode.get("details", ()), *({},) * SPARE_ROWS]))

    def fields(self, context: Context) -> Fields:
        fields: Fields = {}
        for row, detail in self._rows(context):
            said = {**detail.get("label", {}), "value": detail.get("value", "")}
            for name in self.COLUMNS:
                fields[f"detail_{row}_{name}"] = (WordsField(longest=LONGEST), said.get(name, ""))
            fields[f"detail_{row}_copy"] = (TickField(), bool(detail) and detail.get("copy", True))
        return fields

    def read(self, form: PortalForm, context: Context) -> object:
        details = []
        for row, _ in self._rows(context):
            typed = {name: form[f"detail_{row}_{name}"].data for name in self.COLUMNS}
            if not any(typed.values()):
                continue
            if not all(typed.values()):
                sentence = gettext("Fill in both labels and the value, or none of them")
                form.refuse(f"detail_{row}_value", sentence)
            value, copy = typed.pop("value"), form[f"detail_{row}_copy"].data
            details.append({"label": typed, "value": value, "copy": copy})
        return details


class ProofPart(Part):
    def fields(self, context: Context) -> Fields:
        asked = ChoiceField(ask="Choose whether a proof is asked for")
        return {self.name: (asked, context.mode.get(self.name, "welcome"))}


class ListPart(Part):
    """Words with commas between."""

    def fields(self, context: Context) -> Fields:
        said = ", ".join(map(str, context.mode.get(self.name, ())))
        return {self.name: (LineField(longest=LONGEST), said)}

    def read(self, form: PortalForm, context: Context) -> object:
        return split_words(form[self.name].data)


class DaysPart(ListPart):
    """Days with commas between; none leaves it to the region."""

    def read(self, form: PortalForm, context: Context) -> object:
        words = split_words(form[self.name].data)
        if not all(word.isdecimal() for word in words):
            sentence = gettext("Enter whole days with commas between, like 3, 10")
            form.refuse(self.name, sentence)
            return None
        return [int(word) for word in words] or None


class ExpiryPart(Part):
    def fields(self, context: Context) -> Fields:
        return {self.name: (LineField(longest=3), str(context.mode.get(self.name, "")))}

    def read(self, form: PortalForm, context: Context) -> object:
        text: str = form[self.name].data
        if text and not text.isdecimal():
            form.refuse(self.name, gettext("Enter whole days, like 60"))
            return None
        return int(text) if text else None
