"""`portal pot`: what sponsors set aside to add to the gifts of codes."""

import json
from typing import TYPE_CHECKING

import click

from portal.commands.codes import working

if TYPE_CHECKING:
    from portal.codes.pots import Pot
    from portal.money import Money
    from portal.services import Act


@click.group()
def pot() -> None:
    """Pots: what a sponsor sets aside to add to gifts, in one currency.

    \b
    Example:
      portal pot add spring --sponsor "Grace Foundation" --total CAD=10000
      portal code add --secret --match-pot spring --match-ratio 1:1 --match-cap CAD=100
    """


TOTAL = "CAD=10000"


def read_money(option: str, text: str, like: str = TOTAL) -> "Money":
    """What an option says (`CAD=10.50`); a usage error where it is written otherwise."""
    from portal.money import AmountError, parse_amount

    currency, _, amount = (part.strip() for part in text.partition("="))
    try:
        return parse_amount(amount, currency.upper())
    except (AmountError, ValueError):
        raise click.UsageError(f"{option}: it is written like {like}.") from None


@pot.command()
@click.argument("key")
@click.option("--sponsor", required=True, help="Who sets it aside, as donors read it.")
@click.option("--total", required=True, help=f"How much, in which currency: {TOTAL}.")
def add(key: str, sponsor: str, total: str) -> None:
    """Make the pot KEY, which the terms of codes name by --match-pot.

    \b
    Example:
      portal pot add spring --sponsor "Grace Foundation" --total CAD=10000
    """
    from portal.codes.pots import add_pot

    money = read_money("--total", total)
    with working() as services, services.write() as act:
        add_pot(act, key, sponsor, money)
    click.echo(f"{key} is there, with {money} by {sponsor}.")


@pot.command("raise")
@click.argument("key")
@click.option("--by", required=True, help=f"How much more: {TOTAL}.")
def raise_by(key: str, by: str) -> None:
    """Set more aside in the pot KEY.

    \b
    Example:
      portal pot raise spring --by CAD=500
    """
    from portal.codes.pots import raise_pot

    more = read_money("--by", by)
    with working() as services, services.write() as act:
        found = _hold(act, key)
        raise_pot(act, found, more)
        line = _tell(found)
    click.echo(line)


@pot.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each.")
def list_all(*, as_json: bool) -> None:
    """List all pots: what is left, promised and matched.

    \b
    Example:
      portal pot list
    """
    from portal.codes.pots import list_pots

    with working() as services, services.database.read() as session:
        found = list_pots(session)
    for one in found:
        click.echo(json.dumps(_document(one), ensure_ascii=False) if as_json else _tell(one))


@pot.command()
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def show(key: str, *, as_json: bool) -> None:
    """Say how the pot KEY stands.

    \b
    Example:
      portal pot show spring
    """
    from portal.codes.pots import find_pot

    with working() as services, services.database.read() as session:
        found = find_pot(session, key)
    if found is None:
        raise click.ClickException(MISSING.format(key=key))
    click.echo(json.dumps(_document(found), ensure_ascii=False) if as_json else _tell(found))


@pot.command()
@click.argument("key")
def close(key: str) -> None:
    """Promise nothing more out of the pot KEY; what is promised stays so.

    \b
    Example:
      portal pot close spring
    """
    from portal.codes.pots import close_pot

    with working() as services, services.write() as act:
        is_new = close_pot(act, _hold(act, key))
    click.echo(f"{key} {'is now' if is_new else 'was already'} closed.")


MISSING = "There is no pot {key}; `portal pot list` has all."


def _hold(act: "Act", key: str) -> "Pot":
    from portal.codes.pots import find_pot

    found = find_pot(act.session, key, to_change=True)
    if found is None:
        raise click.ClickException(MISSING.format(key=key))
    return found


def _tell(one: "Pot") -> str:
    said = _document(one)
    state = "" if said["open"] else "  (closed)"
    return (
        f"{one.key}  {one.sponsor}  {one.currency} {said['left']} left of {said['total']},"
        f" {said['promised']} promised, {said['matched']} matched{state}"
    )


def _document(one: "Pot") -> dict[str, object]:
    sums = {
        "total": one.total_minor,
        "left": one.left_minor,
        "promised": one.promised_minor,
        "matched": one.matched_minor,
    }
    return {
        "key": one.key,
        "sponsor": one.sponsor,
        "currency": one.currency,
        **{name: one.money(minor).plain() for name, minor in sums.items()},
        "open": one.closed_at is None,
    }
