"""`portal pot`, as a person gives it: what is kept, said and refused."""

import json

import pytest

from portal.codes.pots import find_pot
from portal.payments.books import prove
from tests.commands.test_code_commands import acts, database, known, run

__all__ = ["database", "run"]


def test_a_pot_is_added_raised_shown_and_closed(run, database):
    done = run("pot add spring --total CAD=1000.50 --sponsor", "Grace Foundation")
    assert (done.exit_code, done.output) == (
        0,
        "spring is there, with CAD 1000.50 by Grace Foundation.\n",
    )
    assert run("pot raise spring --by cad=99.50").exit_code == 0
    shown = json.loads(run("pot show spring --json").output)
    assert shown == {
        "key": "spring",
        "sponsor": "Grace Foundation",
        "currency": "CAD",
        "total": "1100.00",
        "left": "1100.00",
        "promised": "0.00",
        "matched": "0.00",
        "open": True,
    }
    assert "CAD 1100.00 left of 1100.00" in run("pot list").output
    assert run("pot close spring").output == "spring is now closed.\n"
    assert run("pot close spring").output == "spring was already closed.\n"
    assert "(closed)" in run("pot show spring").output
    assert [act for act, _ in acts(database)] == ["pot_add", "pot_raise", "pot_close"]
    with database.read() as session:
        assert find_pot(session, "spring") is not None
        assert prove(session) == []


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("pot add spring --sponsor Grace --total 100", 2, "it is written like CAD=10000"),
        ("pot add spring --sponsor Grace --total CAD=1.005", 2, "it is written like"),
        ("pot add spring --sponsor Grace --total CAD=0", 1, "is more than nothing"),
        ("pot add Spring! --sponsor Grace --total CAD=1", 1, "2 to 40 small letters"),
        ("pot raise nowhere --by CAD=1", 1, "There is no pot nowhere"),
        ("pot show nowhere", 1, "There is no pot nowhere"),
        ("pot close nowhere", 1, "There is no pot nowhere"),
        ("code add GALA --match-pot nowhere", 1, "--match-pot: it is the key of a pot that"),
        ("code add GALA --match-ratio 2", 2, "--match-ratio: it is a ratio such as 1:1"),
        ("code add GALA --match-cap 100", 2, "--match-cap: it is written like CAD=10"),
    ],
)
def test_what_cannot_be_is_one_sentence(run, line, code, says):
    done = run(line)
    assert done.exit_code == code
    assert says in done.output


def test_an_offer_on_a_public_code_is_doubted(run, database):
    run("pot add spring --sponsor Grace --total CAD=100")
    offer = "--match-pot spring --match-ratio 2:1 --match-cap CAD=30"
    done = run(f"code add GALA --region ca {offer}")
    assert "a sponsor adds to its gifts: whoever guesses it can use it." in done.output
    found = known(database, "GALA")
    assert found.offer is not None
    assert (found.offer.times, found.offer.per, found.offer.cap("CAD")) == (2, 1, 3000)
    wide = run("code add --secret --match-pot spring")
    assert "takes gifts in currencies that its pot is not in" in wide.output
    shown = run("code show GALA").output
    assert "match_ratio" in shown
    assert "2:1" in shown


def test_the_simulator_tells_what_would_be_matched(run, database):
    run("pot add spring --sponsor Grace --total CAD=30")
    run("code add GALA --region ca --match-pot spring --match-ratio 2:1")
    line = "code simulate GALA --region ca --mode interac --amount"
    assert "It would be matched by CAD 24.00, of CAD 30.00 that" in run(f"{line} 12").output
    done = json.loads(run(f"{line} 20 --json").output)
    assert done["match"] == ["CAD 30.00", "CAD 30.00"]
    run("pot close spring")
    assert "matched by CAD 0.00, of CAD 0.00" in run(f"{line} 20").output
    run("code add PLAIN --region ca")
    assert "matched" not in run("code simulate PLAIN --region ca --amount 20").output
