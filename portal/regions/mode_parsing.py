"""Reading a mode of payment from a region's document."""

from portal.regions.catalogue import Detail, Mode
from portal.regions.fees import Fee
from portal.regions.fields import Fields
from portal.regions.frequency import Frequency

# Stable: the values of the form field `mode`, and of the column on every gift.
MODE_KEYS = ("card", "bank_debit", "interac", "bank_transfer", "wallet_code", "cheque")

_STEP_VALUES = {"amount": "", "reference": "", "recipient": ""}


def read_mode(fields: Fields) -> Mode:
    frequencies = fields.strings("frequencies", ("once",))
    if not frequencies or not {*frequencies} <= {*Frequency}:
        raise fields.wrong("frequencies", "has once, monthly or both")
    return Mode(
        key=fields.choice("key", MODE_KEYS),
        kind=fields.choice("kind", ("stripe", "instructions")),
        icon=fields.text("icon"),
        label=fields.texts("label"),
        cost=fields.texts("cost"),
        delay=fields.texts("delay"),
        limits=fields.texts("limits"),
        recipient=fields.text("recipient", ""),
        steps=_steps(fields),
        details=fields.each("details", _detail),
        frequencies=tuple(Frequency(name) for name in frequencies),
        currencies=fields.strings("currencies", ()),
        fee=fields.one("fee", _fee) if "fee" in fields else None,
        stripe_allowed=fields.strings("stripe_allowed", ()),
        stripe_excluded=fields.strings("stripe_excluded", ()),
        reminder_days=fields.integers("reminder_days"),
        expires_days=fields.integer("expires_days") if "expires_days" in fields else None,
    )


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
