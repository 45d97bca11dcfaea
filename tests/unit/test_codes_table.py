"""What every kind of term says to every kind of gift: a table, a row a code, a column a gift.

A cell is `ok`, or the letters of the reason why not.
"""

from datetime import timedelta

import pytest

from portal.codes.policy import Reason, Refusal, decide
from portal.codes.terms import Code, CodeState, Frequency, Kind, Level, LevelKind, make_code
from portal.money import Money
from tests.unit.samples import CATALOGUE, NOW, make_pledge

ONCE, MONTHLY = Frequency.ONCE, Frequency.MONTHLY
REASONS = {
    "ok": None,
    "re": Reason.WRONG_REGION,
    "no": Reason.NOT_POSSIBLE_HERE,
    "cu": Reason.WRONG_CURRENCY,
    "mi": Reason.UNDER_MINIMUM,
    "ma": Reason.OVER_MAXIMUM,
    "fu": Reason.WRONG_FUND,
    "mo": Reason.WRONG_MODE,
    "fr": Reason.WRONG_FREQUENCY,
    "ny": Reason.NOT_YET,
    "en": Reason.ENDED,
    "pa": Reason.PAUSED,
    "rt": Reason.INACTIVE,
    "up": Reason.USED_UP,
    "un": Reason.UNKNOWN_CODE,
}
# By column: region, amount, mode, frequency, fund.
GIFTS = {
    "ca card": ("ca", Money(7500, "CAD"), "card", ONCE, "general"),
    "ca monthly": ("ca", Money(7500, "CAD"), "card", MONTHLY, "general"),
    "ca interac": ("ca", Money(7500, "CAD"), "interac", ONCE, "general"),
    "ca missions": ("ca", Money(7500, "CAD"), "card", ONCE, "missions"),
    "ca 20": ("ca", Money(2000, "CAD"), "card", ONCE, "general"),
    "ca cheque": ("ca", Money(7500, "CAD"), "cheque", ONCE, "media"),
    "ca EUR": ("ca", Money(7500, "EUR"), "card", ONCE, "general"),
    "gb card": ("gb", Money(7500, "GBP"), "card", ONCE, "general"),
    "gb monthly": ("gb", Money(7500, "GBP"), "bank_debit", MONTHLY, "missions"),
    "de card": ("de", Money(7500, "EUR"), "card", ONCE, "missions"),
    "jp card": ("jp", Money(5000, "JPY"), "card", ONCE, "general"),
    "ca millions": ("ca", Money(10**11, "CAD"), "card", ONCE, "general"),
}
DAY = timedelta(days=1)
CODES = {
    "open": ({}, {}),
    "canada": ({"regions": ("ca",)}, {}),
    "two regions": ({"regions": ("gb", "de")}, {}),
    "not canada": ({"not_regions": ("ca",)}, {}),
    "euro": ({"currencies": ("EUR",)}, {}),
    "card": ({"modes": ("card",)}, {}),
    "no card": ({"not_modes": ("card",)}, {}),
    "interac": ({"modes": ("interac",)}, {}),
    "missions": ({"funds": ("missions",)}, {}),
    "two funds": ({"funds": ("missions", "media")}, {}),
    "no missions": ({"not_funds": ("missions",)}, {}),
    "monthly": ({"frequencies": (MONTHLY,)}, {}),
    "once": ({"frequencies": (ONCE,)}, {}),
    "least 50": ({"minimum_minor": {"CAD": 5000}}, {}),
    "not yet": ({"starts_at": DAY}, {}),
    "ended": ({"ends_at": -DAY}, {}),
    "paused": ({}, {"state": CodeState.PAUSED}),
    "retired": ({}, {"state": CodeState.RETIRED}),
    "spent": ({}, {"is_spent": True}),
    "secret": ({"regions": ("ca",)}, {"is_secret": True}),
    "secret spent": ({}, {"is_secret": True, "is_spent": True}),
    "nowhere": ({"regions": ("ca",), "not_regions": ("ca",)}, {}),
}
TABLE = """
open         | ok ok ok ok ok mo cu ok ok ok ok ma
canada       | ok ok ok ok ok mo cu re re re re ma
two regions  | re re re re re re re ok ok ok re re
not canada   | no no no no no no no ok ok ok ok no
euro         | no no no no no no no no no ok no no
card         | ok ok mo ok ok mo cu ok mo ok ok ma
no card      | mo mo ok mo mo mo cu mo ok mo mo ma
interac      | mo mo ok mo mo mo cu no no no no ma
missions     | fu fu fu ok fu fu cu fu ok ok fu ma
two funds    | fu fu fu ok fu mo cu fu ok ok fu ma
no missions  | ok ok ok fu ok mo cu ok fu fu ok ma
monthly      | fr ok fr fr fr mo cu fr ok fr fr ma
once         | ok fr ok ok ok mo cu ok fr ok ok ma
least 50     | ok ok ok ok mi mo cu ok ok ok ok ma
not yet      | ny ny ny ny ny ny ny ny ny ny ny ny
ended        | en en en en en en en en en en en en
paused       | pa pa pa pa pa pa pa pa pa pa pa pa
retired      | rt rt rt rt rt rt rt rt rt rt rt rt
spent        | up up up up up up up up up up up up
secret       | ok ok ok ok ok mo cu un un un un ma
secret spent | un un un un un un un un un un un un
nowhere      | no no no no no no no no no no no no
"""


def code_of(name: str) -> Code:
    """The code of a row: half of its terms are set above it."""
    terms, own = CODES[name]
    dates = {key: NOW + terms[key] for key in ("starts_at", "ends_at") if key in terms}
    rest = {key: value for key, value in terms.items() if key not in dates}
    above = Level(kind=LevelKind.PARTNER, name="Above", terms=rest, id=1, key="above")
    level = Level(kind=LevelKind.CODE, name="", **dates)
    return make_code([above, level], code="SPRING", display="Spring", kind=Kind.PARTNER, **own)


def judge(name: str, gift: str) -> Reason | None:
    region, money, mode, frequency, fund = GIFTS[gift]
    pledge = make_pledge(
        region=region, money=money, mode=mode, frequency=frequency, fund=fund, code="SPRING"
    )
    verdict = decide(code_of(name), pledge, NOW, CATALOGUE)
    return verdict.reason if isinstance(verdict, Refusal) else None


ROWS = [line.split("|") for line in TABLE.strip().splitlines()]
CELLS = [
    (row[0].strip(), gift, cell)
    for row in ROWS
    for gift, cell in zip(GIFTS, row[1].split(), strict=True)
]


@pytest.mark.parametrize(("name", "gift", "cell"), CELLS)
def test_a_cell_of_the_table(name: str, gift: str, cell: str) -> None:
    assert judge(name, gift) == REASONS[cell]


def test_the_table_is_whole() -> None:
    assert [row[0].strip() for row in ROWS] == list(CODES)
    assert len(CELLS) >= 200
    assert {REASONS[cell] for _, _, cell in CELLS} == {*REASONS.values()}
