"""What a code decides about a gift: terms, or a refusal with the next way to give. Pure."""

from dataclasses import replace
from datetime import datetime

from portal.codes.parsing import normalise_code
from portal.codes.refusals import (
    Reason,
    Refusal,
    Refuser,
    refuse_unknown_code,
    refuse_unknown_region,
)
from portal.codes.terms import Code, Kind, Pledge, Terms
from portal.regions.catalogue import Catalogue, CurrencyOption, Mode, Region

__all__ = ["Code", "Kind", "Reason", "Refusal", "Terms", "decide", "open_terms"]


def open_terms(
    code: Code | None, region: Region, now: datetime, catalogue: Catalogue
) -> Terms | Refusal:
    """What a form may offer before there is an amount: the code's rules in this region."""
    if code is None:
        return _region_terms(region)
    refuser = Refuser(code.display, region, catalogue)
    return _refuse_code(code, region, now, refuser) or _code_terms(code, region, refuser)


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


def _region_terms(region: Region) -> Terms:
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
    if not code.active:
        return refuser.inactive()
    if code.starts_at and now < code.starts_at:
        return refuser.not_yet(code.starts_at)
    if code.ends_at and now >= code.ends_at:
        return refuser.ended(code.ends_at)
    if code.regions and region.slug not in code.regions:
        return refuser.wrong_region(code.regions)
    return None


def _code_terms(code: Code, region: Region, refuser: Refuser) -> Terms | Refusal:
    """The region's terms narrowed by the code; a refusal where nothing would be left."""
    base = _region_terms(region)
    currencies = _narrow_currencies(code, region)
    if not currencies:
        return refuser.currency_not_here(code.currency)
    modes = _narrow_modes(code, region, currencies)
    funds = _modes_by_fund(region, modes, in_order=code.modes is not None)
    if not funds or (code.fund and code.fund not in funds):
        return refuser.not_possible_here()
    return replace(
        base,
        code=code.code,
        display=code.display,
        partner=code.partner,
        partner_name=code.partner_name,
        fund=code.fund or next(iter(funds)),
        fund_fixed=code.fund is not None,
        currencies=currencies,
        modes=modes,
        funds=funds,
        amount_minor=_suggested_amounts(code, currencies),
        message=code.message,
    )


def _narrow_currencies(code: Code, region: Region) -> tuple[CurrencyOption, ...]:
    """The code's own currency or all of the region, with the code's amounts in their limits."""
    wanted = [one for one in region.currencies if code.currency in (None, one.currency)]
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
    found = [offered[key] for key in dict.fromkeys(keys) if key in offered]
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
    return None if pledge.frequency in mode.frequencies else refuser.wrong_frequency(mode)
