"""What tax laws ask of a donor: said here, shown in part alone, replaced and removed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal import limits
from portal.account.access import account, current_account
from portal.account.details import name_countries
from portal.clock import day_in
from portal.donors import Own
from portal.forms import PortalForm
from portal.i18n import gettext
from portal.number_form import NumberForm, keep
from portal.receipts.donor_numbers import Bearer, DonorNumber, list_of_donors
from portal.receipts.register import Receipt
from portal.records.own import list_bearers, list_regions_of
from portal.regions.catalogue import Region
from portal.regions.donor_numbers import list_kinds
from portal.regions.records import Issuer
from portal.regions.schemes import NumberKind, ReceiptScheme
from portal.signin.donor_accounts import find_own
from portal.web import services, utc_now

# Each may make receipts anew.
CHANGES_AN_HOUR = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """What a region's issuer asks of a donor, by whose names, and what it has of it."""

    region: Region
    schemes: Sequence[ReceiptScheme]
    bearers: Sequence[tuple[Bearer, str]]
    numbers: Sequence[DonorNumber]
    form: NumberForm

    @property
    def slug(self) -> str:
        return self.region.slug

    @property
    def issuer(self) -> Issuer:
        return self.region.issuer

    @property
    def is_for_receipt(self) -> bool:
        return any(scheme.is_official for scheme in self.schemes)


def _list_asking(slugs: Sequence[str]) -> Iterator[tuple[Region, tuple[ReceiptScheme, ...]]]:
    """Those of some regions whose schemes ask a donor for numbers today."""
    for slug in slugs:
        region = services().catalogue.known(slug)
        if region is not None:
            today = day_in(region.issuer.timezone, utc_now())
            if schemes := region.asked_on(today):
                yield region, schemes


def _gather(session: Session, own: Own) -> Iterator[Standing]:
    numbers = list_of_donors(session, own.donor_ids)
    for region, schemes in _list_asking(list_regions_of(session, own)):
        bearers = list_bearers(session, own, region.slug)
        names, kinds = {bearer.name: said for bearer, said in bearers}, list_kinds(schemes)
        kept = [one for one in numbers if one.kind in kinds and one.name in names]
        if names:
            form = NumberForm(schemes, names, name_countries(), request.form, data=_begin(kept))
            yield Standing(region, schemes, bearers, kept, form)


def _begin(kept: Sequence[DonorNumber]) -> dict[str, str]:
    """The telephone number of their details, until one is kept here."""
    has_phone = any(one.kind is NumberKind.PHONE for one in kept)
    return {} if has_phone else {"donor_phone": current_account().details.get("phone", "")}


def _load() -> list[Standing]:
    with services().database.read() as session:
        return [*_gather(session, find_own(session, current_account().id))]


@account.get("/tax-numbers")
def tax_numbers() -> ResponseReturnValue:
    return _show(_load(), request.args.get("region", ""))


def _show(
    standings: list[Standing], wanted: str, form: NumberForm | None = None
) -> ResponseReturnValue:
    """All that ask, the wanted one first, with the form."""
    standings.sort(key=lambda one: one.slug != wanted)
    page = render_template(
        "account/tax_numbers.html",
        standings=standings,
        form=form or PortalForm(),
        remove=lambda number_id: url_for("account.drop_tax_number", number_id=number_id),
    )
    return page, 422 if form is not None else 200


@account.post("/tax-numbers/<slug>")
def send_tax_numbers(slug: str) -> ResponseReturnValue:
    """Keep what was typed; what was left empty stays as it is."""
    standings = _load()
    standing = next((one for one in standings if one.slug == slug), None) or abort(404)
    said = standing.form.read()
    if not said:
        return _show(standings, slug, standing.form)
    _limit()
    bearers = {bearer.name: bearer for bearer, _ in standing.bearers}
    with services().write(current_account().actor) as act:
        receipts = keep(act, act.actor, bearers[standing.form.name.data], said)
    _tell(receipts)
    return redirect(url_for("account.tax_numbers", region=slug), 303)


def _tell(receipts: Sequence[Receipt]) -> None:
    flash(gettext("Saved."))
    if receipts:
        flash(gettext("The documents that your tax office takes are on their way to you."))


@account.post("/tax-numbers/<int:number_id>/remove")
def drop_tax_number(number_id: int) -> ResponseReturnValue:
    with services().write(current_account().actor) as act:
        own = find_own(act.session, current_account().id)
        kept = list_of_donors(act.session, own.donor_ids)
        found = next((one for one in kept if one.id == number_id), None) or abort(404)
        act.session.delete(found)
        act.note("donor_number_remove", act.actor, {"kind": found.kind.value})
    flash(gettext("It is removed here. Documents that show it stay as they are."))
    return redirect(url_for("account.tax_numbers"), 303)


def _limit() -> None:
    who, now = current_account().actor, utc_now()
    with services().database.write() as session:
        is_well = limits.hit(
            session, "tax-numbers", who, limit=CHANGES_AN_HOUR, seconds=3600, now=now
        )
    if not is_well:
        abort(429)
