"""Withdrawing a bank's file that was read with wrong columns, so that it can come again."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.i18n import gettext
from portal.payments.statements.queries import find_file
from portal.payments.statements.withdrawing import (
    WithdrawalRefused,
    find_hindrance,
    withdraw_file,
)
from portal.staff.access import staff
from portal.staff.acting import current_actor, note_act
from portal.staff.forms import WithdrawForm
from portal.web import services, utc_now


@staff.get("/statements/<int:file_id>/withdraw")
def withdrawal(file_id: int) -> ResponseReturnValue:
    return _show(file_id, WithdrawForm(), 200)


@staff.post("/statements/<int:file_id>/withdraw")
def send_withdrawal(file_id: int) -> ResponseReturnValue:
    form = WithdrawForm(request.form)
    if form.validate() and _withdraw(file_id, form):
        return redirect(url_for("staff.statements"), 303)
    return _show(file_id, form, 422)


def _withdraw(file_id: int, form: WithdrawForm) -> bool:
    """Whether the file is withdrawn, on record; else its page says why not."""
    why, by = form.reason.data, current_actor()
    try:
        with services().database.write() as session:
            lines = withdraw_file(session, file_id, why=why, by=by, now=utc_now())
            detail = {"lines": lines, "reason": why}
            note_act(session, "file_withdraw", f"file:{file_id}", detail)
    except WithdrawalRefused:
        return False
    flash(gettext("The file is withdrawn. It can be imported again, with the right columns."))
    return True


def _show(file_id: int, form: WithdrawForm, status: int) -> ResponseReturnValue:
    with services().database.read() as session:
        file = find_file(session, file_id) or abort(404)
        hindrance = find_hindrance(session, file_id)
    shown = render_template("staff/withdrawal.html", file=file, form=form, hindrance=hindrance)
    return shown, status
