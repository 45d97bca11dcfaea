"""Administrators let a partner's people in and out by page."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from portal.codes.models import Scope
from portal.codes.operations import add_scope
from portal.codes.terms import LevelKind
from portal.database import Database
from portal.services import AuditEntry
from portal.signin.accounts import PartnerUser, list_partner_users
from tests.conftest import NOW
from tests.giving.visits import text_of
from tests.staff.conftest import Browser

SignedIn = Callable[[str], Browser]


@pytest.fixture
def partner(catalogued: Database) -> int:
    """A partner that nobody sees the figures of."""
    with catalogued.write() as session:
        return add_scope(session, LevelKind.PARTNER, "grace", "House Grace", NOW).id


def who(database: Database, scope_id: int) -> dict[str, str]:
    with database.read() as session:
        return {one.email: one.role.value for one in list_partner_users(session, scope_id)}


def test_the_first_is_an_owner_and_may_be_removed_again(
    signed_in: SignedIn, partner: int, catalogued: Database
) -> None:
    admin, page = signed_in("admin"), f"/staff/scopes/{partner}/people"
    assert page in admin.get(f"/staff/scopes/{partner}").text
    empty = admin.get(page).text
    assert "Nobody sees its figures yet." in empty
    assert '<option value="owner" selected>' in empty
    sent = admin.post(page, email="Ada@Grace.example", role="owner", locale="fr")
    assert sent.status_code == 303
    assert who(catalogued, partner) == {"ada@grace.example": "owner"}
    shown = admin.get(page)
    assert "ada@grace.example Owner" in text_of(shown)
    assert '<option value="viewer" selected>' in shown.text
    with catalogued.read() as session:
        ada = session.scalars(sa.select(PartnerUser)).one()
    assert ada.locale == "fr"
    assert admin.post(f"{page}/{ada.id}/remove", page=page).status_code == 303
    assert who(catalogued, partner) == {}, "the last owner, too: staff can let another in"
    with catalogued.read() as session:
        acts = session.scalars(sa.select(AuditEntry.act)).all()
        actors = set(session.scalars(sa.select(AuditEntry.actor).where(AuditEntry.act.like("p%"))))
    assert {"partner_user_add", "partner_user_remove"} <= {*acts}
    assert actors != {"system"}


def test_what_is_wrong_is_said_and_kept(signed_in: SignedIn, partner: int) -> None:
    admin, page = signed_in("admin"), f"/staff/scopes/{partner}/people"
    wrong = admin.post(page, email="ada@", role="viewer", locale="xx")
    assert wrong.status_code == 422
    assert 'value="ada@"' in wrong.text
    assert "Choose the language of their messages" in wrong.text
    admin.post(page, email="ada@grace.example", role="owner", locale="en")
    demoted = admin.post(page, email="ada@grace.example", role="viewer", locale="en")
    assert demoted.status_code == 422
    assert "last owner" in demoted.text


def test_nobody_of_another_scope_and_none_by_others(
    signed_in: SignedIn, partner: int, catalogued: Database
) -> None:
    with catalogued.write() as session:
        other = add_scope(session, LevelKind.PARTNER, "hope", "House Hope", NOW).id
    admin, page = signed_in("admin"), f"/staff/scopes/{partner}/people"
    admin.post(page, email="ada@grace.example", role="owner", locale="en")
    with catalogued.read() as session:
        ada = session.scalars(sa.select(PartnerUser.id)).one()
        assert session.get(Scope, other)
    elsewhere = f"/staff/scopes/{other}/people/{ada}/remove"
    assert admin.post(elsewhere, page=page).status_code == 404
    assert admin.get("/staff/scopes/999/people").status_code == 404
    assert admin.post("/staff/scopes/999/people", page=page, email="a@b.example").status_code == 404
    assert who(catalogued, partner) == {"ada@grace.example": "owner"}
    finance = signed_in("finance")
    assert finance.get(page).status_code == 403
    assert "/people" not in finance.get(f"/staff/scopes/{partner}").text
