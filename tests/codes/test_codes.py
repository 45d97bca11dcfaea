"""Codes in the database, on both engines."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from portal.codes.models import CodeRecord, find_code, list_codes
from portal.codes.operations import Draft, add_code, add_policy, add_scope, load_sample_codes
from portal.codes.parsing import CodeError
from portal.codes.policy import Kind, Terms, open_terms
from portal.codes.terms import CodeState, LevelKind
from portal.database import Database
from portal.regions.files import read_catalogue

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CATALOGUE = read_catalogue()


@pytest.fixture
def sampled(database: Database) -> Database:
    with database.write() as session:
        load_sample_codes(session, NOW)
    return database


def find(database: Database, text: str):
    with database.read() as session:
        return find_code(session, text)


@pytest.mark.parametrize("typed", ["LWCAN", "lwcan", " Lw-Can ", "l w c a n", "LW.CAN"])
def test_a_code_is_found_however_it_is_typed(sampled, typed):
    code = find(sampled, typed)
    assert (code.code, code.display, code.kind) == ("LWCAN", "LWCAN", Kind.PARTNER)
    assert (code.partner, code.partner_name) == ("loveworld-canada", "Loveworld Canada")
    assert code.regions == {"ca"}
    assert code.modes[0] == "interac"


@pytest.mark.parametrize("typed", ["", " - ", "LWCA", "LWCAN2", "' OR 1=1 --", "\x00", "A" * 5000])
def test_an_unknown_code_is_none(sampled, typed):
    assert find(sampled, typed) is None


def test_dates_come_back_as_they_were_written(sampled):
    harvest = find(sampled, "harvest")
    assert harvest.starts_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert harvest.ends_at == datetime(2036, 1, 1, tzinfo=UTC)
    assert harvest.partner is None


def test_samples_are_added_once_and_left_alone_after(sampled):
    with sampled.write() as session:
        assert load_sample_codes(session, NOW) == []


def test_the_samples_show_every_kind_and_every_feature(sampled):
    with sampled.read() as session:
        codes = list_codes(session)
    assert {code.kind for code in codes} == {*Kind}
    assert any(code.starts_at and code.starts_at > NOW for code in codes)
    assert any(code.ends_at and code.ends_at < NOW for code in codes)
    assert any(code.state is CodeState.RETIRED for code in codes)
    for feature in (
        "presets_minor",
        "amount_minor",
        "minimum_minor",
        "modes",
        "currencies",
        "funds",
    ):
        assert any(getattr(code, feature) for code in codes), feature


def test_every_sample_that_holds_has_terms_in_each_of_its_regions(sampled):
    with sampled.read() as session:
        codes = list_codes(session)
    for code in codes:
        if code.state is CodeState.ACTIVE and code.code not in {"JUBILEE2050", "EASTER2026"}:
            for slug in code.regions or CATALOGUE.regions:
                terms = open_terms(code, CATALOGUE.by_slug(slug), NOW, CATALOGUE)
                assert isinstance(terms, Terms), (code.code, slug)


def test_a_partner_is_kept_once_under_its_key(database):
    with database.write() as session:
        add_scope(session, LevelKind.PARTNER, "loveworld-canada", "Loveworld Canada", NOW)
    with pytest.raises(CodeError, match="another one has it"), database.write() as session:
        add_scope(session, LevelKind.PARTNER, "loveworld-canada", "Another name", NOW)


def test_a_code_that_makes_no_terms_is_not_kept(database):
    with pytest.raises(CodeError), database.write() as session:
        add_code(session, "X", Draft(document={"modes": ["gold"]}), NOW, kind=Kind.PARTNER)
    assert find(database, "X") is None


def keep_second(database):
    """Keep a code that somebody else kept between the look and the write."""
    with database.write() as session:
        policy = add_policy(session, "shared", Draft(), NOW)
        row = {
            "code": "TWIN",
            "display": "Twin",
            "kind": Kind.CAMPAIGN,
            "policy_id": policy.id,
            "state": CodeState.ACTIVE,
            "created_at": NOW,
        }
        statement = sa.insert(CodeRecord).values(row)
        sa.event.listen(
            session, "before_flush", lambda *_: session.connection().execute(statement), once=True
        )
        add_code(session, "T-W-I-N", policy, NOW, kind=Kind.CAMPAIGN)


def test_of_two_at_the_same_moment_the_second_is_told(database):
    with pytest.raises(CodeError, match="there is one already"):
        keep_second(database)
