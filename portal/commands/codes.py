"""`portal code`: making codes, looking at them, trying them out, and whether they may be used."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from portal.commands.code_terms import read_draft, tell_fault, tell_terms, terms_options
from portal.settings import load_settings

if TYPE_CHECKING:
    from portal.codes.models import Scope
    from portal.codes.terms import Code, CodeState
    from portal.services import Act, Services

import sys
from datetime import datetime
from typing import TYPE_CHECKING

from portal.commands.code_terms import DAY, OFTEN

if TYPE_CHECKING:
    from portal.codes.simulator import Simulation
    from portal.codes.terms import Code, Pledge
    from portal.regions.catalogue import Catalogue, Region


KINDS = ("partner", "campaign", "promotion")
STATES = ("active", "paused", "retired")
DOUBTS = {
    "over": "is over already: its last day is past.",
    "nowhere": "allows nothing in any region: its terms leave no currency, fund, mode or day.",
    "matched": "is not secret, and a sponsor adds to its gifts: whoever guesses it can use it.",
    "unmatched": "takes gifts in currencies that its pot is not in: nothing is added to those.",
    "guessable": "can be guessed: leave its name out, and a secret one is made up.",
}


@click.group()
def code() -> None:
    """Codes: who may give where, how and to what, and who is thanked for it.

    \b
    Example:
      portal code add SPRING --region ca --max-uses 3 --fund missions
      portal code show SPRING
      portal code pause SPRING
    """


@contextmanager
def working() -> Iterator["Services"]:
    """What a command works with; what is wrong with a code is said in a sentence."""
    from portal.codes.parsing import CodeError
    from portal.commands.installation import make_services

    services = make_services(load_settings())
    try:
        yield services
    except CodeError as error:
        raise click.ClickException(tell_fault(error)) from None
    finally:
        services.close()


@code.command()
@click.argument("name", default="")
@terms_options
@click.option("--partner", default="", help="The key of the partner, or another scope, it is of.")
@click.option("--partner-name", default="", help="The name of a partner that isn’t there yet.")
@click.option("--kind", type=click.Choice(KINDS), help="Whose code it is.")
@click.option("--tag", default="", help="A word to find it by.")
@click.option("--secret", is_flag=True, help="Nobody is told why it is refused.")
@click.option("--prefix", default="", help="What a made-up code begins with.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def add(name: str, prefix: str, *, secret: bool, as_json: bool, **given: Any) -> None:
    """Make the code NAME, in use at once; without a name and with --secret, one nobody guesses.

    \b
    Example:
      portal code add SPRING --region ca --max-uses 3 --fund missions
      portal code add LWCAN --partner loveworld-canada --partner-name "Loveworld Canada"
      portal code add EASTER --from 2027-03-01 --until 2027-03-31 --zone America/Toronto
      portal code add --secret --preset CAD=50,100 --minimum CAD=10
    """
    from portal.codes.revising import check_prefix, make_code, make_secret_display
    from portal.codes.terms import Kind

    if not name and not secret:
        raise click.UsageError("Name the code, or say --secret and one is made up.")
    with working() as services:
        draft = read_draft(given, services.catalogue)
        display = name or make_secret_display(check_prefix(prefix))
        with services.write() as act:
            scope = find_or_make_partner(act, given["partner"], given["partner_name"])
            kind = Kind(given["kind"] or _guess_kind(given))
            make_code(
                act, display, draft, kind=kind, scope=scope, is_secret=secret, tag=given["tag"]
            )
        _tell_added(services, display, as_json=as_json)


def _guess_kind(given: dict[str, Any]) -> str:
    if given["partner"]:
        return "partner"
    return "campaign" if given["campaign"] else "promotion"


def find_or_make_partner(act: "Act", key: str, name: str) -> "Scope | None":
    """The scope of this key; a partner is made of a key that nobody has, where it has a name."""
    from portal.codes.operations import find_scope
    from portal.codes.revising import make_scope
    from portal.codes.terms import LevelKind

    if not key:
        if name:
            raise click.UsageError("--partner-name goes with --partner KEY.")
        return None
    scope = find_scope(act.session, key)
    if scope is None and not name:
        raise click.ClickException(
            f'There is no partner {key}; add --partner-name "Its name" to make it.'
        )
    return scope or make_scope(act, LevelKind.PARTNER, key, name)


def _tell_added(services: "Services", display: str, *, as_json: bool) -> None:
    found, _levels = _find(services, display)
    link = f"{services.settings.base_url}/c/{found.code}"
    if as_json:
        click.echo(json.dumps({"code": found.display, "link": link}))
    else:
        click.echo(f"{found.display} is in use: {link}")
    warn_of(services, found)


def warn_of(services: "Services", found: "Code") -> None:
    """Say on the side what is allowed by a code's terms, and hardly meant."""
    from portal.codes.revising import list_doubts

    for doubt in list_doubts(found, services.now(), services.catalogue):
        click.echo(f"Warning: {found.display} {DOUBTS[doubt]}", err=True)


def _find(services: "Services", text: str) -> tuple["Code", list[Any]]:
    from portal.codes.models import find_code, find_levels
    from portal.codes.pots import with_pot

    with services.database.read() as session:
        found, levels = find_code(session, text), find_levels(session, text)
        found = with_pot(session, found) if found else None
    if found is None:
        raise click.ClickException(f"There is no code {text}; `portal code list` has all.")
    return found, levels


@code.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def show(name: str, *, as_json: bool) -> None:
    """Say all that holds for the code NAME, and from which level each term is.

    \b
    Example:
      portal code show SPRING
    """
    from portal.codes.listing import Wanted, list_rows
    from portal.codes.simulator import list_held

    with working() as services:
        found, levels = _find(services, name)
        with services.database.read() as session:
            [row] = list_rows(session, Wanted(code=found.code))
        terms = list(tell_terms(list_held(found, levels)))
        if as_json:
            said = [{"term": term, "value": text, "from": of} for term, text, of in terms]
            click.echo(json.dumps({**row.document(), "terms": said}, ensure_ascii=False))
            return
        click.echo(row.tell())
        click.echo(f"policy {found.policy_id}, version {found.policy_version}")
        echo_terms(terms)
        warn_of(services, found)


def echo_terms(terms: list[tuple[str, str, str]]) -> None:
    """A line a term: what it is called, what it is, and where it is from."""
    for name, text, source in terms:
        click.echo(f"  {name:18} {text}  ({source})")
    if not terms:
        click.echo("  No term: it holds wherever the form does.")


@code.command("list")
@click.argument("begins", default="")
@click.option("--state", type=click.Choice(STATES), help="Only those that stand so.")
@click.option("--tag", default="", help="Only those with this tag.")
@click.option("--partner", default="", help="Only those of this partner or scope.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each.")
def list_all(begins: str, state: str | None, tag: str, partner: str, *, as_json: bool) -> None:
    """List codes, or those that begin with BEGINS: how they stand, whose, how often used.

    \b
    Example:
      portal code list
      portal code list LW --state active
    """
    from portal.codes.listing import Wanted, list_rows
    from portal.codes.terms import CodeState

    wanted = Wanted(
        begins=begins, state=CodeState(state) if state else None, tag=tag, scope=partner
    )
    with working() as services, services.database.read() as session:
        rows = list_rows(session, wanted)
        for row in rows:
            text = json.dumps(row.document(), ensure_ascii=False) if as_json else row.tell()
            click.echo(text)


def _change(names: tuple[str, ...], state: "CodeState") -> None:
    from portal.codes.revising import find_record, set_states

    with working() as services, services.write() as act:
        records = [find_record(act, name) for name in names]
        changed = {record.id for record in set_states(act, records, state)}
        said = [(record.display, record.id in changed) for record in records]
    for display, is_new in said:
        was = "is now" if is_new else "was already"
        click.echo(f"{display} {was} {state.said.lower()}.")


@code.command()
@click.argument("names", nargs=-1, required=True)
def pause(names: tuple[str, ...]) -> None:
    """Let the codes NAMES hold for nobody for a while; gifts under way keep theirs.

    \b
    Example:
      portal code pause SPRING
    """
    from portal.codes.terms import CodeState

    _change(names, CodeState.PAUSED)


@code.command()
@click.argument("names", nargs=-1, required=True)
def resume(names: tuple[str, ...]) -> None:
    """Let codes that were paused hold again.

    \b
    Example:
      portal code resume SPRING
    """
    from portal.codes.terms import CodeState

    _change(names, CodeState.ACTIVE)


@code.command()
@click.argument("names", nargs=-1, required=True)
def retire(names: tuple[str, ...]) -> None:
    """End codes for good; their names are never given again.

    \b
    Example:
      portal code retire SPRING
    """
    from portal.codes.terms import CodeState

    _change(names, CodeState.RETIRED)


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
    from portal.codes.models import find_code, find_levels
    from portal.codes.pots import with_pot
    from portal.codes.simulator import moment_of, simulate

    with working() as services:
        catalogue = services.catalogue
        place = _find_region(catalogue, region)
        at = moment_of(on.date(), place) if on else services.now()
        with services.database.read() as session:
            found, levels = find_code(session, name), find_levels(session, name)
            found = with_pot(session, found) if found else None
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
        if result.match:
            lines.append(
                "It would be matched by {}, of {} that is left in the pot.".format(*result.match)
            )
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
        "match": [str(money) for money in result.match] if result.match else None,
        "terms": [
            {"term": term, "value": value, "from": source, "decides": decides}
            for (term, value, source), decides in terms
        ],
    }


def _deciding(result: "Simulation") -> list[bool]:
    """Of each line of the terms, whether it is why the gift is refused: texts take several."""
    return [held.decides for held in result.terms for _ in tell_terms([held])]
