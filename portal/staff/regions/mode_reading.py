"""What the form of a mode says, as the mode's document again.

It is checked by the region's own parser, so that staff and files are held to the same rules;
an error of the parser is led to its field by its place.
"""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from portal.database import Document
from portal.i18n import gettext
from portal.money import exponent
from portal.regions.accounts import FIELDS, SCHEMES
from portal.regions.parsing import Fault, RegionError
from portal.staff.regions.mode_form import DETAIL, LANGUAGES, TEXTS, ModeForm, account_kind

PERCENT = re.compile(r"\d{1,2}(?:[.,]\d{1,2})?")


def read_mode(form: ModeForm, mode: Document, currencies: Iterable[str]) -> Document:
    """The document the form describes; what it has no field for stays as it was.

    An error that the form can tell by itself is added to it: ask `form.problems` first.
    """
    currencies = tuple(currencies)
    ticked = [code for code in currencies if form[f"currency_{code}"].data]
    said = mode.get("currencies", [])
    texts = {name: _bilingual(form, name) for name in TEXTS}
    read = _read_stripe if mode["kind"] == "stripe" else _read_instructions
    whole = {
        **mode,
        **texts,
        "currencies": said if ticked == list(said or currencies) else ticked,
        **read(form, mode, currencies),
    }
    if not ticked:
        form.refuse(f"currency_{currencies[0]}", gettext("Choose at least one currency"))
    return {key: value for key, value in whole.items() if value is not None}


def _bilingual(form: ModeForm, name: str) -> dict[str, str]:
    return {language: form[f"{name}_{language}"].data for language in LANGUAGES}


def _read_stripe(form: ModeForm, _mode: Document, currencies: tuple[str, ...]) -> Document:
    return {
        "frequencies": ["once", "monthly"] if form["monthly"].data else ["once"],
        "fee": _read_fee(form, currencies),
        **{name: _words(form[name].data) for name in ("stripe_allowed", "stripe_excluded")},
    }


def _read_fee(form: ModeForm, currencies: tuple[str, ...]) -> Document | None:
    percent = form["fee_percent"].data
    if not percent:
        return None
    if not PERCENT.fullmatch(percent):
        form.refuse("fee_percent", gettext("Enter the fee in per cent, like 2.9"))
        return None
    fee: Document = {"basis_points": int(Decimal(percent.replace(",", ".")) * 100)}
    for part in ("fixed", "maximum"):
        fee[part] = {
            code: text
            for code in currencies
            if (text := _read_amount(form, f"fee_{part}_{code}", code))
        }
    return fee


def _read_amount(form: ModeForm, name: str, currency: str) -> str:
    """An amount as files write it ("0.30"), or empty."""
    text: str = form[name].data.replace(",", ".")
    try:
        minor = Decimal(text or "0").scaleb(exponent(currency))
    except InvalidOperation:
        minor = Decimal(-1)
    if minor < 0 or minor != minor.to_integral_value():
        form.refuse(name, gettext("Enter an amount in figures, like 0.30"))
    return text


def _read_instructions(form: ModeForm, mode: Document, _currencies: tuple[str, ...]) -> Document:
    unit = _bilingual(form, "unit")
    return {
        "recipient": form["recipient"].data,
        "unit": unit if any(unit.values()) else None,
        "link": form["link"].data,
        "steps": _read_steps(form),
        "account": _read_account(form, mode),
        "security": _read_security(form, mode),
        "details": _read_details(form),
        "proof": form["proof"].data,
        "reminder_days": _read_days(form),
        "expires_days": _read_expiry(form),
    }


def _read_steps(form: ModeForm) -> list[dict[str, str]]:
    english, french = form["steps_en"].lines, form["steps_fr"].lines
    if len(english) != len(french):
        form.refuse("steps_fr", gettext("Enter as many steps in French as in English"))
    steps = [{"en": one, "fr": other} for one, other in zip(english, french, strict=False)]
    if any("{recipient}" in step["en"] for step in steps) and not form["recipient"].data:
        form.refuse("recipient", gettext("Enter who receives it: the steps name the recipient"))
    return steps


def _read_account(form: ModeForm, mode: Document) -> Document | None:
    kind = account_kind(mode)
    if not kind:
        return None
    names = SCHEMES[kind].fields
    values = {name: form[f"account_{name}"].data for name in names}
    return {"kind": kind, **{name: text for name, text in values.items() if text}}


def _read_security(form: ModeForm, mode: Document) -> Document | None:
    if mode["key"] != "interac" or not form["security_question"].data:
        return None
    return {
        "question": form["security_question"].data,
        "answer": form["security_answer"].data,
        "autodeposit": form["security_autodeposit"].data,
    }


def _read_details(form: ModeForm) -> list[Document]:
    """The rows with a value, in order; a row that is emptied is gone."""
    details = []
    for row in _rows(form):
        english, french, value = (form[f"detail_{row}_{part}"].data for part in DETAIL)
        if not value and not english and not french:
            continue
        if not (value and english and french):
            form.refuse(
                f"detail_{row}_value", gettext("Fill in both labels and the value, or none of them")
            )
        label = {"en": english, "fr": french}
        copy = form[f"detail_{row}_copy"].data
        details.append({"label": label, "value": value, "copy": copy})
    return details


def _rows(form: ModeForm) -> list[int]:
    return sorted({int(name.split("_")[1]) for name in form._fields if name.startswith("detail_")})


def _read_days(form: ModeForm) -> list[int] | None:
    words = _words(form["reminder_days"].data)
    if not all(word.isdecimal() for word in words):
        form.refuse("reminder_days", gettext("Enter whole days with commas between, like 3, 10"))
        return None
    return [int(word) for word in words] or None


def _read_expiry(form: ModeForm) -> int | None:
    text = form["expires_days"].data
    if text and not text.isdecimal():
        form.refuse("expires_days", gettext("Enter whole days, like 60"))
        return None
    return int(text) if text else None


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", text) if word]


# What the parser may still find, by the end of its place, and what staff are told.
SENTENCES = {
    "question": "Enter a question of 40 characters at most",
    "answer": "Enter an answer of 3 to 25 characters without spaces",
    "link": "Enter an address that begins with https:// and has no other braces than those named",
    "reminder_days": "Enter rising days, each 1 or more",
    "expires_days": "Enter a day after the last reminder, at most 730",
    "basis_points": "Enter a fee under 50 per cent",
    "en": "Use {amount}, {reference} and {recipient}, and no other braces",
    "fr": "Use {amount}, {reference} and {recipient}, and no other braces",
}


def lead_to_field(form: ModeForm, error: RegionError) -> None:
    """Add what the region's parser found, each to the field it is about."""
    for fault in error.faults:
        _lead_fault(form, fault)


def _lead_fault(form: ModeForm, fault: Fault) -> None:
    place = re.sub(r"^modes\[\d+\]\.?", "", fault.place)
    head, _, last = place.rpartition(".")
    names = {
        f"account_{last}": head == "account",
        f"security_{last}": head == "security",
        "fee_percent": head == "fee",
        f"steps_{last}": head.startswith("steps"),
        last: True,
    }
    sentence = _sentence(last, head, fault)
    for name, fits in names.items():
        if fits and name in form:
            form.refuse(name, sentence)
            return
    form.form_errors.append(sentence)


def _sentence(last: str, head: str, fault: Fault) -> str:
    if head == "account" and last in FIELDS:
        return gettext("Check this number: it is not one of this country’s")
    if last in SENTENCES:
        return gettext(SENTENCES[last])
    return gettext("This mode can’t be kept so: %(what)s", what=f"{last} {fault.what}".strip())
