"""Bank files: import one, see what it would become first, and what became of each."""

from typing import BinaryIO, cast

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from portal.i18n import gettext, ngettext
from portal.jobs.promising import MatchLines
from portal.payments.books import count_totals
from portal.payments.statements.duplicates import count_duplicates
from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.formats.texts import read_limited
from portal.payments.statements.loading import is_long_work
from portal.payments.statements.match_run import Worked, match_open_lines
from portal.payments.statements.operations import (
    Imported,
    WithdrawalRefused,
    count_outcome,
    find_hindrance,
    import_statement,
    withdraw_file,
)
from portal.payments.statements.queries import find_file, list_files
from portal.staff.access import current_actor, staff
from portal.staff.forms import WithdrawForm
from portal.staff.queries import name_actors
from portal.staff.statements.form import (
    BANKS,
    COLUMNS,
    MARKS,
    ORDERS,
    OWN_COLUMNS,
    Look,
    StatementForm,
    look_at,
)
from portal.web import services, utc_now

FILES = 50


@staff.get("/statements")
def statements() -> ResponseReturnValue:
    return _show(StatementForm(), 200)


@staff.post("/statements")
def send_statement() -> ResponseReturnValue:
    """Keep a file, match its lines, and go on to what is left to decide."""
    form, content, filename = _read_request()
    if form.problems:
        return _show(form, 422)
    try:
        document = form.read(content, filename)
    except StatementError as error:
        form.refuse("bank", str(error))
        return _show(form, 422, _look(form, content, filename))
    imported = import_statement(
        services(),
        document,
        content,
        filename=filename,
        by=current_actor(),
    )
    if document.set_aside:
        flash(_say_set_aside(len(document.set_aside)))
    _tell(imported)
    _match(None if imported.is_repeat else imported.file_id)
    return redirect(url_for("staff.reconcile", file=imported.file_id), 303)


@staff.post("/statements/preview")
def preview_statement() -> ResponseReturnValue:
    """What a file would become; nothing is kept."""
    form, content, filename = _read_request()
    seen = None if form["bank"].errors or not content else _look(form, content, filename)
    return _show(form, 422 if form.problems else 200, seen)


@staff.post("/statements/match")
def match_again() -> ResponseReturnValue:
    """Go through all open lines once more: gifts may have been begun since."""
    _match()
    return redirect(url_for("staff.reconcile"), 303)


def _read_request() -> tuple[StatementForm, bytes, str]:
    """The form, checked, with the file's bytes and the name its owner gave it."""
    form = StatementForm(request.form)
    form.validate()
    file: FileStorage | None = request.files.get("file")
    if file is None or not file.filename:
        form.refuse("bank", gettext("Choose the bank’s file"))
        return form, b"", ""
    try:
        return form, read_limited(cast(BinaryIO, file.stream)), file.filename
    except StatementError as error:
        form.refuse("bank", str(error))
        return form, b"", ""


def _look(form: StatementForm, content: bytes, filename: str) -> Look:
    """The file as the form would have it read; unread where the form itself is wrong."""
    is_right = set(form.errors) <= {"bank"}
    return look_at(content, (lambda: form.read(content, filename)) if is_right else None)


def _tell(imported: Imported) -> None:
    if imported.is_repeat:
        flash(gettext("This file was imported before: nothing changed."))
        flash(gettext("If its columns were read wrongly, withdraw it here and import it again."))
        return
    with services().database.read() as session:
        out = count_outcome(session, imported.file_id).went_out
        duplicates = count_duplicates(session, imported.file_id)
    flash(ngettext("%(num)s new line imported.", "%(num)s new lines imported.", imported.new))
    if duplicates:
        flash(_say_duplicates(duplicates))
    if out:
        flash(gettext("Outgoing: %(number)s.", number=out))


def _say_set_aside(number: int) -> str:
    return ngettext(
        "%(num)s entry is not booked by the bank yet, so it was left out.",
        "%(num)s entries are not booked by the bank yet, so they were left out.",
        number,
    )


def _say_duplicates(number: int) -> str:
    return ngettext(
        "%(num)s line may already be in an earlier file of another kind, and waits for you."
        " If both files are from one account, ignore it or withdraw this file.",
        "%(num)s lines may already be in an earlier file of another kind, and wait for you."
        " If both files are from one account, ignore them or withdraw this file.",
        number,
    )


def _match(file_id: int | None = None) -> None:
    """Match now, or leave it to the worker where a page would take too long.

    What came of it is told of a new file's lines, so that the figures come to its lines.
    """
    with services().database.read() as session:
        is_long = is_long_work(session)
    if is_long:
        with services().write(current_actor()) as act:
            act.promise(MatchLines(int(utc_now().timestamp())))
        flash(gettext("The lines are being matched. Look again in a minute."))
        return
    worked: Worked = match_open_lines(services())
    if file_id is not None:
        worked = _narrow(worked, file_id)
    _tell_worked(worked)


def _tell_worked(worked: Worked) -> None:
    flash(
        gettext(
            "Booked automatically: %(booked)s. With suggestions: %(suggested)s. Without: %(rest)s.",
            booked=worked.automatic,
            suggested=worked.suggested,
            rest=worked.unmatched,
        )
    )


def _narrow(worked: Worked, file_id: int) -> Worked:
    """What was worked, of one new file's lines; older lines that were booked are told apart."""
    with services().database.read() as session:
        outcome = count_outcome(session, file_id)
    if (older := worked.automatic - outcome.matched) > 0:
        flash(gettext("Lines of earlier files booked automatically: %(number)s.", number=older))
    return Worked(outcome.matched, outcome.suggested, outcome.without)


def _show(form: StatementForm, status: int, seen: Look | None = None) -> ResponseReturnValue:
    before = request.args.get("before", type=int)
    with services().database.read() as session:
        files = list_files(session, limit=FILES + 1, before_id=before)
        totals = count_totals(session)
        actors = name_actors(session)
    shown = render_template(
        "staff/statements.html",
        form=form,
        seen=seen,
        files=files[:FILES],
        actors=actors,
        older=files[FILES - 1].file_id if len(files) > FILES else None,
        totals=totals,
        banks=_said(BANKS),
        orders=_said(ORDERS),
        marks=_said(MARKS),
        columns=_said(COLUMNS),
        own_columns=OWN_COLUMNS,
    )
    return shown, status


def _said(words: dict[str, str]) -> list[tuple[str, str]]:
    return [(key, gettext(text)) for key, text in words.items()]


@staff.get("/statements/<int:file_id>/withdraw")
def withdrawal(file_id: int) -> ResponseReturnValue:
    return _show_withdrawal(file_id, WithdrawForm(), 200)


@staff.post("/statements/<int:file_id>/withdraw")
def send_withdrawal(file_id: int) -> ResponseReturnValue:
    form = WithdrawForm(request.form)
    if form.validate() and _withdraw(file_id, form):
        return redirect(url_for("staff.statements"), 303)
    return _show_withdrawal(file_id, form, 422)


def _withdraw(file_id: int, form: WithdrawForm) -> bool:
    """Whether the file is withdrawn, on record; else its page says why not."""
    why = form.reason.data
    try:
        with services().write(current_actor()) as act:
            lines = withdraw_file(act, file_id, why=why)
            detail = {"lines": lines, "reason": why}
            act.note("file_withdraw", f"file:{file_id}", detail)
    except WithdrawalRefused:
        return False
    flash(gettext("The file is withdrawn. It can be imported again, with the right columns."))
    return True


def _show_withdrawal(file_id: int, form: WithdrawForm, status: int) -> ResponseReturnValue:
    with services().database.read() as session:
        file = find_file(session, file_id) or abort(404)
        hindrance = find_hindrance(session, file_id)
    shown = render_template("staff/withdrawal.html", file=file, form=form, hindrance=hindrance)
    return shown, status
