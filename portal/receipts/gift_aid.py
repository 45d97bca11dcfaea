"""Gift Aid: which gifts may be claimed for, and a claim's rows as HMRC's schedule has them.

Pure. A row is what HMRC's GAD element and its spreadsheet know of a donation, and is judged by
the very rules of the service that reads the spreadsheet (github.com/hmrc/
charities-claims-validation, GiftAidValidationService). Two of them differ from what is often
said: a limit of £1,000 holds for rows without a name alone, so that a named donor's larger gift
is one row and never split; and a donor abroad has `X` for a postcode.
https://www.gov.uk/guidance/schedule-spreadsheet-to-claim-back-tax-on-gift-aid-donations
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from anyascii import anyascii

from portal.i18n import Labelled
from portal.regions.records import end_of_year

CURRENCY = "GBP"
LONGEST_TITLE, LONGEST_NAME, LONGEST_HOUSE, LONGEST_DESCRIPTION = 4, 35, 40, 35
# Rows of one spreadsheet: gifts, community buildings, connected charities.
MOST_ROWS, MOST_BUILDINGS, MOST_CONNECTED = 1_000, 500, 200
# A gift below it may go without its donor's name, in a row of at most so much.
SMALL_MINOR, MOST_TOGETHER_MINOR = 30_00, 1_000_00
OVERSEAS = "X"
# The Channel Islands and Man have British postcodes and are not abroad to the spreadsheet.
AT_HOME = frozenset(("GB", "GG", "IM", "JE"))
POSTCODE = re.compile(
    r"GIR 0AA|(?:[A-Z]\d\d?|[A-Z][A-HJ-Y]\d\d?|[A-Z]\d[A-Z]|[A-Z][A-HJ-Y]\d?[A-Z]) \d[A-Z]{2}"
)
TITLE = re.compile(r"[A-Za-z][A-Za-z'-]{1,3}")
# What the service that reads the spreadsheet drops from a text.
UNREAD = re.compile(r"[^\x20-\x7e\xa1-\xff]")
# Basic rate tax on what a donor gave after it: 20/80 (Income Tax Act 2007, s. 414).
TAX_PART = 4


class Covers(Labelled):
    """Which gifts a declaration is for."""

    GIFT = "gift", "This gift alone"
    ALL = "all", "All gifts of the past four years and from now on"


class How(Labelled):
    """How a declaration came; an oral one holds once it was confirmed in writing."""

    FORM = "form", "With a gift"
    ACCOUNT = "account", "In the donor’s account"
    ORAL = "oral", "By word of mouth"
    PAPER = "paper", "On paper"


class Why(Labelled):
    """Why no tax can be claimed for a gift; the first that holds is said."""

    NOT_POUNDS = "not_pounds", "It is not in pounds"
    NOTHING_LEFT = "nothing_left", "All of it went back"
    DISPUTED = "disputed", "Its donor’s bank disputes it"
    OTHERS_RECEIPT = "others_receipt", "The partner of its code gives the receipt"
    TOO_LATE = "too_late", "The four years for a claim are over"
    NO_DECLARATION = "no_declaration", "There is no declaration"
    OTHER_GIFT = "other_gift", "The declaration is for another gift"
    OTHER_NAME = "other_name", "It was given in another name than the declaration’s"
    BEFORE = "before", "It came more than four years before the declaration"
    CANCELLED = "cancelled", "The declaration was cancelled before it came"
    UNCONFIRMED = "unconfirmed", "The oral declaration was not confirmed in writing yet"
    MAY_CANCEL = "may_cancel", "The oral declaration may still be cancelled"
    NO_ADDRESS = "no_address", "The declaration has no full name and home address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A declaration as it stands; days are by the issuer’s calendar.

    `names` are those of all its versions, as `fold_name` has them.
    """

    id: int
    key: str
    donor_id: int
    names: frozenset[str]
    covers: Covers
    gift_id: int | None
    how: How
    made_on: date
    confirmed_on: date | None
    cancelled_from: date | None
    title: str
    first_name: str
    last_name: str
    address: tuple[str, ...]
    postal_code: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A gift that came; `minor` is what is left of it, in the minor units of `currency`."""

    gift_id: int
    reference: str
    donor_id: int | None
    name: str
    received_on: date
    minor: int
    currency: str
    is_disputed: bool = False
    is_others: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The declaration that covers a gift, or why tax can't be claimed for it."""

    gift: Given
    declared: Declared | None
    why: Why | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the schedule, as it is written there; `amount_minor` in pence."""

    title: str = ""
    first_name: str = ""
    last_name: str = ""
    house: str = ""
    postcode: str = ""
    aggregated: str = ""
    is_sponsored: bool = False
    day: date
    amount_minor: int

    @property
    def amount(self) -> str:
        """In pounds with two decimals and no sign."""
        return write_pounds(self.amount_minor)

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of the schedule's columns, from the title on."""
        return (
            self.title,
            self.first_name,
            self.last_name,
            self.house,
            self.postcode,
            self.aggregated,
            "Yes" if self.is_sponsored else "",
            f"{self.day:%d/%m/%y}",
            self.amount,
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """A row with the gifts that it sums."""

    row: Row
    verdicts: tuple[Verdict, ...]


def write_pounds(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def tax_on(minor: int) -> int:
    """The tax that is claimed for what was given, in pence; a part of a penny is none."""
    return minor // TAX_PART


def years_before(day: date, years: int) -> date:
    """The same day so many years before; 28 February where there is no 29th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def period_end(day: date, year_end: str) -> date:
    """The end of the accounting period that a day lies in; `year_end` is like `04-05`."""
    end = end_of_year(year_end, day.year)
    return end if day <= end else end_of_year(year_end, day.year + 1)


def compose_rows(verdicts: Sequence[Verdict], year_end: str, *, together: str = "") -> list[Entry]:
    """The rows of what can be claimed: one a donor and accounting period, in the order of days.

    With `together`, a description, gifts under £30 go without names into rows of at most
    £1,000.
    """
    covered = [one for one in verdicts if one.declared is not None]
    small = [one for one in covered if together and one.gift.minor < SMALL_MINOR]
    named = [one for one in covered if one not in small] if small else covered
    entries = [*_sum_donors(named, year_end), *_sum_small(small, year_end, together)]
    return sorted(entries, key=lambda entry: (entry.row.day, entry.verdicts[0].gift.gift_id))


def _sum_donors(verdicts: Iterable[Verdict], year_end: str) -> Iterator[Entry]:
    """A donor's gifts of one accounting period in a row, dated as the last of them."""
    groups: dict[object, list[Verdict]] = defaultdict(list)
    for one in verdicts:
        if one.declared is not None:
            face = name_donor(one.declared, date.min, 1)
            period = period_end(one.gift.received_on, year_end)
            groups[one.declared.donor_id, face, period].append(one)
    for group in groups.values():
        last, total = _day_and_total(group)
        if (declared := group[0].declared) is not None:
            yield Entry(name_donor(declared, last, total), tuple(group))


def _sum_small(verdicts: Iterable[Verdict], year_end: str, description: str) -> Iterator[Entry]:
    groups: dict[date, list[list[Verdict]]] = defaultdict(lambda: [[]])
    for one in sorted(verdicts, key=lambda one: (one.gift.received_on, one.gift.gift_id)):
        rows = groups[period_end(one.gift.received_on, year_end)]
        if _day_and_total([*rows[-1], one])[1] > MOST_TOGETHER_MINOR:
            rows.append([])
        rows[-1].append(one)
    text = readable(description, LONGEST_DESCRIPTION)
    for group in (group for rows in groups.values() for group in rows):
        day, total = _day_and_total(group)
        yield Entry(Row(aggregated=text, day=day, amount_minor=total), tuple(group))


def _day_and_total(verdicts: Sequence[Verdict]) -> tuple[date, int]:
    gifts = [one.gift for one in verdicts]
    return max(gift.received_on for gift in gifts), sum(gift.minor for gift in gifts)


def name_donor(declared: Declared, day: date, minor: int) -> Row:
    """A row with a donor's name and address as the schedule takes them."""
    is_home = declared.country.upper() in AT_HOME
    title = readable(declared.title, LONGEST_TITLE).rstrip(".")
    return Row(
        title=title if TITLE.fullmatch(title) else "",
        first_name=readable(declared.first_name, LONGEST_NAME),
        last_name=readable(readable(declared.last_name, 200).replace("-", " "), LONGEST_NAME),
        house=_write_house(declared.address),
        postcode=declared.postal_code.upper() if is_home else OVERSEAS,
        day=day,
        amount_minor=minor,
    )


def readable(text: str, longest: int) -> str:
    """A text in the letters that HMRC reads, cut to a length: Łucja is Lucja, and 山 is Shan."""
    written = "".join(
        anyascii(sign) if UNREAD.fullmatch(sign) or sign.isspace() else sign
        for sign in text.replace("\N{HYPHEN}", "-")
    )
    return " ".join(UNREAD.sub("", written).split())[:longest].rstrip()


def _write_house(lines: Iterable[str]) -> str:
    """As much of an address as fits, by whole parts; the first is cut if need be."""
    said = ""
    for line in filter(None, (readable(one, 200) for one in lines)):
        longer = f"{said}, {line}" if said else line
        if said and len(longer) > LONGEST_HOUSE:
            break
        said = longer
    return said[:LONGEST_HOUSE].rstrip(" ,")


def list_faults(row: Row, today: date) -> list[str]:
    """The columns of a row that HMRC would refuse, by their fields."""
    checks: Mapping[str, bool] = {
        "amount_minor": row.amount_minor > 0,
        "day": row.day <= today,
        **(_check_nameless(row) if row.aggregated else _check_named(row)),
    }
    return [name for name, is_right in checks.items() if not is_right]


def _check_nameless(row: Row) -> dict[str, bool]:
    return {
        "aggregated": len(row.aggregated) <= LONGEST_DESCRIPTION,
        "last_name": not (row.title + row.first_name + row.last_name + row.house + row.postcode),
        "is_sponsored": not row.is_sponsored,
        "amount": row.amount_minor <= MOST_TOGETHER_MINOR,
    }


def _check_named(row: Row) -> dict[str, bool]:
    return {
        "title": not row.title or TITLE.fullmatch(row.title) is not None,
        "first_name": 0 < len(row.first_name) <= LONGEST_NAME,
        "last_name": 0 < len(row.last_name) <= LONGEST_NAME and "-" not in row.last_name,
        "house": 0 < len(row.house) <= LONGEST_HOUSE,
        "postcode": row.postcode == OVERSEAS or POSTCODE.fullmatch(row.postcode) is not None,
    }


def split_schedules(rows: Sequence[Row]) -> list[Sequence[Row]]:
    """The rows by spreadsheets, each of at most as many as one takes."""
    return [rows[at : at + MOST_ROWS] for at in range(0, len(rows), MOST_ROWS)]
