"""`portal partner`: who may see a partner's figures, so that a first owner can come in."""

import click

from portal.i18n import LANGUAGES
from portal.settings import load_settings


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

    from portal.codes.operations import find_scope
    from portal.commands.installation import make_services
    from portal.signin.partner_users import LastOwner, PartnerRole, Person, add_partner_user

    try:
        address = validate_email(email, check_deliverability=False).normalized
    except EmailNotValidError:
        raise click.ClickException(f"{email} is no e-mail address.") from None
    services = make_services(load_settings())
    try:
        with services.write() as act:
            scope = find_scope(act.session, key)
            if scope is None:
                raise click.ClickException(f"There is no partner, zone, region or network {key}.")
            add_partner_user(act, scope, Person(address, PartnerRole(role), lang))
    except LastOwner:
        raise click.ClickException(
            f"{email} is the last owner of {key}: add another owner first."
        ) from None
    finally:
        services.close()
    click.echo(f"{email} can sign in at /partners.")
