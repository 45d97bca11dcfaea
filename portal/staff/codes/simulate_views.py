"""Trying a code out: what a donor would be told, and which level each term is from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.clock import read_day
from portal.codes.parsing import normalise_code
from portal.codes.queries import find_code, find_levels
from portal.codes.refusals import NextWay, Refusal
from portal.codes.simulator import Simulation, complete_pledge, moment_of, simulate
from portal.codes.terms import Code, Frequency, Pledge
from portal.forms import LineField, PortalForm, explain_amount
from portal.i18n import current_locale, gettext, language, pick, use_locale
from portal.money import AmountError, Money, format_money, parse_amount
from portal.regions.catalogue import Region
from portal.staff.access import staff
from portal.staff.codes.parts import ASK_DAY
from portal.staff.codes.telling import ToldTerm, tell_terms
from portal.staff.labels import all_currencies, current_catalogue, current_names
from portal.staff.regions.parts import name_language
from portal.web import services, utc_now


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
