"""What holds for every code and every pledge, whatever is in them."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from portal.codes.parsing import normalise_code
from portal.codes.policy import Code, Kind, Reason, Refusal, Terms, decide, open_terms
from portal.codes.terms import Frequency, Pledge
from portal.money import Money
from tests.unit.samples import CATALOGUE, NOW, make_code, make_pledge, region

SLUGS = list(CATALOGUE.regions)
FIELDS = "region code currency amount fund mode frequency".split()
MODES = ["card", "bank_debit", "interac", "bank_transfer", "wallet_code", "cheque", "gold", ""]
FUNDS = ["general", "partnership", "missions", "rockets", ""]
CURRENCIES = ["CAD", "USD", "GBP", "EUR", "JPY", "NGN", "XTS"]

minors = st.integers(-(10**6), 10**9)
BEGINNING = datetime(1990, 1, 1, tzinfo=UTC)
moments = st.timedeltas(timedelta(), timedelta(days=80_000)).map(BEGINNING.__add__)
by_currency = st.dictionaries(st.sampled_from(CURRENCIES), minors, max_size=3)

codes = st.builds(
    Code,
    code=st.text(max_size=8),
    display=st.text(max_size=8),
    kind=st.sampled_from(Kind),
    regions=st.frozensets(st.sampled_from([*SLUGS, "gone"]), max_size=4),
    fund=st.none() | st.sampled_from(FUNDS),
    currency=st.none() | st.sampled_from(CURRENCIES),
    presets_minor=st.dictionaries(
        st.sampled_from(CURRENCIES), st.lists(minors, max_size=4).map(tuple), max_size=3
    ),
    amount_minor=by_currency,
    modes=st.none() | st.lists(st.sampled_from(MODES), max_size=5).map(tuple),
    minimum_minor=by_currency,
    starts_at=st.none() | moments,
    ends_at=st.none() | moments,
    active=st.booleans(),
)
pledges = st.builds(
    make_pledge,
    money=st.builds(Money, minors, st.sampled_from(CURRENCIES)),
    region=st.sampled_from([*SLUGS, "atlantis", ""]),
    fund=st.sampled_from(FUNDS),
    mode=st.sampled_from(MODES),
    frequency=st.sampled_from(Frequency),
    code=st.none() | st.text(max_size=50),
)


@given(st.none() | codes, pledges, moments)
def test_deciding_never_raises_and_a_refusal_always_says_why(code, pledge, now):
    verdict = decide(code, pledge, now, CATALOGUE)
    assert isinstance(verdict, Terms | Refusal)
    if isinstance(verdict, Refusal):
        assert verdict.sentence
        assert verdict.field in {
            "region",
            "code",
            "currency",
            "amount",
            "fund",
            "mode",
            "frequency",
        }


@given(st.none() | codes, pledges, moments)
def test_what_is_allowed_is_something_the_region_offers(code, pledge, now):
    terms = decide(code, pledge, now, CATALOGUE)
    if isinstance(terms, Refusal):
        return
    here = region(pledge.region)
    own = here.currency(pledge.given.currency)
    assert own.minimum_minor <= pledge.given.minor <= own.maximum_minor
    assert {mode.key for mode in terms.modes} <= {mode.key for mode in here.modes}
    assert here.mode(pledge.mode).takes(pledge.given.currency, pledge.frequency)
    assert here.mode(pledge.mode) in terms.funds[pledge.fund]
    assert code is None or not code.regions or here.slug in code.regions


@given(codes, st.sampled_from(SLUGS), moments)
def test_a_form_can_always_be_shown_with_the_terms_it_is_given(code, slug, now):
    terms = open_terms(code, region(slug), now, CATALOGUE)
    if isinstance(terms, Refusal):
        assert terms.next_ways[0].region == slug
        return
    assert terms.modes
    assert region(slug).fund(terms.fund)
    assert terms.fund in terms.funds
    for fund, modes in terms.funds.items():
        assert modes
        own = region(slug).fund(fund).modes
        assert all(mode in terms.modes and (not own or mode.key in own) for mode in modes)
    assert any(terms.modes_for(terms.fund, one.currency, "once") for one in terms.currencies)
    for option in terms.currencies:
        for minor in (*option.presets_minor, *option.monthly_presets_minor):
            assert option.minimum_minor <= minor <= option.maximum_minor
        suggested = terms.amount_minor.get(option.currency, option.minimum_minor)
        assert option.minimum_minor <= suggested <= option.maximum_minor


@given(
    st.sampled_from([slug for slug in SLUGS if slug != "ca"]),
    st.lists(st.sampled_from(["", " ", "-", ".", "\u00a0", "–"]), min_size=5, max_size=5),
    st.booleans(),
)
def test_a_code_is_refused_outside_its_regions_however_it_is_spelt(slug, between, lower):
    typed = "".join(sign + gap for sign, gap in zip("LWCAN", between, strict=True))
    typed = typed.lower() if lower else typed
    known = {"LWCAN": make_code()}
    pledge = Pledge(
        given=Money(7550, "CAD"),
        cover=Money(0, "CAD"),
        region=slug.upper() if lower else slug,
        fund="partnership",
        mode="card",
        frequency=Frequency.ONCE,
        code=typed,
    )
    verdict = decide(known.get(normalise_code(typed)), pledge, NOW, CATALOGUE)
    assert isinstance(verdict, Refusal)
    assert verdict.reason == Reason.WRONG_REGION
