"""The staff's pages speak French too: every text has one."""

import ast
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract
from babel.messages.pofile import read_po

from portal.gifts.lifecycle import FactKind
from portal.i18n import TRANSLATIONS
from portal.paths import PACKAGE, TEMPLATES
from portal.staff import forms, labels
from portal.staff.mode_form import PROOFS, ModeForm
from portal.staff.mode_reading import SENTENCES
from portal.staff.receive_views import ReceiveForm
from portal.staff.statement_form import BANKS, COLUMNS, MARKS, ORDERS, StatementForm
from portal.staff.timeline import DETAIL_LABELS

KEYWORDS = {"gettext": None, "_": None, "ngettext": (1, 2)}
TABLES = (
    labels.STATUSES,
    labels.ROLES,
    labels.EVENT_STATES,
    labels.HAPPENINGS,
    labels.ACTS,
    labels.MESSAGES,
    labels.SOURCES,
    labels.ACTORS,
    labels.FREQUENCIES,
    labels.PLAN_STATUSES,
    labels.ACCOUNT_KINDS,
    labels.LINE_STATES,
    labels.REASONS,
    BANKS,
    COLUMNS,
    MARKS,
    ORDERS,
    PROOFS,
    SENTENCES,
    DETAIL_LABELS,
)

FORMS = (
    forms.SignInForm,
    forms.PasswordForm,
    forms.UserForm,
    forms.RefundForm,
    forms.StopForm,
    ModeForm,
    StatementForm,
    ReceiveForm,
)


def sources() -> Iterator[tuple[Path, str]]:
    for path in (PACKAGE / "staff").glob("*.py"):
        yield path, "python"
    for path in (TEMPLATES / "layouts" / "staff.html", *(TEMPLATES / "staff").glob("*.html")):
        yield path, "jinja2.ext:babel_extract"


def texts() -> Iterator[str]:
    for path, method in sources():
        with path.open("rb") as source:
            found = extract(
                method, source, keywords={"gettext": None, "_": None, "ngettext": (1, 2)}
            )
            yield from (str(text[0] if isinstance(text, tuple) else text) for _l, text, *_ in found)
    for table in TABLES:
        yield from table.values()
    for form in FORMS:
        for field in vars(form).values():
            if ask := getattr(field, "kwargs", {}).get("ask"):
                yield ask


def _first(text: object) -> str:
    """A text, or the singular of one with a plural."""
    return str(text[0] if isinstance(text, tuple | list) else text)


def test_every_text_of_the_staff_has_french() -> None:
    with (TRANSLATIONS / "fr" / "LC_MESSAGES" / "messages.po").open("rb") as source:
        french = {
            _first(message.id): _first(message.string) for message in read_po(source, locale="fr")
        }
    wanted = set(texts())
    assert len(wanted) > 200
    assert sorted(text for text in wanted if not french.get(text)) == []


def recorded() -> set[str]:
    """Every kind of line that some code puts on a gift's story."""
    calls = (
        call
        for path in PACKAGE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "record_event"
    )
    kinds = (call.args[2] for call in calls)
    return {kind.value for kind in kinds if isinstance(kind, ast.Constant)}


def test_every_line_of_a_gifts_story_has_words() -> None:
    assert len(recorded()) > 10
    assert recorded() | set(FactKind) <= set(labels.HAPPENINGS)
