"""`portal code simulate`: what the real policy says of a gift, and where each term is from."""

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from portal.commands.code_terms import DAY, OFTEN, tell_terms
from portal.commands.codes import echo_terms, working

if TYPE_CHECKING:
    from portal.codes.simulator import Simulation
    from portal.codes.terms import Code, Pledge
    from portal.regions.catalogue import Catalogue, Region


@click.command("simulate")
@click.argument("name")
@click.option("--region", required=True, help="Where the donor gives from.")
@click.option("--mode", help="The mode of payment; else the form's first.")
@click.option("--amount", help="How much; else what the form fills in or suggests first.")
@click.option("--currency", help="In which currency; else the form's first.")
@click.option("--fund", help="To which fund; else the form's first.")
@click.option("--frequency", type=OFTEN, help="How often.")
@click.option("--on", type=DAY, help="On which day, at noon where the donor is; else now.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def simulate_gift(
    name: str, region: str, on: datetime | None, *, as_json: bool, **asked: str | None
) -> None:
    """Say what a donor with the code NAME would be told; 1 where the gift is refused.

    By the real policy as it is now, with the level that each term comes from. What a donor gave
    before can't be told beforehand.

    \b
    Example:
      portal code simulate LWCAN --region ca --mode interac --amount 20 --on 2026-03-03
    """
    from portal.codes.queries import find_code, find_levels
    from portal.codes.simulator import moment_of, simulate

    with working() as services:
        catalogue = services.catalogue
        place = _find_region(catalogue, region)
        at = moment_of(on.date(), place) if on else services.now()
        with services.database.read() as session:
            found, levels = find_code(session, name), find_levels(session, name)
        pledge = _make_pledge(found, name, place, at, catalogue, asked=asked)
        result = simulate(found, levels, pledge, at, catalogue)
    click.echo(json.dumps(_document(result), ensure_ascii=False) if as_json else _tell(result))
    if not as_json and found:
        echo_terms(list(tell_terms(result.terms)))
    sys.exit(0 if result.is_allowed else 1)


def _find_region(catalogue: "Catalogue", slug: str) -> "Region":
    region = catalogue.by_slug(slug)
    if region is None:
        known = ", ".join(catalogue.regions) or "none yet"
        raise click.UsageError(f"--region: there is no {slug}; there are {known}.")
    return region


def _make_pledge(
    found: "Code | None",
    name: str,
    region: "Region",
    at: datetime,
    catalogue: "Catalogue",
    *,
    asked: dict[str, str | None],
) -> "Pledge":
    from portal.codes.simulator import complete_pledge
    from portal.money import AmountError, parse_amount
    from portal.regions.catalogue import Frequency

    currency = asked["currency"].upper() if asked["currency"] else None
    often = Frequency(asked["frequency"]) if asked["frequency"] else None
    said: dict[str, Any] = {"fund": asked["fund"], "mode": asked["mode"], "frequency": often}
    begun = complete_pledge(found, region, at, catalogue, currency=currency, typed=name, **said)
    if not asked["amount"]:
        return begun
    try:
        given = parse_amount(asked["amount"], begun.given.currency)
    except (AmountError, ValueError):
        raise click.UsageError("--amount: it is written like 20 or 20.50.") from None
    return complete_pledge(found, region, at, catalogue, given=given, typed=name, **said)


def _tell(result: "Simulation") -> str:
    pledge = result.pledge
    lines = [
        f"{pledge.code} from {pledge.region}: {pledge.given} {pledge.frequency} by {pledge.mode}"
        f" to {pledge.fund}, {result.at:%Y-%m-%d %H:%M %Z}"
    ]
    if result.refusal is None:
        lines.append("Allowed.")
        if result.is_by_donor:
            lines.append("It may be refused yet for what the donor gave before.")
    else:
        lines.append(f"Refused ({result.refusal.reason}): {result.refusal.sentence}")
        lines += [f"  or: {way.label}" for way in result.refusal.next_ways]
    shown = _sentence(result)
    if result.refusal and shown != result.refusal.sentence:
        lines.append(f"Donors are told: {shown}")
    return "\n".join(lines)


def _sentence(result: "Simulation") -> str:
    """What donors are told, nothing where it is allowed."""
    return getattr(result.verdict, "sentence", "")


def _document(result: "Simulation") -> dict[str, Any]:
    terms = zip(tell_terms(result.terms), _deciding(result), strict=True)
    return {
        "allowed": result.is_allowed,
        "reason": result.refusal.reason.value if result.refusal else None,
        "sentence": result.refusal.sentence if result.refusal else None,
        "told": _sentence(result) or None,
        "pledge": {"region": result.pledge.region, **result.query},
        "at": result.at.isoformat(),
        "terms": [
            {"term": term, "value": value, "from": source, "decides": decides}
            for (term, value, source), decides in terms
        ],
    }


def _deciding(result: "Simulation") -> list[bool]:
    """Of each line of the terms, whether it is why the gift is refused: texts take several."""
    return [held.decides for held in result.terms for _ in tell_terms([held])]
