"""All that brings a code to people: addresses, QR codes, and lines to copy onto a page. Pure."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from markupsafe import Markup, escape

from portal.codes.policy import open_terms
from portal.codes.refusals import Refusal
from portal.codes.terms import Code, Frequency, Terms, Via
from portal.i18n import current_locale, gettext, language, pick
from portal.regions.catalogue import Catalogue, Mode, Region
from portal.sharing.panel import Element, list_homes, say_places

if TYPE_CHECKING:
    from segno import QRCode


FRAME_HEIGHT = 640
# Pixels of a module: a poster's code printed 12 cm wide has more than 300 a inch.
PNG_SCALE = 24
QUIET_ZONE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What staff and partners copy, in the current language.

    `link` is the short address, `shown` the same as people read it. `element`, `lasting` (with a
    hash of the script), `frame` and `plain` are HTML; `policy` is what a host's
    Content-Security-Policy needs for the first three. `hosts` may frame the panel.
    """

    code: str
    display: str
    link: str
    shown: str
    scanned: str
    element: str
    lasting: str
    frame: str
    plain: str
    policy: str
    hosts: tuple[str, ...]


def make_kit(
    code: Code, catalogue: Catalogue, now: datetime, *, base_url: str, element: Element
) -> Kit:
    base = base_url.rstrip("/")
    link = short_address(base, code.code)
    words = gettext("Give with %(code)s", code=code.display)
    own = Markup('<a href="{}">{}</a>').format(_spoken(link), words)
    tag = Markup('<portal-give code="{}" lang="{}">{}</portal-give>').format(
        code.display, _lang(), own
    )
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(base))
    return Kit(
        code=code.code,
        display=code.display,
        link=link,
        shown=f"{urlsplit(base).netloc}{urlsplit(base).path}/c/{code.code}",
        scanned=f"{link}?{urlencode({'via': Via.QR.value})}",
        element=_lines(Markup('<script async src="{}/embed.js"></script>').format(base), tag),
        lasting=_lines(_lasting(base, element), tag),
        frame=_lines(_frame(base, code), Markup("<p>{}</p>").format(own)),
        plain=make_plain_panel(code, catalogue, now, base),
        policy=f"script-src {origin}; frame-src {origin}",
        hosts=code.hosts,
    )


def short_address(base_url: str, code: str) -> str:
    """`https://give.example.org/c/LWCAN`; other letters as addresses write them (RFC 3986)."""
    return f"{base_url.rstrip('/')}/c/{quote(code, safe='')}"


def _lang() -> str:
    return language(current_locale())


def _spoken(link: str) -> str:
    return f"{link}?{urlencode({'via': Via.EMBED.value, 'lang': _lang()})}"


def _lines(*parts: str) -> str:
    return "\n".join(str(part) for part in parts)


def _lasting(base: str, element: Element) -> str:
    return Markup(
        '<script async src="{}{}" integrity="{}" crossorigin="anonymous"></script>'
    ).format(base, element.path, element.integrity)


def _frame(base: str, code: Code) -> str:
    title = gettext("Giving form with the code %(code)s", code=code.display)
    address = f"{base}/embed/{quote(code.code, safe='')}?{urlencode({'lang': _lang()})}"
    return Markup('<iframe src="{}" title="{}" width="100%" height="{}"></iframe>').format(
        address, title, FRAME_HEIGHT
    )


def make_plain_panel(code: Code, catalogue: Catalogue, now: datetime, base_url: str) -> str:
    """The panel as HTML of the host's own: no script, no frame, no form; links alone.

    It says what holds as it is copied, and the form what holds as it is opened.
    """
    homes = list_homes(code, catalogue, now)
    if len(homes) == 1:
        heading = homes[0].modes_heading.label
        items = _list_modes(code, homes[0], catalogue, now, base_url)
    else:
        heading = pick(code.headline) or code.partner_name or gettext("Where do you give from?")
        items = _list_regions(code, homes, base_url)
    places = say_places(code, catalogue)
    said = f"{gettext('Code:')} {code.display}" + (f" ({places})" if places else "")
    return _lines(
        Markup('<section lang="{}">').format(_lang()),
        Markup("<p><strong>{}</strong></p>").format(heading),
        *(["<ul>", *items, "</ul>"] if items else []),
        Markup("<p>{}</p>").format(said),
        "</section>",
    )


def _list_modes(
    code: Code, region: Region, catalogue: Catalogue, now: datetime, base_url: str
) -> list[str]:
    """A line a mode: its link into the form, and the address to send to where it has one."""
    terms = open_terms(code, region, now, catalogue)
    if isinstance(terms, Refusal):
        return []
    frequency, modes = first_payable(terms)
    often = {} if frequency is Frequency.ONCE else {"frequency": frequency.value}
    return [
        _item(
            _form_address(base_url, region, code, mode=mode.key, **often),
            pick(mode.label),
            mode.recipient if " " not in mode.recipient else "",
        )
        for mode in modes
    ]


def first_payable(terms: Terms) -> tuple[Frequency, tuple[Mode, ...]]:
    """How often the form gives at first, and the modes that take it."""
    for frequency in Frequency:
        if modes := terms.modes_for(terms.fund, terms.currency, frequency):
            return frequency, modes
    return Frequency.ONCE, ()


def _list_regions(code: Code, homes: Iterable[Region], base_url: str) -> list[str]:
    if code.regions is None:
        words = gettext("Give with %(code)s", code=code.display)
        return [_item(_spoken(short_address(base_url, code.code)), words)]
    return [_item(_form_address(base_url, one, code), pick(one.names)) for one in homes]


def _form_address(base_url: str, region: Region, code: Code, **choices: str) -> str:
    asked = {"code": code.code, **choices, "via": Via.EMBED.value, "lang": _lang()}
    return f"{base_url}/give/{region.slug}?{urlencode(asked)}"


def _item(address: str, words: str, after: str = "") -> str:
    more = Markup(" {}").format(escape(after)) if after else ""
    return Markup('<li><a href="{}">{}</a>{}</li>').format(address, words, more)


def draw_qr(address: str) -> "QRCode":
    """Of middle correction, so that a thumb on a poster's corner does no harm."""
    import segno  # noqa: PLC0415 - few pages draw one

    return segno.make_qr(address, error="m")


def write_svg(address: str) -> bytes:
    """Black on white whatever the page, with the quiet zone that readers need (ISO 18004)."""
    written = io.BytesIO()
    draw_qr(address).save(
        written, kind="svg", scale=10, border=QUIET_ZONE, dark="#000", light="#fff", title=address
    )
    return written.getvalue()


def write_png(address: str) -> bytes:
    written = io.BytesIO()
    draw_qr(address).save(
        written, kind="png", scale=PNG_SCALE, border=QUIET_ZONE, dark="#000", light="#fff"
    )
    return written.getvalue()
