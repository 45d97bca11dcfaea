"""`portal code edit` and `undo`: other terms for a code, and earlier ones again."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from portal.commands.code_terms import OF_OPTIONS, called, revise_draft, terms_options
from portal.commands.codes import KINDS, find_or_make_partner, warn_of, working

if TYPE_CHECKING:
    from portal.codes.models import CodeRecord, Policy
    from portal.database import Document
    from portal.services import Act, Services

OWN = ("partner", "tag")
WITHOUT = sorted({*map(called, OF_OPTIONS), *OWN})
LONGEST_SHOWN = 120


class _OnlyTried(Exception):
    """What was done is to be undone: it was a dry run."""


@click.command()
@click.argument("name")
@terms_options
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(WITHOUT),
    metavar="TERM",
    help="A term to take out, by its option’s name: max-uses.",
)
@click.option("--partner", default="", help="The key of the partner, or another scope, it is of.")
@click.option("--partner-name", default="", help="The name of a partner that isn’t there yet.")
@click.option("--kind", type=click.Choice(KINDS), help="Whose code it is.")
@click.option("--tag", default="", help="A word to find it by.")
@click.option(
    "--for",
    "whom",
    type=click.Choice(["this", "all"]),
    help="Where codes share the terms: for this code alone, or for all of them.",
)
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
def edit(name: str, whom: str | None, *, dry_run: bool, **given: Any) -> None:
    """Change the code NAME: what the options say holds from now on, the rest stays.

    Its terms become a further version; gifts keep that which they were given under. An amount or a
    text takes the place of the one in its currency or language.

    \b
    Example:
      portal code edit SPRING --max-uses 5 --until 2027-03-31 --dry-run
      portal code edit SPRING --without max-uses --tag spring
      portal code edit S-7KQM-WD4T-9HRC --for all --region ca,us
    """
    with working() as services, _trying(services, dry_run=dry_run) as act:
        record, policy = _hold(act, name)
        before = _describe(act, record, policy)
        draft = revise_draft(given, policy, act.catalogue)
        if _differs(policy, draft):
            policy = _choose_policy(act, record, policy, whom)
        _change(act, record, policy, draft, given)
        differences = list(_list_differences(before, _describe(act, record, policy)))
        if differences:
            act.note("code_edit", f"code:{record.id}", {"version": policy.version})
        _tell(record.display, policy, differences, dry_run=dry_run)
    if differences and not dry_run:
        _warn(name)


@contextmanager
def _trying(services: "Services", *, dry_run: bool) -> Iterator["Act"]:
    """An act that is undone in the end where it is only tried."""
    with suppress(_OnlyTried), services.write() as act:
        yield act
        if dry_run:
            raise _OnlyTried


def _hold(act: "Act", name: str) -> tuple["CodeRecord", "Policy"]:
    """The code and its policy, which nobody else changes meanwhile."""
    from portal.codes.models import CodeRecord
    from portal.codes.revising import find_record, hold_policy

    found = find_record(act, name)
    record = act.session.get_one(CodeRecord, found.id, with_for_update=True, populate_existing=True)
    return record, hold_policy(act.session, record.policy_id)


def _differs(policy: "Policy", draft: Any) -> bool:
    said = (dict(draft.document), draft.starts_at, draft.ends_at)
    return said != (policy.document, policy.starts_at, policy.ends_at)


def _choose_policy(
    act: "Act", record: "CodeRecord", policy: "Policy", whom: str | None
) -> "Policy":
    """Whose terms are changed: all codes' that share them, or those of this one from now on."""
    from portal.codes.listing import count_codes_of
    from portal.codes.revising import give_own_policy

    others = count_codes_of(act.session, policy.id) - 1
    if others and whom is None:
        raise click.UsageError(
            f"{record.display} shares its terms with {_say_many(others)}: say --for all to change"
            " them for all, or --for this to give it terms of its own."
        )
    return give_own_policy(act, record) if others and whom == "this" else policy


def _say_many(others: int) -> str:
    from portal.codes.listing import MOST_COUNTED

    if others >= MOST_COUNTED:
        return "1,000 other codes or more"
    return f"{others} other code{'s' if others > 1 else ''}"


def _change(
    act: "Act", record: "CodeRecord", policy: "Policy", draft: Any, given: dict[str, Any]
) -> None:
    from portal.codes.models import Scope
    from portal.codes.operations import change_policy
    from portal.codes.revising import change_code, check_tag
    from portal.codes.terms import Kind

    scope = act.session.get(Scope, record.scope_id) if record.scope_id else None
    said = find_or_make_partner(act, given["partner"], given["partner_name"]) or scope
    check_tag(record.display, given["tag"])
    without = {*given["without"]}
    change_policy(act.session, policy, draft, act.now, actor=act.actor)
    change_code(
        record,
        kind=Kind(given["kind"] or record.kind),
        scope=None if "partner" in without else said,
        tag="" if "tag" in without else given["tag"] or record.tag,
    )
    act.session.flush()


def _describe(act: "Act", record: "CodeRecord", policy: "Policy") -> "Document":
    """What stands on a code, and its terms, by the names of their options."""
    from portal.codes.models import Scope
    from portal.codes.revising import with_days

    scope = act.session.get(Scope, record.scope_id) if record.scope_id else None
    own = {"kind": record.kind.value, "tag": record.tag, "partner": scope.key if scope else ""}
    return {called(name): value for name, value in {**own, **with_days(policy)}.items()}


def _list_differences(before: "Document", after: "Document") -> Iterator[str]:
    from portal.regions.history import list_differences

    for one in list_differences(before, after):
        was, will = (_cut(text) for text in (one.before, one.after))
        yield f"  {' '.join(one.path)}: {was} -> {will}"


def _cut(text: str) -> str:
    return (text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…") or "nothing"


def _tell(display: str, policy: "Policy", differences: list[str], *, dry_run: bool) -> None:
    if not differences:
        click.echo(f"{display} says that already: nothing changed.")
        return
    what = "would be changed" if dry_run else "is changed"
    click.echo(f"{display} {what}, version {policy.version} of its terms:")
    for line in differences:
        click.echo(line)


def _warn(name: str) -> None:
    from portal.codes.models import find_code

    with working() as services:
        with services.database.read() as session:
            found = find_code(session, name)
        if found is not None:
            warn_of(services, found)


@click.command()
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="Which; else the one before.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
def undo(name: str, version: int | None, *, dry_run: bool) -> None:
    """Let earlier terms of the code NAME hold again, for all codes that share them.

    They become a further version, so that this can be undone as well.

    \b
    Example:
      portal code undo SPRING
      portal code undo SPRING --version 1
    """
    with working() as services, _trying(services, dry_run=dry_run) as act:
        record, policy = _hold(act, name)
        before = _describe(act, record, policy)
        _return(act, record, policy, version or policy.version - 1)
        differences = list(_list_differences(before, _describe(act, record, policy)))
        if differences:
            act.note("code_return", f"code:{record.id}", {"version": policy.version})
        _tell(record.display, policy, differences, dry_run=dry_run)
    if differences and not dry_run:
        _warn(name)


def _return(act: "Act", record: "CodeRecord", policy: "Policy", version: int) -> None:
    from portal.codes.revising import return_to

    try:
        return_to(act.session, policy, version, act.now, actor=act.actor)
    except LookupError:
        raise click.ClickException(
            f"{record.display} has terms of version 1 to {policy.version} alone."
            if version
            else f"{record.display} has no earlier terms."
        ) from None
