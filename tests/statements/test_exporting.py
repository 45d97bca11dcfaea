"""The bank's lines as CSV: what was decided of each, and nothing a spreadsheet would run."""

import csv
import io

from portal.payments.statements.decisions import claim_unattributed
from portal.payments.statements.models import LineState
from portal.payments.statements.queries import LineFilter
from portal.records.export import stream_gifts, stream_lines
from portal.records.filters import GiftFilters
from tests.conftest import NOW
from tests.statements.clerk import DAY, Clerk, rbc
from tests.workplace import act_in

FORMULAS = set("=+-@\t")


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def export(clerk: Clerk, state: LineState | None = None) -> list[dict[str, str]]:
    return read("".join(stream_lines(clerk.place.database, LineFilter(state=state))))


def test_a_line_is_told_with_what_was_decided_of_it(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.bring((gift.reference, "75.53"), ("for the hungry", "10.00"), ("fee", "-1.50"))
    matched, left = export(clerk)
    assert matched == {
        "line": str(clerk.lines()[0].id),
        "file": "rbc.csv",
        "account": "00012-0012345",
        "booked_on": DAY.isoformat(),
        "amount": "75.53",
        "currency": "CAD",
        "payer_name": "ADAEZE O'BRIEN-TREMBLAY",
        "payer_email": "",
        "payer_account": "",
        "message": matched["message"],
        "bank_reference": "",
        "interac_reference": "",
        "state": "matched",
        "note": "",
        "gifts": gift.reference,
    }
    assert gift.reference in matched["message"]
    assert (left["state"], left["amount"], left["gifts"]) == ("open", "10.00", "")
    assert export(clerk, LineState.OPEN) == [left]


def test_no_payer_s_words_become_a_formula(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.bring((gift.reference, "75.53"), payer="=HYPERLINK(1)")
    clerk.keep(rbc(("@SUM(1)", "10.00"), payer="+1+1"), filename="=cmd.csv")
    with clerk.place.database.write() as session:
        claim_unattributed(
            act_in(session, NOW, clerk.services, actor="staff:7"), clerk.lines()[1].id
        )
    gifts = read("".join(stream_gifts(clerk.place.database, GiftFilters(), None)))
    lines = export(clerk)
    assert (len(gifts), len(lines)) == (2, 2)
    assert not [cell for row in (*gifts, *lines) for cell in row.values() if cell[:1] in FORMULAS]
    assert lines[1]["file"] == "'=cmd.csv"
