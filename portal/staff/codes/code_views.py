"""One code: what it is and why, made, copied, changed, paused, and returned to what it was."""

from dataclasses import dataclass

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.codes.listing import count_codes_of, count_gifts, find_listed, list_scopes
from portal.codes.models import CodeRecord, Policy, Scope
from portal.codes.operations import add_code, change_policy, find_scope
from portal.codes.queries import find_code, find_levels
from portal.codes.revising import (
    change_code,
    copy_terms,
    hold_policy,
    list_versions,
    set_state,
)
from portal.codes.simulator import list_terms
from portal.codes.spelling import check_secret, make_secret
from portal.codes.terms import CodeState, Kind
from portal.database import Document
from portal.forms import PortalForm
from portal.i18n import gettext, ngettext
from portal.services import Act
from portal.staff.access import current_actor, staff
from portal.staff.codes.desk import CODE, NEW_CODE
from portal.staff.codes.drafting import furnish, read_draft, return_policy, settle, warn_of_terms
from portal.staff.codes.telling import tell_terms, tell_versions
from portal.staff.codes.views import label_scopes
from portal.staff.queries import name_actors
from portal.staff.regions.desk import (
    everything_sent,
    keep_pictures,
    show_desk,
    warn_of_others,
)
from portal.staff.regions.parts import Context
from portal.web import services


@staff.get("/codes/<int:code_id>")
def code(code_id: int) -> ResponseReturnValue:
    with services().database.read() as session:
        record = session.get(CodeRecord, code_id) or abort(404)
        policy = session.get_one(Policy, record.policy_id)
        found, levels = find_code(session, record.code), find_levels(session, record.code)
        versions = tell_versions(list_versions(session, policy), name_actors(session))
        listed, gifts = find_listed(session, code_id), count_gifts(session, code_id)
        shared = count_codes_of(session, policy.id)
    return render_template(
        "staff/code.html",
        record=record,
        levels=levels[:-1],
        terms=tell_terms(list_terms(found, levels), _zone(policy)) if found else [],
        versions=versions,
        listed=listed,
        gifts=gifts,
        shared=shared,
        states=[one for one in CodeState if one is not record.state],
    )


def _zone(policy: Policy) -> str:
    return str(policy.document.get("zone") or "UTC")


@staff.get("/codes/new")
def new_code() -> ResponseReturnValue:
    with services().database.read() as session:
        context = _open_new(session)
    return _show_new(context, NEW_CODE.make_form(context))


@staff.post("/codes/new")
def send_new_code() -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        context = _open_new(act.session)
        form = NEW_CODE.make_form(context, everything_sent())
        read = NEW_CODE.read(form, context)
        keep_pictures(act, context)
        if "make_up" in request.form:
            return _make_up(context, form)
        answer = settle(NEW_CODE, form, act, lambda: _add(act, read))
    return answer or _show_new(context, form)


def _open_new(session: Session) -> Context:
    """An empty form, or one that is filled in from the code of `like`."""
    scopes = label_scopes(list_scopes(session))
    record = session.get(CodeRecord, request.args.get("like", default=0, type=int))
    if record is None:
        return furnish(None, {"kind": Kind.PARTNER.value, "zone": _first_zone()}, scopes)
    terms = copy_terms(session.get_one(Policy, record.policy_id))
    return furnish(terms, _own(session, record), scopes)


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


def _add(act: Act, read: Document) -> ResponseReturnValue:
    display, is_secret = read["display"], bool(read.get("is_secret"))
    if is_secret:
        check_secret(display)
    record = add_code(
        act.session,
        display,
        read_draft(read, None),
        act.now,
        kind=Kind(read["kind"]),
        scope=_find_scope(act.session, read),
        is_secret=is_secret,
        tag=read.get("tag") or "",
        actor=act.actor,
    )
    act.note("code_add", f"code:{record.id}", {})
    flash(gettext("%(code)s is saved. Donors can use it within a minute.", code=record.display))
    _warn(act, record)
    return redirect(url_for("staff.code", code_id=record.id), 303)


def _find_scope(session: Session, read: Document) -> Scope | None:
    return find_scope(session, read["scope"]) if read.get("scope") else None


def _warn(act: Act, record: CodeRecord) -> None:
    found = find_code(act.session, record.code)
    if found is not None:
        warn_of_terms(found, act.catalogue)


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
    _warn(act, record)
    return redirect(url_for("staff.code", code_id=record.id), 303)


def _show(opened: Opened, form: PortalForm) -> ResponseReturnValue:
    note = ngettext(
        "These terms hold for %(num)s code.", "These terms hold for %(num)s codes.", opened.shared
    )
    return show_desk(
        CODE,
        opened.context,
        form,
        gettext("Change %(code)s", code=opened.record.display),
        back=url_for("staff.code", code_id=opened.record.id),
        can_preview=False,
        note=note if opened.shared > 1 else "",
    )


@staff.post("/codes/<int:code_id>/state")
def send_code_state(code_id: int) -> ResponseReturnValue:
    """Pause, retire or use again, as the button said."""
    sent = request.form.get("state", "")
    state = CodeState(sent) if sent in {*CodeState} else abort(400)
    with services().write(current_actor()) as act:
        record = act.session.get(CodeRecord, code_id, with_for_update=True) or abort(404)
        before = record.state
        if set_state(record, state):
            detail = {"from": before.value, "to": state.value}
            act.note("code_state", f"code:{record.id}", detail)
    flash(gettext("Saved: %(state)s.", state=state.label))
    return redirect(url_for("staff.code", code_id=code_id), 303)


@staff.post("/codes/<int:code_id>/return")
def return_code(code_id: int) -> ResponseReturnValue:
    """Give a code's policy the terms of an earlier version again."""
    with services().write(current_actor()) as act:
        record = act.session.get(CodeRecord, code_id) or abort(404)
        policy = hold_policy(act.session, record.policy_id)
        if return_policy(act, policy):
            act.note("code_return", f"code:{code_id}", {"version": policy.version})
            _warn(act, record)
    return redirect(url_for("staff.code", code_id=code_id, _anchor="history"), 303)
