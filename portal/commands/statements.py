"""`portal statements`: money that comes by bank file, from import to receipt."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portal.services import Services
from portal.settings import Settings, load_settings

if TYPE_CHECKING:
    from portal.mail.imap import ImapAccount
    from portal.payments.statements.formats.csv_table import Column, ColumnMapping
    from portal.payments.statements.formats.entries import StatementDocument
    from portal.payments.statements.interac_notices import KeptNotices
    from portal.payments.statements.operations import Imported

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
    click.option("--delimiter", help="The character between cells."),
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
    from portal.payments.statements.formats.csv_table import Sign, mapping_from_dict

    given = _only_given(options)
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


def _only_given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Without those that the command line left out."""
    return {
        name: value
        for name, value in options.items()
        if value is not None and value != () and value is not False
    }


BANKS = ("rbc", "td", "bmo", "scotiabank", "cibc", "desjardins", "national")
BY = "system"
SHOWN_ROWS = 10
SHOWN_TEXT = 60


@click.group()
def statements() -> None:
    """Bank statements, and what they say of gifts."""


@statements.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--preset", type=click.Choice(BANKS), help="The bank, where it isn’t recognised.")
@click.option("--account", default="", help="The account, where the file names none.")
@click.option("--currency", default=None, help="The currency, where the file names none.")
@click.option("--preview", is_flag=True, help="Show what would be read; keep nothing.")
@mapping_options
def import_file(
    file: Path,
    preset: str | None,
    account: str,
    currency: str | None,
    *,
    preview: bool,
    **options: Any,
) -> None:
    """Keep a bank's file, book what is certain, and suggest gifts for the rest.

    CSV of the large Canadian banks, camt.052 to camt.054, MT940, OFX and QFX are
    recognised; for any other CSV, say what its columns mean. A file is kept whole or not at
    all, and the same file again changes nothing, unless staff withdrew it.

    \b
    Example:
      portal statements import november.csv
      portal statements import other.csv --preview --date-column 1 --date-first day \\
        --amount-column Amount --name-column 3 --message-column Details --currency CAD
    """
    mapping = read_mapping(options)
    if mapping is not None and preset is not None:
        raise click.UsageError("Give --preset or columns, not both.")
    reading = Reading(preset, mapping, account, currency)
    with _plain_errors():
        if preview:
            _show(file, reading)
        else:
            _import(load_settings(), file, reading)


class Reading:
    """How a file is to be read."""

    def __init__(
        self,
        preset: str | None,
        mapping: "ColumnMapping | None",
        account: str,
        currency: str | None,
    ) -> None:
        self._preset, self.mapping = preset, mapping
        self.account, self.currency = account, currency.upper() if currency else None

    def read(self, content: bytes, file: Path) -> "StatementDocument":
        from portal.payments.statements.formats.reading import read_statement

        return read_statement(
            content,
            filename=file.name,
            preset=self._preset,
            mapping=self.mapping,
            account=self.account,
            currency=self.currency,
        )


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Whatever a file, a mailbox or the database refuses, in one sentence."""
    from portal.database import DatabaseUnavailable
    from portal.mail.imap import ImapError
    from portal.payments.statements.formats.entries import StatementError

    try:
        yield
    except (StatementError, ImapError) as error:
        raise click.ClickException(str(error)) from None
    except DatabaseUnavailable:
        raise click.ClickException(
            "The database can’t be used now. What is kept stays kept; run this again."
        ) from None


def _show(file: Path, reading: Reading) -> None:
    """The first rows as they stand, or the first movements where they can be read."""
    from portal.payments.statements.formats.entries import StatementError
    from portal.payments.statements.formats.reading import preview
    from portal.payments.statements.formats.texts import read_file

    content = read_file(file)
    try:
        document = reading.read(content, file)
    except StatementError as error:
        for row in preview(content, None, rows=SHOWN_ROWS).rows:
            cells = (f"[{number}] {cell}" for number, cell in enumerate(row.cells, start=1))
            click.echo(f"{row.line}: {'  '.join(cells)}")
        raise error from None
    for entry in document.entries[:SHOWN_ROWS]:
        seen = entry.without_hidden()
        text = " / ".join(filter(None, (seen.payer_name, seen.message)))[:SHOWN_TEXT]
        click.echo(f"{entry.position}: {entry.booked_on}  {entry.money!s:>16}  {text}")
    click.echo(f"{len(document.entries)} movements as {document.format}; nothing was kept.")


def _import(settings: Settings, file: Path, reading: Reading) -> None:
    from portal.commands.installation import make_services
    from portal.payments.statements.formats.texts import read_file
    from portal.payments.statements.operations import import_statement

    content = read_file(file)
    document = reading.read(content, file)
    for aside in document.set_aside:
        click.echo(
            f"Line {aside.line} is no money yet ({aside.status}), and is left out.", err=True
        )
    services = make_services(settings)
    imported = import_statement(services, document, content, filename=file.name, by=BY)
    _tell(services, imported)
    _match(services)
    _say_totals(services, imported.file_id)


def _tell(services: Services, imported: "Imported") -> None:
    """What of the file was new."""
    if imported.is_repeat:
        click.echo(
            "This very file was imported before; none of its lines is new. If its columns were "
            "read wrongly, staff can withdraw it on its page, and it can be imported again."
        )
    else:
        known = imported.lines - imported.new
        click.echo(f"Kept {imported.new} new lines; {known} were known or moved no money.")
        _warn_of_duplicates(services, imported.file_id)


def _warn_of_duplicates(services: Services, file_id: int) -> None:
    from portal.payments.statements.duplicates import count_duplicates

    with services.database.read() as session:
        duplicates = count_duplicates(session, file_id)
    if duplicates:
        click.echo(
            f"{duplicates} of them may have been told by an earlier file of another kind, and wait "
            "for a clerk, who ignores them or withdraws this file if both are of one account."
        )


def _match(services: Services) -> None:
    from portal.payments.statements.loading import count_open_lines
    from portal.payments.statements.match_run import match_open_lines

    with services.database.read() as session:
        waiting = count_open_lines(session)
    with click.progressbar(length=waiting, label="Matching", file=sys.stderr) as bar:
        worked = match_open_lines(services, progress=bar.update)
    click.echo(
        f"Booked {worked.automatic}; gifts are suggested for {worked.suggested} lines; "
        f"{worked.unmatched} lines have none."
    )


def _say_totals(services: Services, file_id: int | None) -> None:
    from portal.payments.books import count_totals

    with services.database.read() as session:
        totals = count_totals(session, file_id)
    for each in totals:
        click.echo(
            f"{each.received} came in = {each.matched.plain()} matched + {each.open.plain()} open"
            f" + {each.ignored.plain()} ignored."
        )


@statements.command("notices")
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--imap", is_flag=True, help="Fetch from PORTAL_NOTICES_IMAP_URL.")
def notices(path: Path | None, *, imap: bool) -> None:
    """Keep Interac's notification mails, which help to match the bank's lines.

    PATH is an mbox, a Maildir, a folder of .eml files or one of them. A notice never books
    money: only the bank's own line does.

    \b
    Example:
      portal statements notices ./november.mbox
      portal statements notices --imap
    """
    if (path is None) is not imap:
        raise click.UsageError("Give a PATH, or --imap.")
    settings = load_settings()
    from portal.commands.installation import make_services
    from portal.payments.statements.interac_notices import notices_account

    source = path or notices_account(settings)
    if source is None:
        raise click.ClickException("No mailbox is set: set PORTAL_NOTICES_IMAP_URL.")

    services = make_services(settings)
    with _plain_errors():
        kept = _keep_notices(services, source)
        for key, reason in kept.refused.items():
            click.echo(f"Mail {key}: {reason}", err=True)
        click.echo(f"Kept {kept.new} new notices; {len(kept.refused)} mails were refused.")
        if kept.new:
            _match(services)


def _keep_notices(services: Services, source: "Path | ImapAccount") -> "KeptNotices":
    from portal.payments.statements.interac_notices import fetch_notices, keep_notices, read_mails

    server = services.settings.trusted_mail_server
    if not isinstance(source, Path):
        return fetch_notices(services, source, trusted_server=server)
    mails = read_mails(source)
    with services.write() as act:
        return keep_notices(act, mails, trusted_server=server)


def check_books() -> None:
    """Totals of all statements, and a sentence for whatever does not add up; 1 if any."""
    from portal.commands.installation import make_services
    from portal.payments.books import prove

    with _plain_errors():
        services = make_services(load_settings())
        _say_totals(services, None)
        with services.database.read() as session:
            problems = prove(session)
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    click.echo("Statements, matches, ledger, gifts and receipts add up.")


def recount_books() -> None:
    """Count the sums of days anew from the ledger."""
    from portal.commands.installation import make_services
    from portal.payments.books import recount_days

    with _plain_errors():
        recount_days(make_services(load_settings()))
    click.echo("The sums of days are counted anew.")
