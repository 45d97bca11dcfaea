"""Terms led onto a form and back, and what is told when they were kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

from flask import abort, flash, request
from flask.typing import ResponseReturnValue

from portal.codes.checks import allows_nothing
from portal.codes.merging import Level, make_code
from portal.codes.models import CodeRecord, Policy
from portal.codes.operations import Draft, make_draft
from portal.codes.parsing import CodeError, TermsTable
from portal.codes.queries import find_code
from portal.codes.revising import return_to, with_days
from portal.codes.terms import Code, Frequency, Kind
from portal.database import Document
from portal.forms import PortalForm
from portal.i18n import gettext
from portal.services import Act
from portal.staff.codes.desk import CODE, TermsDesk
from portal.staff.codes.parts import BY_CURRENCY, list_amounts, map_amounts
from portal.staff.codes.views import read_number
from portal.staff.labels import all_currencies, current_names
from portal.staff.regions.parts import Context, list_languages

DAYS = ("first_day", "last_day")
# A policy's own fields that are parts of a form by the same name.
FIELDS = tuple(name for name in TermsTable.model_fields if name not in BY_CURRENCY)


def furnish(terms: Policy | Draft | None, own: Document, scopes: Mapping[str, str]) -> Context:
    """A form's context: terms, what has them (`own`), and all that may be chosen."""
    document = with_days(terms) if terms else {}
    names = current_names()
    # What a file or a batch says of other languages has its fields, too.
    spoken = {code for name in ("message", "headline") for code in document.get(name) or {}}
    above = {"": gettext("Nothing above it"), **scopes}
    return Context(
        {**document, "amounts": list_amounts(document), **own},
        currencies=tuple(all_currencies()),
        languages=list_languages(sorted(spoken)),
        choices={
            "regions": names.regions,
            "modes": names.modes,
            "funds": names.funds,
            "currencies": {code: code for code in all_currencies()},
            "frequencies": {one.value: one.label for one in Frequency},
            "scope": above,
            "parent": above,
        },
    )


def read_draft(read: Document, terms: Policy | Draft | None) -> Draft:
    """The terms that a form describes; days that stand as they were keep their moments."""
    said = {name: read[name] for name in FIELDS if name in read and not _is_nothing(read[name])}
    document = {**said, **map_amounts(read.get("amounts") or [])}
    days = [read.get(name) or None for name in DAYS]
    if not any(days) and (terms is None or "zone" not in terms.document):
        document.pop("zone", None)
    if terms is not None and _are_as_before(document, days, with_days(terms)):
        return Draft(document=document, starts_at=terms.starts_at, ends_at=terms.ends_at)
    return make_draft(document, *(date.fromisoformat(day) if day else None for day in days))


def _is_nothing(value: object) -> bool:
    """A 0 is something, which is refused."""
    return value is None or value is False or value in ("", [], {})


def _are_as_before(document: Document, days: Sequence[str | None], before: Document) -> bool:
    stood = [before.get(name) for name in DAYS]
    return stood == days and before.get("zone") == document.get("zone")


def settle(
    desk: TermsDesk, form: PortalForm, act: Act, save: Callable[[], ResponseReturnValue]
) -> ResponseReturnValue | None:
    """What saving answers; None where the form now says what is wrong, and nothing is kept."""
    if form.problems:
        return None
    try:
        with act.session.begin_nested():
            return save()
    except CodeError as error:
        desk.lead_code(form, error)
        return None


def warn_of_code(act: Act, record: CodeRecord, *, is_placed: bool = False) -> None:
    """Say what may be meant otherwise: terms that allow nothing, and what a public code gives away.

    `is_placed` where it is new what the code belongs to.
    """
    code = find_code(act.session, record.code)
    if code is None:
        return
    if allows_nothing(code, act.now, act.catalogue):
        flash(say_nothing_allowed())
    if not code.is_secret:
        for sentence in _list_given_away(code, is_placed=is_placed):
            flash(sentence)


def _list_given_away(code: Code, *, is_placed: bool) -> Iterator[str]:
    if code.minimum_minor:
        yield gettext(
            "This code isn’t secret, and its terms set an amount of their own: whoever guesses it"
            " can use it."
        )
    if code.partner_name and is_placed:
        yield gettext(
            "This code isn’t secret: whoever guesses it sees the name %(name)s. If that is a"
            " private person, make a secret code instead.",
            name=code.partner_name,
        )


def say_nothing_allowed() -> str:
    return gettext("These terms allow nothing in any region: nobody can give so. Check them.")


def code_of_levels(levels: Sequence[Level]) -> Code:
    """A code that says what a scope's levels do, so that they can be judged."""
    return make_code(levels, code="X", display="X", kind=Kind.PARTNER, is_secret=True)


def return_policy(act: Act, policy: Policy) -> bool:
    """Return a policy to the version that the form names, and say so; whether that is new."""
    version = read_number(request.form.get("version"))
    try:
        is_new = return_to(act.session, policy, version, act.now, actor=act.actor)
    except LookupError:
        abort(404)
    except CodeError as error:
        flash(gettext("This can’t be saved: %(what)s", what=CODE.say(error)))
        return False
    flash(gettext("The terms of version %(number)s hold again.", number=version))
    return is_new
