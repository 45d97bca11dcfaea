"""Terms as they were: the versions of a policy, told and returned to."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from portal.codes.models import BY_CODE, CodeRecord, Policy, UseCounter
from portal.codes.operations import Draft, add_code, add_policy, change_policy, make_draft
from portal.codes.parsing import CodeError
from portal.codes.revising import change_code, list_versions, return_to, set_state, with_days
from portal.codes.terms import CodeState, Kind
from portal.database import Database
from tests.conftest import NOW

DAY = timedelta(days=1)
TORONTO = {"zone": "America/Toronto"}


def test_versions_are_told_with_what_stood_before(database: Database) -> None:
    with database.write() as session:
        policy = add_policy(session, "One", Draft(), NOW, actor="staff:1")
        first = make_draft({**TORONTO, "max_uses": 3}, date(2027, 3, 1), date(2027, 3, 14))
        change_policy(session, policy, first, NOW + DAY, actor="staff:2")
        second, beginning = list_versions(session, policy)
    assert (second.version, second.actor, second.is_current) == (2, "staff:2", True)
    assert second.before == {}
    assert second.terms == {
        **TORONTO,
        "max_uses": 3,
        "first_day": "2027-03-01",
        "last_day": "2027-03-14",
    }
    assert (beginning.before, beginning.is_current) == (None, False)


@pytest.mark.parametrize(
    ("zone", "last"),
    [
        ("America/Toronto", date(2027, 3, 14)),
        ("America/Toronto", date(2027, 11, 7)),
        ("Africa/Cairo", date(2027, 4, 29)),
        ("Pacific/Kiritimati", date(2027, 1, 1)),
    ],
)
def test_days_come_back_as_they_were_typed_over_both_clock_changes(zone: str, last: date) -> None:
    draft = make_draft({"zone": zone}, last, last)
    assert with_days(draft) == {"zone": zone, "first_day": str(last), "last_day": str(last)}


def test_an_earlier_version_is_returned_to_by_a_further_one(database: Database) -> None:
    with database.write() as session:
        policy = add_policy(session, "One", Draft(document={"regions": ["ca"]}), NOW)
        change_policy(session, policy, Draft(document={"regions": ["us"]}), NOW)
        assert return_to(session, policy, 1, NOW + DAY, actor="staff:1")
        assert (policy.version, policy.document) == (3, {"regions": ["ca"]})
        assert not return_to(session, policy, 3, NOW)
        with pytest.raises(LookupError):
            return_to(session, policy, 9, NOW)


def test_a_limit_that_is_passed_meanwhile_is_not_returned_to(database: Database) -> None:
    with database.write() as session:
        record = add_code(
            session, "SPRING", Draft(document={"max_uses": 1}), NOW, kind=Kind.CAMPAIGN
        )
        policy = session.get_one(Policy, record.policy_id)
        change_policy(session, policy, Draft(document={"max_uses": 9}), NOW)
        row = {"kind": BY_CODE, "owner_id": record.id, "who": "", "used": 5}
        session.execute(sa.insert(UseCounter), row)
        with pytest.raises(CodeError) as caught:
            return_to(session, policy, 1, NOW)
    assert (caught.value.place, caught.value.what) == (
        "max_uses",
        "is at least 5, which were used",
    )


def test_what_stands_on_a_code_is_changed_by_name(database: Database) -> None:
    with database.write() as session:
        record = add_code(session, "SPRING", Draft(), NOW, kind=Kind.CAMPAIGN, tag="a")
        assert change_code(record, kind=Kind.CAMPAIGN, scope=None, tag="a") == []
        assert change_code(record, kind=Kind.PARTNER, scope=None, tag="b") == ["kind", "tag"]
        assert set_state(record, CodeState.RETIRED)
        assert not set_state(record, CodeState.RETIRED)
        with pytest.raises(CodeError, match="for good"):
            set_state(record, CodeState.ACTIVE)
    with database.read() as session:
        kept = session.scalars(sa.select(CodeRecord)).one()
    assert (kept.kind, kept.tag, kept.state) == (Kind.PARTNER, "b", CodeState.RETIRED)
