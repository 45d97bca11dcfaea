"""The form of one mode of payment, made from the table that its document is read by.

Each field of the table has its part of the form, some of which only modes of payment have;
`read_mode` leads back.
"""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from portal.database import Document
from portal.forms import ChoiceField, LineField, PortalForm, TickField
from portal.i18n import gettext
from portal.money import exponent
from portal.regions.accounts import SCHEMES
from portal.regions.documents import InstructedMode, ModeTable, ProviderMode, StripeMode
from portal.regions.files import Fault, RegionError
from portal.regions.records import LANGUAGES
from portal.staff.regions.parts import (
    LONGEST,
    Context,
    DaysPart,
    Fields,
    ListPart,
    Part,
    Sent,
    StepsPart,
    TextsPart,
    WordsField,
    split_words,
)

LONGEST_LIST = 300
TYPES = {
    "card": "Card",
    "link": "Link",
    "paypal": "PayPal",
    "cashapp": "Cash App Pay",
    "amazon_pay": "Amazon Pay",
    "revolut_pay": "Revolut Pay",
    "acss_debit": "Pre-authorized debit (Canada)",
    "us_bank_account": "Bank account (United States)",
    "sepa_debit": "SEPA debit",
    "bacs_debit": "Bacs debit",
    "au_becs_debit": "BECS debit (Australia)",
    "nz_bank_account": "Bank account (New Zealand)",
    "pay_by_bank": "Pay by Bank",
    "ideal": "iDEAL",
    "bancontact": "Bancontact",
    "eps": "EPS",
    "twint": "TWINT",
    "blik": "BLIK",
    "p24": "Przelewy24",
    "multibanco": "Multibanco",
    "alipay": "Alipay",
    "wechat_pay": "WeChat Pay",
    "kakao_pay": "Kakao Pay",
    "naver_pay": "Naver Pay",
    "konbini": "Konbini",
}


class TypesPart(ListPart):
    """A box for each type that is known, and a line for further ones, in the document's order."""

    def fields(self, context: Context) -> Fields:
        said = self._listed(context)
        boxes: Fields = {f"{self.name}_{one}": (TickField(), one in said) for one in TYPES}
        further = ", ".join(one for one in said if one not in TYPES)
        return {**boxes, f"{self.name}_more": (WordsField(longest=LONGEST_LIST), further)}

    def read(self, form: Sent, context: Context) -> object:
        said = self._listed(context)
        ticked = [one for one in TYPES if form[f"{self.name}_{one}"].data]
        wanted = [*ticked, *split_words(form[f"{self.name}_more"].data)]
        kept = [one for one in said if one in wanted]
        return self.say(list(dict.fromkeys([*kept, *wanted])), context)

    def field_at(self, below: str) -> str:
        return f"{self.name}_more"

    def _listed(self, context: Context) -> list[str]:
        return [str(one) for one in context.document.get(self.name) or ()]


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


PROOFS = {"none": "Not requested", "welcome": "Welcome", "wanted": "Asked for"}


class ModeForm(PortalForm):
    """What every mode has. `make_form` adds what its kind, account and currencies ask for."""

    label_en = WordsField(ask="Enter a name in English", longest=60)
    label_fr = WordsField(ask="Enter a name in French", longest=60)
    cost_en = WordsField(ask="Enter what it costs, in English", longest=LONGEST)
    cost_fr = WordsField(ask="Enter what it costs, in French", longest=LONGEST)
    delay_en = WordsField(ask="Enter how long it takes, in English", longest=LONGEST)
    delay_fr = WordsField(ask="Enter how long it takes, in French", longest=LONGEST)
    limits_en = WordsField(ask="Enter the limits, in English", longest=LONGEST)
    limits_fr = WordsField(ask="Enter the limits, in French", longest=LONGEST)


# All kinds of modes have frequencies; only what is charged can have another than once.
PARTS: dict[str, Part] = {
    "label": TextsPart("label"),
    "cost": TextsPart("cost"),
    "delay": TextsPart("delay"),
    "limits": TextsPart("limits"),
    "pace": TextsPart("pace"),
    "currencies": CurrenciesPart("currencies"),
    "fee": FeePart("fee"),
    "stripe_allowed": TypesPart("stripe_allowed"),
    "stripe_excluded": TypesPart("stripe_excluded"),
    "recipient": Part("recipient"),
    "unit": TextsPart("unit"),
    "link": Part("link"),
    "steps": InstructionsPart("steps", ask="Enter the steps, one a line"),
    "account": AccountPart("account"),
    "security": SecurityPart("security"),
    "details": DetailsPart("details"),
    "proof": ProofPart("proof"),
    "reminder_days": DaysPart("reminder_days"),
    "expires_days": ExpiryPart("expires_days"),
}
# What staff don't change here: what the mode is, and whether it is offered.
KEPT = frozenset({"key", "kind", "provider", "icon", "offered", "wallets"})
TABLES: dict[str, type[ModeTable]] = {
    "stripe": StripeMode,
    "charged": ProviderMode,
    "instructions": InstructedMode,
}


def parts_of(mode: Document) -> dict[str, Part]:
    """The parts of a mode's table, by its fields."""
    is_charged = mode["kind"] != "instructions"
    parts = PARTS | ({"frequencies": MonthlyPart("frequencies")} if is_charged else {})
    return {name: parts[name] for name in TABLES[mode["kind"]].model_fields if name in parts}


def make_form(context: Context, sent: Any = None) -> ModeForm:
    """The form of a mode, filled in from what was `sent`, else from its document."""
    fields = {
        name: field
        for part in parts_of(context.document).values()
        for name, field in part.fields(context).items()
    }
    added = {name: field for name, (field, _) in fields.items() if not hasattr(ModeForm, name)}
    values = {name: value for name, (_, value) in fields.items()}
    form: ModeForm = type("ThisModeForm", (ModeForm,), added)(sent, data=values)
    if "proof" in form:
        form["proof"].options = tuple(PROOFS)
    return form


def read_mode(form: ModeForm, context: Context) -> Document:
    """The document the form describes; what it has no field for stays as it was.

    An error that the form can tell by itself is added to it: ask `form.problems` first.
    """
    mode = context.document
    read = {name: part.read(form, context) for name, part in parts_of(mode).items()}
    return {name: value for name, value in {**mode, **read}.items() if value is not None}


# What the tables may still find, by the field of the table and what is below it in the form.
SENTENCES = {
    "security_question": "Enter a question of 40 characters at most",
    "security_answer": "Enter an answer of 3 to 25 characters without spaces",
    "link": "Enter an address that begins with https:// and has no braces other than those named",
    "reminder_days": "Enter days in rising order, each 1 or more",
    "expires_days": "Enter a day after the last reminder, at most 730",
    "fee_percent": "Enter a fee under 50 per cent",
    "steps_en": "Use {amount}, {reference} and {recipient}, and no other braces",
    "steps_fr": "Use {amount}, {reference} and {recipient}, and no other braces",
    "unit_en": "Enter the unit in both languages, or in neither",
    "unit_fr": "Enter the unit in both languages, or in neither",
    "currency_": "Leave out the currencies whose smallest gift is below Stripe’s minimum",
}


def lead_to_field(form: ModeForm, mode: Document, error: RegionError) -> None:
    """Add what the region's tables found, each to the field it is about."""
    for fault in error.faults:
        name = _name_field(mode, fault)
        shown = next((field.name for field in form if field.name.startswith(name)), None)
        if name and shown:
            form.refuse(shown, _sentence(name, fault))
        else:
            form.form_errors.append(_sentence(name, fault))


def _name_field(mode: Document, fault: Fault) -> str:
    """The form's field, or how its name begins; empty where there is none."""
    place = re.sub(r"^modes\[\d+\]\.?", "", fault.place)
    found = re.match(r"(\w+)(?:\[\d+\])?\.?(.*)", place)
    part = parts_of(mode).get(found[1]) if found else None
    return part.field_at(found[2]) if found and part else ""


def _sentence(name: str, fault: Fault) -> str:
    if name.startswith("account_"):
        return gettext("Check this number: it isn’t valid in this country")
    if name in SENTENCES:
        return gettext(SENTENCES[name])
    what = f"{fault.place.rpartition('.')[2]} {fault.what}".strip()
    return gettext("This mode can’t be saved: %(what)s", what=what)
