"""`portal init`: from nothing to the first gift, a tick for each step that the doctor proves."""

import secrets
import sys

import click

from portal.commands.installation import add_staff, make_services, prepare, prove_outside
from portal.settings import Settings, SettingsError, load_settings
from portal.staff.first_steps import FirstStep, StepState, add_findings, list_steps

NEEDED = """Put this into the environment, then run portal init again:

  export PORTAL_SECRET_KEY={key}
  export PORTAL_BASE_URL=https://give.example.org
  export PORTAL_DATABASE_URL=sqlite:////var/lib/portal/portal.db
"""
PAGES = {FirstStep.ISSUER: "/staff/issuers", FirstStep.REGION: "/staff/regions"}


def run_init(email: str, password: str | None) -> bool:
    """Whether every step is done; each is told with its tick."""
    settings = _load()
    prepare(settings)
    states = find_steps(settings)
    if not _is_done(states, FirstStep.STAFF):
        _add_first(settings, email, password)
        states = find_steps(settings)
    for state in states:
        click.echo(_tell(state, settings))
    return all(state.is_done for state in states)


def _load() -> Settings:
    """The settings; where they are wrong or missing, what to set."""
    try:
        return load_settings()
    except SettingsError as error:
        click.echo(NEEDED.format(key=secrets.token_urlsafe(48)))
        raise click.ClickException(str(error)) from None


def find_steps(settings: Settings) -> list[StepState]:
    """Every step, with what the doctor finds of the world outside."""
    services = make_services(settings)
    try:
        with services.database.read() as session:
            states = list_steps(session, settings, services.catalogue)
    finally:
        services.close()
    return add_findings(states, prove_outside(settings))


def _is_done(states: list[StepState], step: FirstStep) -> bool:
    return any(state.is_done for state in states if state.step is step)


def _add_first(settings: Settings, email: str, password: str | None) -> None:
    """Add the first administrator; without an address, nobody is."""
    email = email or (click.prompt("Your e-mail address") if sys.stdin.isatty() else "")
    if not email:
        return
    password = password or click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        add_staff(settings, email=email, name=email, role="admin", password=password)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _tell(state: StepState, settings: Settings) -> str:
    """A line: its tick, what it is, and what to do or what was found."""
    page = f"{settings.base_url}{PAGES[state.step]}: " if state.step in PAGES else ""
    rest = state.found if state.is_done else f"{page}{state.advice} {state.found}".strip()
    return f"{'[x]' if state.is_done else '[ ]'} {state.step.label}{': ' if rest else ''}{rest}"
