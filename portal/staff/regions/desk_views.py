"""Issuers, who receive the gifts of a region and sign for them; regions and funds.

A new one, and every word of one that is there.
"""

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.database import Document
from portal.forms import PortalForm
from portal.i18n import gettext, pick
from portal.regions.branding import (
    DARK_SURFACE,
    WHITE,
    contrast,
    parse_colour,
    shown_in_dark,
    shown_in_light,
    write_colour,
)
from portal.regions.exchange import add_region, list_spare_funds, list_starts, start_region
from portal.regions.operations import (
    find_document,
    is_number_doubtful,
    list_homes,
    lock_catalogue,
    parse_issuer,
    put_entry,
    save_issuer,
    save_region,
)
from portal.regions.queries import RegionRecord
from portal.regions.records import Issuer
from portal.regions.schemes import NumberKind, ReceiptScheme, is_reviewed, list_issuer_lacks
from portal.services import Act
from portal.staff.access import current_actor, staff
from portal.staff.labels import current_catalogue
from portal.staff.regions.desk import (
    NEW,
    all_issuers,
    ask_number,
    everything_sent,
    keep_pictures,
    make_key,
    settle,
    show_desk,
    try_out,
    wants_preview,
    warn_of_others,
)
from portal.staff.regions.desks import ADDRESS_FIELDS, FUND, ISSUER, NEW_REGION, REGION
from portal.staff.regions.parts import Context, list_languages
from portal.web import services


@staff.get("/issuers")
def issuers() -> ResponseReturnValue:
    with services().database.read() as session:
        found = all_issuers(session)
        homes = {key: list_homes(session, key) for key in found}
    return render_template("staff/issuers.html", issuers=found, homes=homes)


@staff.get("/issuers/<key>")
def issuer(key: str) -> ResponseReturnValue:
    with services().database.read() as session:
        context = _open_issuer(session, key)
    return _show_issuer(key, context, ISSUER.make_form(context))


@staff.post("/issuers/<key>")
def send_issuer(key: str) -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        context = _open_issuer(act.session, key)
        form = ISSUER.make_form(context, everything_sent())
        document = ISSUER.read(form, context)
        keep_pictures(act, context)
        warn_of_others(ISSUER, form, context)
        answer = settle(ISSUER, form, lambda: _save_issuer(act, key, form, document))
    return answer or _show_issuer(key, context, form)


def _open_issuer(session: Session, key: str) -> Context:
    """An issuer as it is, in the languages of its regions; an empty one for `new`."""
    if key == NEW:
        return Context({"timezone": "UTC"})
    document = all_issuers(session).get(key) or abort(404)
    locales = [locale for home in list_homes(session, key) for locale in home.document["locales"]]
    return Context(document, languages=list_languages(locales))


def _save_issuer(act: Act, key: str, form: PortalForm, document: Document) -> ResponseReturnValue:
    name: str = document["legal_name"]
    its_key = make_key(name, {*all_issuers(act.session)}) if key == NEW else key
    document = {"key": its_key, **document}
    if is_number_doubtful(parse_issuer(document)):
        form.refuse("registration_number", ask_number())
        return _show_issuer(key, Context(document), form)
    homes = list_homes(act.session, its_key)
    if wants_preview() and homes:
        return try_out(act, {**homes[0].document, "issuer": document})
    if wants_preview():
        form.form_errors.append(
            gettext("No region has this issuer yet, so there is no page to preview: keep it first")
        )
        return _show_issuer(key, Context(document), form)
    what = "issuer_add" if key == NEW else "issuer_edit"
    save_issuer(act, document, what=what)
    act.note(what, f"issuer:{its_key}", {})
    flash(gettext("The issuer is saved. Donors see it within a minute."))
    return redirect(url_for("staff.issuers"), 303)


def _show_issuer(key: str, context: Context, form: PortalForm) -> ResponseReturnValue:
    is_new = key == NEW
    return show_desk(
        ISSUER,
        context,
        form,
        gettext("New issuer") if is_new else context.document["legal_name"],
        back=url_for("staff.issuers"),
        note="" if is_new else _tell_official(context.document),
        can_preview=not is_new,
        history="" if is_new else url_for("staff.history", kind="issuer", which=key),
        swatches=_show_accent(form["accent"].data),
    )


def _tell_official(document: Document) -> str:
    """What is missing before the official receipts of the issuer's regions go out."""
    issuer = parse_issuer(document)
    known = {
        scheme.key: scheme
        for region in current_catalogue().regions.values()
        if region.issuer.key == issuer.key
        for scheme in region.official
    }
    return " ".join(_tell_scheme(issuer, scheme) for scheme in known.values())


def _tell_scheme(issuer: Issuer, scheme: ReceiptScheme) -> str:
    title = pick(scheme.title)
    missing = [name.label for name in list_issuer_lacks(issuer, scheme)]
    if not is_reviewed(issuer, scheme):
        missing.append(gettext("Who held the receipts against the law"))
    if missing:
        return gettext(
            "Before “%(title)s” can be given out, this has to be put right: %(names)s.",
            title=title,
            names=", ".join(missing),
        )
    if issuer.official_receipts_from is None:
        return gettext("“%(title)s” is given out once you say from which day on.", title=title)
    return gettext("“%(title)s” is given out.", title=title)


def _show_accent(accent: str) -> list[dict[str, Any]]:
    """The accent as typed, and as it is shown on light and dark pages, each with its contrast."""
    typed = parse_colour(accent)
    light, dark = shown_in_light(typed), shown_in_dark(typed)
    shown = (
        (gettext("As typed, on white"), typed, WHITE),
        (gettext("As shown on light pages"), light, WHITE),
        (gettext("As shown on dark pages"), dark, DARK_SURFACE),
    )
    return [
        {
            "label": label,
            "colour": write_colour(colour),
            "paper": write_colour(paper),
            "contrast": contrast(colour, paper),
        }
        for label, colour, paper in shown
    ]


BARE = "other"


@staff.get("/regions/new")
def new_region() -> ResponseReturnValue:
    """First the country to begin from, then the form."""
    like = request.args.get("like", "")
    starts = list_starts()
    with services().database.read() as session:
        issuers = all_issuers(session)
    if like not in {*starts, BARE} or not issuers:
        named = sorted((pick(names), slug) for slug, names in starts.items())
        return render_template("staff/new_region.html", starts=named, issuers=issuers, bare=BARE)
    context = furnish(start_region(like), issuers)
    return _show_new(context, NEW_REGION.make_form(context))


@staff.post("/regions/new")
def send_new_region() -> ResponseReturnValue:
    like = request.args.get("like", "")
    with services().write(current_actor()) as act:
        issuers = all_issuers(act.session)
        context = furnish(start_region(like), issuers)
        form = NEW_REGION.make_form(context, request.form)
        document = NEW_REGION.read(form, context)
        answer = settle(NEW_REGION, form, lambda: _add(act, document, issuers))
    return answer or _show_new(context, form)


def _add(act: Act, document: Document, issuers: dict[str, Document]) -> ResponseReturnValue:
    whole = {**document, "issuer": issuers[document["issuer"]]}
    if wants_preview():
        return try_out(act, whole)
    region = add_region(act, whole)
    act.note("region_add", f"region:{region.slug}", {})
    flash(gettext("The region is saved. Add its modes of payment and funds here."))
    return redirect(url_for("staff.region", slug=region.slug), 303)


def _show_new(context: Context, form: PortalForm) -> ResponseReturnValue:
    return show_desk(NEW_REGION, context, form, gettext("New region"))


@staff.get("/regions/<slug>/edit")
def edit_region(slug: str) -> ResponseReturnValue:
    with services().database.read() as session:
        record = session.get(RegionRecord, slug) or abort(404)
        context = furnish(record.document, all_issuers(session))
    return _show_region(slug, context, REGION.make_form(context))


@staff.post("/regions/<slug>/edit")
def send_region(slug: str) -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        record = _hold(act, slug)
        issuers = all_issuers(act.session)
        context = furnish(record.document, issuers)
        form = REGION.make_form(context, request.form)
        document = REGION.read(form, context)
        warn_of_others(REGION, form, context)
        answer = settle(
            REGION,
            form,
            lambda: _save_region(act, record, {**document, "issuer": issuers[document["issuer"]]}),
        )
    return answer or _show_region(slug, context, form)


def _save_region(act: Act, record: RegionRecord, document: Document) -> ResponseReturnValue:
    if wants_preview():
        return try_out(act, document)
    save_region(act, record, document)
    act.note("region_edit", f"region:{record.slug}", {})
    flash(gettext("The region is saved. Donors see it within a minute."))
    return redirect(url_for("staff.region", slug=record.slug), 303)


def furnish(document: Document, issuers: dict[str, Document]) -> Context:
    """A region's document with what may be chosen in it."""
    # Who is no longer listed, as a sample outside a demo, still stands in its own region.
    own = document.get("issuer")
    listed = {**({own["key"]: own} if own else {}), **issuers}
    return Context(
        document,
        languages=list_languages(document["locales"]),
        choices={
            "issuer": {key: one["legal_name"] for key, one in listed.items()},
            "required": {name: gettext(text) for name, text in ADDRESS_FIELDS.items()},
            "donor_numbers": _list_numbers(document),
        },
    )


# Of whose donors a yearly file asks a number; an official receipt asks for its own.
FILED = {"IN": NumberKind.IN_PAN, "IE": NumberKind.IE_PPSN}


def _list_numbers(document: Document) -> dict[str, str]:
    said = (document.get("receipt") or {}).get("donor_numbers", ())
    own = {FILED[country] for country in document.get("countries", ()) if country in FILED}
    kinds = [*said, *(kind for kind in own if kind not in said)]
    return {
        kind: gettext("Ask donors for this: %(kind)s", kind=NumberKind(kind).label)
        for kind in kinds
    }


def _show_region(slug: str, context: Context, form: PortalForm) -> ResponseReturnValue:
    return show_desk(
        REGION,
        context,
        form,
        gettext("Region: %(region)s", region=pick(context.document["names"])),
        back=url_for("staff.region", slug=slug),
        history=url_for("staff.history", kind="region", which=slug),
    )


@staff.get("/regions/<slug>/funds/<key>")
def fund(slug: str, key: str) -> ResponseReturnValue:
    with services().database.read() as session:
        record = session.get(RegionRecord, slug) or abort(404)
    context = _open_fund(record.document, key)
    return _show_fund(record, key, context, FUND.make_form(context))


@staff.post("/regions/<slug>/funds/<key>")
def send_fund(slug: str, key: str) -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        record = _hold(act, slug)
        context = _open_fund(record.document, key)
        form = FUND.make_form(context, everything_sent())
        read = FUND.read(form, context)
        keep_pictures(act, context)
        warn_of_others(FUND, form, context)
        keys = [one["key"] for one in record.document["funds"]]
        found = read if key in keys else {"key": _new_key(key, read, keys), **read}
        at = keys.index(key) if key in keys else len(keys)
        document = put_entry(record.document, "funds", found)
        answer = settle(FUND, form, lambda: _save_fund(act, record, document), f"funds[{at}]")
    return answer or _show_fund(record, key, context, form)


def _save_fund(act: Act, record: RegionRecord, document: Document) -> ResponseReturnValue:
    if wants_preview():
        return try_out(act, document)
    save_region(act, record, document, what="fund_edit")
    act.note("fund_edit", f"region:{record.slug}", {})
    flash(gettext("The fund is saved. Donors see it within a minute."))
    return redirect(url_for("staff.region", slug=record.slug, _anchor="funds"), 303)


def _new_key(key: str, fund: Document, keys: list[str]) -> str:
    """The key of a fund that is new here: the common one's, else one from its name."""
    return make_key((fund.get("names") or {}).get("en", ""), {*keys}) if key == NEW else key


def _open_fund(document: Document, key: str) -> Context:
    """A fund the region has or could have; an empty one for `new`."""
    known = [*list_spare_funds(document), *document["funds"]]
    found = {one["key"]: one for one in known}.get(key)
    if found is None and key != NEW:
        abort(404)
    return Context(
        found or {},
        languages=list_languages(document["locales"]),
        choices={"modes": {mode["key"]: pick(mode["label"]) for mode in document["modes"]}},
    )


def _show_fund(
    record: RegionRecord, key: str, context: Context, form: PortalForm
) -> ResponseReturnValue:
    name = pick(context.document.get("names") or {}) or gettext("New fund")
    where = pick(record.document["names"])
    return show_desk(
        FUND,
        context,
        form,
        gettext("%(mode)s: %(region)s", mode=name, region=where),
        back=url_for("staff.region", slug=record.slug),
        history=url_for("staff.history", kind="region", which=record.slug),
    )


def _hold(act: Act, slug: str) -> RegionRecord:
    """A region's record, held against other changes until the act ends."""
    lock_catalogue(act.session)
    return find_document(act.session, slug) or abort(404)
