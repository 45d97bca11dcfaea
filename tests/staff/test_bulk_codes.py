"""Codes in bulk at the staff's desk: a file looked at, imported by the worker, told row by row."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
import xlsxwriter
from flask import Flask

from portal.codes.importing import BLOCK
from portal.codes.models import CodeBatch, CodeRecord, find_code
from portal.codes.sheets import Line
from portal.codes.terms import Code
from portal.codes.uploads import (
    UNWANTED_AFTER,
    CodeReject,
    CodeUpload,
    UploadState,
    import_rows,
    run_upload,
)
from portal.database import Database
from portal.jobs.queue import take_jobs
from portal.services import AuditEntry, Services
from portal.worker import list_works
from tests.staff.conftest import Browser

SignedIn = Callable[[str], Browser]
PAGE = "/staff/codes/import"
SHEET = "code,tag,state,partner\nA-1,x,,\nA2,,paused,\n=1+1,,,\nA2,,,\nLWCAN,,,\nB1,,,nobody\n"


@pytest.fixture
def services(app: Flask) -> Services:
    found: Services = app.extensions["portal"]
    return found


def send(browser: Browser, content: str | bytes, name: str = "codes.csv", **more: str) -> Any:
    data = content.encode() if isinstance(content, str) else content
    sent = {
        "csrf_token": browser.token(PAGE),
        "file": (io.BytesIO(data), name),
        "kind": "promotion",
        **more,
    }
    return browser.client.post(PAGE, data=sent, content_type="multipart/form-data")


def work(services: Services) -> None:
    """What the worker would do of codes."""
    with services.database.write() as session:
        jobs = take_jobs(session, "worker", datetime.now(UTC), 10)
    for job in jobs:
        assert list_works(services)[job.name].run([job]) == {}


def find(services: Services, text: str) -> Code | None:
    with services.database.read() as session:
        return find_code(session, text)


def test_a_file_is_looked_at_then_imported_with_each_row_told(signed_in, services):
    browser = signed_in("admin")
    page = send(browser, SHEET, like="LWCAN", tag="letters").location
    looked = browser.get(page).text
    for said in ("What would become of it", "A2", "stands in row 3 already", "has a formula"):
        assert said in looked
    assert "There is no partner of this key" in looked
    assert "There is one already, with other terms" in looked
    assert find(services, "A1") is None
    assert browser.post(f"{page}/start", page=page).location == page
    running = browser.get(page).text
    assert '<meta http-equiv="refresh"' in running
    assert "0 of 6 rows" in running
    work(services)
    done = browser.get(page).text
    assert "refresh" not in done
    assert "What became of it" in done
    code, lwcan = find(services, "a1"), find(services, "LWCAN")
    assert code is not None
    assert lwcan is not None
    assert (code.policy_id, code.partner) == (lwcan.policy_id, "loveworld-canada")
    with services.database.read() as session:
        upload = session.scalars(sa.select(CodeUpload)).one()
        counted = (upload.total, upload.rows, upload.new, upload.known, upload.rejected)
        assert counted == (6, 6, 2, 0, 4)
        assert (upload.state, upload.content) == (UploadState.DONE, None)
        acts = list(session.scalars(sa.select(AuditEntry.act)))
    assert acts.count("codes_import") == 2


def test_the_rows_that_are_not_taken_are_a_file_harmless_in_a_spreadsheet(signed_in, services):
    browser = signed_in("admin")
    page = send(browser, SHEET).location
    browser.post(f"{page}/start", page=page)
    work(services)
    answer = browser.get(f"{page}/rejected.csv")
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert rows[0] == ["row", "code", "why"]
    assert rows[1][:2] == ["4", "'=1+1"]
    assert [row[0] for row in rows[1:]] == ["4", "5", "6", "7"]
    french = browser.get(f"{page}/rejected.csv?lang=fr").text
    assert "formule" in french


class Killed(Exception):
    """Stands for the end of a process within a block."""


def killing(rows: list[str], at: int) -> Iterator[Line]:
    for number, code in enumerate(rows, 2):
        if number == at:
            raise Killed
        fault = "code: is a formula" if code[0] == "=" else ""
        yield Line(number=number, text=code, cells={"code": code}, fault=fault)


def test_an_import_that_was_killed_goes_on_where_it_was(signed_in, services):
    browser = signed_in("admin")
    many = 3 * BLOCK + 7
    bad = BLOCK + 5
    rows = [f"N{number:06}" for number in range(many)]
    rows[bad] = "=1"
    rows[2 * BLOCK + 3] = "N000001"
    page = send(browser, "code\n" + "\n".join(rows)).location
    browser.post(f"{page}/start", page=page)
    upload_id = int(page.rpartition("/")[2])

    with services.database.read() as session:
        upload = session.get_one(CodeUpload, upload_id)
    with pytest.raises(Killed):
        import_rows(services, upload, killing(rows, 2 * BLOCK + 40))
    assert f"{2 * BLOCK} of {many} rows" in browser.get(page).text
    run_upload(services, upload_id)
    run_upload(services, upload_id)
    with services.database.read() as session:
        upload = session.scalars(sa.select(CodeUpload)).one()
        assert (upload.rows, upload.new, upload.known, upload.rejected) == (many, many - 2, 0, 2)
        there = sa.select(sa.func.count()).where(CodeRecord.code.startswith("N0"))
        assert session.scalar(there) == many - 2
        rejected = session.scalars(sa.select(CodeReject).order_by(CodeReject.number)).all()
        assert [one.number for one in rejected] == [bad + 2, 2 * BLOCK + 5]
        assert "row 3 already" in rejected[1].why
        assert session.scalars(sa.select(CodeBatch)).one().made == many - 2


def test_a_workbook_is_read_as_well(signed_in, services, tmp_path):
    path = tmp_path / "codes.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate((("code", "tag"), ("W-1", "x"), ("W-2", ""), ("", "y"))):
            sheet.write_row(at, 0, row)
    browser = signed_in("admin")
    page = send(browser, path.read_bytes(), "codes.xlsx").location
    assert "The code is blank." in browser.get(page).text
    browser.post(f"{page}/start", page=page)
    work(services)
    assert find(services, "w1") is not None
    assert find(services, "w2") is not None


def test_what_is_thrown_away_or_not_wanted_leaves_nothing(signed_in, services, clock):
    browser = signed_in("admin")
    page = send(browser, SHEET).location
    browser.post(f"{page}/drop", page=page)
    assert "The file is thrown away" in browser.get(PAGE).text
    assert browser.get(page).status_code == 404
    send(browser, SHEET)
    clock.at += UNWANTED_AFTER + timedelta(minutes=1)
    browser = signed_in("admin")
    send(browser, "code\nX1\n")
    with services.database.read() as session:
        assert [one.total for one in session.scalars(sa.select(CodeUpload))] == [1]
        assert session.scalars(sa.select(CodeReject)).all() == []


def test_one_that_runs_can_not_be_thrown_away_nor_begun_twice(signed_in, services):
    browser = signed_in("admin")
    page = send(browser, SHEET).location
    token = browser.token(page)
    for _ in range(2):
        browser.client.post(f"{page}/start", data={"csrf_token": token})
    browser.client.post(f"{page}/drop", data={"csrf_token": token})
    work(services)
    again = send(browser, SHEET).location
    assert "There already" in browser.get(again).text
    browser.post(f"{again}/start", page=again)
    work(services)
    with services.database.read() as session:
        newest = session.get_one(CodeUpload, int(again.rpartition("/")[2]))
        assert (newest.new, newest.known) == (0, 2)
        assert len(session.scalars(sa.select(CodeBatch)).all()) == 1


@pytest.mark.parametrize(
    ("content", "more", "says"),
    [
        (b"", {}, "Choose a file of codes"),
        ("tag\nx\n", {}, "The first row has to name the columns"),
        (b"PK\x05\x06" + b"\0" * 18, {}, "The file is no table"),
        ("code\nA1\n", {"like": "NOBODY"}, "There is no such code"),
        ("code\nA1\n", {"scope": "nobody"}, "Choose one"),
        ("code\nA1\n", {"kind": "odd"}, "Choose one"),
        ("code\n" + "A\n" * 100_001, {}, "more than 100000 rows. Divide it"),
    ],
)
def test_what_can_not_be_looked_at_is_said(signed_in, services, content, more, says):
    answer = send(signed_in("admin"), content, **more)
    assert answer.status_code == 422
    assert says in answer.text
    with services.database.read() as session:
        assert session.scalars(sa.select(CodeUpload)).all() == []


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused(signed_in, services, tmp_path):
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("xl/sharedStrings.xml", "")
        packed.filelist[0].file_size = 2**31
    answer = send(signed_in("admin"), path.read_bytes(), "bomb.xlsx")
    assert answer.status_code == 422
    assert "too large once it is unpacked" in answer.text


def test_codes_are_made_up_by_the_worker_with_progress(signed_in, services):
    browser = signed_in("admin")
    sent = {"count": "12", "prefix": "P", "like": "LWCAN", "kind": "promotion", "is_secret": "y"}
    page = browser.post("/staff/codes/generate", page=PAGE, **sent).location
    running = browser.get(page).text
    assert "0 of 12 codes" in running
    assert '<meta http-equiv="refresh"' in running
    work(services)
    done = browser.get(page).text
    assert "All of them are there." in done
    assert "refresh" not in done
    with services.database.read() as session:
        made = session.scalars(sa.select(CodeRecord).where(CodeRecord.tag == "batch-1")).all()
    assert len(made) == 12
    assert {one.is_secret for one in made} == {True}
    assert "batch-1" in browser.get(PAGE).text


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"count": ""}, "Enter how many codes to make"),
        ({"count": "0"}, "Enter a number from 1"),
        ({"count": "1000001"}, "Enter a number from 1"),
        ({"count": "5", "like": "NOBODY"}, "There is no such code"),
        ({"count": "5", "prefix": "a/b"}, "letters and digits"),
    ],
)
def test_what_can_not_be_made_up_is_said_and_makes_nothing(signed_in, services, sent, says):
    fields = {"kind": "promotion", **sent}
    answer = signed_in("admin").post("/staff/codes/generate", page=PAGE, **fields)
    assert answer.status_code == 422
    assert says in answer.text
    with services.database.read() as session:
        assert session.scalars(sa.select(CodeBatch)).all() == []


def test_codes_go_into_a_table_as_the_list_is_narrowed(signed_in, services, catalogued: Database):
    browser = signed_in("admin")
    answer = browser.get("/staff/codes/export.csv?q=lw-can")
    assert answer.mimetype == "text/csv"
    assert [line.split(",")[0].strip('"') for line in answer.text.splitlines()[1:]] == ["LWCAN"]
    book = openpyxl.load_workbook(io.BytesIO(browser.get("/staff/codes/export.xlsx").data))
    codes = [row[0].value for row in book.worksheets[0].iter_rows(min_row=2)]
    assert {"LWCAN", "LWUK"} <= {*codes}
    with catalogued.read() as session:
        acts = list(session.scalars(sa.select(AuditEntry.act)))
    assert acts.count("codes_export") == 2
