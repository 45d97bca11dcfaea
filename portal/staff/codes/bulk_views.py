"""Codes in bulk: from a table, looked at first; made up; into a table. The worker does the work."""

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from flask import (
    Response,
    abort,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from portal.codes.batches import MOST, Order, list_batches, order_codes
from portal.codes.listing import Wanted, list_scopes
from portal.codes.models import CodeBatch, CodeRecord, Policy, Scope, find_code
from portal.codes.operations import Draft, add_policy, find_scope
from portal.codes.parsing import CodeError, normalise_code
from portal.codes.sheets import FORMULA_SIGNS, SheetError
from portal.codes.terms import BatchState, CodeState, Kind
from portal.codes.uploads import (
    SHOWN_BEFORE,
    Asked,
    CodeUpload,
    UploadState,
    drop_upload,
    keep_upload,
    list_rejects,
    list_uploads,
    start_upload,
)
from portal.forms import ChoiceField, LineField, PortalForm, TickField
from portal.i18n import gettext
from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.formats.texts import read_limited
from portal.records.export import stream_codes, write_book
from portal.services import Act
from portal.staff.access import current_actor, staff
from portal.staff.codes.desk import CHOOSE, NEW_CODE
from portal.staff.codes.views import NAMES, label_scopes, read_number
from portal.staff.labels import CODE_KINDS
from portal.staff.queries import name_actors
from portal.web import send_csv, services, utc_now

SECONDS = 5
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NO_CODE = "There is no such code. Check the spelling, or leave it empty"

# What is wrong with a row or a table, as the rules of codes say it, and what staff are told.
SENTENCES = {
    r"the code is blank": "The code is blank.",
    r"it stands in row (?P<number>\d+) already": "It stands in row %(number)s already.",
    r"there is one already, and it differs": (
        "There is one already, with other terms, another state, tag or place."
    ),
    r"code: has 1 to .*|code: is written with at most .*": (
        "A code has 1 to 32 letters and digits."
    ),
    r"code: has letters and digits only": "A code has letters and digits only.",
    r"state: it is one of .*": "The state is one of active, paused, retired.",
    r"tag: it has .*": "The tag has 60 characters at most.",
    r"partner: there is none .*": (
        "There is no partner of this key. Add it under “Networks and partners” first."
    ),
    r"(?P<column>\w+): is a formula.*": (
        "Column %(column)s has a formula. Make the column text and type it again."
    ),
    r"(?P<column>\w+): is an error of the spreadsheet.*": (
        "Column %(column)s has an error of the spreadsheet. Make the column text and type it again."
    ),
    r"(?P<column>\w+): is a date or number .*": (
        "Column %(column)s has a date or number that the spreadsheet made. Make the column text and"
        " type it again."
    ),
    r"(?P<column>\w+): has letters that aren’t UTF-8.*": (
        "Column %(column)s has letters that aren’t UTF-8. Save the file as CSV UTF-8."
    ),
    r"(?P<column>\w+): has a line break.*": (
        "Column %(column)s has a line break. A quotation mark may be left open, and rows below be"
        " part of it."
    ),
    r"The first row names the columns.*": (
        "The first row has to name the columns; one of them is code."
    ),
    r"The file has more than (?P<number>\d+) rows.*": (
        "The file has more than %(number)s rows. Divide it."
    ),
    r"Line (?P<number>\d+) can’t be read.*": (
        "Line %(number)s can’t be read, nor what follows: a quotation mark is left open there or"
        " above."
    ),
    r"The file is no XLSX table.*": "The file is no table. Save it as XLSX or CSV UTF-8.",
    r"The file is too large once .*": (
        "The file is too large once it is unpacked. Save it as CSV UTF-8."
    ),
}


def say_why(text: str) -> str:
    """Why a row or a table is not taken, in the current language."""
    for pattern, sentence in SENTENCES.items():
        if found := re.fullmatch(pattern, text):
            return gettext(sentence, **found.groupdict())
    return text


class BulkForm(PortalForm):
    """What codes of a file, or of a batch that is made up, have in common."""

    like = LineField(longest=60)
    scope = LineField(longest=40)
    tag = LineField(longest=60)
    kind = ChoiceField(ask=CHOOSE, default=Kind.PROMOTION.value)
    is_secret = TickField()

    def check(self) -> bool:
        self["kind"].options = CODE_KINDS
        return bool(self.validate())


class MakeForm(BulkForm):
    """The same for codes that nobody guesses."""

    count = LineField(longest=9, ask="Enter how many codes to make")
    prefix = LineField(longest=20)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # It stands on a page with the other form.
        for field in self:
            field.id = field.anchor = f"make-{field.id}"


@staff.get("/codes/import")
def bulk() -> ResponseReturnValue:
    return _show(BulkForm(), MakeForm(is_secret=True))


def _show(form: BulkForm, making: MakeForm, status: int = 200) -> ResponseReturnValue:
    with services().database.read() as session:
        page = render_template(
            "staff/bulk.html",
            form=form,
            making=making,
            problems=[*form.problems, *making.problems],
            uploads=list_uploads(session),
            batches=[one for one in list_batches(session) if not one.sha256],
            scopes=label_scopes(list_scopes(session)),
            kinds=[(key, gettext(text)) for key, text in CODE_KINDS.items()],
            actors=name_actors(session),
            states=UploadState,
            making_state=BatchState.MAKING,
        )
    return page, status


@staff.post("/codes/import")
def send_bulk() -> ResponseReturnValue:
    """Look at a file, and go on to what would become of it."""
    form = BulkForm(request.form)
    form.check()
    content, filename = _read_file(form)
    asked = _read_asked(form)
    if form.problems:
        return _show(form, MakeForm(is_secret=True), 422)
    try:
        upload_id = keep_upload(services(), filename, content, asked, current_actor())
    except SheetError as error:
        form.form_errors = [say_why(str(error))]
        return _show(form, MakeForm(is_secret=True), 422)
    return redirect(url_for("staff.upload", upload_id=upload_id), 303)


def _read_file(form: BulkForm) -> tuple[bytes, str]:
    """The file's bytes and its name; the form says where there is none, or a too large one."""
    file: FileStorage | None = request.files.get("file")
    try:
        if file is not None and file.filename:
            content = read_limited(cast(BinaryIO, file.stream))
            if content:
                return content, file.filename
        form.form_errors = [gettext("Choose a file of codes")]
    except StatementError as error:
        form.form_errors = [str(error)]
    return b"", ""


def _read_asked(form: BulkForm) -> Asked:
    with services().database.read() as session:
        like, scope = _find_like(session, form), _find_scope(session, form)
    return Asked(
        like=like,
        scope_id=scope.id if scope else None,
        tag=form.tag.data or "",
        kind=form["kind"].data or Kind.PROMOTION.value,
        is_secret=bool(form.is_secret.data),
    )


def _find_like(session: Session, form: BulkForm) -> int | None:
    """The id of the code whose terms are shared, if one is named; a wrong one is told."""
    found = find_code(session, form.like.data) if form.like.data else None
    if form.like.data and found is None:
        form.refuse("like", gettext(NO_CODE))
    return found.id if found else None


def _find_scope(session: Session, form: BulkForm) -> Scope | None:
    found = find_scope(session, form.scope.data) if form.scope.data else None
    if form.scope.data and found is None:
        form.refuse("scope", gettext(CHOOSE))
    return found


@staff.get("/codes/imports/<int:upload_id>")
def upload(upload_id: int) -> str:
    """What would become of a file, how far it is, or what became of it."""
    with services().database.read() as session:
        found = session.get(CodeUpload, upload_id) or abort(404)
        batch = session.get(CodeBatch, found.batch_id) if found.batch_id else None
        asked = Asked(**found.asked)
        like = session.get(CodeRecord, asked.like) if asked.like else None
        return render_template(
            "staff/upload.html",
            upload=found,
            batch=batch,
            like=like,
            rejects=[
                (one.number, one.text, say_why(one.why))
                for one in list_rejects(session, upload_id, SHOWN_BEFORE)
            ],
            problem=say_why(found.problem) if found.problem else "",
            states=UploadState,
            seconds=SECONDS,
        )


@staff.post("/codes/imports/<int:upload_id>/start")
def start_import(upload_id: int) -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        act.session.get(CodeUpload, upload_id) or abort(404)
        start_upload(act, upload_id)
    return redirect(url_for("staff.upload", upload_id=upload_id), 303)


@staff.post("/codes/imports/<int:upload_id>/drop")
def drop_import(upload_id: int) -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        is_gone = drop_upload(act, upload_id)
    if is_gone:
        flash(gettext("The file is thrown away. No code was made of it."))
    return redirect(url_for("staff.bulk"), 303)


@staff.get("/codes/imports/<int:upload_id>/rejected.csv")
def rejected(upload_id: int) -> ResponseReturnValue:
    """The rows that were not taken, harmless in a spreadsheet."""
    with services().database.read() as session:
        session.get(CodeUpload, upload_id) or abort(404)
    return send_csv("rejected-codes", _write_rejects(upload_id))


def _write_rejects(upload_id: int) -> Iterator[str]:
    # A mark, so that spreadsheets read UTF-8.
    yield "\ufeff" + _write_line(("row", "code", "why"))
    with services().database.read() as session:
        for one in list_rejects(session, upload_id):
            yield _write_line((str(one.number), one.text, say_why(one.why)))


def _write_line(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(
        [f"'{cell}" if cell[:1] in {*FORMULA_SIGNS} else cell for cell in cells]
    )
    return out.getvalue()


@staff.post("/codes/generate")
def generate_codes() -> ResponseReturnValue:
    """Promise a batch of codes that nobody guesses."""
    form = MakeForm(request.form)
    form.check()
    text = form.count.data or ""
    if text and not (read_number(text) and read_number(text) <= MOST):
        form.refuse("count", gettext("Enter a number from 1 to %(number)s", number="1 000 000"))
    with services().write(current_actor()) as act:
        number = None if form.problems else _order(act, form)
    if number is None or form.problems:
        return _show(BulkForm(), form, 422)
    return redirect(url_for("staff.batch", batch_id=number), 303)


def _order(act: Act, form: MakeForm) -> int | None:
    """The id of the batch; None where the form now says what is wrong."""
    like, scope = _find_like(act.session, form), _find_scope(act.session, form)
    if form.problems:
        return None
    try:
        with act.session.begin_nested():
            return order_codes(act, _make_order(act, form, like, scope)).id
    except CodeError as error:
        form.refuse(error.place if error.place in form else "count", NEW_CODE.say(error))
        return None


def _make_order(act: Act, form: MakeForm, like: int | None, scope: Scope | None) -> Order:
    record = act.session.get(CodeRecord, like) if like else None
    if record is not None:
        policy = act.session.get_one(Policy, record.policy_id)
        of = act.session.get(Scope, record.scope_id) if record.scope_id else None
    else:
        name = form.tag.data or form.prefix.data or "batch"
        policy, of = add_policy(act.session, name, Draft(), act.now, actor=act.actor), None
    return Order(
        count=read_number(form.count.data),
        policy=policy,
        scope=scope or of,
        prefix=form.prefix.data or "",
        tag=form.tag.data or "",
        kind=Kind(form["kind"].data),
        is_secret=bool(form.is_secret.data),
    )


@staff.get("/codes/batches/<int:batch_id>")
def batch(batch_id: int) -> str:
    """How far a batch is."""
    with services().database.read() as session:
        found = session.get(CodeBatch, batch_id) or abort(404)
    return render_template(
        "staff/batch.html", batch=found, making=BatchState.MAKING, seconds=SECONDS
    )


@staff.get("/codes/export.<form>")
def export_codes(form: str) -> ResponseReturnValue:
    """Codes and the gifts that used them, as the list is narrowed; no donor's name is in it."""
    if form not in FORMS:
        abort(404)
    asked = {name: request.args.get(name, "")[:60] for name in NAMES}
    state = asked["state"]
    wanted = Wanted(
        begins=normalise_code(asked["q"]),
        state=CodeState(state) if state in {*CodeState} else None,
        tag=asked["tag"],
        scope=asked["scope"],
    )
    with services().write(current_actor()) as act:
        filters = "&".join(f"{name}={text}" for name, text in asked.items() if text)
        act.note("codes_export", "codes", {"filters": filters})
    return FORMS[form](wanted)


def _send_book(wanted: Wanted) -> Response:
    """The workbook, sent from a file that is gone once it is sent."""
    with tempfile.NamedTemporaryFile(prefix="portal-codes-") as made:
        write_book(services().database, wanted, Path(made.name))
        file = Path(made.name).open("rb")  # noqa: SIM115 - it is closed with the response
    response = Response(stream_with_context(_read_through(file)), mimetype=XLSX)
    response.call_on_close(file.close)
    name = f"codes-{utc_now():%Y-%m-%d-%H%M}.xlsx"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _read_through(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(65_536):
            yield piece


def _send_lines(wanted: Wanted) -> Response:
    return send_csv("codes", stream_codes(services().database, wanted))


FORMS = {"csv": _send_lines, "xlsx": _send_book}
