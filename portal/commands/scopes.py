"""`portal scope`, the tree that codes hang in, and `portal partner`, who may see its figures."""

from typing import TYPE_CHECKING, Any

import click

from portal.commands.code_terms import has_terms, read_draft, terms_options
from portal.commands.codes import working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from portal.codes.models import Scope


from portal.i18n import LANGUAGES

KINDS = ("network", "region", "zone", "partner")


@click.group()
def scope() -> None:
    """The tree above codes: what a network, region, zone or partner sets holds for all below it.

    \b
    Example:
      portal scope add network north-america --name "North America" --not-mode cheque
      portal scope add zone ontario --name Ontario --parent north-america
      portal code add SPRING --partner ontario
    """


@scope.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("key")
@click.option("--name", default="", help="What it is called; else its key.")
@click.option("--parent", default="", help="The key of what it stands below.")
@terms_options
def add(kind: str, key: str, name: str, parent: str, **given: Any) -> None:
    """Add a network, region, zone or partner that is called KEY in addresses and on gifts.

    \b
    Example:
      portal scope add partner loveworld-canada --name "Loveworld Canada" --parent ontario
    """
    from portal.codes.revising import make_scope
    from portal.codes.terms import LevelKind

    with working() as services:
        draft = read_draft(given, services.catalogue)
        with services.write() as act:
            above = find(act.session, parent) if parent else None
            terms = draft if has_terms(draft) else None
            make_scope(act, LevelKind(kind), key, name or key, parent=above, terms=terms)
    click.echo(f"{key} is there{f', below {parent}' if parent else ''}.")


def find(session: "Session", key: str) -> "Scope":
    """The scope of this key; a sentence where there is none."""
    from portal.codes.operations import find_scope

    found = find_scope(session, key)
    if found is None:
        raise click.ClickException(f"There is no scope {key}; `portal scope list` has all.")
    return found


@scope.command("list")
def list_all() -> None:
    """Show the tree, each below what it hangs on.

    \b
    Example:
      portal scope list
    """
    from portal.codes.listing import list_scopes

    with working() as services, services.database.read() as session:
        lines = [
            f"{'  ' * one.depth}{one.key}  {one.kind}  {one.name}{_mark(one.active)}"
            for one in list_scopes(session)
        ]
    click.echo("\n".join(lines) or "No scope yet: `portal scope add network …` makes one.")


def _mark(is_active: bool) -> str:
    return "" if is_active else "  (paused)"


@scope.command()
@click.argument("key")
@click.option("--parent", required=True, help="The key of what it is to stand below; - for none.")
def move(key: str, parent: str) -> None:
    """Hang KEY and all below it elsewhere; gifts that were keep the place they came under.

    \b
    Example:
      portal scope move loveworld-canada --parent ontario
    """
    from portal.codes.revising import move_scope

    with working() as services, services.write() as act:
        above = None if parent == "-" else find(act.session, parent)
        move_scope(act, find(act.session, key), above)
    click.echo(f"{key} stands {'on its own' if parent == '-' else f'below {parent}'}.")


@scope.command()
@click.argument("key")
def pause(key: str) -> None:
    """Let no code of KEY, or of anything below it, hold for a while.

    \b
    Example:
      portal scope pause loveworld-canada
    """
    _activate(key, active=False)


@scope.command()
@click.argument("key")
def resume(key: str) -> None:
    """Let the codes of KEY hold again.

    \b
    Example:
      portal scope resume loveworld-canada
    """
    _activate(key, active=True)


def _activate(key: str, *, active: bool) -> None:
    from portal.codes.revising import activate_scope

    with working() as services, services.write() as act:
        is_new = activate_scope(act, find(act.session, key), active=active)
    how = "is now" if is_new else "was already"
    click.echo(f"{key} {how} {'in use' if active else 'paused'}.")


@click.group()
def partner() -> None:
    """Partners and who sees their figures.

    \b
    Example:
      portal partner add-user grace owner@example.org --role owner
    """


@partner.command("add-user")
@click.argument("key")
@click.argument("email")
@click.option("--role", type=click.Choice(["owner", "viewer"]), default="viewer")
@click.option("--lang", type=click.Choice(LANGUAGES), default="en", help="Of their messages.")
def add_user(key: str, email: str, role: str, lang: str) -> None:
    """Let EMAIL see the figures of the partner, zone, region or network KEY, and all below it.

    They sign in at /partners by a link that is sent to this address; owners let others in there.

    \b
    Example:
      portal partner add-user grace owner@example.org --role owner
    """
    from email_validator import EmailNotValidError, validate_email

    from portal.signin.accounts import LastOwner, PartnerRole, Person, add_partner_user

    try:
        address = validate_email(email, check_deliverability=False).normalized
    except EmailNotValidError:
        raise click.ClickException(f"{email} is no e-mail address.") from None
    try:
        with working() as services, services.write() as act:
            person = Person(address, PartnerRole(role), lang)
            add_partner_user(act, find(act.session, key), person)
    except LastOwner:
        raise click.ClickException(
            f"{email} is the last owner of {key}: add another owner first."
        ) from None
    click.echo(f"{email} can sign in at /partners.")


@partner.command("users")
@click.argument("key")
def list_users(key: str) -> None:
    """Who sees the figures of KEY.

    \b
    Example:
      portal partner users grace
    """
    from portal.signin.accounts import list_partner_users

    with working() as services, services.database.read() as session:
        users = list_partner_users(session, find(session, key).id)
    for user in users:
        click.echo(f"{user.email}  {user.role}")
    if not users:
        click.echo(f"Nobody sees the figures of {key}.")


@partner.command("remove-user")
@click.argument("key")
@click.argument("email")
def remove_user(key: str, email: str) -> None:
    """Let EMAIL see the figures of KEY no more, also where it is the last owner.

    \b
    Example:
      portal partner remove-user grace owner@example.org
    """
    from portal.signin.accounts import clean_email, list_partner_users, remove_partner_user

    with working() as services, services.write() as act:
        scope = find(act.session, key)
        known = {user.email: user for user in list_partner_users(act.session, scope.id)}
        user = known.get(clean_email(email))
        if user is None:
            raise click.ClickException(f"{email} can’t sign in for {key}.")
        remove_partner_user(act, scope, user, keeps_owner=False)
    click.echo(f"{email} can no longer sign in.")
