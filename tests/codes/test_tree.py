"""The tree that codes hang in: what is inherited, what can't be lifted, and where it comes from."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.codes.models import CodeRecord, Policy, Scope, find_code, find_levels
from portal.codes.operations import (
    Draft,
    add_code,
    add_policy,
    add_scope,
    change_policy,
    change_scope,
    find_scope,
)
from portal.codes.parsing import CodeError
from portal.codes.terms import Code, Kind, LevelKind
from portal.database import Database

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
KINDS = (LevelKind.NETWORK, LevelKind.REGION, LevelKind.ZONE, LevelKind.PARTNER)


@pytest.fixture
def tree(database: Database) -> Database:
    """North America, Canada, Ontario and a partner there, with the code SPRING."""
    documents = (
        {"not_modes": ["cheque"], "max_uses_in_all": 100, "message": {"en": "A", "fr": "A"}},
        {"regions": ["ca", "us"], "minimum": {"CAD": "10"}},
        {"regions": ["ca"], "funds": ["missions", "media"], "message": {"en": "Z", "fr": "Z"}},
        {"minimum": {"CAD": "5", "USD": "7"}, "presets": {"CAD": ["20"]}},
    )
    with database.write() as session:
        parent = None
        for kind, document in zip(KINDS, documents, strict=True):
            policy = add_policy(session, kind, Draft(document=document), NOW)
            parent = add_scope(
                session, kind, f"the-{kind}", kind.title(), NOW, parent=parent, policy=policy
            )
        draft = Draft(document={"regions": ["us", "gb", "ca"], "modes": ["cheque", "card"]})
        add_code(session, "SPRING", draft, NOW, kind=Kind.PARTNER, scope=parent)
    return database


def spring(database: Database) -> Code:
    with database.read() as session:
        found = find_code(session, "spring")
    assert found is not None
    return found


def change(database: Database, key: str, **changes: object) -> None:
    with database.write() as session:
        scope = find_scope(session, key)
        assert scope is not None
        policy = session.get(Policy, scope.policy_id) if scope.policy_id else None
        parent = session.get(Scope, scope.parent_id) if scope.parent_id else None
        values = {"name": scope.name, "parent": parent, "policy": policy, "active": scope.active}
        change_scope(session, scope, **{**values, **changes})


def test_terms_are_inherited_narrowed_and_named(tree):
    code = spring(tree)
    assert code.regions == {"ca"}
    assert code.not_modes == {"cheque"}
    assert code.funds == ("missions", "media")
    assert code.minimum_minor == {"CAD": 1000, "USD": 700}
    assert code.message["en"] == "Z"
    assert code.presets_minor == {"CAD": (2000,)}
    assert (code.partner, code.partner_name) == ("the-partner", "Partner")
    assert code.path.count("/") == 5
    assert [budget.most for budget in code.budgets] == [100]
    assert code.sources["regions"] == "Zone"
    assert code.sources["minimum_minor"] == "Partner"
    assert code.sources["modes"] == ""
    assert code.sources["not_modes"] == "Network"


def test_a_change_above_is_seen_below_at_once(tree):
    with tree.write() as session:
        network = find_scope(session, "the-network")
        policy = session.get(Policy, network.policy_id)
        draft = Draft(document={"not_regions": ["ca"]}, ends_at=NOW + DAY)
        assert change_policy(session, policy, draft, NOW)
        assert not change_policy(session, policy, draft, NOW)
        assert policy.version == 2
    code = spring(tree)
    assert (code.not_regions, code.not_modes, code.ends_at) == ({"ca"}, frozenset(), NOW + DAY)


def test_a_pause_above_pauses_every_code_below(tree):
    change(tree, "the-zone", active=False)
    assert not spring(tree).is_live
    change(tree, "the-zone", active=True)
    assert spring(tree).is_live


def test_a_partner_that_moves_takes_its_codes_along(tree):
    before = spring(tree)
    change(tree, "the-partner", parent=None)
    after = spring(tree)
    assert after.path != before.path
    assert after.minimum_minor == {"CAD": 500, "USD": 700}
    assert after.regions == {"us", "gb", "ca"}


def test_a_circle_and_a_turned_tree_are_refused(tree):
    with tree.read() as session:
        partner, zone = (find_scope(session, f"the-{kind}") for kind in ("partner", "zone"))
    with pytest.raises(CodeError, match="below it"):
        change(tree, "the-zone", parent=zone)
    with pytest.raises(CodeError, match="below it"):
        change(tree, "the-network", parent=partner)
    with pytest.raises(CodeError, match="can't stand below"), tree.write() as session:
        add_scope(session, LevelKind.NETWORK, "other", "Other", NOW, parent=partner)


def test_levels_tell_what_each_sets(tree):
    with tree.read() as session:
        levels = find_levels(session, "SPRING")
        assert find_levels(session, "NOBODY") == []
    assert [level.name for level in levels] == ["Network", "Region", "Zone", "Partner", ""]
    assert levels[1].terms["minimum_minor"] == {"CAD": 1000}


@pytest.mark.parametrize("display", ["SPRING", "spring", "S-P-R-I-N-G", "ＳＰＲＩＮＧ"])
def test_no_code_is_there_twice_however_it_is_written(tree, display):
    with pytest.raises(CodeError, match="there is one already"), tree.write() as session:
        add_code(session, display, Draft(), NOW, kind=Kind.CAMPAIGN)


@pytest.mark.parametrize("display", ["\u200b", " \t", "A\nB!", "50%", "🙏"])
def test_what_can_t_be_typed_is_not_kept(tree, display):
    with pytest.raises(CodeError), tree.write() as session:
        add_code(session, display, Draft(), NOW, kind=Kind.CAMPAIGN)


def test_a_million_codes_of_a_batch_share_one_policy(tree):
    with tree.write() as session:
        policy = add_policy(session, "Batch", Draft(document={"max_uses": 1}), NOW)
        for number in range(3):
            add_code(session, f"BATCH{number}", policy, NOW, kind=Kind.PROMOTION)
        change_policy(session, policy, Draft(document={"max_uses": 2}), NOW)
        assert session.query(CodeRecord).filter_by(policy_id=policy.id).count() == 3
    with tree.read() as session:
        assert {find_code(session, f"BATCH{number}").max_uses for number in range(3)} == {2}
