"""Making a code, another like it, and changing one: what stands on it, and its policy's terms."""

from dataclasses import dataclass

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.codes.listing import MOST_COUNTED, count_codes_of, list_scopes
from portal.codes.models import CodeRecord, Policy, Scope
from portal.codes.operations import Draft, add_code, change_policy, find_scope
from portal.codes.parsing import check_secret, make_secret
from portal.codes.revising import change_code, copy_terms, hold_policy
from portal.codes.terms import Kind
from portal.database import Document
from portal.forms import PortalForm
from portal.i18n import gettext, ngettext
from portal.services import Act
from portal.staff.access import current_actor, staff
from portal.staff.codes.desk import CODE, NEW_CODE, furnish, read_draft, settle, warn_of_code
from portal.staff.codes.views import label_scopes, read_number
from portal.staff.regions.desk import everything_sent, keep_pictures, show_desk, warn_of_others
from portal.staff.regions.parts import Context
from portal.web import services


@staff.get("/codes/new")
def new_code() -> ResponseReturnValue:
    with services().database.read() as session:
        context = _open_new(session, _find_like(session))
    return _show_new(context, NEW_CODE.make_form(context))


@staff.post("/codes/new")
def send_new_code() -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        like = _find_like(act.session)
        context = _open_new(act.session, like)
        form = NEW_CODE.make_form(context, everything_sent())
        read = NEW_CODE.read(form, context)
        keep_pictures(act, context)
        if "make_up" in request.form:
            return _make_up(context, form)
        answer = settle(NEW_CODE, form, act, lambda: _add(act, read, like))
    return answer or _show_new(context, form)


def _find_like(session: Session) -> CodeRecord | None:
    """The code that the new one is to be like, if the address names one."""
    return session.get(CodeRecord, read_number(request.args.get("like")))


def _terms_of(session: Session, like: CodeRecord | None) -> Draft | None:
    return copy_terms(session.get_one(Policy, like.policy_id)) if like else None


def _open_new(session: Session, like: CodeRecord | None) -> Context:
    """An empty form, or one that is filled in from another code."""
    first = {"kind": Kind.PARTNER.value, "zone": _first_zone()}
    own = _own(session, like) if like else first
    return furnish(_terms_of(session, like), own, label_scopes(list_scopes(session)))


def _first_zone() -> str:
    regions = services().catalogue.regions.values()
    return next((region.timezone for region in regions), "UTC")


def _own(session: Session, record: CodeRecord) -> Document:
    """What stands on a code itself, as its forms have it."""
    scope = session.get(Scope, record.scope_id) if record.scope_id else None
    return {
        "kind": record.kind.value,
        "scope": scope.key if scope else "",
        "tag": record.tag,
        "is_secret": record.is_secret,
    }


def _make_up(context: Context, form: PortalForm) -> ResponseReturnValue:
    """The form with a secret spelling, and all else as it was typed."""
    form["display"].data, form["is_secret"].data = make_secret(), True
    for field in form:
        field.errors = []
    return _show_new(context, form)


def _add(act: Act, read: Document, like: CodeRecord | None) -> ResponseReturnValue:
    display, is_secret = read["display"], bool(read.get("is_secret"))
    if is_secret:
        check_secret(display)
    record = add_code(
        act.session,
        display,
        read_draft(read, _terms_of(act.session, like)),
        act.now,
        kind=Kind(read["kind"]),
        scope=_find_scope(act.session, read),
        is_secret=is_secret,
        tag=read.get("tag") or "",
        actor=act.actor,
    )
    act.note("code_add", f"code:{record.id}", {})
    flash(gettext("%(code)s is saved. Donors can use it within a minute.", code=record.display))
    warn_of_code(act, record, is_placed=True)
    return redirect(url_for("staff.code", code_id=record.id), 303)


def _find_scope(session: Session, read: Document) -> Scope | None:
    return find_scope(session, read["scope"]) if read.get("scope") else None


def _show_new(context: Context, form: PortalForm) -> ResponseReturnValue:
    return show_desk(
        NEW_CODE,
        context,
        form,
        gettext("New code"),
        back=url_for("staff.codes"),
        can_preview=False,
        makes_up=True,
    )


@dataclass(frozen=True, slots=True)
class Opened:
    """A code, its policy, and how many codes share that."""

    record: CodeRecord
    policy: Policy
    shared: int
    context: Context


def _open(session: Session, code_id: int, *, to_change: bool = False) -> Opened:
    record = session.get(CodeRecord, code_id, with_for_update=to_change or None) or abort(404)
    if to_change:
        policy = hold_policy(session, record.policy_id)
    else:
        policy = session.get_one(Policy, record.policy_id)
    scopes = label_scopes(list_scopes(session))
    context = furnish(policy, _own(session, record), scopes)
    return Opened(record, policy, count_codes_of(session, policy.id), context)


@staff.get("/codes/<int:code_id>/edit")
def edit_code(code_id: int) -> ResponseReturnValue:
    with services().database.read() as session:
        opened = _open(session, code_id)
    return _show(opened, CODE.make_form(opened.context))


@staff.post("/codes/<int:code_id>/edit")
def send_code(code_id: int) -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        opened = _open(act.session, code_id, to_change=True)
        form = CODE.make_form(opened.context, everything_sent())
        read = CODE.read(form, opened.context)
        keep_pictures(act, opened.context)
        warn_of_others(CODE, form, opened.context)
        answer = settle(CODE, form, act, lambda: _save(act, opened, read))
        return answer or _show(opened, form)


def _save(act: Act, opened: Opened, read: Document) -> ResponseReturnValue:
    record, policy = opened.record, opened.policy
    draft = read_draft(read, policy)
    has_terms = change_policy(act.session, policy, draft, act.now, actor=act.actor)
    scope = _find_scope(act.session, read)
    changed = change_code(record, kind=Kind(read["kind"]), scope=scope, tag=read.get("tag") or "")
    act.session.flush()
    if has_terms or changed:
        act.note("code_edit", f"code:{record.id}", {"version": policy.version})
    flash(gettext("%(code)s is saved. Donors see it within a minute.", code=record.display))
    warn_of_code(act, record, is_placed="scope_id" in changed)
    return redirect(url_for("staff.code", code_id=record.id), 303)


def _show(opened: Opened, form: PortalForm) -> ResponseReturnValue:
    return show_desk(
        CODE,
        opened.context,
        form,
        gettext("Change %(code)s", code=opened.record.display),
        back=url_for("staff.code", code_id=opened.record.id),
        can_preview=False,
        note=_say_shared(opened.shared),
    )


def _say_shared(shared: int) -> str:
    """For how many codes a change holds; nothing where it is one alone."""
    if shared <= 1:
        return ""
    if shared > MOST_COUNTED:
        return gettext("These terms hold for more than 1,000 codes.")
    return ngettext(
        "These terms hold for %(num)s code.", "These terms hold for %(num)s codes.", shared
    )
