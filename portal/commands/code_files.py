"""`portal code` for many at once: codes made in bulk."""

import sys
from typing import TYPE_CHECKING, Any

import click

from portal.commands.code_terms import has_terms, read_draft, terms_options
from portal.commands.codes import KINDS, find_or_make_partner, working

if TYPE_CHECKING:
    from portal.codes.models import Policy, Scope
    from portal.services import Act, Services

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
    from portal.codes.acts import find_record
    from portal.codes.models import Policy, Scope
    from portal.codes.operations import add_policy

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
