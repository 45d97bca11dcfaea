"""Networks, regions of them, zones and partners: the tree, and each one's place and terms."""

from collections.abc import Iterable

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.codes.listing import ListedScope, list_below, list_scopes
from portal.codes.models import Policy, Scope, read_lineage
from portal.codes.operations import (
    ORDER,
    Draft,
    add_policy,
    add_scope,
    change_policy,
    change_scope,
    find_scope,
)
from portal.codes.revising import allows_nothing, hold_policy, hold_tree, list_versions
from portal.codes.simulator import list_held
from portal.codes.terms import LevelKind
from portal.database import Document
from portal.forms import PortalForm
from portal.i18n import gettext
from portal.plain import clean_line
from portal.services import Act
from portal.staff.access import current_actor, staff
from portal.staff.codes.desk import (
    EDIT_SCOPE,
    NEW_SCOPE,
    code_of_levels,
    furnish,
    read_draft,
    return_policy,
    say_nothing_allowed,
    settle,
    warn_of_offer,
)
from portal.staff.codes.telling import tell_terms, tell_versions
from portal.staff.codes.views import LONGEST, label_scopes
from portal.staff.queries import name_actors
from portal.staff.regions.desk import (
    everything_sent,
    keep_pictures,
    show_desk,
    warn_of_others,
)
from portal.staff.regions.parts import Context
from portal.web import services


@staff.get("/scopes")
def scopes() -> ResponseReturnValue:
    asked = clean_line(request.args.get("q"))[:LONGEST]
    with services().database.read() as session:
        listed = list_scopes(session)
    found = [one for one in listed if asked.casefold() in one.name.casefold()]
    return render_template(
        "staff/scopes.html",
        scopes=found[:MOST_SHOWN],
        more=max(len(found) - MOST_SHOWN, 0),
        asked=asked,
    )


MOST_SHOWN = 500


@staff.get("/scopes/<int:scope_id>")
def scope(scope_id: int) -> ResponseReturnValue:
    with services().database.read() as session:
        found = session.get(Scope, scope_id) or abort(404)
        levels = read_lineage(found.lineage)
        policy = session.get(Policy, found.policy_id) if found.policy_id else None
        told = list_versions(session, policy) if policy else []
        versions = tell_versions(told, name_actors(session))
    zone = policy.document.get("zone") if policy else None
    return render_template(
        "staff/scope.html",
        scope=found,
        levels=levels[:-1],
        terms=tell_terms(list_held(code_of_levels(levels), levels), zone or "UTC"),
        versions=versions,
    )


@staff.get("/scopes/new")
def new_scope() -> ResponseReturnValue:
    with services().database.read() as session:
        context = _open_new(session)
    return _show_new(context, NEW_SCOPE.make_form(context))


@staff.post("/scopes/new")
def send_new_scope() -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        hold_tree(act.session)
        context = _open_new(act.session)
        form = NEW_SCOPE.make_form(context, everything_sent())
        read = NEW_SCOPE.read(form, context)
        keep_pictures(act, context)
        answer = settle(NEW_SCOPE, form, act, lambda: _add(act, read))
    return answer or _show_new(context, form)


def _open_new(session: Session) -> Context:
    """An empty form; the address may say what the new one stands below."""
    listed = list_scopes(session)
    above = next((one for one in listed if one.key == request.args.get("below")), None)
    own = {"parent": above.key if above else "", "kind": _kind_below(above)}
    return furnish(None, own, label_scopes(listed))


def _kind_below(above: ListedScope | None) -> str:
    """What usually stands below: the next kind."""
    at = ORDER.index(above.kind) + 1 if above else 0
    return ORDER[min(at, len(ORDER) - 1)].value


def _add(act: Act, read: Document) -> ResponseReturnValue:
    draft = read_draft(read, None)
    kind, key, name = LevelKind(read["kind"]), read["key"], read["name"]
    parent = _find_parent(act.session, read)
    policy = _make_policy(act, name, draft)
    made = add_scope(act.session, kind, key, name, act.now, parent=parent, policy=policy)
    act.note("scope_add", f"scope:{made.id}", {})
    return _finish(act, made)


def _find_parent(session: Session, read: Document) -> Scope | None:
    return find_scope(session, read["parent"]) if read.get("parent") else None


def _make_policy(act: Act, name: str, draft: Draft) -> Policy | None:
    """A policy of its own, where it sets any terms."""
    if draft == Draft():
        return None
    return add_policy(act.session, name[:LONGEST_POLICY], draft, act.now, actor=act.actor)


LONGEST_POLICY = 120


def _finish(act: Act, made: Scope) -> ResponseReturnValue:
    flash(gettext("%(name)s is saved. Its codes follow within a minute.", name=made.name))
    code = code_of_levels(read_lineage(made.lineage))
    if allows_nothing(code, act.now, act.catalogue):
        flash(say_nothing_allowed())
    warn_of_offer(act, code)
    return redirect(url_for("staff.scope", scope_id=made.id), 303)


def _show_new(context: Context, form: PortalForm) -> ResponseReturnValue:
    return show_desk(
        NEW_SCOPE,
        context,
        form,
        gettext("New network or partner"),
        back=url_for("staff.scopes"),
        can_preview=False,
    )


@staff.get("/scopes/<int:scope_id>/edit")
def edit_scope(scope_id: int) -> ResponseReturnValue:
    with services().database.read() as session:
        found = session.get(Scope, scope_id) or abort(404)
        context = _open(session, found)
    return _show(found, context, EDIT_SCOPE.make_form(context))


@staff.post("/scopes/<int:scope_id>/edit")
def send_scope(scope_id: int) -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        hold_tree(act.session)
        found = act.session.get(Scope, scope_id) or abort(404)
        policy = hold_policy(act.session, found.policy_id) if found.policy_id else None
        context = _open(act.session, found)
        form = EDIT_SCOPE.make_form(context, everything_sent())
        read = EDIT_SCOPE.read(form, context)
        keep_pictures(act, context)
        warn_of_others(EDIT_SCOPE, form, context)
        answer = settle(EDIT_SCOPE, form, act, lambda: _save(act, found, policy, read))
        return answer or _show(found, context, form)


def _open(session: Session, found: Scope) -> Context:
    policy = session.get(Policy, found.policy_id) if found.policy_id else None
    parent = session.get(Scope, found.parent_id) if found.parent_id else None
    own = {
        "name": found.name,
        "active": found.active,
        "parent": parent.key if parent else "",
    }
    return furnish(policy, own, label_scopes(_list_others(list_scopes(session), found.id)))


def _list_others(listed: Iterable[ListedScope], scope_id: int) -> list[ListedScope]:
    """Where it may stand: not below itself."""
    listed = list(listed)
    own = list_below(listed, scope_id)
    return [one for one in listed if one.id not in own]


def _save(act: Act, found: Scope, policy: Policy | None, read: Document) -> ResponseReturnValue:
    draft = read_draft(read, policy)
    if policy is None:
        policy = _make_policy(act, read["name"], draft)
    else:
        change_policy(act.session, policy, draft, act.now, actor=act.actor)
    change_scope(
        act.session,
        found,
        name=read["name"],
        parent=_find_parent(act.session, read),
        policy=policy,
        active=bool(read.get("active", True)),
    )
    act.note("scope_edit", f"scope:{found.id}", {})
    return _finish(act, found)


def _show(found: Scope, context: Context, form: PortalForm) -> ResponseReturnValue:
    return show_desk(
        EDIT_SCOPE,
        context,
        form,
        gettext("Change %(code)s", code=found.name),
        back=url_for("staff.scope", scope_id=found.id),
        can_preview=False,
    )


@staff.post("/scopes/<int:scope_id>/return")
def return_scope(scope_id: int) -> ResponseReturnValue:
    """Give a scope's policy the terms of an earlier version again."""
    with services().write(current_actor()) as act:
        hold_tree(act.session)
        found = act.session.get(Scope, scope_id) or abort(404)
        policy = hold_policy(act.session, found.policy_id or abort(404))
        if return_policy(act, policy):
            act.note("scope_return", f"scope:{scope_id}", {"version": policy.version})
    return redirect(url_for("staff.scope", scope_id=scope_id, _anchor="history"), 303)
