"""The parts of a form that only modes of payment have."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from portal.database import Document
from portal.forms import ChoiceField, LineField, TickField
from portal.i18n import gettext
from portal.money import exponent
from portal.regions.accounts import SCHEMES
from portal.regions.fields import LANGUAGES
from portal.staff.regions.context import LONGEST, Context, Fields, Sent, WordsField
from portal.staff.regions.parts import Part, StepsPart

SPARE_ROWS = 2
PERCENT = re.compile(r"\d{1,2}(?:[.,]\d{1,2})?")


def account_kind(mode: Document) -> str:
    """Which country's particulars a mode's account has; empty without an account."""
    kind: str = mode.get("account", {}).get("kind", "")
    return kind


class InstructionsPart(StepsPart):
    """The steps; who receives it has to be known where they name the recipient."""

    def read(self, form: Sent, context: Context) -> object:
        steps: Any = super().read(form, context)
        if any("{recipient}" in step["en"] for step in steps) and not form["recipient"].data:
            form.refuse("recipient", gettext("Enter who receives it: the steps name the recipient"))
        return steps


class CurrenciesPart(Part):
    """A box for each currency of the region; all ticked, as before, need no mention."""

    def fields(self, context: Context) -> Fields:
        taken = context.document.get("currencies") or context.currencies
        return {f"currency_{code}": (TickField(), code in taken) for code in context.currencies}

    def read(self, form: Sent, context: Context) -> object:
        ticked = [code for code in context.currencies if form[f"currency_{code}"].data]
        said = context.document.get("currencies", [])
        if not ticked:
            name = f"currency_{context.currencies[0]}"
            form.refuse(name, gettext("Choose at least one currency"))
        return said if ticked == list(said or context.currencies) else ticked

    def field_at(self, below: str) -> str:
        return "currency_"


class MonthlyPart(Part):
    def fields(self, context: Context) -> Fields:
        return {"monthly": (TickField(), "monthly" in context.document.get("frequencies", ()))}

    def read(self, form: Sent, context: Context) -> object:
        return ["once", "monthly"] if form["monthly"].data else ["once"]

    def field_at(self, below: str) -> str:
        return "monthly"


class FeePart(Part):
    AMOUNTS = ("fixed", "maximum")

    def fields(self, context: Context) -> Fields:
        fee = context.document.get("fee")
        percent = f"{Decimal(fee['basis_points']) / 100:.2f}" if fee else ""
        amounts = {
            f"fee_{part}_{code}": (LineField(longest=12), (fee or {}).get(part, {}).get(code, ""))
            for part in self.AMOUNTS
            for code in context.currencies
        }
        return {"fee_percent": (LineField(longest=6), percent), **amounts}

    def read(self, form: Sent, context: Context) -> object:
        percent = form["fee_percent"].data
        if not percent:
            return None
        if not PERCENT.fullmatch(percent):
            form.refuse("fee_percent", gettext("Enter the fee in per cent, like 2.9"))
            return None
        amounts = {part: self._read_amounts(form, part, context) for part in self.AMOUNTS}
        return {"basis_points": int(Decimal(percent.replace(",", ".")) * 100), **amounts}

    def _read_amounts(self, form: Sent, part: str, context: Context) -> dict[str, str]:
        read = {code: _read_amount(form, f"fee_{part}_{code}", code) for code in context.currencies}
        return {code: text for code, text in read.items() if text}

    def field_at(self, below: str) -> str:
        return "fee_percent" if below == "basis_points" else f"fee_{below.replace('.', '_')}"


def _read_amount(form: Sent, name: str, currency: str) -> str:
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
        kind, account = account_kind(context.document), context.document.get("account", {})
        names = SCHEMES[kind].fields if kind else ()
        return {f"account_{name}": (LineField(longest=70), account.get(name, "")) for name in names}

    def read(self, form: Sent, context: Context) -> object:
        kind = account_kind(context.document)
        if not kind:
            return None
        values = {name: form[f"account_{name}"].data for name in SCHEMES[kind].fields}
        return {"kind": kind, **{name: text for name, text in values.items() if text}}

    def field_at(self, below: str) -> str:
        return f"account_{below}"


class SecurityPart(Part):
    """An e-Transfer's question and answer; no other mode has them."""

    def fields(self, context: Context) -> Fields:
        if context.document["key"] != "interac":
            return {}
        security = context.document.get("security", {})
        return {
            "security_question": (LineField(longest=60), security.get("question", "")),
            "security_answer": (LineField(longest=60), security.get("answer", "")),
            "security_autodeposit": (TickField(), security.get("autodeposit", True)),
        }

    def read(self, form: Sent, context: Context) -> object:
        if "security_question" not in form or not form["security_question"].data:
            return None
        names = ("question", "answer", "autodeposit")
        return {name: form[f"security_{name}"].data for name in names}

    def field_at(self, below: str) -> str:
        return f"security_{below}"


class DetailsPart(Part):
    """A row for each line, and some to add; a row that is emptied is gone."""

    def _rows(self, context: Context) -> list[tuple[int, Document]]:
        return list(enumerate([*context.document.get("details", ()), *({},) * SPARE_ROWS]))

    def fields(self, context: Context) -> Fields:
        fields: Fields = {}
        for row, detail in self._rows(context):
            said = {**detail.get("label", {}), "value": detail.get("value", "")}
            for name in (*context.languages, "value"):
                fields[f"detail_{row}_{name}"] = (WordsField(longest=LONGEST), said.get(name, ""))
            fields[f"detail_{row}_copy"] = (TickField(), bool(detail) and detail.get("copy", True))
        return fields

    def read(self, form: Sent, context: Context) -> object:
        details = []
        for row, _ in self._rows(context):
            names = (*context.languages, "value")
            typed = {name: form[f"detail_{row}_{name}"].data for name in names}
            if not any(typed.values()):
                continue
            if not all(typed[name] for name in (*LANGUAGES, "value")):
                sentence = gettext("Fill in both labels and the value, or none of them")
                form.refuse(f"detail_{row}_value", sentence)
            value, copy = typed.pop("value"), form[f"detail_{row}_copy"].data
            label = {language: text for language, text in typed.items() if text}
            details.append({"label": label, "value": value, "copy": copy})
        return details


class ProofPart(Part):
    def fields(self, context: Context) -> Fields:
        asked = ChoiceField(ask="Choose whether a proof is asked for")
        return {self.name: (asked, context.document.get(self.name, "welcome"))}


class ExpiryPart(Part):
    def fields(self, context: Context) -> Fields:
        return {self.name: (LineField(longest=3), str(context.document.get(self.name, "")))}

    def read(self, form: Sent, context: Context) -> object:
        text: str = form[self.name].data
        if text and not text.isdecimal():
            form.refuse(self.name, gettext("Enter whole days, like 60"))
            return None
        return int(text) if text else None
