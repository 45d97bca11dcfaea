"""The staff's pages speak French too: every text has one."""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract
from babel.messages.pofile import read_po

from portal.i18n import TRANSLATIONS
from portal.paths import PACKAGE, TEMPLATES
from portal.staff import forms, labels
from portal.staff.mode_form import PROOFS, SENTENCES, ModeForm
from portal.staff.timeline import DETAIL_LABELS

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
    labels.ACCOUNT_KINDS,
    PROOFS,
    SENTENCES,
    DETAIL_LABELS,
)


def sources() -> Iterator[tuple[Path, str]]:
    for path in (PACKAGE / "staff").glob("*.py"):
        yield path, "python"
    for path in (TEMPLATES / "layouts" / "staff.html", *(TEMPLATES / "staff").glob("*.html")):
        yield path, "jinja2.ext:babel_extract"


def texts() -> Iterator[str]:
    for path, method in sources():
        with path.open("rb") as source:
            found = extract(method, source, keywords={"gettext": None, "_": None})
            yield from (str(text) for _line, text, _comments, _context in found)
    for table in TABLES:
        yield from table.values()
    for form in (forms.SignInForm, forms.PasswordForm, forms.UserForm, forms.RefundForm, ModeForm):
        for field in vars(form).values():
            if ask := getattr(field, "kwargs", {}).get("ask"):
                yield ask


def test_every_text_of_the_staff_has_french() -> None:
    with (TRANSLATIONS / "fr" / "LC_MESSAGES" / "messages.po").open("rb") as source:
        french = {str(message.id): message.string for message in read_po(source, locale="fr")}
    wanted = set(texts())
    assert len(wanted) > 200
    assert sorted(text for text in wanted if not french.get(text)) == []
