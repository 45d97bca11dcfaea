"""`portal bounces`: letters that came back, read from their mailbox."""

import click

from portal.commands.codes import working


@click.command()
def bounces() -> None:
    """Read the letters that came back from PORTAL_BOUNCES_IMAP_URL; the worker does so, too.

    Nothing in the mailbox is changed. What came back stands under /staff/bounces.

    \b
    Example:
      portal bounces
    """
    from portal.mail.bounces import bounces_account, fetch_bounces
    from portal.mail.imap import ImapError

    with working() as services:
        account = bounces_account(services.settings)
        if account is None:
            raise click.ClickException("No mailbox is set: set PORTAL_BOUNCES_IMAP_URL.")
        try:
            kept = fetch_bounces(services, account)
        except ImapError as error:
            raise click.ClickException(error.reason) from None
    click.echo(f"Read {kept.read} mails: {kept.new} letters came back, {kept.tied} of them ours.")
