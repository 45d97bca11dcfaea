"""The staff's pages speak French too: every text has one."""

import ast
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract
from babel.messages.pofile import read_po

from portal import PACKAGE, TEMPLATES
from portal.codes.terms import CodeState, LevelKind, Renewals
from portal.gifts.lifecycle import EventKind, FactKind, Status
from portal.gifts.models import PlanStatus
from portal.i18n import TRANSLATIONS, Labelled
from portal.jobs.promising import JobName
from portal.mail.outbox import LetterKind
from portal.payments.models import EventState, Problem
from portal.payments.statements.models import LineState
from portal.receipts.gift_aid import Covers, How, Why
from portal.signin.accounts import Role
from portal.staff import forms, labels
from portal.staff.audit import DETAIL_LABELS, FILTER_LABELS, OWN_LABELS, SUBJECTS, UNSAID
from portal.staff.codes.desk import CODE_DESKS, CODE_SENTENCES
from portal.staff.codes.pledge_views import CHANGES, OwnedForm
from portal.staff.codes.telling import TERM_WORDS
from portal.staff.gifts.contact_views import ContactForm
from portal.staff.gifts.gift_aid_views import DeclarationForm
from portal.staff.gifts.money_views import ReceiveForm
from portal.staff.queries import ADVICE, FirstStep
from portal.staff.regions import desk
from portal.staff.regions.desks import ADDRESS_FIELDS, DESKS
from portal.staff.regions.history_views import FIELD_WORDS
from portal.staff.regions.mode_form import PROOFS, SENTENCES, ModeForm, parts_of
from portal.staff.statements.form import BANKS, COLUMNS, MARKS, ORDERS, StatementForm

KEYWORDS = {"gettext": None, "_": None, "ngettext": (1, 2)}
TABLES = (
    labels.ACTS,
    CHANGES,
    labels.CONTACT_FIELDS,
    labels.SOURCES,
    labels.ACTORS,
    labels.FREQUENCIES,
    labels.ACCOUNT_KINDS,
    labels.REASONS,
    labels.CODE_KINDS,
    labels.CODE_ACTIONS,
    CODE_SENTENCES,
    TERM_WORDS,
    BANKS,
    COLUMNS,
    MARKS,
    ORDERS,
    PROOFS,
    SENTENCES,
    DETAIL_LABELS,
    OWN_LABELS,
    FILTER_LABELS,
    ADDRESS_FIELDS,
    FIELD_WORDS,
    desk.SENTENCES,
    ADVICE,
)

ENUMS: tuple[type[Labelled], ...] = (
    Covers,
    How,
    Why,
    CodeState,
    EventKind,
    EventState,
    FirstStep,
    JobName,
    LetterKind,
    LevelKind,
    LineState,
    PlanStatus,
    Problem,
    Renewals,
    Role,
    Status,
)

FORMS = (
    forms.SignInForm,
    forms.PasswordForm,
    forms.UserForm,
    forms.RefundForm,
    forms.StopForm,
    forms.WithdrawForm,
    ModeForm,
    OwnedForm,
    StatementForm,
    ReceiveForm,
    ContactForm,
    DeclarationForm,
)


def sources() -> Iterator[tuple[Path, str]]:
    for path in (PACKAGE / "staff").rglob("*.py"):
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
    for one_desk in (*DESKS, *CODE_DESKS):
        yield from one_desk.texts()
    for part in parts_of({"kind": "instructions"}).values():
        yield from part.texts()
    for kind in ENUMS:
        yield from (one.said for one in kind)
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


def test_every_fact_is_told_on_a_gifts_story() -> None:
    assert {*FactKind} <= {*EventKind}
    assert all(one.said for kind in ENUMS for one in kind)


def audits() -> Iterator[tuple[ast.Module, ast.expr, ast.expr]]:
    """Every call that adds to the audit log: its module, and its subject and detail."""
    for path in PACKAGE.rglob("*.py"):
        module = ast.parse(path.read_text())
        for call in ast.walk(module):
            match call:
                case ast.Call(func=ast.Attribute(value=ast.Name("act"), attr="note")):
                    yield module, call.args[1], call.args[2]


def keys_of(node: ast.expr | None, module: ast.Module) -> set[str]:
    """The keys of a dictionary as code writes it, by a name or a function of the module, too."""
    match node:
        case ast.Dict(keys=keys):
            return {key.value for key in keys if isinstance(key, ast.Constant)}
        case ast.DictComp(generators=[ast.comprehension(iter=ast.Call(func=ast.Attribute(value)))]):
            return keys_of(value, module)
        case ast.Name(id=name):
            found = [one.value for one in ast.walk(module) if name in targets(one)]
        case ast.Call(func=ast.Name(id=name)):
            found = [one for function in functions(module, name) for one in returned(function)]
        case _:
            found = []
    assert found, f"a detail that this test can’t read: {ast.unparse(node) if node else node}"
    return set().union(*(keys_of(one, module) for one in found))


def targets(node: ast.AST) -> set[str]:
    named = node.targets if isinstance(node, ast.Assign) else []
    return {target.id for target in named if isinstance(target, ast.Name)}


def functions(module: ast.Module, name: str) -> list[ast.FunctionDef]:
    """Those of a name; for a parameter, all that return a detail."""
    every = [one for one in ast.walk(module) if isinstance(one, ast.FunctionDef)]
    called = [one for one in every if one.name == name]
    return called or [
        one for one in every if one.returns and ast.unparse(one.returns) == "Document"
    ]


def returned(function: ast.FunctionDef) -> list[ast.expr]:
    return [one.value for one in ast.walk(function) if isinstance(one, ast.Return) and one.value]


def test_every_detail_that_the_audit_log_keeps_has_words() -> None:
    kept = set().union(*(keys_of(detail, module) for module, _subject, detail in audits()))
    assert {"amount", "mode", "lines", "gifts", "filters", "state", "once"} <= kept
    assert sorted(kept - {*DETAIL_LABELS, *UNSAID}) == []


def test_every_kind_of_subject_has_a_name() -> None:
    subjects = [subject for _module, subject, _detail in audits()]
    texts = [one.values[0] if isinstance(one, ast.JoinedStr) else one for one in subjects]
    kinds = {str(one.value).partition(":")[0] for one in texts if isinstance(one, ast.Constant)}
    assert {"gift", "region", "lines"} <= kinds
    assert sorted(kinds - {*SUBJECTS}) == []
