"""Trying a code out: the real verdict, the true reason, and the level of each term."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from portal.codes.refusals import Reason, Refusal
from portal.codes.simulator import complete_pledge, moment_of, simulate
from portal.codes.terms import Code, CodeState, Frequency, Kind, Level, LevelKind, Terms, make_code
from portal.money import Money
from tests.unit.samples import CATALOGUE, NOW, make_pledge, region

DAY = timedelta(days=1)
ZONE = {"regions": ("ca",), "minimum_minor": {"CAD": 1000}, "max_uses_in_all": 9}


def levels(own: Any = None, **zone: Any) -> list[Level]:
    above = Level(kind=LevelKind.ZONE, name="East", id=1, key="east", policy_id=1, **zone)
    return [above, Level(kind=LevelKind.CODE, name="", terms=own or {}, policy_id=2)]


def code_of(of: list[Level], **own: Any) -> Code:
    return make_code(of, code="SPRING", display="Spring", kind=Kind.PARTNER, policy_id=2, **own)


def ask(of: list[Level], own: Any = None, **pledge: Any) -> Any:
    asked = {"fund": "general", "code": "SPRING", **pledge}
    return simulate(code_of(of, **(own or {})), of, make_pledge(**asked), NOW, CATALOGUE)


def test_every_term_is_told_with_its_level():
    found = ask(levels({"modes": ("card",), "max_uses": 5}, terms=ZONE))
    told = {held.name: (held.value, held.level.name, held.is_own) for held in found.terms}
    assert found.is_allowed
    assert isinstance(found.verdict, Terms)
    assert told == {
        "regions": (frozenset({"ca"}), "East", False),
        "minimum_minor": ({"CAD": 1000}, "East", False),
        "max_uses_in_all": (9, "East", False),
        "modes": (("card",), "", True),
        "max_uses": (5, "", True),
    }
    assert not any(held.decides for held in found.terms)
    assert found.query["code"] == "SPRING"
    assert found.query["amount"] == "75.50"


@pytest.mark.parametrize(
    ("zone", "own", "pledge", "reason", "by"),
    [
        ({"terms": ZONE}, {}, {"money": Money(500, "CAD")}, Reason.UNDER_MINIMUM, "minimum_minor"),
        ({"terms": {"not_modes": ("card",)}}, {}, {}, Reason.WRONG_MODE, "not_modes"),
        ({"terms": {"funds": ("media",)}}, {}, {}, Reason.WRONG_FUND, "funds"),
        ({"terms": ZONE}, {}, {"region": "gb"}, Reason.WRONG_REGION, "regions"),
        ({"ends_at": NOW - DAY}, {}, {}, Reason.ENDED, "ends_at"),
        ({"starts_at": NOW + DAY}, {}, {}, Reason.NOT_YET, "starts_at"),
        ({"is_live": False}, {}, {}, Reason.PAUSED, "is_live"),
        ({}, {"state": CodeState.RETIRED}, {}, Reason.INACTIVE, "state"),
        ({"terms": ZONE}, {"is_spent": True}, {}, Reason.USED_UP, "max_uses_in_all"),
        ({}, {}, {"money": Money(5000, "EUR")}, Reason.WRONG_CURRENCY, None),
    ],
)
def test_a_refusal_names_the_term_that_it_is_for(zone, own, pledge, reason, by):
    found = ask(levels(**zone), own, **pledge)
    assert found.refusal is not None
    assert found.refusal.reason is reason
    assert [held.name for held in found.terms if held.decides] == ([by] if by else [])


def test_staff_see_why_a_secret_code_is_refused_and_what_donors_are_told():
    found = ask(levels(ends_at=NOW - DAY), {"is_secret": True})
    assert isinstance(found.verdict, Refusal)
    assert found.verdict.reason is Reason.UNKNOWN_CODE
    assert found.refusal.reason is Reason.ENDED
    assert found.shown is None


def test_a_code_that_nobody_has_has_no_terms():
    pledge = make_pledge(code="NOBODY")
    found = simulate(None, [], pledge, NOW, CATALOGUE)
    assert found.refusal
    assert found.refusal.reason is Reason.UNKNOWN_CODE
    assert found.terms == ()


def test_two_levels_of_one_name_are_told_apart_by_what_they_set():
    twice = [
        Level(kind=LevelKind.NETWORK, name="East", terms=ZONE, policy_id=1, id=1, key="a"),
        Level(kind=LevelKind.ZONE, name="East", terms={}, policy_id=3, id=2, key="b"),
        Level(kind=LevelKind.CODE, name="", policy_id=2),
    ]
    held = next(one for one in ask(twice).terms if one.name == "regions")
    assert held.level.kind is LevelKind.NETWORK


def test_what_depends_on_the_donor_is_said():
    assert ask(levels({"first_gift_only": True})).is_by_donor
    assert not ask(levels()).is_by_donor


def test_what_was_not_asked_is_as_the_form_chooses_it():
    of = levels({"modes": ("interac",), "amount_minor": {"CAD": 2000}}, terms=ZONE)
    pledge = complete_pledge(code_of(of), region("ca"), NOW, CATALOGUE)
    assert (pledge.mode, pledge.given) == ("interac", Money(2000, "CAD"))
    assert (pledge.frequency, pledge.code) == (Frequency.ONCE, "SPRING")
    assert simulate(code_of(of), of, pledge, NOW, CATALOGUE).is_allowed


def test_what_was_asked_stays_though_it_is_refused():
    of = levels(terms=ZONE)
    asked = {"given": Money(300, "EUR"), "mode": "cheque", "fund": "nothing"}
    pledge = complete_pledge(code_of(of), region("gb"), NOW, CATALOGUE, **asked)
    assert (pledge.given, pledge.mode, pledge.fund) == (Money(300, "EUR"), "cheque", "nothing")
    assert not simulate(code_of(of), of, pledge, NOW, CATALOGUE).is_allowed


@pytest.mark.parametrize("slug", CATALOGUE.regions)
def test_the_form_as_it_opens_is_allowed_everywhere(slug):
    of = levels()
    pledge = complete_pledge(code_of(of), region(slug), NOW, CATALOGUE)
    assert simulate(code_of(of), of, pledge, NOW, CATALOGUE).is_allowed


def test_a_day_is_its_noon_in_the_region():
    assert moment_of(date(2026, 3, 3), region("ca")).isoformat() == "2026-03-03T12:00:00-05:00"


def test_where_no_mode_is_set_up_yet_a_gift_is_refused_and_nothing_breaks():
    canada = region("ca")
    closed = replace(canada, modes=tuple(replace(mode, offered=False) for mode in canada.modes))
    bare = replace(CATALOGUE, regions={"ca": closed})
    pledge = complete_pledge(None, closed, NOW, bare)
    assert pledge.mode == ""
    assert not simulate(None, [], pledge, NOW, bare).is_allowed
