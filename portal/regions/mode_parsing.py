"""Reading a mode of payment from a region's document."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from portal.regions.accounts import FIELDS, SCHEMES, Account, Detail, is_nuban, is_number_of
from portal.regions.catalogue import Fee, Frequency, Mode, Proof, Security, TransferRules
from portal.regions.fields import Fields

# Stable: the values of the form field `mode`, and of the column on every gift.
MODE_KEYS = (
    "card",
    "bank_debit",
    "interac",
    "bank_transfer",
    "wallet_code",
    "cheque",
    "cash",
    "other",
)

_STEP_VALUES = {"amount": "", "reference": "", "recipient": ""}
# What Canadian banks take as an e-Transfer's question and answer.
QUESTION_LENGTH = range(1, 41)
ANSWER_LENGTH = range(3, 26)


def mode_reader(rules: TransferRules) -> Callable[[Fields], Mode]:
    """Reads a mode; what it says of reminders and expiry wins over its region's `rules`."""
    return lambda fields: _read_mode(fields, rules)


def _read_mode(fields: Fields, rules: TransferRules) -> Mode:
    frequencies = fields.strings("frequencies", ("once",))
    if not frequencies or not {*frequencies} <= {*Frequency}:
        raise fields.wrong("frequencies", "has once, monthly or both")
    own = read_rules(fields, "reminder_days", "expires_days", rules)
    return Mode(
        key=fields.choice("key", MODE_KEYS),
        kind=fields.choice("kind", ("stripe", "instructions")),
        icon=fields.text("icon"),
        label=fields.texts("label"),
        cost=fields.texts("cost"),
        delay=fields.texts("delay"),
        limits=fields.texts("limits"),
        recipient=fields.text("recipient", ""),
        account=fields.one("account", _account) if "account" in fields else None,
        security=fields.one("security", _security) if "security" in fields else None,
        unit=fields.texts("unit", optional=True),
        link=_link(fields),
        proof=Proof(fields.choice("proof", tuple(Proof), Proof.WELCOME)),
        steps=_steps(fields),
        details=fields.each("details", _detail),
        frequencies=tuple(Frequency(name) for name in frequencies),
        currencies=fields.strings("currencies", ()),
        fee=fields.one("fee", _fee) if "fee" in fields else None,
        stripe_allowed=fields.strings("stripe_allowed", ()),
        stripe_excluded=fields.strings("stripe_excluded", ()),
        reminder_days=own.remind_after_days,
        expires_days=own.expire_after_days,
        offered=fields.flag("offered", True),
    )


def read_rules(fields: Fields, days: str, expiry: str, default: TransferRules) -> TransferRules:
    """When unpaid transfers are recalled and given up, from two fields that may be left out."""
    rules = TransferRules(
        remind_after_days=fields.integers(days) if days in fields else default.remind_after_days,
        expire_after_days=fields.integer(expiry, default.expire_after_days),
    )
    recalled = rules.remind_after_days
    if list(recalled) != sorted({*recalled}) or any(day < 1 for day in recalled):
        raise fields.wrong(days, "is a rising list of days, each 1 or more")
    if not max(recalled, default=0) < rules.expire_after_days <= 730:
        raise fields.wrong(expiry, "is after the last reminder and at most 730 days")
    return rules


def _account(fields: Fields) -> Account:
    """Every field of the account's kind, canonical; nothing that is wrong is ever shown."""
    kind = fields.choice("kind", tuple(SCHEMES))
    scheme, values = SCHEMES[kind], {}
    for name in scheme.fields:
        if name in scheme.optional and name not in fields:
            continue
        value = FIELDS[name].check(fields.text(name))
        if value is None or (name == "account_number" and not is_number_of(kind, value)):
            raise fields.wrong(name, FIELDS[name].what)
        values[name] = value
    if kind == "nuban" and not is_nuban(values["bank_code"], values["account_number"]):
        raise fields.wrong("account_number", "is a NUBAN of this bank: its check digit is wrong")
    return Account(kind=kind, values=values)


def _security(fields: Fields) -> Security:
    security = Security(
        question=fields.text("question"),
        answer=fields.text("answer"),
        autodeposit=fields.flag("autodeposit", True),
    )
    if len(security.question) not in QUESTION_LENGTH:
        raise fields.wrong("question", "has 1 to 40 signs, as banks take")
    if len(security.answer) not in ANSWER_LENGTH or " " in security.answer:
        raise fields.wrong("answer", "has 3 to 25 signs and no space, as banks take")
    return security


def _link(fields: Fields) -> str:
    """A wallet's own address, which may hold amount and reference."""
    link = fields.text("link", "")
    if not link:
        return ""
    try:
        parts = urlsplit(link.format_map(_STEP_VALUES))
    except (KeyError, ValueError, IndexError, AttributeError):
        raise fields.wrong("link", "may hold {amount}, {reference} and {recipient}") from None
    if parts.scheme != "https" or not parts.hostname or re.search(r"\s", link):
        raise fields.wrong("link", "is an address that begins with https://")
    return link


def _steps(fields: Fields) -> tuple[dict[str, str], ...]:
    steps = fields.texts_list("steps")
    for at, step in enumerate(steps):
        for locale, text in step.items():
            try:
                text.format_map(_STEP_VALUES)
            except (KeyError, ValueError, IndexError, AttributeError):
                what = "may hold {amount}, {reference} and {recipient}, and no other braces"
                raise fields.wrong(f"steps[{at}].{locale}", what) from None
    return steps


def _detail(fields: Fields) -> Detail:
    return Detail(
        label=fields.texts("label"), value=fields.text("value"), copy=fields.flag("copy", True)
    )


def _fee(fields: Fields) -> Fee:
    fee = Fee(
        basis_points=fields.integer("basis_points"),
        fixed_minor=fields.minor_by_currency("fixed"),
        maximum_minor=fields.minor_by_currency("maximum"),
    )
    if not 0 <= fee.basis_points < 5000:
        raise fields.wrong("basis_points", "is hundredths of a per cent, under 5000")
    return fee
