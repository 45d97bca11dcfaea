"""A receipt as a PDF: tagged (PDF/UA-1), made to be kept (PDF/A-2a), the same bytes each time."""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast

from portal.database import Document
from portal.i18n import gettext, language, use_locale
from portal.paths import TEMPLATES
from portal.receipts.composition import Marking
from portal.receipts.fonts import FAMILIES, drawable, font_folders

if TYPE_CHECKING:
    import typst

FOLDER = TEMPLATES / "receipts"
STANDARDS: list[Literal["a-2a", "ua-1"]] = ["a-2a", "ua-1"]

# A typst compiler serves one thread only; the fonts are read once for all of them.
_own = threading.local()


def render_pdf(snapshot: Document, marking: Marking | None = None, signature: bytes = b"") -> bytes:
    """The PDF of a snapshot, marked or not; the same input gives the same bytes.

    `signature` is the picture that the snapshot names, if it names one.
    """
    with use_locale(snapshot["locale"]):
        page = {
            **snapshot,
            "words": _words(snapshot),
            "marking": asdict(marking) if marking else None,
            "signature": list(signature),
            "lang": language(snapshot["locale"]),
            "fonts": FAMILIES,
        }
    data = json.dumps(_drawable(page), ensure_ascii=False)
    pdf = _compiler().compile(
        format="pdf",
        sys_inputs={"data": data},
        pdf_standards=STANDARDS,  # type: ignore[arg-type]  # a list of two of the known names
    )
    return cast(bytes, pdf)


def _words(snapshot: Document) -> dict[str, str]:
    """The labels of the page in the current language."""
    return {
        "number": gettext("No. %(number)s", number=snapshot["number"]),
        "issued": gettext("Issued in %(place)s on %(day)s", **_issue(snapshot)),
        "amount": gettext("Amount received"),
        "received": gettext("Date received"),
        "fund": gettext("Given to"),
        "mode": gettext("Mode of payment"),
        "frequency": gettext("Frequency"),
        "cover": gettext("Of which to cover the fee"),
        "reference": gettext("Gift reference"),
        "dedication": gettext("Dedication"),
        "donor": gettext("Received from"),
        "signed": gettext("For %(issuer)s", issuer=snapshot["issuer"]["legal_name"]),
        "signature": gettext("Signature of %(name)s", name=snapshot["issuer"]["signatory_name"]),
        "electronic": gettext("Issued electronically, without a handwritten signature."),
        "page": gettext("Page %(page)s of %(pages)s", page="{page}", pages="{pages}"),
    }


def _issue(snapshot: Document) -> dict[str, str]:
    return {"place": snapshot["issuer"]["place"], "day": snapshot["issued"]}


def _drawable(value: Any) -> Any:
    """A JSON value with every text in it as the fonts can draw it."""
    if isinstance(value, str):
        return drawable(value)
    if isinstance(value, Mapping):
        return {key: _drawable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_drawable(item) for item in value]
    return value


@cache
def _fonts() -> "typst.Fonts":
    import typst  # noqa: PLC0415 - 7 MiB that a web process needs only once it renders

    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=True, font_paths=font_folders()
    )


def _compiler() -> "typst.Compiler":
    import typst  # noqa: PLC0415 - as above

    compiler: typst.Compiler | None = getattr(_own, "compiler", None)
    if compiler is None:
        compiler = typst.Compiler(
            FOLDER / "acknowledgement.typ",
            root=FOLDER,
            font_paths=_fonts(),
            ignore_system_fonts=True,
            sys_inputs={"data": "{}"},
        )
        _own.compiler = compiler
    return compiler
