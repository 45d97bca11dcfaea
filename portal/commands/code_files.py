"""`portal code` for many at once: codes made in bulk, and as tables of a spreadsheet."""

import sys
from typing import TYPE_CHECKING, Any

import click

from portal.commands.code_terms import has_terms, read_draft, terms_options
from portal.commands.codes import KINDS, find_or_make_partner, working

if TYPE_CHECKING:
    from portal.codes.models import Policy, Scope
    from portal.services import Act, Services

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from portal.commands.codes import STATES

if TYPE_CHECKING:
    from portal.codes.importing import Rejected
    from portal.services import Services


MOST = 1_000_000


@click.command()
@click.option("--count", type=click.IntRange(1, MOST), required=True, help="How many.")
@click.option("--policy-from", default="", help="A code whose terms they share, and its partner.")
@terms_options
@click.option("--prefix", default="", help="What each begins with.")
@click.option("--tag", default="", help="A word to find them by; else batch- and its number.")
@click.option("--partner", default="", help="The key of the partner, or another scope.")
@click.option("--partner-name", default="", help="The name of a partner that isn’t there yet.")
@click.option("--kind", type=click.Choice(KINDS), default="promotion", show_default=True)
@click.option("--public", is_flag=True, help="They explain why they are refused.")
@click.option("--background", is_flag=True, help="Leave all of it to the worker.")
def generate(
    count: int, policy_from: str, prefix: str, *, public: bool, background: bool, **given: Any
) -> None:
    """Make COUNT codes that nobody guesses, all on the same terms, which one change changes.

    They are the terms of another code, or those of the options. Where this is broken off, the
    worker goes on; nothing is made twice.

    \b
    Example:
      portal code generate --count 10000 --policy-from SPRING --prefix S --tag posters
      portal code generate --count 500 --max-uses 1 --region ca --tag letters
    """
    from portal.codes.batches import Order, order_codes
    from portal.codes.terms import Kind

    with working() as services:
        draft = read_draft(given, services.catalogue)
        with services.write() as act:
            policy, of = choose_policy(act, policy_from, draft, given["tag"] or prefix or "batch")
            scope = find_or_make_partner(act, given["partner"], given["partner_name"]) or of
            order = Order(
                count=count,
                policy=policy,
                scope=scope,
                prefix=prefix,
                tag=given["tag"],
                kind=Kind(given["kind"]),
                is_secret=not public,
            )
            batch = order_codes(act, order)
            number, tag = batch.id, batch.tag
        if background:
            click.echo(f"Batch {number} is promised: `portal code batches` says how far it is.")
            return
        _fill(services, number, count)
    click.echo(f"{count} codes are there, tagged {tag}.")


def choose_policy(
    act: "Act", policy_from: str, draft: Any, name: str
) -> "tuple[Policy, Scope | None]":
    """The policy of the code that is named, with its scope, or a new one of the terms."""
    from portal.codes.models import Policy, Scope
    from portal.codes.operations import add_policy
    from portal.codes.revising import find_record

    if not policy_from:
        return add_policy(act.session, name, draft, act.now, actor=act.actor), None
    if has_terms(draft):
        raise click.UsageError("Say --policy-from or terms, not both: the terms are that code’s.")
    record = find_record(act, policy_from)
    scope = act.session.get(Scope, record.scope_id) if record.scope_id else None
    return act.session.get_one(Policy, record.policy_id), scope


def _fill(services: "Services", number: int, count: int) -> None:
    from portal.codes.batches import fill_batch

    with click.progressbar(length=count, label="Codes", file=sys.stderr) as bar:
        fill_batch(services, number, bar.update)


@click.command()
def batches() -> None:
    """List the newest batches of codes: how many are wanted, and how many are there.

    \b
    Example:
      portal code batches
    """
    from portal.codes.batches import list_batches

    with working() as services, services.database.read() as session:
        for one in list_batches(session):
            click.echo(f"{one.id:6} {one.state:8} {one.made} of {one.wanted}  {one.tag}")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--policy-from", default="", help="A code whose terms they share, and its partner.")
@terms_options
@click.option("--tag", default="", help="Where a row has none; else batch- and its number.")
@click.option("--partner", default="", help="The key of the partner where a row has none.")
@click.option("--partner-name", default="", help="The name of a partner that isn’t there yet.")
@click.option("--kind", type=click.Choice(KINDS), default="promotion", show_default=True)
@click.option("--secret", is_flag=True, help="Nobody is told why one is refused.")
def import_codes(file: Path, policy_from: str, **given: Any) -> None:
    """Make the codes of FILE, CSV or XLSX: columns code, tag, state, partner; only code is needed.

    All share one policy: another code's, or the options' terms. Every row that can't be taken is
    told, and the exit code is 1 then. Where it is broken off, give it again: it goes on.

    \b
    Example:
      portal code import ./codes.xlsx --policy-from SPRING
      portal code import ./codes.csv --region ca --max-uses 1 --tag letters
    """
    from portal.codes.importing import COLUMNS, import_lines
    from portal.codes.sheets import SheetError, read_lines

    with working() as services:
        number, is_known = _begin(services, file, policy_from, given)
        if is_known:
            click.echo("This file was imported before: its codes keep the terms of then.", err=True)
        try:
            done = import_lines(services, number, read_lines(file, COLUMNS), _tell)
        except SheetError as error:
            raise click.ClickException(str(error)) from None
    click.echo(
        f"{done.new} codes are new, {done.known} were there already,"
        f" {done.rejected} of {done.rows} rows were not taken."
    )
    sys.exit(1 if done.rejected else 0)


def _begin(
    services: "Services", file: Path, policy_from: str, given: dict[str, Any]
) -> tuple[int, bool]:
    """The number of the file's batch, and whether it was begun before."""
    from portal.codes.batches import Order
    from portal.codes.importing import begin_import, find_import
    from portal.codes.terms import Kind

    draft = read_draft(given, services.catalogue)
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    with services.write() as act:
        before = find_import(act, sha256)
        if before is not None:
            return before.id, True
        policy, of = choose_policy(act, policy_from, draft, given["tag"] or file.name[:100])
        order = Order(
            count=0,
            policy=policy,
            scope=find_or_make_partner(act, given["partner"], given["partner_name"]) or of,
            tag=given["tag"],
            kind=Kind(given["kind"]),
            is_secret=given["secret"],
        )
        return begin_import(act, order, sha256).id, False


def _tell(one: "Rejected") -> None:
    click.echo(f"Row {one.number} ({one.text}): {one.why}.", err=True)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--tag", default="", help="Only those with this tag.")
@click.option("--state", type=click.Choice(STATES), help="Only those that stand so.")
@click.option("--partner", default="", help="Only those of this partner or scope.")
@click.option("--begins", default="", help="Only those that begin so.")
def export(file: Path, state: str | None, **given: str) -> None:
    """Write codes and the gifts that used them into FILE, CSV or XLSX by its name.

    Gifts stand by their references; there is no donor's name in it.

    \b
    Example:
      portal code export --tag posters ./posters.xlsx
    """
    from portal.codes.listing import Wanted
    from portal.codes.terms import CodeState

    if file.suffix.lower() not in {".csv", ".xlsx"}:
        raise click.UsageError("FILE ends in .csv or .xlsx, which says what is written.")
    wanted = Wanted(
        begins=given["begins"],
        state=CodeState(state) if state else None,
        tag=given["tag"],
        scope=given["partner"],
    )
    with working() as services:
        with services.write() as act:
            act.note("codes_export", "codes", {"filters": _say_filters(state, given)})
        _write(services, wanted, file)
    click.echo(str(file))


def _say_filters(state: str | None, given: dict[str, str]) -> str:
    said = {**given, "state": state or ""}
    return "&".join(f"{name}={value}" for name, value in said.items() if value)


def _write(services: "Services", wanted: Any, file: Path) -> None:
    """The whole file or none: it gets its name once it is written."""
    from portal.records.export import stream_codes, write_book

    part = file.with_name(f".{file.name}.part")
    try:
        if file.suffix.lower() == ".xlsx":
            write_book(services.database, wanted, part)
        else:
            with part.open("w", encoding="utf-8", newline="") as out:
                out.writelines(stream_codes(services.database, wanted))
        part.replace(file)
    except OSError as error:
        raise click.ClickException(f"{file} can’t be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)
