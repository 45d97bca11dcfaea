"""A receipt as a PDF: tagged (PDF/UA-1), made to be kept (PDF/A-3a), the same bytes each time.

It carries what it says as data, too: the snapshot it was made from, as `receipt.json`.

Its fonts are typst's own Libertinus, and Noto for the scripts it lacks. All come from declared
packages, none from the machine, so that a receipt looks the same wherever it is printed. A name
must never turn into empty boxes: what no font has is written in Latin letters, and pictures are
left out.
"""

import json
import threading
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from portal import TEMPLATES
from portal.database import Document
from portal.i18n import current_locale, gettext, language, pick, use_locale
from portal.plain import drop_hidden, is_joiner
from portal.receipts.composition import Marking
from portal.regions.records import AddressFormat

if TYPE_CHECKING:
    import typst


PACKAGES = (
    "fontpkg_noto_sans",
    "justmytype_intl_rtl",
    "justmytype_intl_south_asia",
    "justmytype_intl_sea",
    "justmytype_intl_africa",
    "noto_cjk_sans_jp_regular",
)
FAMILIES = (
    "Libertinus Serif",
    "Noto Sans",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Tamil",
    "Noto Sans Telugu",
    "Noto Sans Thai",
    "Noto Sans Lao",
    "Noto Sans Khmer",
    "Noto Sans Myanmar",
    "Noto Sans Ethiopic",
    "Noto Sans CJK JP",
)
# Latin with its extensions, and its quotes and dashes: the fonts have all of it, so nobody
# need look.
PLAIN = ((0x20, 0x24F), (0x2010, 0x2027), (0x2030, 0x203A))
PICTURES = frozenset(("So", "Sk"))
_NOUNS_ARE_CAPITAL = frozenset(("de",))


def font_folders() -> list[Path]:
    """Where the packages keep their files; LookupError names a package that is not there."""
    return [_folder(package) for package in PACKAGES]


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise LookupError(f"The font package {package} is not installed.")
    return Path(spec.origin).parent


@cache
def _covered() -> frozenset[int]:
    """Every code point one of the packages' fonts has a glyph for."""
    # Imported here: most receipts are written in Latin letters and never ask.
    from fontTools.ttLib import (  # type: ignore[import-untyped]  # it brings no types  # noqa: PLC0415
        TTFont,
    )

    found: set[int] = set()
    for folder in font_folders():
        for path in sorted((*folder.rglob("*.ttf"), *folder.rglob("*.otf"))):
            with TTFont(path, lazy=True) as font:
                found.update(font.getBestCmap())
    return frozenset(found)


# Most texts of a receipt are those of the one before.
@lru_cache(maxsize=1_000)
def drawable(text: str) -> str:
    """`text` as the fonts can draw it: normal form C, nothing hidden, no gaps."""
    # Once more, since a joiner has lost what it joined where a picture was left out.
    return drop_hidden("".join(_draw(character) for character in drop_hidden(text)))


def list_undrawable(text: str) -> tuple[str, ...]:
    """The characters of a cleaned text that a receipt would leave out, in order and once each."""
    return tuple(dict.fromkeys(character for character in text if _is_lost(character)))


def _is_lost(character: str) -> bool:
    """Whether nothing would stand for it; marks and joiners only change their neighbours."""
    return (
        unicodedata.category(character)[0] not in "MZ"
        and not is_joiner(character)
        and not _draw(character)
    )


def _draw(character: str) -> str:
    if character.isspace():
        return " "
    if _is_plain(character) or is_joiner(character):
        return character
    if unicodedata.category(character) == "Cn":
        return ""
    if ord(character) in _covered():
        return character
    return "" if unicodedata.category(character) in PICTURES else _in_latin(character)


def _is_plain(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in PLAIN)


def _in_latin(character: str) -> str:
    # Imported here, as above: its tables are rarely wanted.
    from anyascii import anyascii  # noqa: PLC0415

    return str(anyascii(character))


ADDRESS_FIELDS = ("address_line1", "address_line2", "city", "province", "postal_code", "country")
MOST_CHARACTERS = 5


class Typed(Protocol):
    """A form: fields by name, each with `data` and `errors`."""

    def __contains__(self, name: str) -> bool: ...
    def __getitem__(self, name: str) -> Any: ...
    def refuse(self, name: str, sentence: str) -> None:
        """Put a sentence at a field."""


def check_signs(form: Typed, names: Iterable[str]) -> None:
    """Refuse what a receipt could not show: a name must not lose a part of itself there."""
    for name in names:
        lost = list_undrawable(form[name].data or "") if name in form else ()
        if lost and not form[name].errors:
            characters = " ".join(lost[:MOST_CHARACTERS])
            form.refuse(
                name,
                gettext(
                    "Leave out %(characters)s: the document for the gift can’t show it",
                    characters=characters,
                ),
            )


def check_postal_code(form: Typed, address: AddressFormat) -> None:
    """Write a code the one way it is kept, or refuse it."""
    if "postal_code" not in form or not form["postal_code"].data:
        return
    clean = address.clean_postal_code(form["postal_code"].data)
    if clean is not None:
        form["postal_code"].data = clean
    elif not form["postal_code"].errors:
        form.refuse(
            "postal_code",
            gettext(
                "Enter a %(label)s like %(example)s",
                label=inside(pick(address.postal_label)),
                example=address.postal_example,
            ),
        )


def check_province(form: Typed, address: AddressFormat) -> None:
    """Write a province by its code, or refuse it; where a region lists none, any will do."""
    if "province" not in form or not form["province"].data or not address.provinces:
        return
    province = address.province(form["province"].data)
    if province is not None:
        form["province"].data = province.code
    else:
        form.refuse("province", gettext("Choose one from the list"))


def inside(label: str) -> str:
    """A label as it stands inside a sentence: `postal code`, but `ZIP code` and `Ort`."""
    if language(current_locale()) in _NOUNS_ARE_CAPITAL:
        return label
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


FOLDER = TEMPLATES / "receipts"
RECEIPT, STATEMENT = FOLDER / "acknowledgement.typ", FOLDER / "statement.typ"
YEARLY, ADDRESSES = FOLDER / "yearly.typ", FOLDER / "addresses.typ"
STANDARDS: list[Literal["a-3a", "ua-1"]] = ["a-3a", "ua-1"]


class _Own(threading.local):
    """A typst compiler serves one thread only; the fonts are read once for all of them."""

    def __init__(self) -> None:
        self.compilers: dict[Path, typst.Compiler] = {}


_own = _Own()


def render_pdf(snapshot: Document, marking: Marking | None = None, signature: bytes = b"") -> bytes:
    """The PDF of a snapshot, marked or not; the same input gives the same bytes.

    `signature` is the picture that the snapshot names, if it names one.
    """
    template = YEARLY if "gifts" in snapshot else RECEIPT
    return _compile(template, write_inputs(snapshot, marking, signature))


def render_address(snapshot: Document) -> bytes:
    """A page with a donor's address where a window envelope shows it, in the paper's standard."""
    page = {**snapshot, "lang": language(snapshot["locale"]), "fonts": FAMILIES}
    return _compile(ADDRESSES, {"data": _write_page(page)})


def write_inputs(
    snapshot: Document, marking: Marking | None = None, signature: bytes = b""
) -> dict[str, str]:
    """What the template of a receipt is given: the page, and the data that goes with it."""
    with use_locale(snapshot["locale"]):
        page = {
            **snapshot,
            "words": _words(snapshot),
            "marking": asdict(marking) if marking else None,
            "signature": list(signature),
            "lang": language(snapshot["locale"]),
            "fonts": FAMILIES,
        }
    kept = {**snapshot, "marking": page["marking"]} if marking else snapshot
    return {"data": _write_page(page), "attached": write_canonical(kept)}


def write_canonical(document: Document) -> str:
    """A document's one spelling as JSON: keys in order, no spaces, its letters as they are.

    As RFC 8785 has it for texts, whole numbers, lists and objects, which are all that there is.
    """
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def render_statement(statement: Document) -> bytes:
    """The PDF of a person's year (`portal.records.own_statement`), by the same means."""
    return _compile(STATEMENT, {"data": _write_page({**statement, "fonts": FAMILIES})})


def _write_page(page: Document) -> str:
    return json.dumps(_drawable(page), ensure_ascii=False)


def _compile(template: Path, inputs: dict[str, str]) -> bytes:
    """A page by its template, which a compiler keeps until it is told of another."""
    pdf = compiler_of(RECEIPT).compile(
        template,
        format="pdf",
        sys_inputs=inputs,
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
        "day": gettext("Day"),
        "gifts": gettext("Gifts"),
        "total": gettext("Total received"),
        "annex": gettext("The gifts are listed on the following pages."),
        "attached": gettext("What this document says, as data"),
        "verify": _say_where_to_verify(snapshot),
    }


def _say_where_to_verify(snapshot: Document) -> str:
    """The line that leads to the page of proof; what was kept before codes has none."""
    if not snapshot.get("verify_code"):
        return ""
    return gettext(
        "Verify at %(place)s: %(number)s, code %(code)s",
        place=snapshot["verify_at"],
        number=snapshot["number"],
        code=snapshot["verify_code"],
    )


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
def fonts() -> "typst.Fonts":
    """The fonts of all that is printed here, read once."""
    import typst  # noqa: PLC0415 - 7 MiB that a web process needs only once it renders

    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=True, font_paths=font_folders()
    )


def compiler_of(source: Path) -> "typst.Compiler":
    """This thread's compiler of a folder's templates, which begins with this one."""
    import typst  # noqa: PLC0415 - as above

    folder = source.parent
    if folder not in _own.compilers:
        _own.compilers[folder] = typst.Compiler(
            source,
            root=folder,
            font_paths=fonts(),
            ignore_system_fonts=True,
            sys_inputs={"data": "{}"},
        )
    return _own.compilers[folder]
