"""What holds for every code and every pledge, whatever is in them."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from portal.codes.parsing import normalise_code
from portal.codes.policy import Kind, Reason, Refusal, Terms, decide, open_terms
from portal.codes.terms import CodeState, Frequency, Level, LevelKind, Pledge
from portal.codes.terms import make_code as make_code_of
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

SOME = {
    "regions": st.lists(st.sampled_from([*SLUGS, "gone"]), max_size=4).map(tuple),
    "not_regions": st.lists(st.sampled_from(SLUGS), max_size=2).map(tuple),
    "funds": st.lists(st.sampled_from(FUNDS), max_size=3).map(tuple),
    "not_funds": st.lists(st.sampled_from(FUNDS), max_size=2).map(tuple),
    "currencies": st.lists(st.sampled_from(CURRENCIES), max_size=3).map(tuple),
    "frequencies": st.lists(st.sampled_from(Frequency), max_size=2).map(tuple),
    "presets_minor": st.dictionaries(
        st.sampled_from(CURRENCIES), st.lists(minors, max_size=4).map(tuple), max_size=3
    ),
    "amount_minor": by_currency,
    "modes": st.lists(st.sampled_from(MODES), max_size=5).map(tuple),
    "not_modes": st.lists(st.sampled_from(MODES), max_size=2).map(tuple),
    "minimum_minor": by_currency,
}
levels = st.builds(
    Level,
    kind=st.sampled_from(LevelKind),
    name=st.text(max_size=8),
    terms=st.fixed_dictionaries({}, optional=SOME),
    starts_at=st.none() | moments,
    ends_at=st.none() | moments,
    is_live=st.sampled_from((True, True, True, False)),
)
trees = st.lists(levels, min_size=1, max_size=5)


def code_of(tree, **own):
    values = {"code": "SPRING", "display": "Spring", "kind": Kind.PARTNER, **own}
    return make_code_of(tree, **values)


codes = st.builds(
    code_of,
    trees,
    code=st.text(max_size=8),
    display=st.text(max_size=8),
    kind=st.sampled_from(Kind),
    state=st.sampled_from(CodeState),
    is_secret=st.booleans(),
    is_spent=st.booleans(),
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
    assert any(
        terms.modes_for(terms.fund, one.currency, frequency)
        for one in terms.currencies
        for frequency in Frequency
    )
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


def denies(level, terms, pledge, now):
    """Whether one level by itself forbids what was allowed."""
    own = level.terms

    def lacks(name, one):
        return name in own and one not in own[name]

    return (
        not level.is_live
        or lacks("regions", terms.region)
        or lacks("funds", pledge.fund)
        or lacks("modes", pledge.mode)
        or lacks("currencies", pledge.given.currency)
        or lacks("frequencies", pledge.frequency)
        or terms.region in own.get("not_regions", ())
        or pledge.fund in own.get("not_funds", ())
        or pledge.mode in own.get("not_modes", ())
        or pledge.given.minor < own.get("minimum_minor", {}).get(pledge.given.currency, 0)
        or (level.starts_at is not None and now < level.starts_at)
        or (level.ends_at is not None and now >= level.ends_at)
    )


@given(trees, pledges, moments)
def test_nothing_is_allowed_that_any_level_denies(tree, pledge, now):
    verdict = decide(code_of(tree), pledge, now, CATALOGUE)
    if isinstance(verdict, Terms):
        assert not any(denies(level, verdict, pledge, now) for level in tree)
        assert verdict == decide(code_of(tree), pledge, now, CATALOGUE)


@given(trees, moments)
def test_the_terms_of_a_form_are_those_of_a_gift(tree, now):
    """What a form offers first can be given, at every amount it suggests."""
    code = code_of(tree)
    for place in CATALOGUE.regions.values():
        terms = open_terms(code, place, now, CATALOGUE)
        if isinstance(terms, Refusal):
            continue
        offered = [
            (fund, option, mode, frequency)
            for fund in terms.funds
            for option in terms.currencies
            for frequency in Frequency
            for mode in terms.modes_for(fund, option.currency, frequency)
        ]
        assert offered
        for fund, option, mode, frequency in offered[:4]:
            pledge = Pledge(
                given=Money(option.minimum_minor, option.currency),
                cover=Money(0, option.currency),
                region=place.slug,
                fund=fund,
                mode=mode.key,
                frequency=frequency,
                code="SPRING",
            )
            assert isinstance(decide(code, pledge, now, CATALOGUE), Terms)
