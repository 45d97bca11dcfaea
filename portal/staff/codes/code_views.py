"""One code: what it is and why, its states and earlier terms; trying it out; its share kit."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from flask import Response, abort, flash, g, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.clock import read_day
from portal.codes.listing import count_codes_of, count_gifts, find_listed
from portal.codes.matches import sum_of_code
from portal.codes.models import CodeRecord, Policy, find_code, find_levels
from portal.codes.parsing import CodeError, normalise_code
from portal.codes.pots import with_pot
from portal.codes.refusals import NextWay, Refusal
from portal.codes.revising import hold_policy, list_versions, set_state
from portal.codes.simulator import Simulation, complete_pledge, list_held, moment_of, simulate
from portal.codes.terms import Code, CodeState, Frequency, Pledge, PotView
from portal.forms import LineField, PortalForm, explain_amount
from portal.i18n import LANGUAGES, current_locale, gettext, language, pick, use_locale
from portal.money import AmountError, Money, format_money, parse_amount
from portal.regions.catalogue import Region
from portal.services import Act
from portal.sharing.kit import Kit, make_kit, write_png, write_svg
from portal.sharing.panel import list_homes, make_element
from portal.sharing.poster import plan_poster, render_poster
from portal.staff.access import current_actor, staff
from portal.staff.codes.desk import return_policy, warn_of_code
from portal.staff.codes.parts import ASK_DAY
from portal.staff.codes.telling import ToldTerm, tell_terms, tell_versions
from portal.staff.labels import all_currencies, current_catalogue, current_names
from portal.staff.queries import name_actors
from portal.staff.regions.parts import name_language
from portal.web import services, utc_now


@staff.get("/codes/<int:code_id>")
def code(code_id: int) -> ResponseReturnValue:
    with services().database.read() as session:
        record = session.get(CodeRecord, code_id) or abort(404)
        policy = session.get_one(Policy, record.policy_id)
        found, levels = find_code(session, record.code), find_levels(session, record.code)
        versions = tell_versions(list_versions(session, policy), name_actors(session))
        listed, gifts = find_listed(session, code_id), count_gifts(session, code_id)
        shared = count_codes_of(session, policy.id)
        matched = sum_of_code(session, code_id)
        seen = with_pot(session, found).pot if found else None
    return render_template(
        "staff/code.html",
        record=record,
        levels=levels[:-1],
        terms=tell_terms(list_held(found, levels), _zone(policy)) if found else [],
        versions=versions,
        listed=listed,
        gifts=gifts,
        shared=shared,
        matched=matched,
        pot=seen,
        pot_left=_say_left(seen) if seen else "",
        states=_list_states(record.state),
    )


def _say_left(pot: PotView) -> str:
    return format_money(pot.left, current_locale()) if pot.is_open else gettext("Closed")


def _list_states(state: CodeState) -> list[CodeState]:
    """What it can become: one that was retired is so for good."""
    return [] if state is CodeState.RETIRED else [one for one in CodeState if one is not state]


def _zone(policy: Policy) -> str:
    return str(policy.document.get("zone") or "UTC")


@staff.post("/codes/<int:code_id>/state")
def send_code_state(code_id: int) -> ResponseReturnValue:
    """Pause, retire or use again, as the button said."""
    sent = request.form.get("state", "")
    state = CodeState(sent) if sent in {*CodeState} else abort(400)
    with services().write(current_actor()) as act:
        record = act.session.get(CodeRecord, code_id, with_for_update=True) or abort(404)
        flash(_set_state(act, record, state))
    return redirect(url_for("staff.code", code_id=code_id), 303)


def _set_state(act: Act, record: CodeRecord, state: CodeState) -> str:
    """Change a code's state; what is to be said of it."""
    before = record.state
    try:
        is_new = set_state(record, state)
    except CodeError:
        return gettext("This code was retired, which is for good. Make another like it instead.")
    if is_new:
        detail = {"from": before.value, "to": state.value}
        act.note("code_state", f"code:{record.id}", detail)
    return gettext("Saved: %(state)s.", state=state.label)


@staff.post("/codes/<int:code_id>/return")
def return_code(code_id: int) -> ResponseReturnValue:
    """Give a code's policy the terms of an earlier version again."""
    with services().write(current_actor()) as act:
        record = act.session.get(CodeRecord, code_id) or abort(404)
        policy = hold_policy(act.session, record.policy_id)
        if return_policy(act, policy):
            act.note("code_return", f"code:{code_id}", {"version": policy.version})
            warn_of_code(act, record)
    return redirect(url_for("staff.code", code_id=code_id, _anchor="history"), 303)


class SimulateForm(PortalForm):
    """A gift to try; what is left open is as the form would have it chosen at first."""

    code = LineField(longest=60)
    region = LineField(longest=40)
    amount = LineField(longest=60)
    currency = LineField(longest=3)
    mode = LineField(longest=40)
    fund = LineField(longest=40)
    frequency = LineField(longest=20)
    on = LineField(longest=10)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What donors of one language are told; `offer` is what stands on the form, line by line."""

    locale: str
    language: str
    sentence: str
    truth: str
    ways: tuple[NextWay, ...]
    offer: tuple[str, ...]


@staff.get("/codes/simulate")
def simulate_code() -> ResponseReturnValue:
    form = SimulateForm(request.args)
    region = current_catalogue().by_slug(form.region.data or "")
    found = None
    if region is not None and form.validate():
        with services().database.read() as session:
            found = _try(session, form, region)
    page = render_template(
        "staff/simulate.html",
        form=form,
        names=current_names(),
        currencies=[(code, code) for code in all_currencies()],
        frequencies=[(one.value, one.label) for one in Frequency],
        found=found,
        region=region,
    )
    return page, 422 if form.problems else 200


@dataclass(frozen=True, slots=True)
class Tried:
    """A gift that was tried: what was decided, told in each of the region's languages."""

    simulation: Simulation
    terms: list[ToldTerm]
    spoken: tuple[Spoken, ...]


def _try(session: Session, form: SimulateForm, region: Region) -> Tried | None:
    """None where the form now says what is wrong."""
    code, levels = find_code(session, form.code.data), find_levels(session, form.code.data)
    code = with_pot(session, code) if code else None
    day = read_day(form.on.data) if form.on.data else None
    if form.on.data and day is None:
        form.refuse("on", gettext(ASK_DAY))
    now = moment_of(day, region) if day else utc_now()
    pledge = _read_pledge(form, code, region, now)
    if pledge is None or form.problems:
        return None

    def run() -> Simulation:
        return simulate(code, levels, pledge, now, current_catalogue())

    found = run()
    return Tried(found, tell_terms(found.terms, region.timezone), tuple(_speak(region, run)))


def _read_pledge(
    form: SimulateForm, code: Code | None, region: Region, now: datetime
) -> Pledge | None:
    frequency = form.frequency.data

    def complete(given: Money | None) -> Pledge:
        return complete_pledge(
            code,
            region,
            now,
            current_catalogue(),
            given=given,
            currency=form.currency.data or None,
            fund=form.fund.data or None,
            mode=form.mode.data or None,
            frequency=Frequency(frequency) if frequency in {*Frequency} else None,
            typed=normalise_code(form.code.data) or None,
        )

    opened = complete(None)
    if not form.amount.data:
        return opened
    currency = opened.given.currency
    try:
        return complete(parse_amount(form.amount.data, currency, current_locale()))
    except AmountError as error:
        form.refuse("amount", explain_amount(error, currency))
        return None


def _speak(region: Region, run: Callable[[], Simulation]) -> Iterator[Spoken]:
    for locale in region.locales:
        with use_locale(locale):
            found = run()
            said, truth = found.verdict, found.refusal
            is_refused = isinstance(said, Refusal)
            offer = tuple(_tell_offer(found, region))
        sentence = said.sentence if isinstance(said, Refusal) else ""
        ways = said.next_ways if isinstance(said, Refusal) else ()
        hidden = truth.sentence if truth and is_refused and truth.sentence != sentence else ""
        yield Spoken(locale, name_language(language(locale)), sentence, hidden, ways, offer)


def _tell_offer(found: Simulation, region: Region) -> Iterator[str]:
    """What the form would show of the code, in the current language."""
    shown = found.shown
    if shown is None:
        return
    yield from filter(None, (pick(text) for text in (shown.headline, shown.message) if text))
    option = shown.option(found.pledge.given.currency)
    if option is not None:
        amounts = (Money(minor, option.currency) for minor in option.presets_minor)
        yield ", ".join(format_money(money, current_locale()) for money in amounts)
    yield ", ".join(pick(mode.label) for mode in shown.modes)
    funds = (region.fund(key) for key in shown.funds)
    yield ", ".join(pick(fund.names) for fund in funds if fund)


@staff.get("/codes/<code>/share")
def share(code: str) -> str:
    """All that brings a code to people, in one of the donors' languages (`in`)."""
    found, spoken = _find(code), _spoken()
    g.csp_frames = "'self'"
    with use_locale(spoken):
        kit = _kit(found)
    return render_template(
        "staff/share.html",
        code=found,
        kit=kit,
        spoken=spoken,
        tongues=[(one, name_language(one)) for one in LANGUAGES],
        preview=url_for("giving.embed_panel", code=found.code, lang=spoken),
        lines=_list_lines(kit),
        is_open=bool(list_homes(found, services().catalogue, utc_now())),
    )


@staff.get("/codes/<code>/share/<name>")
def share_file(code: str, name: str) -> Response:
    """`qr.svg`, `qr.png` or `poster.pdf`."""
    found = _find(code)
    make = {
        "qr.svg": (_write_svg, "image/svg+xml"),
        "qr.png": (_write_png, "image/png"),
        "poster.pdf": (_write_poster, "application/pdf"),
    }
    write, media_type = make.get(name) or abort(404)
    with use_locale(_spoken()):
        content = write(found, _kit(found))
    return send_file(io.BytesIO(content), media_type, download_name=f"{found.code}-{name}")


def _write_svg(_code: Code, kit: Kit) -> bytes:
    return write_svg(kit.scanned)


def _write_png(_code: Code, kit: Kit) -> bytes:
    return write_png(kit.scanned)


def _write_poster(code: Code, kit: Kit) -> bytes:
    return render_poster(plan_poster(code, kit, services().catalogue))


def _find(text: str) -> Code:
    with services().database.read() as session:
        return find_code(session, text) or abort(404)


def _spoken() -> str:
    """The language that donors are to read, which need not be the staff's."""
    asked = request.args.get("in", "")
    return asked if asked in LANGUAGES else language(current_locale())


def _kit(code: Code) -> Kit:
    base = services().settings.base_url
    element = make_element(base)
    return make_kit(code, services().catalogue, utc_now(), base_url=base, element=element)


def _list_lines(kit: Kit) -> list[tuple[str, str, str, str]]:
    """What can be copied: a name for its field, what it is, what it needs, and the lines."""
    return [
        (
            "element",
            gettext("The panel, as high as it needs to be"),
            gettext("Follows every upgrade by itself."),
            kit.element,
        ),
        (
            "lasting",
            gettext("The same, checked by a hash (SRI)"),
            gettext(
                "After an upgrade that changes the script, copy these lines anew: until then the "
                "page shows its link alone."
            ),
            kit.lasting,
        ),
        (
            "frame",
            gettext("A frame without script"),
            gettext("Of a fixed height, with a link under it."),
            kit.frame,
        ),
        (
            "plain",
            gettext("Plain HTML without script or frame"),
            gettext("Says what holds today; copy it anew when the code’s modes change."),
            kit.plain,
        ),
    ]
