"""Terms of codes on the command line: options that make a document, and a document in words."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from portal.codes.terms import ReceiptClass, Renewals
from portal.money import Money
from portal.regions.catalogue import Catalogue, Frequency

if TYPE_CHECKING:
    from portal.codes.models import Policy
    from portal.codes.operations import Draft
    from portal.codes.parsing import CodeError
    from portal.codes.simulator import Held

DAY = click.DateTime(["%Y-%m-%d"])
COUNT = click.IntRange(1)
OFTEN = click.Choice([one.value for one in Frequency])
RECEIPTS = click.Choice([one.value for one in ReceiptClass])
RENEWALS = click.Choice([one.value for one in Renewals])


def _many(name: str, what: str, field: str) -> Callable[[Any], Any]:
    return click.option(f"--{name}", field, multiple=True, help=what)


OPTIONS = (
    _many("region", "A region where it holds; may be given several times.", "regions"),
    _many("not-region", "A region where it doesn’t.", "not_regions"),
    _many("mode", "A mode of payment it allows, in the order to show.", "modes"),
    _many("not-mode", "A mode of payment it doesn’t allow.", "not_modes"),
    _many("fund", "A fund it is for.", "funds"),
    _many("not-fund", "A fund it isn’t for.", "not_funds"),
    _many("currency", "A currency it allows.", "currencies"),
    click.option("--frequency", "frequencies", multiple=True, type=OFTEN, help="How often."),
    click.option("--from", "first_day", type=DAY, help="The first day it holds: 2026-03-01."),
    click.option("--until", "last_day", type=DAY, help="The last day it holds."),
    click.option("--zone", help="Whose days these are; else the one region’s, or UTC."),
    _many("minimum", "The least to give: CAD=10.", "minimum"),
    _many("preset", "The amounts to suggest: CAD=10,20.", "presets"),
    _many("amount", "The amount to fill in: CAD=25.", "amount"),
    _many("goal", "What it is to bring: CAD=5000.", "goal"),
    click.option("--max-uses", type=COUNT, help="How often each code may be used."),
    click.option("--max-uses-in-all", type=COUNT, help="How often all codes of these terms may."),
    click.option("--max-uses-a-donor", type=COUNT, help="How often one donor may use them."),
    click.option("--first-gift-only", is_flag=True, help="Only for who never gave before."),
    _many("message", "What the form says, by language: en=…; English and French.", "message"),
    _many("headline", "Its page’s title, by language: en=…", "headline"),
    click.option("--picture", help="Its page’s picture, by the name it is kept under."),
    click.option("--landing", help="The web address to go on to after giving."),
    click.option("--campaign", help="The campaign’s name."),
    click.option("--renewals", type=RENEWALS, help="Which months count for it."),
    click.option("--receipt-class", type=RECEIPTS, help="none: others give the receipt."),
    click.option("--match-pot", help="The pot out of which a sponsor adds to gifts: spring."),
    click.option("--match-ratio", help="How much for how much: 2:1 adds twice the gift; else 1:1."),
    _many("match-cap", "The most to add to a gift: CAD=100.", "match_cap"),
    click.option("--no-match", is_flag=True, help="Nobody adds to gifts, whatever is set below."),
    _many("host", "A web host that may show its panel: example.org.", "hosts"),
)
LISTS = (
    *("regions", "not_regions", "modes", "not_modes", "funds", "not_funds", "currencies"),
    *("frequencies", "hosts"),
)
PLAIN = (
    *("zone", "max_uses", "max_uses_in_all", "max_uses_a_donor", "first_gift_only", "picture"),
    *("landing", "campaign", "renewals", "match_pot", "match_ratio", "no_match", "receipt_class"),
)
AMOUNTS = ("minimum", "amount", "goal", "match_cap")
TEXTS = ("message", "headline")
OF_OPTIONS = {*LISTS, *PLAIN, *AMOUNTS, *TEXTS, "presets", "starts_at", "ends_at"}
# The options of fields that are called otherwise.
CALLED = {
    **{f"{name}s": name for name in ("region", "mode", "fund", "preset", "host")},
    **{f"not_{name}s": f"not-{name}" for name in ("region", "mode", "fund")},
    "currencies": "currency",
    "frequencies": "frequency",
    **dict.fromkeys(("starts_at", "first_day"), "from"),
    **dict.fromkeys(("ends_at", "last_day"), "until"),
}


def terms_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for every term; it gets them by name."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def read_draft(given: Mapping[str, Any], catalogue: Catalogue) -> "Draft":
    """The terms that options make; a usage error where they make none."""
    from portal.codes.operations import make_draft

    document = read_said(given, catalogue)
    document.setdefault("zone", _guess_zone(document, catalogue))
    first, last = (_day(given[name]) for name in ("first_day", "last_day"))
    if not first and not last and not given["zone"]:
        document.pop("zone")
    with _explaining():
        draft = make_draft(document, first, last)
        draft.check("terms")
    return draft


def read_said(given: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    """What the options say, as a policy's document has it, without their days."""
    document = _read_document(given)
    _check_known(document, catalogue)
    return document


def revise_draft(given: Mapping[str, Any], policy: "Policy", catalogue: Catalogue) -> "Draft":
    """A policy's terms with what the options say instead, and without what `--without` names.

    Of amounts and texts, a currency or a language that isn't named stays.
    """
    from portal.codes.revising import DAYS, draft_again, with_days

    gone = {name for text in given["without"] for name in _split(text)}
    terms = {name: value for name, value in with_days(policy).items() if called(name) not in gone}
    for name, value in read_said(given, catalogue).items():
        is_by_name = isinstance(value, dict) and name in terms
        terms[name] = {**terms[name], **value} if is_by_name else value
    days = {name: given[name].date().isoformat() for name in DAYS if given[name]}
    if days:
        terms.setdefault("zone", _guess_zone(terms, catalogue))
    with _explaining():
        draft = draft_again(policy, {**terms, **days})
        draft.check("terms")
    return draft


@contextmanager
def _explaining() -> Iterator[None]:
    """Say what is wrong with terms as a usage error that names the option."""
    from portal.codes.parsing import CodeError

    try:
        yield
    except CodeError as error:
        raise click.UsageError(tell_fault(error)) from None
    except OverflowError:
        raise click.UsageError("--until: it is a day before the last one of 9999.") from None
    except (ValueError, OSError, LookupError):
        raise click.UsageError("--zone: it is a time zone such as America/Toronto.") from None


def has_terms(draft: "Draft") -> bool:
    return bool(draft.document or draft.starts_at or draft.ends_at)


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None


def _read_document(given: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {
        name: [one for text in given[name] for one in _split(text)] for name in LISTS
    }
    document["currencies"] = [one.upper() for one in document["currencies"]]
    document |= {name: given[name] for name in PLAIN}
    document |= {name: _read_pairs(name, given[name], upper=True) for name in AMOUNTS}
    document |= {name: _read_pairs(name, given[name]) for name in TEXTS}
    presets = _read_pairs("preset", given["presets"], upper=True)
    document["presets"] = {currency: _split(text) for currency, text in presets.items()}
    return {name: value for name, value in document.items() if value}


def _split(text: str) -> list[str]:
    """`ca,us` as well as one at a time."""
    return [one.strip() for one in text.split(",") if one.strip()]


def _read_pairs(name: str, texts: Iterable[str], *, upper: bool = False) -> dict[str, str]:
    """`CAD=10` or `en=Thank you` by what stands before the sign."""
    found = {}
    for text in texts:
        key, sign, value = (part.strip() for part in text.partition("="))
        if not (key and sign and value):
            example = "en=Thank you" if name in TEXTS else "CAD=10"
            raise click.UsageError(f"{name_option(name)}: it is written like {example}.")
        found[key.upper() if upper else key.lower()] = value
    return found


def _check_known(document: Mapping[str, Any], catalogue: Catalogue) -> None:
    """Refuse what no region has, where there is a region at all: it is a slip."""
    from portal.codes.parsing import MODE_KEYS

    regions = [*catalogue.regions.values(), *catalogue.former.values()]
    if not regions:
        return
    slugs = [region.slug for region in regions]
    funds = dict.fromkeys(fund.key for region in regions for fund in region.funds)
    currencies = dict.fromkeys(one.currency for region in regions for one in region.currencies)
    for name, known in (("regions", slugs), ("funds", funds), ("modes", MODE_KEYS)):
        for field in (name, f"not_{name}"):
            _check_each(field, document.get(field, ()), known)
    for field in ("currencies", *AMOUNTS, "presets"):
        _check_each(field, document.get(field, ()), currencies)


def _check_each(field: str, said: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for one in said:
        if one not in known:
            raise click.UsageError(
                f"{name_option(field)}: there is no {one}; there are {', '.join(known)}."
            )


def _guess_zone(document: Mapping[str, Any], catalogue: Catalogue) -> str:
    """The days of the one region it is for; else UTC's."""
    regions = document.get("regions", ())
    region = catalogue.by_slug(regions[0]) if len(regions) == 1 else None
    return region.timezone if region else "UTC"


def called(field: str) -> str:
    """What the option of a field is called: `max-uses`."""
    return CALLED.get(field, field).replace("_", "-")


def name_option(field: str) -> str:
    return f"--{called(field)}"


def tell_fault(error: "CodeError") -> str:
    """`SPRING: minimum.CAD: is an amount` as a sentence that names the option."""
    name, _, rest = str(error).partition(": ")
    field, _, what = rest.partition(": ")
    top, _, below = field.replace("[", ".").partition(".")
    if top not in OF_OPTIONS:
        return f"{name}: {what or field}."
    places = " ".join(part for part in re.split(r"[.\]\[]+", below) if not part.isdigit())
    place = f" ({places})" if places else ""
    return f"{name_option(top)}{place}: it {what}."


def tell_terms(terms: "Iterable[Held]") -> Iterator[tuple[str, str, str]]:
    """Each term as a document calls it, in words, and the level it comes from."""
    for held in terms:
        source = "the code" if held.is_own else held.level.name
        name = held.name.removesuffix("_minor")
        if name in TEXTS:
            for language, text in held.value.items():
                yield name, f"{language}: {text}", source
        else:
            yield name, _say_value(held.value), source


def _say_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(_say_amounts(currency, minor) for currency, minor in value.items())
    if isinstance(value, frozenset | tuple):
        several = sorted(value) if isinstance(value, frozenset) else value
        return ", ".join(several) or "none"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _say_amounts(currency: str, minor: int | tuple[int, ...]) -> str:
    several = minor if isinstance(minor, tuple) else (minor,)
    return f"{currency} {', '.join(Money(one, currency).plain() for one in several)}"
