"""A code's panel on another's page: its words, who may show it, the element it comes in. Pure."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from babel.lists import format_list

from portal import PACKAGE
from portal.codes.policy import open_terms
from portal.codes.refusals import Refusal
from portal.codes.terms import Code
from portal.i18n import LANGUAGES, current_locale, gettext, pick, use_locale
from portal.regions.catalogue import Catalogue, Region

SCHEMES = ("auto", "light", "dark")
LONGEST_ORIGIN = 300
_DARK = "@media (prefers-color-scheme: dark)"
_BOTH = "color-scheme: light dark"
_ACCENT = re.compile(r"#?([0-9a-f]{6}|[0-9a-f]{3})")


@dataclass(frozen=True, slots=True)
class Theme:
    """How a host wants the panel: an accent as six hexadecimal digits or nothing, and a scheme.

    `auto` follows what the visitor's device asks for.
    """

    accent: str = ""
    scheme: str = "auto"


def read_theme(accent: str, scheme: str) -> Theme:
    """What a host asked for; what makes no sense is as nothing asked."""
    found = _ACCENT.fullmatch(accent.strip().lower())
    digits = found[1] if found else ""
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return Theme(digits, scheme if scheme in SCHEMES else "auto")


def force_scheme(sheet: str, scheme: str) -> str:
    """A style sheet that is light or dark whatever the device asks for; `auto` leaves it."""
    if scheme not in {"light", "dark"}:
        return sheet
    condition = "@media all" if scheme == "dark" else "@media not all"
    return sheet.replace(_DARK, condition).replace(_BOTH, f"color-scheme: {scheme}")


def list_ancestors(hosts: Iterable[str]) -> str:
    """The `frame-ancestors` of a code's panel (CSP 3, 6.4.2): the portal itself, and its hosts.

    Where a code names no host, nobody else can frame it; its links work everywhere.
    """
    return " ".join(("'self'", *hosts))


def match_host(hosts: Iterable[str], origin: str) -> str:
    """The origin of a page (`https://news.example.org`) if the hosts let it, else nothing.

    Height is told to this origin alone. `*.example.org` is all below it, not itself, as browsers
    read it.
    """
    try:
        parts = urlsplit(origin[:LONGEST_ORIGIN].lower())
        name, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    plain = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in {"http", "https"} or plain != origin.lower() or "@" in parts.netloc:
        return ""
    shown = f":{port}" if port is not None else ""
    return plain if any(_is_host(host, name, shown) for host in hosts) else ""


def _is_host(host: str, name: str, port: str) -> bool:
    wanted, _, wanted_port = host.partition(":")
    if (f":{wanted_port}" if wanted_port else "") != port:
        return False
    if wanted.startswith("*."):
        return name.endswith(wanted[1:]) and len(name) > len(wanted) - 1
    return name == wanted


def list_homes(code: Code, catalogue: Catalogue, now: datetime) -> list[Region]:
    """The regions in which a code can be given with now."""
    return [
        region
        for region in catalogue.open
        if not isinstance(open_terms(code, region, now, catalogue), Refusal)
    ]


def say_places(code: Code, catalogue: Catalogue) -> str:
    """`For Canada only`; nothing for a code that holds everywhere."""
    if code.regions is None:
        return ""
    named = code.regions - code.not_regions
    places = [pick(one.place) for slug, one in catalogue.regions.items() if slug in named]
    if not places:
        return ""
    return gettext("For %(places)s only", places=format_list(places, locale=current_locale()))


SOURCE = PACKAGE / "static" / "embed.js"
MARK_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Element:
    """The script's bytes; `mark` is in its lasting address, `integrity` what a page may ask for."""

    body: bytes
    mark: str
    integrity: str

    @property
    def path(self) -> str:
        return f"/embed/v1.{self.mark}.js"


@lru_cache(maxsize=4)
def make_element(base_url: str) -> Element:
    """The element of the portal at an address, with what it says in every language."""
    words = {}
    for lang in LANGUAGES:
        with use_locale(lang):
            words[lang] = [
                gettext("Give with %(code)s", code="{code}"),
                gettext("Giving form with the code %(code)s", code="{code}"),
            ]
    said = json.dumps(words, ensure_ascii=True, separators=(",", ":"))
    text = SOURCE.read_text().replace('"{PORTAL}"', json.dumps(base_url.rstrip("/")))
    body = text.replace('"{WORDS}"', said).encode()
    digest = hashlib.sha384(body).digest()
    return Element(body, digest.hex()[:MARK_DIGITS], f"sha384-{base64.b64encode(digest).decode()}")
