"""What codes decide: terms, or a refusal with the next way."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.codes.parsing import read_terms
from portal.codes.policy import Reason, Refusal, Terms, decide, open_terms
from portal.codes.refusals import NextWay
from portal.codes.terms import (
    Code,
    CodeState,
    Kind,
    Level,
    LevelKind,
    ReceiptClass,
    merge,
)
from portal.i18n import use_locale
from portal.money import Money
from tests.unit.samples import CATALOGUE, NOW, make_code, make_pledge, region

HOUR = timedelta(hours=1)


def judge(found=None, now=NOW, /, **pledge):
    return decide(found, make_pledge(**pledge), now, CATALOGUE)


def refused(reason, found=None, now=NOW, /, **pledge):
    refusal = judge(found, now, **pledge)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason
    return refusal


def allowed(found=None, now=NOW, /, **pledge):
    terms = judge(found, now, **pledge)
    assert isinstance(terms, Terms), terms
    return terms


FROM_BRITAIN = {"region": "gb", "money": Money(7550, "GBP")}


def test_lwcan_holds_in_canada_for_partnership():
    terms = allowed(make_code())
    assert (terms.region, terms.code, terms.partner) == ("ca", "LWCAN", "loveworld-canada")
    assert (terms.fund, terms.fund_fixed) == ("partnership", True)


def test_lwcan_is_refused_from_britain_with_the_next_way():
    refusal = refused(Reason.WRONG_REGION, make_code(), **FROM_BRITAIN)
    assert refusal.sentence == (
        "LWCAN is for gifts from Canada. "
        "You can still give from the United Kingdom here, without the code."
    )
    assert refusal.field == "code"
    assert refusal.next_ways == (
        NextWay("gb", None, "Give from the United Kingdom"),
        NextWay("ca", "LWCAN", "Give from Canada with LWCAN"),
    )


def test_several_home_regions_are_named_in_the_catalogues_order():
    code = make_code(display="LWEURO", regions=frozenset({"fr", "de", "ie"}))
    refusal = refused(Reason.WRONG_REGION, code, **FROM_BRITAIN)
    assert refusal.sentence.startswith("LWEURO is for gifts from Ireland, Germany, or France.")
    assert [way.region for way in refusal.next_ways] == ["gb", "ie", "de", "fr"]


def test_the_rest_of_the_world_has_words_that_fit_a_sentence():
    refusal = refused(Reason.WRONG_REGION, make_code(), region="world", money=Money(100, "USD"))
    assert "You can still give from another country here" in refusal.sentence


def test_an_unknown_code_is_said_to_be_unknown_in_its_one_spelling():
    refusal = refused(Reason.UNKNOWN_CODE, None, code="x-y z")
    assert refusal.sentence == (
        "We don’t know the code XYZ. Check the spelling, or give without it."
    )
    assert refusal.next_ways == (NextWay("ca", None, "Give from Canada"),)


@pytest.mark.parametrize("typed", ["spring, lwcan", "SPRING+LWCAN", "spring;lwcan", "a/b", "a&b"])
def test_two_codes_are_refused_as_two_whichever_they_are(typed):
    refusal = refused(Reason.SEVERAL_CODES, None, code=typed)
    assert refusal.sentence.startswith("One gift takes one code. Enter one of ")
    assert refusal.field == "code"
    assert refusal.next_ways == (NextWay("ca", None, "Give from Canada"),)


@pytest.mark.parametrize("typed", ["spring,", "+spring", "/"])
def test_a_sign_beside_one_code_makes_no_second(typed):
    refused(Reason.UNKNOWN_CODE, None, code=typed)


@pytest.mark.parametrize("nothing", [None, "", " - "])
def test_no_code_means_the_regions_own_terms(nothing):
    terms = allowed(None, code=nothing, fund="general")
    assert (terms.code, terms.partner, terms.fund_fixed) == (None, None, False)
    assert terms.currencies == region("ca").currencies
    assert terms.modes == region("ca").modes


def test_an_unknown_region_offers_all_regions():
    refusal = refused(Reason.UNKNOWN_REGION, make_code(), region="atlantis")
    assert len(refusal.next_ways) == len(CATALOGUE.regions)
    assert refusal.field == "region"


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW - timedelta(microseconds=1), Reason.NOT_YET),
        (NOW, None),
        (NOW + HOUR - timedelta(microseconds=1), None),
        (NOW + HOUR, Reason.ENDED),
    ],
)
def test_a_code_holds_from_its_start_up_to_but_not_at_its_end(now, reason):
    verdict = judge(make_code(starts_at=NOW, ends_at=NOW + HOUR), now)
    assert getattr(verdict, "reason", None) == reason


def test_dates_are_told_in_the_regions_own_zone_and_the_end_as_its_last_day():
    starts = datetime(2027, 3, 1, 4, 59, tzinfo=UTC)  # the evening before, in Toronto
    sentence = refused(Reason.NOT_YET, make_code(starts_at=starts)).sentence
    assert sentence.startswith("LWCAN starts on February 28, 2027.")
    ends = datetime(2026, 1, 1, 5, tzinfo=UTC)  # midnight in Toronto
    sentence = refused(Reason.ENDED, make_code(ends_at=ends)).sentence
    assert sentence.startswith("LWCAN ended on December 31, 2025.")
    assert sentence.endswith("You can still give from Canada here, without the code.")


def test_a_withdrawn_code_is_refused_before_anything_else():
    code = make_code(state=CodeState.RETIRED, ends_at=NOW - HOUR)
    assert refused(Reason.INACTIVE, code).sentence.startswith("LWCAN is no longer in use.")


def test_a_code_orders_and_narrows_the_modes():
    terms = allowed(make_code(modes=("interac", "card", "interac")))
    assert [mode.key for mode in terms.modes] == ["interac", "card"]
    refusal = refused(Reason.WRONG_MODE, make_code(modes=("interac",)))
    assert refusal.sentence == ("“Card” can’t be used for this gift. Choose Interac e-Transfer.")
    assert refusal.field == "mode"


def test_a_code_never_brings_a_mode_that_the_region_lacks():
    everywhere = make_code(regions=None, modes=("interac", "card"))
    terms = allowed(everywhere, **FROM_BRITAIN)
    assert [mode.key for mode in terms.modes] == ["card"]
    only_interac = make_code(regions=None, modes=("interac",))
    refusal = refused(Reason.NOT_POSSIBLE_HERE, only_interac, **FROM_BRITAIN)
    assert refusal.sentence.startswith("LWCAN can’t be used for gifts from the United Kingdom.")


def test_a_fund_that_the_region_lacks_is_never_booked():
    refused(Reason.NOT_POSSIBLE_HERE, make_code(funds=("rockets",)), fund="rockets")


def keys_of(modes):
    return [mode.key for mode in modes]


def test_a_fund_orders_and_narrows_the_modes():
    """The sample: media takes no cheque, and shows e-Transfers first."""
    terms = allowed(fund="media", code=None)
    assert keys_of(terms.funds["media"]) == ["interac", "card", "bank_debit"]
    assert terms.funds["general"] == terms.modes
    refusal = refused(Reason.WRONG_MODE, fund="media", mode="cheque", code=None)
    assert refusal.sentence == (
        "“Cheque by post” can’t be used for this gift. "
        "Choose Interac e-Transfer, Card, or Pre-authorised debit."
    )
    allowed(fund="general", mode="cheque", code=None)


def test_a_codes_order_comes_before_the_funds():
    terms = allowed(make_code(funds=("media",), modes=("cheque", "card", "interac")), fund="media")
    assert keys_of(terms.funds["media"]) == ["card", "interac"]


def test_a_fund_that_no_mode_of_a_code_can_pay_is_not_offered():
    free = make_code(funds=None, modes=("cheque",))
    assert "media" not in allowed(free, mode="cheque").funds
    refused(Reason.WRONG_FUND, free, fund="media", mode="cheque")
    fixed = make_code(funds=("media",), modes=("cheque",))
    refused(Reason.NOT_POSSIBLE_HERE, fixed, fund="media", mode="cheque")


def test_a_codes_fund_is_the_only_one():
    refusal = refused(Reason.WRONG_FUND, make_code(), fund="media")
    assert refusal.sentence == "Gifts with LWCAN go to Partnership."
    allowed(make_code(funds=None), fund="media")
    refused(Reason.WRONG_FUND, make_code(funds=None), fund="rockets")


def test_a_codes_currency_is_the_only_one():
    code = make_code(regions=None, currencies=("EUR",))
    terms = allowed(code, region="world", money=Money(7550, "EUR"))
    assert [option.currency for option in terms.currencies] == ["EUR"]
    refusal = refused(Reason.WRONG_CURRENCY, code, region="world", money=Money(7550, "USD"))
    assert refusal.sentence == "This gift can’t be made in US dollars. Choose euros."
    refusal = refused(Reason.NOT_POSSIBLE_HERE, code)
    assert "is for gifts in euros, which can’t be given from Canada." in refusal.sentence


def test_a_codes_minimum_raises_the_regions_own_and_never_lowers_it():
    code = make_code(minimum_minor={"CAD": 25_000})
    refusal = refused(Reason.UNDER_MINIMUM, code, money=Money(24_999, "CAD"))
    with use_locale("en_CA"):
        refusal = refused(Reason.UNDER_MINIMUM, code, money=Money(24_999, "CAD"))
    assert refusal.sentence == "With LWCAN, the least you can give is $250.00."
    assert refusal.field == "amount"
    terms = allowed(code, money=Money(25_000, "CAD"))
    assert terms.option("CAD").presets_minor == (25_000,)
    refused(Reason.UNDER_MINIMUM, make_code(minimum_minor={"CAD": 1}), money=Money(99, "CAD"))


def test_a_minimum_over_the_regions_maximum_leaves_no_way_with_the_code():
    code = make_code(minimum_minor={"CAD": 99_999_999})
    refused(Reason.NOT_POSSIBLE_HERE, code, money=Money(99_999_999, "CAD"))


def test_the_regions_own_limits_hold_without_a_code():
    refusal = refused(Reason.UNDER_MINIMUM, None, code=None, money=Money(99, "CAD"))
    assert refusal.sentence.startswith("The least you can give here is")
    refused(Reason.OVER_MAXIMUM, None, code=None, money=Money(5_000_001, "CAD"))
    allowed(None, code=None, money=Money(5_000_000, "CAD"))


def test_a_codes_presets_and_amount_are_kept_within_the_limits():
    code = make_code(
        presets_minor={"CAD": (1, 10_000, 99_999_999), "USD": (7,)}, amount_minor={"CAD": 10_000}
    )
    terms = allowed(code)
    assert terms.option("CAD").presets_minor == (10_000,)
    assert terms.option("CAD").monthly_presets_minor == (10_000,)
    assert terms.amount_minor == {"CAD": 10_000}
    assert allowed(make_code(amount_minor={"CAD": 1})).amount_minor == {}


def test_a_monthly_gift_needs_a_mode_that_charges_every_month():
    refusal = refused(Reason.WRONG_FREQUENCY, make_code(), mode="interac", frequency="monthly")
    assert refusal.field == "frequency"
    allowed(make_code(), frequency="monthly")


def test_an_invented_mode_is_refused_with_what_there_is():
    refusal = refused(Reason.WRONG_MODE, make_code(), mode="gold", frequency="monthly")
    assert refusal.sentence == "Choose how you want to pay: Card or Pre-authorised debit."


def test_a_mode_that_takes_other_currencies_is_refused():
    refused(
        Reason.WRONG_MODE,
        None,
        code=None,
        region="world",
        money=Money(5000, "GBP"),
        mode="bank_transfer",
        fund="general",
    )


def test_the_form_is_shown_the_very_terms_that_are_decided_by():
    code = make_code(minimum_minor={"CAD": 5000}, modes=("card", "interac"))
    assert open_terms(code, region("ca"), NOW, CATALOGUE) == allowed(code)
    assert open_terms(code, region("gb"), NOW, CATALOGUE) == judge(code, **FROM_BRITAIN)


POT = {"match_pot": "spring", "match_ratio": "2:1"}


def levels(*terms):
    """Levels from the highest down, the last of which is the code's own."""
    kinds = (LevelKind.NETWORK, LevelKind.ZONE, LevelKind.PARTNER)
    scopes = [
        Level(kind=kind, name=f"level {at}", terms=read_terms("x", own), id=at + 1)
        for at, (kind, own) in enumerate(zip(kinds, terms[:-1], strict=False))
    ]
    return [*scopes, Level(kind=LevelKind.CODE, name="", terms=read_terms("x", terms[-1]))]


@pytest.mark.parametrize(
    ("terms", "pot", "ratio"),
    [
        (({}, {}), None, None),
        ((POT, {}), "spring", (2, 1)),
        (({}, POT), "spring", (2, 1)),
        ((POT, {"match_pot": "autumn"}), "autumn", (2, 1)),
        ((POT, {"match_ratio": "1:3"}), "spring", (1, 3)),
        (({"match_ratio": "3:1"}, {"match_pot": "autumn"}), "autumn", (3, 1)),
        (({"match_pot": "autumn"}, {}), "autumn", (1, 1)),
        (({"no_match": True}, POT), None, None),
        (({"no_match": True}, {"no_match": False}, POT), None, None),
        ((POT, {"no_match": True}), None, None),
        ((POT, {"no_match": True}, POT), None, None),
    ],
)
def test_the_nearest_offer_holds_and_a_denial_is_never_lifted(terms, pot, ratio):
    offer = Code(**merge(levels(*terms)), code="X", display="X", kind=Kind.PARTNER).offer
    assert (offer.pot if offer else None) == pot
    assert ((offer.times, offer.per) if offer else None) == ratio


def test_an_offer_says_which_level_it_is_from():
    sources = merge(levels(POT, {"match_cap": {"CAD": "5"}}))["sources"]
    assert sources["match_pot"] == "level 0"
    assert sources["match_cap_minor"] == ""


@pytest.mark.parametrize(
    ("terms", "found"),
    [
        (({}, {}), ReceiptClass.REGION),
        (({}, {"receipt_class": "none"}), ReceiptClass.NONE),
        (({"receipt_class": "none"}, {"receipt_class": "region"}), ReceiptClass.NONE),
    ],
)
def test_who_gives_no_receipt_above_gives_none_below(terms, found):
    code = Code(**merge(levels(*terms)), code="X", display="X", kind=Kind.PARTNER)
    assert code.receipt_class is found
