"""The public page that says whether a document was issued here and stands."""

import re

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from portal.database import Database
from portal.giving.verify import MISSES_AN_HOUR, MOST_BYTES
from portal.receipts.register import Receipt
from portal.receipts.rendering import render_receipt
from tests.giving.visits import text_of
from tests.pages import CheckedClient
from tests.receipts.samples import NOW, book_gift, issue
from tests.workplace import at

HEADING = re.compile(r"<h1>([^<]*)</h1>")


def ask_file(client: CheckedClient, content: bytes, name: str = "receipt.pdf") -> TestResponse:
    """Send a file as a browser does."""
    head = f'--frontier\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return client.post(
        "/verify",
        data=head.encode() + content + b"\r\n--frontier--\r\n",
        content_type="multipart/form-data; boundary=frontier",
    )


def ask_number(client: CheckedClient, number: str, code: str, **more: str) -> TestResponse:
    return client.post("/verify", data={"number": number, "code": code}, **more)


def heading(answer: TestResponse) -> str:
    found = HEADING.search(answer.text)
    assert found
    return found[1]


@pytest.fixture
def receipt(catalogued: Database) -> Receipt:
    receipt_id = issue(catalogued, book_gift(catalogued))
    with catalogued.read() as session:
        return session.scalars(sa.select(Receipt).where(Receipt.id == receipt_id)).one()


def test_page_is_for_everybody_and_found_by_no_search_engine(client: CheckedClient) -> None:
    page = client.get("/verify")
    assert heading(page) == "Verify a document"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert "Set-Cookie" not in page.headers
    assert heading(client.get("/verify?lang=fr")) == "Vérifier un document"
    assert 'dir="rtl"' in client.get("/verify?lang=ar").text


def test_answer_is_one_word_without_name_and_amount(
    client: CheckedClient, catalogued: Database, receipt: Receipt
) -> None:
    pdf = render_receipt(at(catalogued, NOW), receipt.id)
    by_file = ask_file(client, pdf)
    by_number = ask_number(client, receipt.label, receipt.snapshot["verify_code"])
    changed = ask_file(client, pdf + b"%")
    wrong = ask_number(client, receipt.label, "ABCD-EFGH")
    assert [heading(one) for one in (by_file, by_number)] == ["This document is valid"] * 2
    assert [heading(one) for one in (changed, wrong)] == ["This document is unknown"] * 2
    assert "saved anew or printed to a PDF" in text_of(changed)
    for one in (by_file, by_number, changed, wrong):
        assert one.status_code == 200
        assert "Set-Cookie" not in one.headers
        assert one.headers["Cache-Control"] == "private, no-store"
        for secret in ("Okafor", "75.50", "LW7K", receipt.snapshot["issuer"]["legal_name"]):
            assert secret not in one.text


@pytest.mark.parametrize("number", ["", "2026-000001"])
def test_what_is_missing_is_asked_for(client: CheckedClient, number: str) -> None:
    answer = ask_number(client, number, "")
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert 'href="#code"' in answer.text
    assert ('href="#number"' in answer.text) is (not number)
    assert f'value="{number}"' in answer.text


def test_form_without_a_file_asks_for_one(client: CheckedClient) -> None:
    answer = ask_file(client, b"", name="")
    assert answer.status_code == 422
    assert "Choose a PDF of at most 5 MB" in text_of(answer)


def test_too_large_a_file_is_refused_with_the_limit(client: CheckedClient) -> None:
    answer = ask_file(client, bytes(MOST_BYTES + 30_000))
    assert answer.status_code == 413
    assert "Choose a PDF of at most 5 MB" in text_of(answer)


def test_guesses_are_few_and_a_right_one_comes_too_late(
    client: CheckedClient, receipt: Receipt
) -> None:
    codes = [ask_number(client, receipt.label, f"AAAA-{n:04d}") for n in range(MISSES_AN_HOUR)]
    assert {one.status_code for one in codes} == {200}
    late = ask_number(client, receipt.label, receipt.snapshot["verify_code"])
    assert late.status_code == 429


def test_other_sites_cant_ask(client: CheckedClient) -> None:
    answer = client.post("/verify", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
