"""`portal pledge`: what donors and partners pledge, and how far it is."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from portal.commands.code_terms import DAY
from portal.commands.codes import working
from portal.commands.pots import read_money

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from portal.gifts.commitments import Said, Told
    from portal.gifts.models import Commitment
    from portal.services import Services

EVERY = click.Choice(["once", "monthly", "yearly"])
AMOUNT = "CAD=50"


@click.group()
def pledge() -> None:
    """Pledges: what a donor or a partner is to give within a span, against what came.

    \b
    Example:
      portal pledge add --email ada@example.org --amount CAD=50 --frequency monthly
      portal pledge add --partner grace --amount CAD=10000 --from 2026-01-01 --until 2026-12-31
      portal pledge list
    """


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a pledge says."""
    said = (
        click.option("--amount", help=f"How much each time: {AMOUNT}."),
        click.option("--frequency", "rhythm", type=EVERY, help="How often it is to come."),
        click.option("--from", "since", type=DAY, help="The first day it counts from: 2026-01-01."),
        click.option("--until", type=DAY, help="The last day; without it, it has no end."),
        click.option("--fund", help="Only gifts to this fund count."),
        click.option("--note", help="A word for staff."),
    )
    for option in reversed(said):
        command = option(command)
    return command


@pledge.command()
@click.option("--email", default="", help="The donor’s address.")
@click.option("--partner", default="", help="The key of the partner, or another scope.")
@click.option("--code", default="", help="Only gifts by this code count.")
@_options
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def add(email: str, partner: str, code: str, *, as_json: bool, **given: Any) -> None:
    """Make a pledge: a donor’s with --email, else of the partner or of whom the code is.

    \b
    Example:
      portal pledge add --code LWCAN --amount CAD=5000 --from 2026-01-01 --until 2026-12-31
    """
    from portal.gifts.commitments import Owner, Said, add_commitment, committing
    from portal.gifts.progress import Rhythm

    if not given["amount"]:
        raise click.UsageError(f"--amount: it is written like {AMOUNT}.")
    with working() as services:
        said = Said(
            money=read_money("--amount", given["amount"], AMOUNT),
            rhythm=Rhythm(given["rhythm"] or Rhythm.ONCE),
            since=_day(given["since"]) or services.now().date(),
            until=_day(given["until"]),
            fund=given["fund"] or "",
            note=given["note"] or "",
        )
        owner = Owner(email=email, partner=partner, code=code)
        with committing(services, "system", is_partners=not email) as act:
            made = add_commitment(act, owner, said).id
        _print(services, made, as_json=as_json)


def _day(at: datetime | None) -> Any:
    return at.date() if at else None


@pledge.command("list")
@click.option("--email", default="", help="Only this donor’s.")
@click.option("--partner", default="", help="Only those to this partner, or of it.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each.")
def list_all(email: str, partner: str, *, as_json: bool) -> None:
    """List pledges, the newest first: what came of each, and whether it is on time.

    \b
    Example:
      portal pledge list --partner grace
    """
    from portal.gifts.commitments import list_pages

    with working() as services:
        for told in list_pages(services, email=email, partner=partner):
            click.echo(_write(told, as_json=as_json))


@pledge.command()
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def show(number: int, *, as_json: bool) -> None:
    """Say how the pledge of this NUMBER stands, and what it said before.

    \b
    Example:
      portal pledge show 12
    """
    from portal.gifts.commitments import list_changes

    with working() as services:
        _print(services, number, as_json=as_json)
        if as_json:
            return
        with services.database.read() as session:
            for one in list_changes(session, number):
                said = " ".join(f"{name}={text}" for name, text in one.said.items() if text)
                click.echo(f"  {one.at:%Y-%m-%d %H:%M} {one.what} by {one.actor}  {said}".rstrip())


@pledge.command()
@click.argument("number", type=int)
@_options
@click.option("--no-end", is_flag=True, help="It has no last day any more.")
def edit(number: int, *, no_end: bool, **given: Any) -> None:
    """Change what the pledge of this NUMBER says; what it said before is kept.

    \b
    Example:
      portal pledge edit 12 --amount CAD=75 --until 2027-12-31
    """
    from portal.gifts.commitments import change_commitment, committing, read_said

    with working() as services:
        is_partners = _is_partners(services, number)
        with committing(services, "system", is_partners=is_partners) as act:
            row = _find(act.session, number)
            change_commitment(act, row, _change(read_said(row), given, no_end=no_end))
        _print(services, number)


def _change(said: "Said", given: dict[str, Any], *, no_end: bool) -> "Said":
    from portal.gifts.progress import Rhythm

    new: dict[str, Any] = {
        name: given[name] for name in ("fund", "note") if given[name] is not None
    }
    if given["amount"]:
        new["money"] = read_money("--amount", given["amount"], AMOUNT)
    if given["rhythm"]:
        new["rhythm"] = Rhythm(given["rhythm"])
    new |= {name: _day(given[name]) for name in ("since", "until") if given[name]}
    return replace(said, **new | ({"until": None} if no_end else {}))


@pledge.command()
@click.argument("number", type=int)
def cancel(number: int) -> None:
    """End the pledge of this NUMBER: nothing more is due.

    \b
    Example:
      portal pledge cancel 12
    """
    from portal.gifts.commitments import cancel_commitment

    with working() as services, services.write() as act:
        is_new = cancel_commitment(act, _find(act.session, number))
    click.echo(f"Pledge {number} {'is now' if is_new else 'was already'} cancelled.")


MISSING = "There is no pledge {number}; `portal pledge list` has all."


def _find(session: "Session", number: int) -> "Commitment":
    from portal.gifts.commitments import find_commitment

    found = find_commitment(session, number)
    if found is None:
        raise click.ClickException(MISSING.format(number=number))
    return found


def _is_partners(services: "Services", number: int) -> bool:
    with services.database.read() as session:
        return _find(session, number).donor_id is None


def _print(services: "Services", number: int, *, as_json: bool = False) -> None:
    from portal.gifts.commitments import list_pages

    told = next(list_pages(services, number=number), None)
    if told is None:
        raise click.ClickException(MISSING.format(number=number))
    click.echo(_write(told, as_json=as_json))


def _write(told: "Told", *, as_json: bool) -> str:
    said = _document(told)
    if as_json:
        return json.dumps(said, ensure_ascii=False)
    span = f"from {said['since']}{' to ' + said['until'] if said['until'] else ''}"
    of = " ".join(str(said[name]) for name in ("email", "partner", "code") if said[name])
    total = f" of {said['total']}" if said["total"] else ""
    return (
        f"{said['number']}  {of}  {said['currency']} {said['amount']} {said['frequency']} {span}:"
        f" {said['given']} given{total}, {said['due']} due, {said['state'].replace('_', ' ')}"
    )


def _document(told: "Told") -> dict[str, Any]:
    said, reckoned = told.said, told.reckoning
    return {
        "number": told.row.id,
        "email": told.email,
        "partner": told.partner_key,
        "code": told.code,
        "amount": said.money.plain(),
        "currency": said.money.currency,
        "frequency": said.rhythm.value,
        "since": said.since.isoformat(),
        "until": said.until.isoformat() if said.until else None,
        "fund": said.fund,
        "given": reckoned.given.plain(),
        "due": reckoned.due.plain(),
        "total": reckoned.total.plain() if reckoned.total else None,
        "state": reckoned.state.value,
        "note": said.note,
    }
