"""The options that say what the columns of a CSV statement mean."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from portal.payments.statements.formats.columns import Column, ColumnMapping


DATE_ORDERS = {"year": "ymd", "day": "dmy", "month": "mdy"}


class ColumnName(click.ParamType["Column"]):
    """A column by its number, counted from 1, or by its name in the header row."""

    name = "column"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> "Column":
        text = str(value).strip()
        if not text.isdecimal():
            return text
        if int(text) == 0:
            self.fail("Columns are counted from 1.", param, ctx)
        return int(text) - 1


def _column(name: str, what: str, *, multiple: bool = False) -> Callable[[Any], Any]:
    return click.option(
        f"--{name}-column", type=ColumnName(), multiple=multiple, help=f"The column of {what}."
    )


OPTIONS = (
    _column("date", "the day"),
    _column("amount", "the signed amount"),
    _column("credit", "money that came in"),
    _column("debit", "money that went out"),
    _column("direction", "a word for in or out"),
    _column("currency", "the currency"),
    _column("name", "the payer’s name"),
    _column("email", "the payer’s e-mail address"),
    _column("payer-account", "the payer’s account"),
    _column("message", "the message; may be given several times", multiple=True),
    _column("reference", "the bank’s own reference"),
    _column("status", "a word for booked or pending"),
    click.option("--date-first", type=click.Choice(list(DATE_ORDERS)), help="First in a date."),
    click.option("--decimal-mark", type=click.Choice([".", ","]), help="The decimal mark."),
    click.option("--delimiter", help="The sign between cells."),
    click.option("--header-rows", type=click.IntRange(0, 50), help="Rows before the movements."),
    click.option("--footer-rows", type=click.IntRange(0, 50), help="Rows after them."),
    click.option("--debit-positive", is_flag=True, help="Money that went out has no sign."),
)

# What an option is called in a mapping.
NAMES = {
    "date_column": "date",
    "amount_column": "amount",
    "credit_column": "credit",
    "debit_column": "debit",
    "direction_column": "direction",
    "currency_column": "currency",
    "name_column": "payer_name",
    "email_column": "payer_email",
    "payer_account_column": "payer_account",
    "message_column": "message",
    "reference_column": "bank_reference",
    "status_column": "status",
    "decimal_mark": "decimal_mark",
    "delimiter": "delimiter",
    "header_rows": "header_rows",
    "footer_rows": "footer_rows",
}


def mapping_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options; it gets them by name."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def read_mapping(options: Mapping[str, Any]) -> "ColumnMapping | None":
    """The mapping the options make; None without any. What contradicts itself is refused."""
    from portal.payments.statements.formats.columns import Sign, mapping_from_dict

    given = {
        name: value
        for name, value in options.items()
        if value is not None and value != () and value is not False
    }
    if not given:
        return None
    values = {NAMES[name]: value for name, value in given.items() if name in NAMES}
    if "date" not in values:
        raise click.UsageError("Say which column holds the day: --date-column.")
    if "date_first" in given:
        values["date_order"] = DATE_ORDERS[given["date_first"]]
    if "debit_positive" in given:
        values["sign"] = Sign.DEBIT_POSITIVE.value
    try:
        return mapping_from_dict(values)
    except (ValueError, TypeError) as error:
        raise click.UsageError(f"The columns don’t fit together: {error}.") from None
