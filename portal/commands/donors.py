"""`portal donor`: the numbers that tax laws ask of a donor, and the key they are kept by."""

import sys
from typing import TYPE_CHECKING

import click

from portal.commands.codes import working

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from portal.commands.doctor_outside import Finding
    from portal.database import Database
    from portal.gifts.models import Gift
    from portal.receipts.donor_numbers import Bearer
    from portal.regions.schemes import NumberKind
    from portal.services import Services
    from portal.settings import Settings


@click.group()
def donor() -> None:
    """Donors: their tax numbers, kept encrypted and shown masked.

    \b
    Example:
      portal donor tax-number thabo@example.org za_income_tax
      portal donor tax-numbers thabo@example.org
    """


NAME = click.option("--name", default="", help="The name they give under, where there are several.")


def _find(session: "Session", email: str, name: str) -> "tuple[Gift, Bearer]":
    """The newest gift of a donor by address and name, and whose its numbers are."""
    import sqlalchemy as sa

    from portal.donors import Donor, fold_address
    from portal.gifts.models import Gift
    from portal.receipts.donor_numbers import bearer_of

    own = sa.select(Gift).join(Donor, Donor.id == Gift.donor_id)
    gifts = session.scalars(own.where(Donor.email == fold_address(email)).order_by(Gift.id))
    known = {
        bearer: gift
        for gift in gifts
        if name in {"", gift.name} and (bearer := bearer_of(gift)) is not None
    }
    if len(known) > 1:
        names = ", ".join(gift.name for gift in known.values())
        raise click.ClickException(f"Name one of them by --name: {names}.")
    if not known:
        raise click.ClickException(f"Nobody gave as {name or email}.")
    [(bearer, gift)] = known.items()
    return gift, bearer


@donor.command("tax-number")
@click.argument("email")
@click.argument("kind")
@NAME
@click.option("--country", default="", help="Who issued a passport: ZW.")
@click.option("--remove", is_flag=True, help="Remove it instead.")
def tax_number(email: str, kind: str, name: str, country: str, *, remove: bool) -> None:
    """Keep a donor's number of a KIND in place of what there was; it is asked for, not shown.

    It is read from standard input where that is no terminal.

    \b
    Example:
      portal donor tax-number thabo@example.org za_income_tax
    """
    from portal.regions.schemes import NumberKind

    if kind not in {*NumberKind}:
        raise click.UsageError(f"KIND is one of: {', '.join(NumberKind)}.")
    change = _remove if remove else _keep
    with working() as services:
        with services.database.read() as session:
            gift, bearer = _find(session, email, name)
        became = change(services, gift, bearer, NumberKind(kind), country.upper())
    click.echo(f"{NumberKind(kind).said} of {gift.name} {became}.")


def _keep(
    services: "Services", gift: "Gift", bearer: "Bearer", kind: "NumberKind", country: str
) -> str:
    from portal.receipts.donor_numbers import keep_number
    from portal.receipts.operations import state_numbers
    from portal.regions.donor_numbers import RULES, find_alternatives

    if RULES[kind].wants_country and not country:
        raise click.ClickException("Name the country that issued it by --country, such as ZW.")
    text = _ask(kind)
    with services.write("command") as act:
        schemes = [
            scheme
            for region in act.catalogue.regions.values()
            for scheme in (*region.official, region.receipt)
        ]
        own = country if RULES[kind].wants_country else ""
        others = find_alternatives(schemes, kind)
        keep_number(act, bearer, kind, text, country=own, instead_of=others)
        act.note("donor_number_keep", f"gift:{gift.id}", {"kind": kind.value})
        sent = len(state_numbers(act, bearer))
    return f"is kept; {sent} receipts that say it are on their way"


def _ask(kind: "NumberKind") -> str:
    """The number as it is kept; a sentence says what is wrong."""
    from portal.regions.donor_numbers import LONGEST, RULES

    if sys.stdin.isatty():
        typed: str = click.prompt(kind.said, hide_input=True)
    else:
        typed = sys.stdin.readline()
    text = RULES[kind].read(" ".join(typed.split())[:LONGEST])
    if not text:
        example = RULES[kind].example
        raise click.ClickException(f"This is no {kind.said}: it is written like {example}.")
    return text


def _remove(
    services: "Services", gift: "Gift", bearer: "Bearer", kind: "NumberKind", _country: str
) -> str:
    from portal.receipts.donor_numbers import list_numbers

    with services.write("command") as act:
        for one in list_numbers(act.session, bearer):
            if one.kind is kind:
                act.session.delete(one)
                act.note("donor_number_remove", f"gift:{gift.id}", {"kind": kind.value})
                return "is removed"
    return "was not there"


@donor.command("tax-numbers")
@click.argument("email")
@NAME
def tax_numbers(email: str, name: str) -> None:
    """List a donor's numbers, masked.

    \b
    Example:
      portal donor tax-numbers thabo@example.org
    """
    from portal.receipts.donor_numbers import list_numbers

    with working() as services, services.database.read() as session:
        gift, bearer = _find(session, email, name)
        for one in list_numbers(session, bearer):
            click.echo(f"{one.kind.value}  {one.masked}  {gift.name}  {one.said_at:%Y-%m-%d}")


@donor.command("encrypt-anew")
def encrypt_anew() -> None:
    """Encrypt by PORTAL_SECRET_KEY what former keys did; then these are needed no more.

    \b
    Example:
      portal donor encrypt-anew
    """
    from portal.receipts.donor_numbers import encrypt_anew as renew

    with working() as services:
        renewed, unreadable = renew(services)
    click.echo(f"{renewed} tax numbers are encrypted anew.")
    if unreadable:
        raise click.ClickException(
            f"{unreadable} tax numbers can't be read: put the key they were kept by into "
            "PORTAL_FORMER_SECRET_KEYS, or remove them and ask their donors again."
        )


def examine_numbers(database: "Database", settings: "Settings") -> "Iterator[Finding]":
    """Whether what donors said of their tax numbers can be read; nothing where none did."""
    import sqlalchemy as sa

    from portal.commands.doctor_outside import Finding
    from portal.receipts.donor_numbers import DonorNumber, count_unreadable

    with database.read() as session:
        count = session.scalar(sa.select(sa.func.count(DonorNumber.id))) or 0
        lost = count_unreadable(session, settings)
    if lost:
        text = (
            f"{lost} of {count} can't be read: put the key they were kept by into "
            "PORTAL_FORMER_SECRET_KEYS, then run portal donor encrypt-anew"
        )
        yield Finding("tax numbers", False, text)
    elif count:
        yield Finding("tax numbers", True, f"{count} are kept encrypted and can be read")
