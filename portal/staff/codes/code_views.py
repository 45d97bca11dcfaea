"""One code: what it is and why; paused, used again, and returned to earlier terms."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.codes.listing import count_codes_of, count_gifts, find_listed
from portal.codes.models import CodeRecord, Policy
from portal.codes.parsing import CodeError
from portal.codes.queries import find_code, find_levels
from portal.codes.revising import hold_policy, list_versions, set_state
from portal.codes.simulator import list_held
from portal.codes.terms import CodeState
from portal.i18n import gettext
from portal.services import Act
from portal.staff.access import current_actor, staff
from portal.staff.codes.drafting import return_policy, warn_of_code
from portal.staff.codes.telling import tell_terms, tell_versions
from portal.staff.queries import name_actors
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
        terms=tell_terms(list_held(found, levels), _zone(policy)) if found else [],
        versions=versions,
        listed=listed,
        gifts=gifts,
        shared=shared,
        states=_list_states(record.state),
    )


def _list_states(state: CodeState) -> list[CodeState]:
    """What it can become: one that was retired is so for good."""
    return [] if state is CodeState.RETIRED else [one for one in CodeState if one is not state]


def _zone(policy: Policy) -> str:
    return str(policy.document.get("zone") or "UTC")


@staff.post("/codes/<int:code_id>/state")
def send_code_state(code_id: int) -> ResponseReturnValue:
    """Pause, retire or use again, as the button said."""
    sent = request.form.get("state", "")
    state = CodeState(sent) if sent in {*CodeState} else abort(400)
    with services().write(current_actor()) as act:
        record = act.session.get(CodeRecord, code_id, with_for_update=True) or abort(404)
        flash(_set_state(act, record, state))
    return redirect(url_for("staff.code", code_id=code_id), 303)


def _set_state(act: Act, record: CodeRecord, state: CodeState) -> str:
    """Change a code's state; what is to be said of it."""
    before = record.state
    try:
        is_new = set_state(record, state)
    except CodeError:
        return gettext("This code was retired, which is for good. Make another like it instead.")
    if is_new:
        detail = {"from": before.value, "to": state.value}
        act.note("code_state", f"code:{record.id}", detail)
    return gettext("Saved: %(state)s.", state=state.label)


@staff.post("/codes/<int:code_id>/return")
def return_code(code_id: int) -> ResponseReturnValue:
    """Give a code's policy the terms of an earlier version again."""
    with services().write(current_actor()) as act:
        record = act.session.get(CodeRecord, code_id) or abort(404)
        policy = hold_policy(act.session, record.policy_id)
        if return_policy(act, policy):
            act.note("code_return", f"code:{code_id}", {"version": policy.version})
            warn_of_code(act, record)
    return redirect(url_for("staff.code", code_id=code_id, _anchor="history"), 303)
