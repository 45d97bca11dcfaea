"""The form of one mode of payment: a mode's document as fields. `mode_reading` leads back."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from wtforms import Form, TextAreaField
from wtforms.validators import StopValidation

from portal.database import Document
from portal.forms import ChoiceField, LineField, PortalForm, TickField
from portal.i18n import gettext
from portal.plain import drop_hidden
from portal.regions.accounts import SCHEMES

LANGUAGES = ("en", "fr")
TEXTS = ("label", "cost", "delay", "limits")
SPARE_ROWS = 2
LONGEST = 300
SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"


def clean_words(text: str | None) -> str:
    """One line as typed, trimmed: French keeps its no-break spaces."""
    seen = drop_hidden((text or "").strip())
    return "".join(char for char in seen if not char.isspace() or char in SPACES)


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


PROOFS = {"none": "Not asked for", "welcome": "Welcome", "wanted": "Asked for"}


def make_form(mode: Document, currencies: Iterable[str], sent: Any = None) -> ModeForm:
    """The form of a mode, filled in from what was `sent`, else from its document."""
    currencies = tuple(currencies)
    kind = _stripe_fields if mode["kind"] == "stripe" else _instruction_fields
    fields = {f"currency_{code}": TickField() for code in currencies}
    made = type("ThisModeForm", (ModeForm,), {**fields, **kind(mode, currencies)})
    form: ModeForm = made(sent, data=_values(mode, currencies))
    if "proof" in form:
        form["proof"].options = tuple(PROOFS)
    return form


def _stripe_fields(_mode: Document, currencies: tuple[str, ...]) -> dict[str, Any]:
    return {
        "monthly": TickField(),
        "fee_percent": LineField(longest=6),
        **{f"fee_fixed_{code}": LineField(longest=12) for code in currencies},
        **{f"fee_maximum_{code}": LineField(longest=12) for code in currencies},
        "stripe_allowed": LineField(longest=LONGEST),
        "stripe_excluded": LineField(longest=LONGEST),
    }


def _instruction_fields(mode: Document, _currencies: tuple[str, ...]) -> dict[str, Any]:
    lines = ("recipient", "unit_en", "unit_fr", "link")
    rows = range(len(mode.get("details", ())) + SPARE_ROWS)
    fields: dict[str, Any] = {name: WordsField(longest=LONGEST) for name in lines}
    fields |= {f"steps_{language}": StepsField() for language in LANGUAGES}
    if kind := account_kind(mode):
        scheme = SCHEMES[kind]
        fields |= {f"account_{name}": LineField(longest=70) for name in scheme.fields}
    if mode["key"] == "interac":
        fields |= {f"security_{name}": LineField(longest=60) for name in ("question", "answer")}
        fields["security_autodeposit"] = TickField()
    for row in rows:
        fields |= {f"detail_{row}_{part}": WordsField(longest=LONGEST) for part in DETAIL}
        fields[f"detail_{row}_copy"] = TickField()
    fields["proof"] = ChoiceField(ask="Choose whether a proof is asked for")
    fields["reminder_days"] = LineField(longest=60)
    fields["expires_days"] = LineField(longest=3)
    return fields


DETAIL = ("en", "fr", "value")


def _values(mode: Document, currencies: tuple[str, ...]) -> dict[str, Any]:
    """The fields' first values, from the document."""
    values: dict[str, Any] = {
        f"{name}_{language}": mode.get(name, {}).get(language, "")
        for name in (*TEXTS, "unit")
        for language in LANGUAGES
    }
    taken = mode.get("currencies") or currencies
    values |= {f"currency_{code}": code in taken for code in currencies}
    values |= {name: mode.get(name, "") for name in ("recipient", "link")}
    values |= {f"steps_{language}": _steps(mode, language) for language in LANGUAGES}
    values |= {f"account_{name}": text for name, text in mode.get("account", {}).items()}
    values |= {f"security_{name}": value for name, value in _security(mode).items()}
    for row, detail in enumerate(mode.get("details", ())):
        texts = {**detail["label"], "value": detail["value"], "copy": detail.get("copy", True)}
        values |= {f"detail_{row}_{part}": text for part, text in texts.items()}
    values["proof"] = mode.get("proof", "welcome")
    values["monthly"] = "monthly" in mode.get("frequencies", ())
    values["reminder_days"] = ", ".join(map(str, mode.get("reminder_days", ())))
    values["expires_days"] = str(mode.get("expires_days", ""))
    for name in ("stripe_allowed", "stripe_excluded"):
        values[name] = ", ".join(mode.get(name, ()))
    return values | _fee_values(mode.get("fee", {}))


def account_kind(mode: Document) -> str:
    """Which country's particulars a mode's account has; empty without an account."""
    kind: str = mode.get("account", {}).get("kind", "")
    return kind


def _steps(mode: Document, language: str) -> str:
    return "\n".join(step[language] for step in mode.get("steps", ()))


def _security(mode: Document) -> Document:
    return {"autodeposit": True, **mode.get("security", {})}


def _fee_values(fee: Document) -> dict[str, str]:
    values = {"fee_percent": f"{Decimal(fee['basis_points']) / 100:.2f}"} if fee else {}
    for part in ("fixed", "maximum"):
        values |= {f"fee_{part}_{code}": text for code, text in fee.get(part, {}).items()}
    return values
