"""A pledge as its donor and staff type it, and in words: what their pages share."""

from dataclasses import dataclass
from datetime import date

from babel.dates import format_date

from portal.clock import day_in, read_day
from portal.codes.parsing import CodeError
from portal.forms import ChoiceField, LineField, PortalForm, explain_amount
from portal.gifts.commitments import LONGEST_NOTE, Said, Told, zone_of
from portal.gifts.progress import Rhythm
from portal.i18n import current_locale, gettext, pick
from portal.money import AmountError, Money, format_coded, parse_amount
from portal.regions.catalogue import Catalogue
from portal.web import services, utc_now

# What is to be done about a part that can't be so.
FAULTS = {
    "amount": "Enter an amount above nothing, in the currency of the pledge",
    "since": "Enter a day like 2026-11-23",
    "until": "Enter a day like 2026-11-23 that is not before the first one, or nothing",
    "fund": "Choose one of the funds listed here",
    "note": "Write one line of at most 300 characters",
    "partner": "Choose a partner, a code or a donor",
    "code": "Enter a code that there is, of this partner",
    "email": "Enter a full e-mail address, like name@example.org",
}


class PledgeForm(PortalForm):
    """What a pledge says."""

    amount = LineField(ask="Enter an amount", longest=40)
    currency = ChoiceField(ask="Choose one of the currencies listed here")
    frequency = ChoiceField(ask="Choose how often")
    since = LineField(ask="Enter a day like 2026-11-23", longest=10)
    until = LineField(longest=10)
    fund = ChoiceField(ask=FAULTS["fund"])
    note = LineField(longest=LONGEST_NOTE)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        catalogue = services().catalogue
        self.currencies = list_currencies(catalogue)
        self.funds = {"": gettext("Any fund"), **name_funds(catalogue)}
        self.frequencies = [(one.value, one.label) for one in Rhythm]
        self.currency.options = tuple(self.currencies)
        self.fund.options = tuple(self.funds)
        self.frequency.options = tuple(Rhythm)

    @property
    def currency_names(self) -> list[tuple[str, str]]:
        return [(one, one) for one in self.currencies]

    def keep(self, said: Said) -> None:
        """Let what there was be chosen again, though the catalogue may have forgotten it."""
        for field, own in ((self.currency, said.money.currency), (self.fund, said.fund)):
            field.options = (*field.options, own)
        self.funds.setdefault(said.fund, said.fund)
        if said.money.currency not in self.currencies:
            self.currencies.append(said.money.currency)

    def read(self) -> Said | None:
        """What it says; None where it now tells what is wrong."""
        is_right = self.validate()
        money, since, until = self._read_money(), self._read_day("since"), self._read_day("until")
        if not is_right or self.problems or money is None or since is None:
            return None
        return Said(
            money=money,
            rhythm=Rhythm(self.frequency.data),
            since=since,
            until=until,
            fund=self.fund.data,
            note=self.note.data,
        )

    def _read_money(self) -> Money | None:
        if self.amount.errors or self.currency.errors:
            return None
        try:
            return parse_amount(self.amount.data, self.currency.data, current_locale())
        except AmountError as error:
            self.refuse("amount", explain_amount(error, self.currency.data))
            return None

    def _read_day(self, name: str) -> date | None:
        field = self[name]
        found = read_day(field.data) if field.data and not field.errors else None
        if field.data and found is None and not field.errors:
            self.refuse(name, gettext(FAULTS[name]))
        return found

    def refuse_fault(self, error: CodeError) -> None:
        """Say at its part what the rules of pledges found."""
        if error.place in FAULTS and error.place in self:
            self.refuse(error.place, gettext(FAULTS[error.place]))
        else:
            self.form_errors.append(gettext("This pledge is cancelled: make another one"))


def fill(said: Said) -> dict[str, str]:
    """What a form has of a pledge that there is."""
    return {
        "amount": said.money.plain(),
        "currency": said.money.currency,
        "frequency": said.rhythm.value,
        "since": said.since.isoformat(),
        "until": said.until.isoformat() if said.until else "",
        "fund": said.fund,
        "note": said.note,
    }


def begin(currency: str = "") -> dict[str, str]:
    """What a new pledge's form has: from today on."""
    catalogue = services().catalogue
    own = currency or next(iter(list_currencies(catalogue)), "")
    today = day_in(zone_of(catalogue, own), utc_now())
    return {"currency": own, "frequency": Rhythm.MONTHLY.value, "since": today.isoformat()}


def list_currencies(catalogue: Catalogue) -> list[str]:
    """Those that some open region takes, the first region's ahead."""
    found = [option.currency for region in catalogue.open for option in region.currencies]
    return list(dict.fromkeys(found))


def name_funds(catalogue: Catalogue) -> dict[str, str]:
    """Every fund that is open somewhere, by its key."""
    return {fund.key: pick(fund.names) for one in catalogue.open for fund in one.open_funds}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A pledge in words of the current language."""

    told: Told
    amount: str
    frequency: str
    span: str
    fund: str
    given: str
    of: str
    due: str
    state: str
    next_day: str

    @property
    def share(self) -> int:
        return self.told.reckoning.share


def put_in_words(told: Told) -> Shown:
    said, reckoned = told.said, told.reckoning
    return Shown(
        told=told,
        amount=_coded(said.money),
        frequency=said.rhythm.label,
        span=_write_span(said),
        fund=name_funds(services().catalogue).get(said.fund, said.fund),
        given=_coded(reckoned.given),
        of=_coded(reckoned.of) if reckoned.of else "",
        due=_coded(reckoned.due),
        state=reckoned.state.label,
        next_day=write_day(reckoned.next_day) if reckoned.next_day else "",
    )


def _write_span(said: Said) -> str:
    since = write_day(said.since)
    if said.until is None:
        return gettext("from %(day)s on", day=since)
    return gettext("%(first)s to %(last)s", first=since, last=write_day(said.until))


def write_day(day: date) -> str:
    return str(format_date(day, format="medium", locale=current_locale()))


def _coded(money: Money) -> str:
    return format_coded(money, current_locale())
