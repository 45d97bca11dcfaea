"""What a code decides about a gift: terms, or a refusal with the next way to give. Pure."""

from collections.abc import Callable, Container
from dataclasses import replace
from datetime import datetime
from functools import partial

from portal.codes.parsing import normalise_code
from portal.codes.refusals import (
    Reason,
    Refusal,
    Refuser,
    refuse_unknown_code,
    refuse_unknown_region,
)
from portal.codes.terms import Code, CodeState, Frequency, Kind, Pledge, Terms
from portal.regions.catalogue import Catalogue, CurrencyOption, Mode, Region

__all__ = ["Code", "Kind", "Reason", "Refusal", "Terms", "decide", "open_terms", "region_terms"]


def open_terms(
    code: Code | None, region: Region, now: datetime, catalogue: Catalogue
) -> Terms | Refusal:
    """What a form may offer before there is an amount: the code's rules in this region."""
    if code is None:
        return region_terms(region)
    refuser = Refuser(code.display, region, catalogue)
    verdict = _refuse_code(code, region, now, refuser) or _code_terms(code, region, refuser)
    return _keep_secret(verdict, code, region) if isinstance(verdict, Refusal) else verdict


def is_hidden(code: Code, region: Region | None, now: datetime, catalogue: Catalogue) -> bool:
    """Whether a code must look like one that nobody has: secret, and refused here.

    Without a region, where it is refused everywhere.
    """
    if not code.is_secret:
        return False
    places = [region] if region else list(catalogue.regions.values())
    return all(isinstance(open_terms(code, one, now, catalogue), Refusal) for one in places)


def refuse_use(code: Code, region: Region, catalogue: Catalogue, reason: Reason) -> Refusal:
    """Why a code that holds can't be used by this donor now (`USED_UP`, `FIRST_GIFT_ONLY`)."""
    refuser = Refuser(code.display, region, catalogue)
    by_reason = {
        Reason.USED_UP: refuser.used_up,
        Reason.USED_BY_DONOR: refuser.used_by_donor,
        Reason.FIRST_GIFT_ONLY: refuser.first_gift_only,
    }
    return _keep_secret(by_reason[reason](), code, region)


def decide(
    code: Code | None, pledge: Pledge, now: datetime, catalogue: Catalogue
) -> Terms | Refusal:
    """Whether this gift may be given so: its terms, or why not and how else.

    `code` is what `pledge.code` was found to be; None with a code typed is an unknown
    code. The same rules as `open_terms`, then the pledge's own choices. Never raises.
    """
    region = catalogue.by_slug(pledge.region)
    if region is None:
        return refuse_unknown_region(catalogue)
    if code is None and pledge.code and normalise_code(pledge.code):
        return refuse_unknown_code(pledge.code, region)
    terms = open_terms(code, region, now, catalogue)
    if isinstance(terms, Refusal):
        return terms
    refuser = Refuser(terms.display, region, catalogue)
    return _refuse_pledge(pledge, terms, region, refuser) or terms


def region_terms(region: Region) -> Terms:
    """What a region offers without a code."""
    funds = _modes_by_fund(region, region.offered)
    return Terms(
        region=region.slug,
        code=None,
        display=None,
        partner=None,
        partner_name="",
        fund=next(iter(funds), region.open_funds[0].key),
        fund_fixed=False,
        currencies=region.currencies,
        modes=region.offered,
        funds=funds,
        amount_minor={},
        message={},
    )


def _refuse_code(code: Code, region: Region, now: datetime, refuser: Refuser) -> Refusal | None:
    """The first reason, from the most lasting on, why a code doesn't hold here and now."""
    starts_at, ends_at = code.starts_at, code.ends_at
    is_paused = code.state is CodeState.PAUSED or not code.is_live
    is_elsewhere = region.slug in code.not_regions or not _is_in(region.slug, code.regions)
    reasons: tuple[tuple[bool, Callable[[], Refusal]], ...] = (
        (code.state is CodeState.RETIRED, refuser.inactive),
        (is_paused, refuser.paused),
        (starts_at is not None and now < starts_at, partial(refuser.not_yet, starts_at or now)),
        (ends_at is not None and now >= ends_at, partial(refuser.ended, ends_at or now)),
        (code.is_spent, refuser.used_up),
        (is_elsewhere, lambda: refuser.wrong_region(_list_homes(code, refuser.catalogue))),
    )
    return next((refuse() for holds, refuse in reasons if holds), None)


def _is_in(one: str, allowed: Container[str] | None) -> bool:
    return allowed is None or one in allowed


def _list_homes(code: Code, catalogue: Catalogue) -> list[str]:
    """The regions where a code holds, where it names some."""
    if code.regions is None:
        return []
    return [slug for slug in catalogue.regions if slug in code.regions - code.not_regions]


def _keep_secret(refusal: Refusal, code: Code, region: Region) -> Refusal:
    """A secret code's refusals all say what is said of one that nobody has."""
    return refuse_unknown_code(code.code, region) if code.is_secret else refusal


def _code_terms(code: Code, region: Region, refuser: Refuser) -> Terms | Refusal:
    """The region's terms narrowed by the code; a refusal where nothing would be left."""
    currencies = _narrow_currencies(code, region)
    if not currencies:
        return refuser.currency_not_here(code.currencies)
    modes = _narrow_modes(code, region, currencies)
    funds = _narrow_funds(code, region, modes)
    if not funds:
        return refuser.not_possible_here()
    terms = Terms(
        region=region.slug,
        code=code.code,
        display=code.display,
        partner=code.partner,
        partner_name=code.partner_name,
        fund=next(iter(funds)),
        fund_fixed=code.funds is not None and len(funds) == 1,
        currencies=currencies,
        modes=modes,
        funds=funds,
        amount_minor=_suggested_amounts(code, currencies),
        message=code.message,
        frequencies=code.frequencies,
        headline=code.headline,
        picture=code.picture,
        offer=code.offer,
        pot=code.pot,
        receipt_class=code.receipt_class,
    )
    return terms if _can_be_given(terms) else refuser.not_possible_here()


def _narrow_funds(
    code: Code, region: Region, modes: tuple[Mode, ...]
) -> dict[str, tuple[Mode, ...]]:
    """The code's funds in the code's order, as far as the region has them and they take a mode."""
    found = _modes_by_fund(region, modes, in_order=code.modes is not None)
    if code.funds is None and not code.not_funds:
        return found
    wanted = code.funds if code.funds is not None else found
    return {key: found[key] for key in wanted if key in found and key not in code.not_funds}


def _can_be_given(terms: Terms) -> bool:
    """Whether there is a mode for some fund, currency and frequency of the terms."""
    return any(
        terms.modes_for(fund, option.currency, frequency)
        for fund in terms.funds
        for option in terms.currencies
        for frequency in Frequency
    )


def _narrow_currencies(code: Code, region: Region) -> tuple[CurrencyOption, ...]:
    """The code's currencies or all of the region, with the code's amounts in their limits."""
    wanted = [one for one in region.currencies if _is_in(one.currency, code.currencies)]
    options = [_narrow_option(code, option) for option in wanted]
    return tuple(one for one in options if one.minimum_minor <= one.maximum_minor)


def _narrow_option(code: Code, option: CurrencyOption) -> CurrencyOption:
    lowest = max(option.minimum_minor, code.minimum_minor.get(option.currency, 0))

    def within(amounts: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(minor for minor in amounts if lowest <= minor <= option.maximum_minor)

    own = code.presets_minor.get(option.currency)
    return replace(
        option,
        minimum_minor=lowest,
        presets_minor=within(own or option.presets_minor) or (lowest,),
        monthly_presets_minor=within(own or option.monthly_presets_minor) or (lowest,),
    )


def _narrow_modes(
    code: Code, region: Region, currencies: tuple[CurrencyOption, ...]
) -> tuple[Mode, ...]:
    """The code's modes in the code's order, as far as the region has them."""
    offered = {mode.key: mode for mode in region.offered}
    keys = offered if code.modes is None else code.modes
    wanted = [key for key in dict.fromkeys(keys) if key not in code.not_modes]
    found = [offered[key] for key in wanted if key in offered]
    taken = {option.currency for option in currencies}
    return tuple(mode for mode in found if not mode.currencies or taken & {*mode.currencies})


def _modes_by_fund(
    region: Region, modes: tuple[Mode, ...], *, in_order: bool = False
) -> dict[str, tuple[Mode, ...]]:
    """The funds that at least one of the modes can pay, each with its modes.

    They are in the fund's own order, or in that of `modes` where it is a code's (`in_order`).
    """
    taken = {fund.key: fund.narrow(modes, in_order=in_order) for fund in region.open_funds}
    return {key: kept for key, kept in taken.items() if kept}


def _suggested_amounts(code: Code, currencies: tuple[CurrencyOption, ...]) -> dict[str, int]:
    """The amounts the code fills in, where the limits let them."""
    return {
        option.currency: code.amount_minor[option.currency]
        for option in currencies
        if option.minimum_minor
        <= code.amount_minor.get(option.currency, -1)
        <= option.maximum_minor
    }


def _refuse_pledge(
    pledge: Pledge, terms: Terms, region: Region, refuser: Refuser
) -> Refusal | None:
    """The first of the pledge's choices that the terms don't hold, if any."""
    return (
        _refuse_amount(pledge, terms, refuser)
        or _refuse_fund(pledge, terms, refuser)
        or _refuse_mode(pledge, terms, region, refuser)
    )


def _refuse_amount(pledge: Pledge, terms: Terms, refuser: Refuser) -> Refusal | None:
    option = terms.option(pledge.given.currency)
    if option is None:
        return refuser.wrong_currency(pledge.given.currency, terms.currencies)
    if pledge.given < option.minimum:
        return refuser.under_minimum(option.minimum)
    if pledge.given > option.maximum:
        return refuser.over_maximum(option.maximum)
    return None


def _refuse_fund(pledge: Pledge, terms: Terms, refuser: Refuser) -> Refusal | None:
    if terms.fund_fixed and pledge.fund != terms.fund:
        return refuser.wrong_fund(terms.fund)
    return None if pledge.fund in terms.funds else refuser.wrong_fund(None)


def _refuse_mode(pledge: Pledge, terms: Terms, region: Region, refuser: Refuser) -> Refusal | None:
    currency, of_fund = pledge.given.currency, terms.funds[pledge.fund]
    mode = next((mode for mode in of_fund if mode.key == pledge.mode), None)
    if mode is None or (mode.currencies and currency not in mode.currencies):
        offered = terms.modes_for(pledge.fund, currency, pledge.frequency) or of_fund
        return refuser.wrong_mode(region.mode(pledge.mode), offered)
    if not _is_in(pledge.frequency, terms.frequencies):
        return refuser.frequency_not_with_code(terms.frequencies or ())
    return None if pledge.frequency in mode.frequencies else refuser.wrong_frequency(mode)
