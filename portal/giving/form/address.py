"""What an address asks of the form: the few parameters that count, cleaned and cut."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from portal.codes.parsing import is_spelling, normalise_code
from portal.codes.terms import Via
from portal.codes.uses import Attribution
from portal.i18n import language
from portal.regions.catalogue import Frequency, Region

LONGEST = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class FormQuery:
    """The meaning of `/give/<region>?…`; empty text where nothing was asked.

    `via` and `first_code` are no choices: they tell how the donor came.
    """

    region: str
    locale: str
    code: str = ""
    amount: str = ""
    currency: str = ""
    fund: str = ""
    frequency: str = ""
    mode: str = ""
    via: str = ""
    first_code: str = ""

    def form_data(self) -> MultiDict[str, str]:
        """The choices as the form's own fields; what was not asked is left to defaults."""
        names = ("code", "amount", "currency", "fund", "frequency", "mode", "via")
        return MultiDict([(name, getattr(self, name)) for name in names if getattr(self, name)])

    def address(self, **changes: str) -> str:
        """The address that asks the same but for `changes`, for links and redirects."""
        query = replace(self, **changes)
        pairs = list(query.form_data().items())
        encoded = urlencode([*pairs, ("lang", language(query.locale))])
        return f"/give/{query.region}?{encoded}"


def choose_locale(region: Region, wanted: str) -> str:
    """The region's locale for a wish such as `fr`, `fr-CA` or nothing."""
    wish = wanted.replace("-", "_").strip()
    exact = (locale for locale in region.locales if locale.lower() == wish.lower())
    spoken = (locale for locale in region.locales if wish and language(locale) == language(wish))
    return next(exact, None) or next(spoken, None) or region.locales[0]


def read_query(region: Region, args: MultiDict[str, str]) -> FormQuery:
    """The meaning of a query string, for a region that exists.

    A choice that the region doesn't have is none: it would make a page of its own that says the
    same.
    """

    def text(name: str) -> str:
        return args.get(name, "").strip()[:LONGEST]

    def choice(wanted: str, known: Iterable[str]) -> str:
        return wanted if wanted in {*known} else ""

    return FormQuery(
        region=region.slug,
        locale=choose_locale(region, text("lang")),
        code=normalise_code(args.get("code", "")[:LONGEST]),
        amount=text("amount"),
        currency=choice(text("currency").upper(), (one.currency for one in region.currencies)),
        fund=choice(text("fund"), (one.key for one in region.funds)),
        frequency=choice(text("frequency"), Frequency),
        mode=choice(text("mode"), (one.key for one in region.modes)),
        via=choice(text("via"), LINKS),
    )


# How a link may say that its code came.
LINKS = (Via.EMBED, Via.QR)


def read_attribution(sent: MultiDict[str, str], code: str) -> Attribution:
    """How a donor came by a form's code: as they first came, unless they typed another since.

    The form carries both with it, so that no trip to a pay page loses them.
    """
    first = normalise_code(sent.get("first_code", "")[:LONGEST])
    if not is_spelling(first):
        first = ""
    if not code or code != first:
        return Attribution(Via.TYPED, first or code)
    said = sent.get("via", "")
    return Attribution(Via(said) if said in (*LINKS, Via.TYPED) else Via.LINK, first)
