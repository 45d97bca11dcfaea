"""The `portal` command. Errors are one sentence; exit codes are 0, 1 (failed), 2 (usage)."""

import gc
import sys
from pathlib import Path

import click

from portal import __version__
from portal.commands.backup import backup, restore
from portal.commands.bounces import bounces
from portal.commands.code_edit import edit, undo
from portal.commands.code_files import batches, export, generate, import_codes
from portal.commands.codes import code, simulate_gift
from portal.commands.donor_merges import doubles, merge, merges, undo_one
from portal.commands.donors import donor
from portal.commands.gift_aid import gift_aid
from portal.commands.pledges import pledge
from portal.commands.pots import pot
from portal.commands.receipts import receipts
from portal.commands.regions import regions
from portal.commands.scopes import partner, scope
from portal.commands.statements import check_books, recount_books, statements
from portal.settings import Settings, SettingsError, load_settings


class Group(click.Group):
    """Shows what went wrong as one sentence."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="portal")
def main() -> None:
    """A self-hosted donation and partnership payment portal.

    \b
    Start a sample installation on this machine:
      portal demo
    """


main.add_command(backup)
main.add_command(bounces)
for one in (edit, undo, simulate_gift, generate, batches, import_codes, export):
    code.add_command(one)
main.add_command(code)
for one in (doubles, merge, merges, undo_one):
    donor.add_command(one)
main.add_command(donor)
main.add_command(gift_aid)
main.add_command(partner)
main.add_command(pledge)
main.add_command(pot)
main.add_command(receipts)
main.add_command(regions)
main.add_command(restore)
main.add_command(scope)
main.add_command(statements)


@main.command()
@click.option("--port", default=8000, show_default=True, help="The web server's port.")
@click.option("--data", type=click.Path(path_type=Path), default=None, help="The data folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON once ready.")
def demo(port: int, data: Path | None, *, as_json: bool) -> None:
    """Run everything on this machine: web, worker, Stripe sandbox and mailbox.

    \b
    Example:
      portal demo --port 9000 --data ./demo
    """
    from portal.commands.demo import run_demo

    sys.exit(run_demo(port=port, data=data or Path(".data/demo"), as_json=as_json))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
def serve(host: str, port: int) -> None:
    """Serve the web pages.

    \b
    Example:
      portal serve --host 0.0.0.0 --port 8000
    """
    # As for the commands: what is loaded stays. `run_server` turns the collector on again.
    gc.disable()
    from portal.serving.server import run_server

    run_server(load_settings(), host, port)


@main.command()
@click.option("--name", default="worker-1", show_default=True, help="Its own, stable name.")
def worker(name: str) -> None:
    """Run promised jobs: receipts, letters, fees, comparisons with Stripe.

    \b
    Example:
      portal worker --name worker-2
    """
    from portal.commands.installation import make_services
    from portal.logs import set_up_logging
    from portal.worker import run_worker

    settings = load_settings()
    set_up_logging(settings.log_format)
    run_worker(make_services(settings, is_background=True), name=name)


@main.command()
@click.option("--port", default=12111, show_default=True)
@click.option("--data", type=click.Path(path_type=Path), default=Path(".data/sandbox"))
@click.option("--webhook-url", default="http://127.0.0.1:8000/webhooks/stripe", show_default=True)
@click.option("--webhook-listed-as", default="", help="The address that a proxy has for it.")
@click.option("--webhook-secret", envvar="PORTAL_SANDBOX_WEBHOOK_SECRET", required=True)
@click.option("--secret-key", envvar="PORTAL_SANDBOX_SECRET_KEY", default="sk_test_sandbox")
def sandbox(
    *,
    port: int,
    data: Path,
    webhook_url: str,
    webhook_listed_as: str,
    webhook_secret: str,
    secret_key: str,
) -> None:
    """Run a local server that speaks Stripe's protocol. No real money, loopback only.

    \b
    Example:
      portal sandbox --port 12111 --webhook-secret whsec_local
    """
    from portal.sandbox.server import main as run
    from portal.sandbox.store import SandboxRefused

    try:
        run(
            port=port,
            data=data,
            webhook_url=webhook_url,
            webhook_listed_as=webhook_listed_as,
            webhook_secret=webhook_secret,
            secret_key=secret_key,
        )
    except SandboxRefused as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.option("--port", default=8025, show_default=True)
@click.option("--smtp-port", default=1025, show_default=True)
@click.option("--data", type=click.Path(path_type=Path), default=Path(".data/mailbox"))
def mailbox(port: int, smtp_port: int, data: Path) -> None:
    """Run a local mailbox that takes every message and shows it. Loopback only.

    \b
    Example:
      portal mailbox --port 8025 --smtp-port 1025
    """
    from portal.mailbox import MailboxRefused
    from portal.mailbox import main as run

    try:
        run(port, smtp_port, data)
    except MailboxRefused as error:
        raise click.ClickException(str(error)) from None


@main.group()
def db() -> None:
    """The database."""


@db.command("upgrade")
def db_upgrade() -> None:
    """Create or migrate the tables, and load the regions that ship with the product.

    \b
    Example:
      portal db upgrade
    """
    from portal.commands.installation import prepare

    prepare(load_settings())
    click.echo("The database is up to date.")


@db.command("move")
@click.argument("url")
def db_move(url: str) -> None:
    """Move everything from SQLite into the empty PostgreSQL database URL; the site may be open.

    Donors can read and give while it copies; for the last part, which is short, they are asked to
    wait. Afterwards the old database takes nothing more: set PORTAL_DATABASE_URL to the new one
    and start web and worker again. If the move breaks off, run it again.

    \b
    Example:
      portal db move postgresql://portal:secret@localhost/portal
    """
    from portal.commands.moving import move

    move(url)


@main.command()
@click.option("--email", default="", help="The first administrator, if there is none yet.")
@click.option("--password", envvar="PORTAL_NEW_PASSWORD", default=None, hidden=True)
def init(email: str, password: str | None) -> None:
    """Lead through what a first gift needs, and say what is done; run it as often as you like.

    It brings the database up to date and adds the first administrator; the password is asked
    for, or read from PORTAL_NEW_PASSWORD. Issuer and region are made on the staff pages.

    \b
    Example:
      portal init --email you@example.org
    """
    from portal.commands.doctor import run_init

    sys.exit(0 if run_init(email, password) else 1)


@main.command()
@click.option(
    "--resolver",
    default="",
    help="ADDRESS[:PORT] of a name server to ask in place of this machine's.",
)
def doctor(resolver: str) -> None:
    """Check the settings and everything they lead to, and say what is wrong.

    \b
    Example:
      portal doctor
    """
    from portal.commands.doctor import examine

    findings = examine(load_settings(), resolver)
    for finding in findings:
        click.echo(f"{'ok  ' if finding.is_well else 'FAIL'} {finding.what}: {finding.text}")
    sys.exit(0 if all(finding.is_well for finding in findings) else 1)


@main.group()
def user() -> None:
    """Staff members."""


@user.command("add")
@click.argument("email")
@click.option("--name", default="", help="Their name.")
@click.option("--role", type=click.Choice(["admin", "finance", "viewer"]), default="viewer")
@click.option("--password", envvar="PORTAL_NEW_PASSWORD", default=None, hidden=True)
def user_add(email: str, name: str, role: str, password: str | None) -> None:
    """Add a staff member; the password is asked for, or read from PORTAL_NEW_PASSWORD.

    \b
    Example:
      portal user add clerk@example.org --role finance
    """
    from portal.commands.installation import add_staff

    if password is None:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        add_staff(load_settings(), email=email, name=name or email, role=role, password=password)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{email} can sign in at /staff.")


@main.command()
@click.option("--check", is_flag=True, help="Prove the books instead; nothing is changed.")
@click.option("--recount", is_flag=True, help="Count the sums of days anew, from the ledger.")
def reconcile(*, check: bool, recount: bool) -> None:
    """Compare with who takes payments, as Stripe: open gifts, missed events; book what is found.

    With --check: prove that statements, matches, ledger, gifts and receipts add up. With
    --recount: count the sums of days anew, as after an issuer's time zone was put right.

    \b
    Example:
      portal reconcile
      portal reconcile --check
    """
    if recount:
        recount_books()
    if check:
        check_books()
    if check or recount:
        return
    from portal.commands.installation import make_services
    from portal.payments.providers import ProviderBusy, ProviderRefused, ProviderUnavailable
    from portal.payments.refunds import settle_unanswered

    services = make_services(load_settings(), is_background=True)
    providers = list(services.providers)
    if not providers:
        raise click.ClickException(
            "Nobody who takes payments is set up; for Stripe, set PORTAL_STRIPE_SECRET_KEY."
        )
    for provider in providers:
        try:
            found = provider.compare(services)
            settled = settle_unanswered(services, provider)
        except ProviderBusy as error:
            raise click.ClickException(f"{provider.title} {error}; run this again then.") from None
        except (ProviderUnavailable, ProviderRefused) as error:
            raise click.ClickException(
                f"{provider.title} did not answer ({error}); try again later."
            ) from None
        click.echo(
            f"{provider.title}: looked up {found.checkouts} open gifts "
            f"({found.checkouts_changed} changed) and {found.events} events "
            f"({found.events_new} had been missed); {settled} refunds that nobody had answered "
            "are settled."
        )


@main.command()
@click.option("--gifts", default=1000, show_default=True, help="How many.")
def seed(gifts: int) -> None:
    """Fill a demo database with made-up gifts, to see pages with many.

    \b
    Example:
      portal seed --gifts 10000
    """
    from portal.commands.installation import make_services
    from portal.commands.seed import seed_gifts

    settings: Settings = load_settings()
    if settings.environment != "demo":
        raise click.ClickException("Made-up gifts only go into a demo: PORTAL_ENVIRONMENT=demo.")
    with click.progressbar(length=gifts, label="Gifts", file=sys.stderr) as bar:
        seed_gifts(make_services(settings), gifts, bar.update)
    click.echo(f"{gifts} gifts were added.")
