"""`portal receipts`: the register proven and explained, missing receipts, a year in bulk, locks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.commands.gift_aid import statutory
from portal.commands.seal_key import key
from portal.services import Services
from portal.settings import load_settings

if TYPE_CHECKING:
    from portal.receipts.explaining import Explained
    from portal.receipts.register import ReceiptGap

CLERK = "command"


@contextmanager
def _open() -> Iterator[Services]:
    from portal.commands.installation import make_services

    services = make_services(load_settings())
    try:
        yield services
    finally:
        services.close()


@click.group()
def receipts() -> None:
    """Receipts and their register."""


receipts.add_command(key)
receipts.add_command(statutory)


@receipts.command("verify")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def verify(files: tuple[Path, ...]) -> None:
    """Prove the register: no gap in any series, every PDF as it was rendered.

    With FILES: say of each whether it is a document of ours, byte for byte, and still stands:
    valid, cancelled, replaced or unknown. The exit code is 1 where one is not valid.

    \b
    Example:
      portal receipts verify
      portal receipts verify receipt-2026-000417.pdf
    """
    if files:
        _verify_files(files)
        return
    from portal.receipts.register import verify_register

    with _open() as services, services.database.read() as session:
        problems = verify_register(session)
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    click.echo("The register is complete and every document is as it was rendered.")


def _verify_files(files: tuple[Path, ...]) -> None:
    from portal.receipts.verifying import Verdict, judge_file

    found = set()
    with _open() as services, services.database.read() as session:
        for path in files:
            with path.open("rb") as file:
                verdict = judge_file(session, file)
            click.echo(f"{path}: {verdict.value}")
            found.add(verdict)
    sys.exit(0 if found == {Verdict.VALID} else 1)


@receipts.command("issue")
def issue() -> None:
    """Number and send the receipt of every paid gift that has none yet.

    Where donors get one receipt a year, see portal receipts year-end.

    \b
    Example:
      portal receipts issue
    """
    from portal.payments.operations import issue_missing_receipts

    with _open() as services:
        count = issue_missing_receipts(services)
    click.echo(f"{count} receipts were numbered; the worker sends them.")


@receipts.command("show")
@click.argument("number")
@click.option("--issuer", default="", help="Whose, where several issuers have the number.")
def show(number: str, issuer: str) -> None:
    """Explain a number: its gifts, when it was issued and sent, what became of it.

    \b
    Example:
      portal receipts show 2026-000417
    """
    from portal.receipts.explaining import explain, find_numbered
    from portal.receipts.gaps import find_gaps
    from portal.receipts.register import read_label

    read = read_label(number)
    if read is None:
        raise click.UsageError(f"{number} is no receipt's number, such as 2026-000417.")
    series, year, which = read
    with _open() as services, services.database.read() as session:
        found = find_numbered(session, year, which, series, issuer)
        left_out = find_gaps(session, year, which, series, issuer)
        for gap in left_out:
            click.echo(_tell_gap(gap))
        if not found and not left_out:
            raise click.ClickException(f"No receipt has the number {number}.")
        for receipt in found:
            for line in _tell(explain(session, receipt)):
                click.echo(line)


def _tell_gap(gap: "ReceiptGap") -> str:
    first, last = gap.labels
    return (
        f"{first} to {last} of {gap.issuer} were left out on {_at(gap.recorded_at)} "
        f"by {gap.recorded_by}: {gap.why}"
    )


def _tell(told: "Explained") -> Iterator[str]:
    """A number in lines, as its page tells it."""
    one = told.receipt
    yield f"{one.label} of {one.issuer}: {one.money}, {one.snapshot['donor']['name']}"
    source = f"in run {told.run.id} by {told.run.created_by}" if told.run else "for its gift"
    yield f"  issued {_at(one.reserved_at)}, {source}"
    if one.voided_at:
        yield f"  void since {_at(one.voided_at)}: {one.void_reason}"
    for name, others in (("replaces", told.replaces), ("replaced by", told.replaced_by)):
        yield from (f"  {name} {other.label}" for other in others)
    for gift in told.gifts:
        yield f"  gift {gift.gift.reference}: {gift.money}, received on {gift.gift.received_on}"
        yield from (f"    went back {_at(at)}: {money}" for at, money in gift.back)
    yield from _tell_papers(told)


def _tell_papers(told: "Explained") -> Iterator[str]:
    """Where it went, its document, and what is to decide of it."""
    for at, letter in enumerate(told.letters):
        kind = "sent" if letter.sent_at else "not sent"
        when = _at(letter.sent_at) if letter.sent_at else letter.problem or "waiting"
        yield f"  {'duplicate ' if at else ''}{kind} to {letter.recipient}: {when}"
    yield from (f"  document sha256 {document.sha256}" for document in told.documents)
    for action in told.actions:
        state = f"decided: {action.note}" if action.closed_at else f"due on {action.due_on}"
        yield f"  {action.kind.value}: {state}"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


@receipts.command("skip")
@click.argument("number")
@click.option("--issuer", required=True, help="The issuer's key.")
@click.option("--why", required=True, help="What an auditor is told of the numbers left out.")
def skip(number: str, issuer: str, why: str) -> None:
    """Let a series go on behind NUMBER: none up to it is given out any more.

    For after a restore, where receipts with later numbers than the backup's went out already.

    \b
    Example:
      portal receipts skip 2026-000430 --issuer sample-ca --why "Sent before the restore of May 3"
    """
    from portal.receipts.gaps import CannotSkip, skip_numbers
    from portal.receipts.register import read_label

    read = read_label(number)
    if read is None:
        raise click.UsageError(f"{number} is no receipt's number, such as 2026-000417.")
    if not why.strip():
        raise click.UsageError("--why is for the auditor: say it in a sentence.")
    series, year, which = read
    with _open() as services:
        _check_issuer(services, issuer)
        try:
            with services.write(CLERK) as act:
                gap = skip_numbers(act, issuer, year, which, why.strip(), series=series)
        except CannotSkip as refusal:
            raise click.ClickException(f"{number} of {issuer}: {refusal.reason}.") from None
    first, last = gap.labels
    click.echo(f"{first} to {last} of {issuer} will not be given out.")


@receipts.command("lock")
@click.option("--issuer", required=True, help="The issuer's key.")
@click.option("--until", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The last day.")
def lock(issuer: str, until: datetime) -> None:
    """Lock receipts that were issued until a day: none changes without a written reason.

    \b
    Example:
      portal receipts lock --issuer sample-ca --until 2026-12-31
    """
    from portal.receipts.actions import lock_period

    with _open() as services:
        _check_issuer(services, issuer)
        with services.write(CLERK) as act:
            lock_period(act, issuer, until.date())
    click.echo(f"Receipts of {issuer} until {until:%Y-%m-%d} are locked.")


def _check_issuer(services: Services, issuer: str) -> None:
    from portal.receipts.yearly import find_issuer

    try:
        find_issuer(services.catalogue, issuer)
    except LookupError:
        raise click.ClickException(f"No region has the issuer {issuer}.") from None


@receipts.command("year-end")
@click.option("--issuer", required=True, help="The issuer's key.")
@click.option(
    "--year",
    required=True,
    type=click.IntRange(2000, 2099),
    help="In which the gifts’ tax year ends.",
)
@click.option("--rule", type=click.Choice(["yearly", "each"]), default="yearly", show_default=True)
@click.option("--dry-run", "step", flag_value="dry-run", default="dry-run", help="Only look.")
@click.option("--issue", "step", flag_value="issue", help="Begin; the workers carry it out.")
@click.option("--stop", "step", flag_value="stop", help="Stop the run that is open.")
@click.option("--resume", "step", flag_value="resume", help="Go on with it.")
@click.option("--zip", "zip_to", type=click.Path(path_type=Path), help="All documents of the run.")
@click.option("--print", "print_to", type=click.Path(path_type=Path), help="Its PDF on paper.")
def year_end(
    issuer: str,
    year: int,
    *,
    rule: str,
    step: str,
    zip_to: Path | None,
    print_to: Path | None,
) -> None:
    """Issue a year's receipts: one a donor over all gifts that have none yet.

    \b
    Example:
      portal receipts year-end --issuer sample-ca --year 2026
      portal receipts year-end --issuer sample-ca --year 2026 --issue
      portal receipts year-end --issuer sample-ca --year 2026 --zip receipts.zip
    """
    from portal.receipts.runs import RunRefused

    with _open() as services:
        _check_issuer(services, issuer)
        try:
            if zip_to or print_to:
                _hand_out(services, issuer, year, zip_to, print_to)
            elif step == "dry-run":
                _preview(services, issuer, year, rule)
            elif step == "issue":
                _begin(services, issuer, year, rule)
            else:
                _change(services, issuer, year, step)
        except RunRefused as error:
            raise click.ClickException(str(error)) from None


def _preview(services: Services, issuer: str, year: int, rule: str) -> None:
    from portal.receipts.run_reports import preview_run
    from portal.receipts.yearly import find_span
    from portal.regions.catalogue import ReceiptRule

    first, last = find_span(services.catalogue, issuer, year)
    click.echo(f"Gifts that came from {first} to {last}.")
    with services.database.read() as session:
        found = preview_run(session, services.catalogue, issuer, year, ReceiptRule(rule))
    for count, money in found.totals:
        click.echo(f"{count} receipts: {money}")
    click.echo(f"{found.gifts} gifts; {found.mailed} by e-mail, {found.printed} on paper.")
    for why, count in found.left_out.items():
        click.echo(f"left out, {why}: {count} ({', '.join(found.examples[why])})")
    if found.unreachable:
        click.echo(f"neither e-mail nor address: {', '.join(found.unreachable)}")


def _begin(services: Services, issuer: str, year: int, rule: str) -> None:
    from portal.receipts.runs import begin_run
    from portal.regions.catalogue import ReceiptRule

    with services.write(CLERK) as act:
        run = begin_run(act, issuer, year, ReceiptRule(rule))
        click.echo(f"Run {run.id} is under way; the workers issue and send its receipts.")


def _change(services: Services, issuer: str, year: int, step: str) -> None:
    from portal.receipts.run_reports import find_latest
    from portal.receipts.runs import RunRefused, hold_run, resume_run, stop_run

    with services.write(CLERK) as act:
        latest = find_latest(act.session, issuer, year)
        run = hold_run(act.session, latest.id) if latest else None
        if run is None:
            raise RunRefused("There is no run of this issuer and year.")
        (stop_run if step == "stop" else resume_run)(act, run)
        click.echo(f"Run {run.id} is {run.state.value}.")


def _hand_out(
    services: Services, issuer: str, year: int, zip_to: Path | None, print_to: Path | None
) -> None:
    from portal.receipts.run_reports import find_latest, stream_zip, write_print

    with services.database.read() as session:
        run = find_latest(session, issuer, year)
    if run is None:
        raise click.ClickException("There is no run of this issuer and year.")
    if zip_to:
        with zip_to.open("wb") as file:
            for piece in stream_zip(services, run.id):
                file.write(piece)
        click.echo(f"{zip_to} has all documents of run {run.id}.")
    if print_to:
        with print_to.open("wb") as file:
            count = write_print(services, run.id, file)
        click.echo(f"{print_to} has {count} documents of run {run.id} for paper.")
