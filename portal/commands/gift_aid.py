"""What goes to tax offices: `portal gift-aid` for HMRC, and the other countries' yearly files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.commands.codes import working

if TYPE_CHECKING:
    from portal.receipts.claims import Charity, GiftAidClaim
    from portal.services import Services


@click.group("gift-aid")
def gift_aid() -> None:
    """Gift Aid: what the United Kingdom adds to its taxpayers' gifts.

    \b
    Example:
      portal gift-aid claim --dry-run
      portal gift-aid claim
      portal gift-aid export 1 --template gift_aid_schedule__libre_.ods
    """


ISSUER = click.option("--issuer", default="", help="The issuer's key, where there are several.")


def _find(services: "Services", issuer: str) -> "Charity":
    from portal.receipts.claims import list_charities

    known = list_charities(services.catalogue)
    found = [one for one in known if issuer in {"", one.issuer.key}]
    if len(found) == 1:
        return found[0]
    keys = ", ".join(one.issuer.key for one in known)
    if not known:
        raise click.ClickException("No region has Gift Aid with an issuer's charity number.")
    raise click.ClickException(f"Name one issuer by --issuer: {keys}.")


@gift_aid.command()
@ISSUER
@click.option("--together", default="", help="Put gifts under £30 together without names, as this.")
@click.option("--dry-run", is_flag=True, help="Say what would be claimed, and change nothing.")
def claim(issuer: str, together: str, *, dry_run: bool) -> None:
    """Claim for every gift that can be claimed for, and give back what was claimed too much.

    \b
    Example:
      portal gift-aid claim --dry-run
    """
    from portal.receipts.claims import ClaimedMeanwhile, NothingToClaim, look_ahead, make_claim
    from portal.receipts.gift_aid import write_pounds

    with working() as services:
        charity = _find(services, issuer)
        with services.database.read() as session:
            outlook = look_ahead(session, charity, services.now(), together=together)
        click.echo(
            f"{len(outlook.entries)} rows, gifts of GBP {write_pounds(outlook.total_minor)}, tax of"
            f" GBP {write_pounds(outlook.tax_minor)}, to give back GBP"
            f" {write_pounds(outlook.overclaimed_minor)}."
        )
        for why, gifts in outlook.refused.items():
            click.echo(f"{len(gifts)} not: {why.said}.")
        click.echo(f"{outlook.undeclared} not: their donors declared nothing.")
        if dry_run:
            return
        try:
            with services.write("command") as act:
                made = make_claim(act, charity, together=together).id
        except NothingToClaim:
            raise click.ClickException("There is nothing to claim for.") from None
        except ClaimedMeanwhile:
            raise click.ClickException("Somebody made a claim at this moment.") from None
    click.echo(f"Claim {made} is made; `portal gift-aid export {made}` writes its schedules.")


@gift_aid.command("list")
@ISSUER
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each.")
def list_all(issuer: str, *, as_json: bool) -> None:
    """List the claims, the newest first.

    \b
    Example:
      portal gift-aid list
    """
    from portal.receipts.claims import list_claims

    with working() as services, services.database.read() as session:
        found = [_document(one) for one in list_claims(session, issuer or None)]
    for one in found:
        line = (
            f"{one['id']}  {one['issuer']}  {one['made']}  {one['rows']} rows, gifts of GBP"
            f" {one['gifts']}, tax of GBP {one['tax']}, given back GBP {one['given_back']}"
        )
        state = "" if one["stands"] else "  (withdrawn)"
        click.echo(json.dumps(one, ensure_ascii=False) if as_json else line + state)


def _document(one: "GiftAidClaim") -> dict[str, object]:
    from portal.receipts.gift_aid import write_pounds

    return {
        "id": one.id,
        "issuer": one.issuer,
        "made": one.made_at.date().isoformat(),
        "rows": len(one.rows["rows"]),
        "gifts": write_pounds(one.total_minor),
        "tax": write_pounds(one.tax_minor),
        "given_back": write_pounds(one.overclaimed_minor),
        "stands": one.withdrawn_at is None,
    }


@gift_aid.command()
@click.argument("claim_id", type=int)
@click.option(
    "--template",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="HMRC's empty spreadsheet; without it, the one that was uploaded, else CSV is written.",
)
@click.option("--output", type=click.Path(path_type=Path), default=Path(), help="The folder.")
def export(claim_id: int, template: Path | None, output: Path) -> None:
    """Write the schedules of the claim CLAIM_ID: HMRC's spreadsheet filled in, and as CSV.

    \b
    Example:
      portal gift-aid export 1 --template gift_aid_schedule__libre_.ods --output claims
    """
    from portal.receipts.claims import GiftAidClaim
    from portal.receipts.schedules import (
        Schedule,
        TemplateRefused,
        fill_template,
        find_template,
        write_csv,
    )

    with working() as services, services.database.read() as session:
        found = session.get(GiftAidClaim, claim_id)
        kept = find_template(session)
    if found is None:
        raise click.ClickException("There is no such claim; `portal gift-aid list` has all.")
    empty = template.read_bytes() if template else kept.data if kept else None
    output.mkdir(parents=True, exist_ok=True)
    for part, rows in enumerate(found.schedules, 1):
        schedule = Schedule(rows, found.overclaimed_minor if part == 1 else 0)
        path = output / f"gift-aid-{claim_id}-{part}"
        path.with_suffix(".csv").write_text(write_csv(schedule), encoding="utf-8", newline="")
        click.echo(path.with_suffix(".csv"))
        if empty is not None:
            try:
                path.with_suffix(".ods").write_bytes(fill_template(empty, schedule))
            except TemplateRefused as refused:
                raise click.ClickException(str(refused)) from None
            click.echo(path.with_suffix(".ods"))


@click.command()
@click.argument("key", type=click.Choice(["ca", "fr", "ie", "in", "kr", "za"]))
@click.option("--year", type=int, required=True, help="The year, as the office counts it.")
@click.option("--issuer", required=True, help="The issuer's key.")
@click.option("--output", type=click.Path(path_type=Path), default=Path(), help="The folder.")
def statutory(key: str, year: int, issuer: str, output: Path) -> None:
    """Write the yearly file of a country's tax office, and say what it leaves open.

    fr: total and number of receipts; ca: returned gifts; ie: donors for ROS; in: register for
    Form 113, of the year from April on; kr: register for Hometax; za: IT3(d), of the year to
    February.

    \b
    Example:
      portal receipts statutory fr --year 2026 --issuer our-association
    """
    from portal.receipts.filing import read_lines
    from portal.receipts.statutory import EXPORTS, Filing, count_lacking, name_file, write_file

    export = EXPORTS[key]
    with working() as services, services.database.read() as session:
        regions = services.catalogue.regions.values()
        found = next((one.issuer for one in regions if one.issuer.key == issuer), None)
        if found is None:
            raise click.ClickException(f"There is no issuer {issuer}.")
        filing = Filing(found.registration_number, year, services.now())
        # A gift may be receipted, and go back, in the years beside the one it counts for.
        lines = read_lines(session, services.settings, export, found, range(year - 5, year + 2))
    output.mkdir(parents=True, exist_ok=True)
    path = output / name_file(export, filing)
    path.write_text(write_file(export, lines, filing), encoding="utf-8", newline="")
    click.echo(path)
    lacking, rows = count_lacking(export, lines, filing)
    if lacking:
        click.echo(f"{lacking} of {rows} rows lack {export.wanted}: their donors gave none.")
    if export.empty:
        click.echo(f"Empty, as the portal doesn't know them: {', '.join(export.empty)}.")
    if export.unchecked:
        click.echo(f"Not checked: {export.unchecked}.")
