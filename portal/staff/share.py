"""A code's share kit: its addresses, QR codes, a poster, and lines to copy onto a page."""

import io

from flask import Response, abort, g, render_template, request, send_file, url_for

from portal.codes.queries import find_code
from portal.codes.terms import Code
from portal.i18n import LANGUAGES, current_locale, gettext, language, use_locale
from portal.sharing.element import make_element
from portal.sharing.kit import Kit, make_kit, write_png, write_svg
from portal.sharing.panel import list_homes
from portal.sharing.poster import plan_poster, render_poster
from portal.staff.access import staff
from portal.staff.regions.parts import name_language
from portal.web import services, utc_now


@staff.get("/codes/<code>/share")
def share(code: str) -> str:
    """All that brings a code to people, in one of the donors' languages (`in`)."""
    found, spoken = _find(code), _spoken()
    g.csp_frames = "'self'"
    with use_locale(spoken):
        kit = _kit(found)
    return render_template(
        "staff/share.html",
        code=found,
        kit=kit,
        spoken=spoken,
        tongues=[(one, name_language(one)) for one in LANGUAGES],
        preview=url_for("giving.embed_panel", code=found.code, lang=spoken),
        lines=_list_lines(kit),
        is_open=bool(list_homes(found, services().catalogue, utc_now())),
    )


@staff.get("/codes/<code>/share/<name>")
def share_file(code: str, name: str) -> Response:
    """`qr.svg`, `qr.png` or `poster.pdf`."""
    found = _find(code)
    make = {
        "qr.svg": (_write_svg, "image/svg+xml"),
        "qr.png": (_write_png, "image/png"),
        "poster.pdf": (_write_poster, "application/pdf"),
    }
    write, media_type = make.get(name) or abort(404)
    with use_locale(_spoken()):
        content = write(found, _kit(found))
    return send_file(io.BytesIO(content), media_type, download_name=f"{found.code}-{name}")


def _write_svg(_code: Code, kit: Kit) -> bytes:
    return write_svg(kit.scanned)


def _write_png(_code: Code, kit: Kit) -> bytes:
    return write_png(kit.scanned)


def _write_poster(code: Code, kit: Kit) -> bytes:
    return render_poster(plan_poster(code, kit, services().catalogue))


def _find(text: str) -> Code:
    with services().database.read() as session:
        return find_code(session, text) or abort(404)


def _spoken() -> str:
    """The language that donors are to read, which need not be the staff's."""
    asked = request.args.get("in", "")
    return asked if asked in LANGUAGES else language(current_locale())


def _kit(code: Code) -> Kit:
    base = services().settings.base_url
    element = make_element(base)
    return make_kit(code, services().catalogue, utc_now(), base_url=base, element=element)


def _list_lines(kit: Kit) -> list[tuple[str, str, str, str]]:
    """What can be copied: a name for its field, what it is, what it needs, and the lines."""
    return [
        (
            "element",
            gettext("The panel, as high as it needs to be"),
            gettext("Follows every upgrade by itself."),
            kit.element,
        ),
        (
            "lasting",
            gettext("The same, checked by a hash (SRI)"),
            gettext(
                "After an upgrade that changes the script, copy these lines anew: until then the "
                "page shows its link alone."
            ),
            kit.lasting,
        ),
        (
            "frame",
            gettext("A frame without script"),
            gettext("Of a fixed height, with a link under it."),
            kit.frame,
        ),
        (
            "plain",
            gettext("Plain HTML without script or frame"),
            gettext("Says what holds today; copy it anew when the code’s modes change."),
            kit.plain,
        ),
    ]
