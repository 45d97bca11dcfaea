"""`portal donor`: who is likely one person, merged, and parted again."""

from typing import TYPE_CHECKING

import click

from portal.commands.codes import working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

WHY_NOT = {
    "same": "These are one donor already.",
    "unknown": "There is no such donor or merge; `portal donor merges` has those that stand.",
    "merged": "One of these is merged already: name the donor it is merged into.",
    "forgotten": "A donor who was forgotten can’t be merged.",
    "undone": "This merge is undone already.",
}
BUSY = "Something of one of these donors is being booked just now: try again."


@click.command()
def doubles() -> None:
    """Go through all donors for who is likely one, by address, or name and postcode.

    \b
    Example:
      portal donor doubles
    """
    from portal.records.doubles import go_through_doubles

    said = {"address": "same address", "person": "same name and postcode"}
    with working() as services:
        for one in go_through_doubles(services.database):
            click.echo(f"{one.first.email}  {one.later.email}  {said[one.sign]}")


@click.command()
@click.argument("kept")
@click.argument("gone")
@click.option("--reason", required=True, help="Why, for the audit log.")
def merge(kept: str, gone: str, reason: str) -> None:
    """Put all of the donor GONE down to the donor KEPT, both by their addresses.

    \b
    Example:
      portal donor merge ada@example.org ada@work.example --reason "she said so"
    """
    from portal.records.merging import Busy, NotMergeable, merge_donors

    with working() as services:
        with services.database.read() as session:
            ids = _find(session, kept), _find(session, gone)
        try:
            number = merge_donors(services, "system", *ids, reason)
        except NotMergeable as refused:
            raise click.ClickException(WHY_NOT[refused.why]) from None
        except Busy:
            raise click.ClickException(BUSY) from None
    click.echo(f"Merge {number} is done; `portal donor undo {number}` undoes it.")


def _find(session: "Session", email: str) -> int:
    from portal.records.doubles import find_donor_by

    found = find_donor_by(session, email)
    if found is None:
        raise click.ClickException(f"No donor has the address {email}.")
    return found.id


@click.command()
def merges() -> None:
    """List the newest merges that stand.

    \b
    Example:
      portal donor merges
    """
    from portal.records.merging import list_merges

    with working() as services, services.database.read() as session:
        for one in list_merges(session):
            moved = ", ".join(f"{what} {number}" for what, number in one.moved.items())
            click.echo(f"{one.merge.id}  {one.gone} into {one.kept}  {moved}")


@click.command("undo")
@click.argument("number", type=int)
def undo_one(number: int) -> None:
    """Undo the merge of this NUMBER: what it moved goes back, what came since stays.

    \b
    Example:
      portal donor undo 3
    """
    from portal.records.merging import Busy, NotMergeable, undo_merge

    with working() as services:
        try:
            undone = undo_merge(services, "system", number)
        except NotMergeable as refused:
            raise click.ClickException(WHY_NOT[refused.why]) from None
        except Busy:
            raise click.ClickException(BUSY) from None
    returned = ", ".join(f"{what} {count}" for what, count in undone.returned.items())
    click.echo(f"Merge {number} is undone: {returned}. {undone.stayed} gifts since then stay.")
