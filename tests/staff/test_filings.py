"""Staff download the yearly files of tax offices."""

from collections.abc import Callable

from portal.database import Database
from tests.giving.visits import text_of
from tests.staff.conftest import Browser
from tests.staff.samples import add_sample, pay_sample

SignedIn = Callable[[str], Browser]
FILE = "/staff/filings/file"


def test_a_file_is_chosen_and_downloaded(signed_in: SignedIn, catalogued: Database) -> None:
    with catalogued.write() as session:
        pay_sample(session, add_sample(session), "pi_1")
    finance = signed_in("finance")
    page = finance.get("/staff/filings")
    assert "South Africa: IT3(d): the order of the fields" in text_of(page)
    answer = finance.get(f"{FILE}?key=ca&issuer=sample-ca&year=2026")
    assert answer.text.startswith("receipt,name,address")
    nil = finance.get(f"{FILE}?key=za&issuer=sample-ca&year=2026")
    assert "IT3D_18A_" in nil.headers["Content-Disposition"]
    assert nil.text.startswith("NIL|")


def test_what_was_not_chosen_is_asked_for(signed_in: SignedIn) -> None:
    finance = signed_in("finance")
    for asked in ("", "?key=ca&issuer=nobody&year=2026", "?key=ca&issuer=sample-ca&year=x"):
        answer = finance.get(f"{FILE}{asked}")
        assert answer.status_code == 422
        assert "enter a year like 2026" in text_of(answer)
