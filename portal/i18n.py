"""The product's texts in the reader's language, in web and worker processes alike.

Catalogues are gettext `.po` files under `portal/translations/`, read as they are: no build
step and nothing compiled in the tree. English is the source language. A further language is one
more catalogue; its header `X-Reviewed-By` names who read it as a native, once somebody did.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from enum import StrEnum
from functools import cache, lru_cache
from io import BytesIO
from typing import Self

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from portal import PACKAGE

TRANSLATIONS = PACKAGE / "translations"
DEFAULT_LOCALE = "en"
# What donors can be spoken to in, English first.
LANGUAGES = (DEFAULT_LOCALE, *sorted(path.name for path in TRANSLATIONS.iterdir() if path.is_dir()))

_REVIEWED = re.compile(r'^"X-Reviewed-By:(.*)\\n"$', re.MULTILINE)
_current: ContextVar[str] = ContextVar("locale", default="")


@lru_cache(maxsize=256)
def language(locale: str) -> str:
    """The language of a locale: `fr` of `fr_CA`."""
    return locale.replace("-", "_").partition("_")[0].lower()


def current_locale() -> str:
    """The locale texts are being made for, such as `fr_CA`."""
    return _current.get() or DEFAULT_LOCALE


def is_locale_set() -> bool:
    """Whether somebody has said in this request what it speaks."""
    return bool(_current.get())


def choose_language(asked: str, accepted: Iterable[str], own: str = "") -> str:
    """What to speak: `asked` for in an address, else a page's `own` locale, else what is accepted.

    `accepted` has the best first. What the product does not speak counts for nothing.
    """
    if language(asked) in LANGUAGES:
        return own if language(own) == language(asked) else language(asked)
    if own:
        return own
    return next(
        (found for tag in accepted if (found := language(tag)) in LANGUAGES), DEFAULT_LOCALE
    )


@contextlib.contextmanager
def use_locale(locale: str) -> Iterator[None]:
    """Make texts for `locale` inside the block."""
    token = _current.set(locale)
    try:
        yield
    finally:
        _current.reset(token)


def set_locale(locale: str) -> None:
    """Make texts for `locale` for the rest of this request; an empty one is not said yet."""
    _current.set(locale)


@cache
def list_own_names() -> tuple[tuple[str, str], ...]:
    """Every language with what it calls itself."""
    return tuple((tag, str(Locale.parse(tag).get_display_name(tag))) for tag in LANGUAGES)


@cache
def translations(lang: str) -> NullTranslations:
    """The catalogue of a language; source texts where there is none."""
    path = TRANSLATIONS / lang / "LC_MESSAGES" / "messages.po"
    if not path.is_file():
        return NullTranslations()
    with path.open("rb") as source:
        catalogue = read_po(source, locale=lang)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def gettext(message: str, /, **values: object) -> str:
    """`message` in the current language, with `%(name)s` filled in."""
    text = translations(language(current_locale())).gettext(message)
    return text % _set_apart(values) if values else text


def ngettext(singular: str, plural: str, n: int, /, **values: object) -> str:
    """One of the two for the number `n`, which is also there as `%(num)s`."""
    text = translations(language(current_locale())).ngettext(singular, plural, n)
    return text % {"num": n, **_set_apart(values)}


# A number of several parts: each would stand in the other's place after Arabic words (UAX 9, W2).
_NUMBER = re.compile(r"(?=.*\d)[A-Z0-9+]+(?:[ \-./][A-Z0-9]+)+")
_APART = "\N{LEFT-TO-RIGHT ISOLATE}{}\N{POP DIRECTIONAL ISOLATE}"


def _set_apart(values: Mapping[str, object]) -> Mapping[str, object]:
    """Values for a sentence, their numbers as they are read wherever lines run to the left."""
    if direction(current_locale()) == "ltr":
        return values
    return {key: _set_one_apart(value) for key, value in values.items()}


def _set_one_apart(value: object) -> object:
    is_number = isinstance(value, str) and _NUMBER.fullmatch(value)
    return _APART.format(value) if is_number else value


def pick(texts: Mapping[str, str], locale: str | None = None) -> str:
    """The best of some texts by locale: `fr_CA`, then `fr`, then English.

    English that the product itself came with, as a sample's, is said by the catalogue.
    """
    wanted = locale or current_locale()
    lang = language(wanted)
    for key in (wanted, lang):
        if key in texts:
            return texts[key]
    english = texts.get(DEFAULT_LOCALE)
    if english:
        return translations(lang).gettext(english)
    return english if english is not None else next(iter(texts.values()), "")


def reviewer(lang: str) -> str:
    """Who read a language's catalogue as a native speaker; empty where nobody did."""
    path = TRANSLATIONS / lang / "LC_MESSAGES" / "messages.po"
    found = _REVIEWED.search(path.read_text())
    return found[1].strip() if found else ""


class Labelled(StrEnum):
    """An enum of texts, each with what people call it beside it: `PAID = "paid", "Paid"`.

    `said` is that in English, for whoever gathers texts to translate.
    """

    said: str

    def __new__(cls, value: str, said: str = "") -> Self:
        one = str.__new__(cls, value)
        one._value_, one.said = value, said
        return one

    @property
    def label(self) -> str:
        """What it is called in the current language."""
        return gettext(self.said)


# CLDR's person names, nameOrderLocales surnameFirst, of those with a form of their own.
_FAMILY_FIRST = frozenset(("hu", "ja", "ko", "vi", "yue", "zh"))


def is_family_first(locale: str) -> bool:
    """Whether people who read a locale write the family's name before their own."""
    return language(locale) in _FAMILY_FIRST


@lru_cache(maxsize=256)
def direction(locale: str) -> str:
    """`rtl` or `ltr`."""
    try:
        return str(Locale.parse(language(locale)).text_direction)
    except (UnknownLocaleError, ValueError):
        return "ltr"


def html_lang(locale: str) -> str:
    """The locale as HTML's `lang` attribute wants it: `fr-CA`."""
    return locale.replace("_", "-")
