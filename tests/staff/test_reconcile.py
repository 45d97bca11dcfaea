"""Bank files and their lines as a clerk works through them in the browser."""

import html
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.database import Database
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.money import format_money
from portal.payments.books import prove
from portal.payments.statements.loading import MOST_LINES_AT_ONCE
from portal.payments.statements.models import LineState, StatementLine
from portal.receipts.register import Receipt, verify_register
from portal.services import AuditEntry
from tests.conftest import NOW
from tests.giving.visits import give
from tests.pages import CheckedClient
from tests.staff.conftest import Browser
from tests.statements.clerk import rbc
from tests.statements.samples import read_sample, sample
from tests.workplace import promised_jobs

pytestmark = pytest.mark.slow

SignedIn = Callable[[str], Browser]
DAY = NOW.date()
IMPORT = "/staff/statements"
WORK = "/staff/reconcile"


@pytest.fixture
def promise(app: Flask, catalogued: Database) -> Callable[..., Gift]:
    """Somebody promises an e-Transfer on the form."""
    donor = app.test_client()
    assert isinstance(donor, CheckedClient)

    def promise(**changes: Any) -> Gift:
        answer = give(donor, **{"mode": "interac", "again": "1", **changes})
        token = str(answer.location).rpartition("/")[2]
        with catalogued.read() as session:
            return session.scalars(sa.select(Gift).where(Gift.token == token)).one()

    return promise


@pytest.fixture
def clerk(signed_in: SignedIn) -> Browser:
    return signed_in("finance")


def bring(browser: Browser, content: bytes, name: str = "november.csv", **fields: str) -> Any:
    """Import a file by the page."""
    return _send(browser, IMPORT, content, name, **fields)


def _send(browser: Browser, path: str, content: bytes, name: str, **fields: str) -> Any:
    usual = {"bank": "", "date_order": "auto", "decimal_mark": ""}
    data = {"csrf_token": browser.token(IMPORT), **usual, **fields}
    return browser.client.post(path, data={**data, "file": (io.BytesIO(content), name)})


def file_of(*rows: tuple[str, str], payer: str = "SOMEBODY ELSE") -> bytes:
    return rbc(*rows, day=DAY, payer=payer)


def lines(database: Database) -> list[StatementLine]:
    with database.read() as session:
        return list(session.scalars(sa.select(StatementLine).order_by(StatementLine.id)))


def status(database: Database, gift: Gift) -> Status:
    with database.read() as session:
        return session.get_one(Gift, gift.id).status


def check(database: Database) -> None:
    with database.read() as session:
        assert prove(session) == []
        assert verify_register(session) == []


def test_a_file_books_what_is_certain_and_leads_to_the_rest(
    clerk: Browser, promise: Callable[..., Gift], catalogued: Database
) -> None:
    certain, likely = promise(code="LWCAN"), promise(amount="20", email="bo@example.org")
    answer = bring(
        clerk, file_of((certain.reference, "75.50"), ("no word", "20.00"), payer="ADA O’HARA")
    )
    assert answer.status_code == 303
    page = clerk.get(answer.location)
    assert "2 new lines imported." in page.text
    assert "Booked automatically: 1. With suggestions: 1. Without: 0." in page.text
    assert status(catalogued, certain) is Status.PAID
    assert likely.reference in page.text
    for total in ("CA$95.50", "CA$75.50", "CA$20.00", "Adds up"):
        assert total in page.text
    line = lines(catalogued)[1]
    done = clerk.post(WORK, page=WORK, line=str(line.id), act="confirm", **gifts_on(page.text))
    assert done.status_code == 303
    assert status(catalogued, likely) is Status.PAID
    assert "No open lines" in clerk.get(WORK).text
    check(catalogued)


def gifts_on(text: str) -> dict[str, str]:
    return dict(re.findall(r'name="(gift-\d+)" value="(\d+)"', text))


def test_many_lines_are_confirmed_at_once_and_one_raced_holds_up_no_other(
    clerk: Browser, promise: Callable[..., Gift], catalogued: Database
) -> None:
    gifts = [promise(amount=f"{10 + n}", email=f"d{n}@example.org") for n in range(3)]
    bring(clerk, file_of(*[("", f"{10 + n}.00") for n in range(3)], payer="ADA O’HARA"))
    chosen = gifts_on(clerk.get(WORK).text)
    assert len(chosen) == 3
    form = {"csrf_token": clerk.token(WORK), "act": "confirm", **chosen}
    first = {**form, "line": [str(lines(catalogued)[0].id)]}
    clerk.client.post(WORK, data=first)
    everything = {**form, "line": [str(line.id) for line in lines(catalogued)]}
    answer = clerk.client.post(WORK, data=everything)
    text = clerk.get(answer.location).text
    assert "2 lines are booked." in text
    assert f"Line {lines(catalogued)[0].id}:" in text
    assert [status(catalogued, gift) for gift in gifts] == [Status.PAID] * 3
    check(catalogued)


def test_lines_are_ignored_with_a_reason_and_opened_again(
    clerk: Browser, catalogued: Database
) -> None:
    bring(clerk, file_of(("interest", "0.42")))
    (line,) = lines(catalogued)
    clerk.post(WORK, page=WORK, line=str(line.id), act="ignore", reason=" ")
    assert "Say why these lines are ignored." in clerk.get(WORK).text
    clerk.post(WORK, page=WORK, line=str(line.id), act="ignore", reason="Bank interest")
    assert lines(catalogued)[0].state is LineState.IGNORED
    page = clerk.get(f"{WORK}?state=ignored").text
    assert "Bank interest" in page
    assert "CA$0.42" in page
    clerk.post(f"/staff/lines/{line.id}/reopen", page=f"/staff/lines/{line.id}")
    assert lines(catalogued)[0].state is LineState.OPEN
    check(catalogued)


def test_a_line_is_split_over_two_gifts(
    clerk: Browser, promise: Callable[..., Gift], catalogued: Database
) -> None:
    one, other = promise(amount="30"), promise(amount="20")
    bring(clerk, file_of(("for both of us", "50.00")))
    page = f"/staff/lines/{lines(catalogued)[0].id}?gift={one.reference}&gift={other.reference}"
    shown = clerk.get(page).text
    assert 'value="30.00"' in shown
    assert 'value="20.00"' in shown
    path = page.partition("?")[0]
    data = {"csrf_token": clerk.token(page), "reference": [one.reference, other.reference]}
    wrong = clerk.client.post(f"{path}/match", data={**data, "amount": ["30", "19"]})
    assert wrong.status_code == 422
    assert "There is a problem" in wrong.text
    assert 'value="19"' in wrong.text
    right = clerk.client.post(f"{path}/match", data={**data, "amount": ["30", "20,00"]})
    assert right.status_code == 303
    assert [status(catalogued, gift) for gift in (one, other)] == [Status.PAID, Status.PAID]
    check(catalogued)


def test_a_part_waits_for_the_rest_or_for_a_word_that_none_will_come(
    clerk: Browser, promise: Callable[..., Gift], catalogued: Database
) -> None:
    gift = promise(amount="75.50")
    bring(clerk, file_of(("part", "50.00")))
    path = f"/staff/lines/{lines(catalogued)[0].id}"
    sent = clerk.post(f"{path}/match", page=path, reference=gift.reference, amount="50")
    assert sent.status_code == 303
    assert status(catalogued, gift) is Status.PARTLY_PAID
    page = f"/staff/gifts/{gift.reference}"
    assert "CA$50.00" in clerk.get(page).text
    clerk.post(f"{page}/settle", page=page, reason="")
    assert status(catalogued, gift) is Status.PARTLY_PAID
    clerk.post(f"{page}/settle", page=page, reason="She wrote so")
    assert status(catalogued, gift) is Status.PAID
    with catalogued.read() as session:
        receipt = session.scalars(sa.select(Receipt).where(Receipt.gift_id == gift.id)).one()
    assert receipt.money.minor == 5000
    check(catalogued)


def test_a_match_is_taken_back_with_its_receipt(
    clerk: Browser, promise: Callable[..., Gift], catalogued: Database
) -> None:
    gift = promise()
    bring(clerk, file_of((gift.reference, "75.50"), payer="ADA O’HARA"))
    path = f"/staff/lines/{lines(catalogued)[0].id}"
    shown = clerk.get(path).text
    match = re.search(r'name="match" value="(\d+)"', shown)
    assert match
    no_reason = clerk.post(f"{path}/undo", page=path, match=match[1], reason="")
    assert (no_reason.status_code, "Enter a reason." in no_reason.text) == (422, True)
    clerk.post(f"{path}/undo", page=path, match=match[1], reason="Another Ada")
    assert status(catalogued, gift) is Status.PENDING
    assert "Undone: Another Ada" in clerk.get(path).text
    with catalogued.read() as session:
        receipt = session.scalars(sa.select(Receipt).where(Receipt.gift_id == gift.id)).one()
    assert receipt.voided_at is not None
    again = clerk.post(f"{path}/undo", page=path, match=match[1], reason="Twice")
    assert again.status_code == 422
    check(catalogued)


def test_money_that_nobody_claims_is_booked_without_a_donor(
    clerk: Browser, catalogued: Database
) -> None:
    bring(clerk, file_of(("?", "12.34")))
    path = f"/staff/lines/{lines(catalogued)[0].id}"
    clerk.post(f"{path}/claim", page=path)
    with catalogued.read() as session:
        gift = session.scalars(sa.select(Gift)).one()
    assert (gift.amount_minor, gift.status, gift.email) == (1234, Status.PAID, "")
    check(catalogued)


def test_open_gifts_are_found_by_what_the_clerk_types(
    clerk: Browser, promise: Callable[..., Gift], catalogued: Database
) -> None:
    gift = promise(amount="31")
    bring(clerk, file_of(("?", "12.34")))
    path = f"/staff/lines/{lines(catalogued)[0].id}"
    for text in (gift.reference.lower(), "o'hara", "ada@example.org", "31.00"):
        assert gift.reference in clerk.get(f"{path}?q={text}").text, text
    assert "No gift waiting for a payment matches." in clerk.get(f"{path}?q=nobody").text


@pytest.mark.parametrize(
    ("fields", "content", "sentence"),
    [
        ({}, b"", "is empty"),
        ({}, b"\x00\x01\x02", ""),
        ({}, b"a,b\n1,2\n", ""),
        ({"bank": "td"}, file_of(("x", "1.00")), "look like one of TD"),
        ({"bank": "columns"}, b"a,b\n1,2\n", "Say which column has the date"),
        ({"bank": "columns", "column_date": "a"}, b"a,b\n1,2\n", "Say where the amounts are"),
        (
            {"bank": "columns", "column_date": "a", "column_amount": "zz", "currency": "CAD"},
            b"a,b\n2026-11-02,2\n",
            "zz",
        ),
        ({"bank": "nobank"}, b"a,b\n1,2\n", "Choose a bank from the list"),
    ],
)
def test_a_file_that_can_not_be_read_says_why_and_nothing_is_kept(
    clerk: Browser, catalogued: Database, fields: dict[str, str], content: bytes, sentence: str
) -> None:
    answer = bring(clerk, content, **fields)
    assert answer.status_code == 422
    assert "There is a problem" in answer.text
    assert sentence in answer.text.replace("&#39;", "’")
    assert lines(catalogued) == []


def test_columns_are_told_looked_at_and_then_imported(clerk: Browser, catalogued: Database) -> None:
    content = "Tag;Wer;Was;Wieviel\n03.11.2026;Zoë Müller;Danke;1.234,56\n".encode()
    told = {
        "bank": "columns",
        "currency": "eur",
        "column_date": "Tag",
        "column_amount": "4",
        "column_payer_name": "Wer",
        "column_message": "Was",
        "date_order": "dmy",
        "decimal_mark": ",",
    }
    seen = _send(clerk, f"{IMPORT}/preview", content, "bank.csv", **told)
    assert seen.status_code == 200
    assert "€1,234.56" in seen.text
    assert lines(catalogued) == []
    assert bring(clerk, content, "bank.csv", **told).status_code == 303
    (line,) = lines(catalogued)
    assert (line.amount_minor, line.currency, line.payer_name) == (123456, "EUR", "Zoë Müller")


UNSIGNED = {
    "bank": "columns",
    "currency": "CAD",
    "column_date": "1",
    "column_message": "2",
    "column_amount": "3",
}


def test_a_column_of_words_says_what_went_out(
    clerk: Browser, promise: Callable[..., Gift], catalogued: Database
) -> None:
    gift = promise()
    day, told = DAY.isoformat(), {**UNSIGNED, "column_direction": "D/C"}
    content = f"Date;Details;Amount;D/C\n{day};Refund of {gift.reference};75.50;D\n".encode()
    content += f"{day};Roy;5.00;CR\n".encode()
    seen = _send(clerk, f"{IMPORT}/preview", content, "x.csv", **told)
    assert seen.status_code == 200
    assert "-CA$75.50" in seen.text
    assert bring(clerk, content, "x.csv", **told).status_code == 303
    assert [(line.amount_minor, line.state) for line in lines(catalogued)] == [
        (-7550, LineState.IGNORED),
        (500, LineState.OPEN),
    ]
    assert status(catalogued, gift) is Status.PENDING


def test_positive_amounts_may_be_money_that_went_out(clerk: Browser, catalogued: Database) -> None:
    told = {**UNSIGNED, "debit_positive": "y"}
    content = f"Date;Details;Amount\n{DAY};Fee;12.00\n{DAY};Roy;-5.00\n".encode()
    seen = _send(clerk, f"{IMPORT}/preview", content, "x.csv", **told)
    assert seen.status_code == 200
    assert "-CA$12.00" in seen.text
    assert 'value="y" checked' in seen.text
    assert bring(clerk, content, "x.csv", **told).status_code == 303
    assert [line.amount_minor for line in lines(catalogued)] == [-1200, 500]


@pytest.mark.parametrize("column", ["4", "State"])
def test_a_column_says_what_is_no_money_yet(
    clerk: Browser, catalogued: Database, column: str
) -> None:
    told = {**UNSIGNED, "column_status": column}
    content = f"Date;Details;Amount;State\n{DAY};Roy;5.00;Posted\n{DAY};Eze;7.00;Pending\n".encode()
    seen = _send(clerk, f"{IMPORT}/preview", content, "x.csv", **told)
    assert seen.status_code == 200
    assert "Not yet booked by the bank" in seen.text
    assert f'value="{column}"' in seen.text
    assert bring(clerk, content, "x.csv", **told).status_code == 303
    assert [line.amount_minor for line in lines(catalogued)] == [500]
    assert "1 entry is not booked by the bank yet" in clerk.get(WORK).text


def test_a_status_that_nobody_knows_is_refused(clerk: Browser, catalogued: Database) -> None:
    content = f"Date;Details;Amount;State\n{DAY};Roy;5.00;perhaps\n".encode()
    answer = bring(clerk, content, "x.csv", **UNSIGNED, column_status="4")
    assert answer.status_code == 422
    assert "perhaps" in answer.text
    assert lines(catalogued) == []


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"column_amount": "", "column_credit": "3", "column_direction": "4"}, "column_direction"),
        ({"column_amount": "", "column_credit": "3", "debit_positive": "y"}, "debit_positive"),
        ({"column_direction": "4", "debit_positive": "y"}, "debit_positive"),
    ],
)
def test_what_is_told_of_amounts_and_would_not_be_read_is_refused_there(
    clerk: Browser, catalogued: Database, fields: dict[str, str], at: str
) -> None:
    content = f"Date;Details;Amount;D/C\n{DAY};Fee;12.00;D\n".encode()
    answer = bring(clerk, content, "x.csv", **{**UNSIGNED, **fields})
    assert answer.status_code == 422
    assert f'href="#{at}"' in answer.text
    assert f'id="{at}-error"' in answer.text
    assert lines(catalogued) == []


def look(browser: Browser, content: bytes, name: str, **fields: str) -> str:
    """What "Look first" shows of a file."""
    text = _send(browser, f"{IMPORT}/preview", content, name, **fields).text
    return html.unescape(text[text.index('id="preview"') : text.index("Match open lines again")])


def facts(text: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>([^<]+)</dt><dd[^>]*>([^<]*)</dd>", text))


@pytest.mark.parametrize(
    ("name", "bank", "read_as"),
    [
        ("rbc.csv", "", "RBC Royal Bank"),
        ("td.csv", "td", "TD Canada Trust"),
        ("mt940.sta", "", "MT940"),
        ("camt053.xml", "", "camt.053"),
        ("ofx1.ofx", "", "OFX"),
    ],
)
def test_a_file_is_looked_at_as_its_import_would_read_it(
    clerk: Browser, catalogued: Database, name: str, bank: str, read_as: str
) -> None:
    shown = look(clerk, sample(name), name, bank=bank)
    entries = [entry for entry in read_sample(name).entries if entry.money]
    seen = facts(shown)
    assert (seen["Read as"], seen["Entries"]) == (read_as, str(len(entries)))
    for entry in entries[:10]:
        sign = "+" if entry.is_credit else ""
        amount = f'<td class="number">{sign}{format_money(entry.money, "en")}</td>'
        assert f'<td class="figures">{entry.booked_on}</td>{amount}' in shown
        assert f"<td>{entry.payer_name or '–'}</td><td>{entry.message or '–'}</td>" in shown
    assert lines(catalogued) == []


def test_a_look_sums_what_comes_in_and_goes_out_by_currency(clerk: Browser) -> None:
    content = file_of(("one", "10.00"), ("two", "0.50"), ("three", "-4.25"), ("nothing", "0.00"))
    both = content + rbc(("four", "7.00"), column="USD", day=DAY).partition(b"\n")[2]
    seen = facts(look(clerk, both, "november.csv"))
    assert (seen["Money in"], seen["Money out"]) == ("CA$10.50, $7.00", "CA$4.25")
    assert (seen["Account"], seen["Entries"]) == ("00012-0012345", "4")


@pytest.mark.parametrize(
    ("fields", "content", "sentence"),
    [
        ({}, b"a,b\n1,2\n", "The layout of odd.csv is not known."),
        ({"bank": "td"}, file_of(("x", "1.00")), "Line 1: The file doesn’t look like one of TD"),
        ({}, file_of(("x", "1.00"), ("y", "one")), "Line 3: "),
    ],
)
def test_a_look_says_why_a_file_can_not_be_read_and_where(
    clerk: Browser, fields: dict[str, str], content: bytes, sentence: str
) -> None:
    shown = look(clerk, content, "odd.csv", **fields)
    assert sentence in shown
    assert "First rows as they are in the file" in shown
    assert "Read as" not in shown


def test_the_figures_after_an_import_come_to_its_lines(
    clerk: Browser, promise: Callable[..., Gift]
) -> None:
    bring(clerk, file_of(("never promised", "3.21"), ("nor this", "3.22")), "october.csv")
    clerk.get(WORK)
    gift, _likely = promise(), promise(amount="20")
    rows = (gift.reference, "75.50"), ("no word", "20.00"), ("?", "0.99"), ("fee", "-4.25")
    answer = bring(clerk, file_of(*rows, payer="ADA O’HARA"))
    text = clerk.get(answer.location).text
    assert "4 new lines imported." in text
    assert "Outgoing: 1." in text
    assert "Booked automatically: 1. With suggestions: 1. Without: 1." in text


def test_older_lines_that_an_import_books_are_told_apart(
    clerk: Browser, promise: Callable[..., Gift], catalogued: Database
) -> None:
    gift = promise(amount="75.50")
    bring(clerk, file_of((gift.reference, "75.00"), payer="ADA O’HARA"), "october.csv")
    clerk.get(WORK)
    # The donor promises what came, after it came.
    with catalogued.write() as session:
        session.execute(sa.update(Gift).where(Gift.id == gift.id).values(amount_minor=7500))
    answer = bring(clerk, file_of(("?", "0.99")))
    text = clerk.get(answer.location).text
    assert "Lines of earlier files booked automatically: 1." in text
    assert "Booked automatically: 0. With suggestions: 0. Without: 1." in text
    assert "Money out" not in text


def test_the_same_file_again_changes_nothing(clerk: Browser, catalogued: Database) -> None:
    content = file_of(("x", "1.00"), ("x", "1.00"))
    bring(clerk, content)
    answer = bring(clerk, content, "other-name.csv")
    text = clerk.get(answer.location).text
    assert "imported before: nothing changed" in text
    assert "withdraw it here and import it again" in text
    assert len(lines(catalogued)) == 2


def test_a_file_read_wrongly_is_withdrawn_and_comes_again(
    clerk: Browser, promise: Callable[..., Gift], catalogued: Database
) -> None:
    gift = promise()
    told = {"bank": "columns", "column_date": "1", "column_message": "2", "currency": "CAD"}
    content = f"Date,Details,Out,In\n{DAY},{gift.reference},,75.50\n".encode()
    wrong = {**told, "column_credit": "3", "column_debit": "4"}
    shown = clerk.get(bring(clerk, content, "x.csv", **wrong).location).text
    path = withdrawal_on(shown)
    assert "Withdraw x.csv" in clerk.get(path).text
    no_reason = clerk.post(path, reason=" ")
    assert (no_reason.status_code, 'href="#reason"' in no_reason.text) == (422, True)
    done = clerk.post(path, reason="In and out swapped")
    assert (done.status_code, done.location) == (303, IMPORT)
    listed = clerk.get(IMPORT).text
    assert "The file is withdrawn. It can be imported again, with the right columns." in listed
    assert "Withdrawn by Sam Finance: In and out swapped" in listed
    own = clerk.get(f"{WORK}?file=1&state=withdrawn").text
    assert "Withdrawn by Sam Finance: In and out swapped" in own
    assert "Withdraw this file" not in own
    assert "Withdrawn: In and out swapped" in clerk.get("/staff/lines/1").text
    assert "withdrawn already" in clerk.post(path, page=IMPORT, reason="Twice").text
    right = {**told, "column_credit": "4", "column_debit": "3"}
    assert bring(clerk, content, "x.csv", **right).status_code == 303
    assert [line.amount_minor for line in lines(catalogued)] == [-7550, 7550]
    with catalogued.read() as session:
        act = session.scalars(sa.select(AuditEntry).where(AuditEntry.act == "file_withdraw")).one()
    assert (act.subject, act.detail["reason"]) == ("file:1", "In and out swapped")
    check(catalogued)


def withdrawal_on(text: str) -> str:
    found = re.search(r'href="(/staff/statements/\d+/withdraw)"', text)
    assert found
    return found[1]


def test_a_line_that_another_export_told_before_says_so(
    clerk: Browser, promise: Callable[..., Gift], catalogued: Database
) -> None:
    gift = promise()
    bring(clerk, file_of((gift.reference, "75.50"), payer="ADA O’HARA"))
    content = f"Date,Details,In\n{DAY},Transfer from Ada O’Hara,75.50\n{DAY},Bo,3.00\n".encode()
    told = {"bank": "columns", "column_date": "1", "column_message": "2", "currency": "CAD"}
    answer = bring(clerk, content, "all.csv", column_credit="3", **told)
    text = clerk.get(answer.location).text
    assert "1 line may already be in an earlier file of another kind" in text
    assert text.count("Possible duplicate") == 1
    first, second, third = lines(catalogued)
    assert f'href="/staff/lines/{first.id}">of line {first.id}' in text
    assert "Possible duplicate" in clerk.get(f"/staff/lines/{second.id}").text
    assert "Possible duplicate" not in clerk.get(f"/staff/lines/{third.id}").text
    clerk.post(WORK, page=WORK, line=str(second.id), act="ignore", reason="the same")
    assert "Possible duplicate" not in clerk.get(f"/staff/lines/{second.id}").text
    check(catalogued)


def test_a_file_of_which_something_was_booked_says_why_it_stays(
    clerk: Browser, promise: Callable[..., Gift], catalogued: Database
) -> None:
    gift = promise()
    bring(clerk, file_of((gift.reference, "75.50"), payer="ADA O’HARA"))
    path = withdrawal_on(clerk.get(f"{WORK}?file=1").text)
    page = clerk.get(path).text
    assert "A line of this file is or was booked for a gift" in page
    assert "Withdraw it" not in page
    answer = clerk.post(path, page=IMPORT, reason="All the same")
    assert answer.status_code == 422
    assert "A line of this file is or was booked for a gift" in answer.text
    assert status(catalogued, gift) is Status.PAID
    assert clerk.get("/staff/statements/99/withdraw").status_code == 404
    with catalogued.read() as session:
        acts = session.scalars(sa.select(AuditEntry.act)).all()
    assert "file_withdraw" not in acts
    check(catalogued)


def test_a_file_above_the_limit_is_refused(clerk: Browser, catalogued: Database) -> None:
    answer = clerk.client.post(
        IMPORT, data=b"x" * 21_200_000, content_type="multipart/form-data; boundary=x"
    )
    assert answer.status_code == 413
    assert lines(catalogued) == []


def test_what_a_bank_says_is_shown_as_text(clerk: Browser, catalogued: Database) -> None:
    bring(clerk, file_of(("<script>alert(1)</script>", "1.00")))
    for path in (WORK, f"/staff/lines/{lines(catalogued)[0].id}"):
        assert "<script>alert" not in clerk.get(path).text


def test_a_viewer_looks_and_decides_nothing(
    clerk: Browser, signed_in: SignedIn, catalogued: Database
) -> None:
    bring(clerk, file_of(("x", "1.00")))
    viewer = signed_in("viewer")
    line = f"/staff/lines/{lines(catalogued)[0].id}"
    for path in (IMPORT, WORK, f"{WORK}?file=1", line):
        page = viewer.get(path)
        assert page.status_code == 200
        assert "Import a file" not in page.text
        assert "Withdraw this file" not in page.text
    token = {"csrf_token": viewer.token(WORK)}
    for path in (IMPORT, WORK, f"{line}/match", f"{line}/claim", f"{line}/ignore"):
        assert viewer.client.post(path, data=token).status_code == 403


def test_a_stranger_s_upload_is_not_even_read(app: Flask, team: dict[str, int]) -> None:
    client = app.test_client()
    answer = client.post(
        IMPORT, data=b"x" * 2_000_000, content_type="multipart/form-data; boundary=x"
    )
    assert (answer.status_code, answer.location) == (303, "/staff/sign-in")


def test_the_lines_shown_can_be_kept_as_a_file_and_that_is_on_record(
    catalogued: Database, clerk: Browser
) -> None:
    bring(clerk, file_of(("for the hungry", "10.00"), ("for the thirsty", "20.00")))
    assert f"{IMPORT.rpartition('/')[0]}/lines.csv?state=open" in clerk.get(WORK).text
    sent = clerk.get("/staff/lines.csv?state=open")
    assert sent.mimetype == "text/csv"
    assert sent.text.count("\n") == 3
    assert clerk.get("/staff/lines.csv?state=matched").text.count("\n") == 1
    with catalogued.read() as session:
        entries = session.scalars(sa.select(AuditEntry).where(AuditEntry.act == "lines_export"))
        assert [entry.detail for entry in entries] == [{"state": "open"}, {"state": "matched"}]


def test_a_viewer_keeps_no_file_of_lines(signed_in: SignedIn) -> None:
    assert signed_in("viewer").get("/staff/lines.csv").status_code == 403


def test_a_file_too_long_for_a_page_is_matched_by_the_worker(
    catalogued: Database, clerk: Browser, promise: Callable[..., Gift]
) -> None:
    gift = promise()
    rows = [("offering", "1.00")] * MOST_LINES_AT_ONCE
    bring(clerk, file_of((gift.reference, "75.53"), *rows))
    assert "The lines are being matched" in clerk.get(WORK).text
    assert status(catalogued, gift) is Status.PENDING
    (job,) = [name for name in promised_jobs(catalogued) if name.startswith("match_lines-")]
    assert job


def test_a_payment_returned_in_a_later_file_leads_to_its_take_back(
    clerk: Browser, promise: Callable[..., Gift], catalogued: Database
) -> None:
    gift = promise()
    bring(clerk, file_of((gift.reference, "75.50"), payer="ADA O’HARA"))
    bring(clerk, file_of((f"RETURNED NSF {gift.reference}", "-75.50"), ("?", "1.00")), "later.csv")
    credit, debit, _ = lines(catalogued)
    shown = clerk.get(WORK).text
    assert f'href="/staff/lines/{credit.id}#matched"' in shown
    assert shown.index("-CA$75.50") < shown.index("CA$1.00</td>")
    assert "Adds up" in shown
    path = f"/staff/lines/{debit.id}"
    page = clerk.get(path).text
    assert f'href="/staff/lines/{credit.id}#matched"' in page
    assert "Undo" in clerk.get(f"/staff/lines/{credit.id}").text
    forged = clerk.post(f"{path}/match", page=path, reference=gift.reference, amount="75.50")
    assert (forged.status_code, "can’t pay a gift" in forged.text) == (422, True)
    clerk.post(f"{path}/ignore", page=path, reason="Counted elsewhere")
    assert lines(catalogued)[1].state is LineState.IGNORED
    assert "-CA$75.50" in clerk.get(f"{WORK}?state=ignored").text
    clerk.post(f"{path}/reopen", page=path)
    assert "Outgoing payment" in clerk.get(WORK).text
    check(catalogued)


def test_money_that_went_out_is_on_no_list_and_can_not_be_opened(
    clerk: Browser, catalogued: Database
) -> None:
    bring(clerk, file_of(("fee", "-2.00"), ("?", "1.00")))
    debit = lines(catalogued)[0]
    assert "CA$2.00" not in clerk.get(f"{WORK}?state=all").text
    assert "Open it again" not in clerk.get(f"/staff/lines/{debit.id}").text
