"""Damaged and hostile files are refused with a line and a reason, never half read."""

import os
import time
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.formats.reading import read_statement, read_statement_file
from portal.payments.statements.formats.texts import FILE_LIMIT, read_limited
from tests.statements.samples import NAMES, read_sample, refusal, sample


def changed(name: str, old: str, new: str) -> bytes:
    encoding = "latin-1" if "054" in name else "utf-8"
    text = sample(name).decode(encoding)
    assert old in text
    return text.replace(old, new, 1).encode(encoding)


@pytest.mark.parametrize(
    ("name", "old", "new", "line", "reason"),
    [
        ("rbc.csv", "11/3/2026", "13/32/2026", 3, "isn’t a date"),
        ("rbc.csv", "75.50", "75,5O", 2, "a clear amount"),
        ("rbc.csv", "75.50", '"1,2345.50"', 2, "a clear amount"),
        ("rbc.csv", "75.50", "75.505", 2, "more decimals"),
        ("rbc.csv", "75.50,,", "75.50,3.00,", 2, "two amounts"),
        ("rbc.csv", "75.50,,", ",,", 2, "no amount"),
        ("rbc.csv", '"CHEQUE DEPOSIT"', '"CHEQUE DEPOSIT', 3, "quotation mark"),
        ("rbc.csv", 'WIRE PAYMENT"', 'WIRE PAYMENT",more', 5, "columns"),
        ("td.csv", "20.00,10095.50", "20.00", 2, ""),
        ("td.csv", ",,20.00", ",5.00,20.00", 2, "two amounts"),
        ("td.csv", '"INTERAC E-TRANSFER FROM', 'A,"INTERAC', None, "layout"),
        ("bmo.csv", "CREDIT,20261102,75.5", "CREDIT,20261102,-75.5", 6, "can’t be negative"),
        ("bmo.csv", "CREDIT", "TRANSFER", 6, "neither credit nor debit"),
        ("bmo.csv", "20261114", "20261314", 7, "isn’t a date"),
        ("scotiabank.csv", '75.50,"INTERAC E-TRANSFER FROM MARIE CURIE"', "75.50", None, ""),
        ("scotiabank.csv", '20.00,"DEPOSIT"\n11/14', "20.00\n11/14", 3, "columns"),
        ("cibc.csv", "11.95,", ",", 2, ""),
        ("camt053.xml", "</Ntry>", "</Entry>", 19, "broken"),
        ("camt053.xml", "75.50", "7x.50", 12, "a clear amount"),
        ("camt053.xml", "75.50", "-75.50", 12, "a clear amount"),
        ("camt053.xml", "75.50", "75.51", 5, "not whole"),
        ("camt053.xml", "<NbOfNtries>4", "<NbOfNtries>5", 5, "promises 5"),
        ("camt053.xml", '<Amt Ccy="EUR">75.50</Amt>', "", 11, "no amount"),
        ("camt053.xml", "<CdtDbtInd>CRDT</CdtDbtInd><Sts>", "<Sts>", 11, "neither"),
        ("camt053.xml", "2026-11-02", "2026-02-30", 11, "isn’t a date"),
        ("camt053.xml", 'Ccy="EUR">75.50', 'Ccy="E1">75.50', 12, "a currency"),
        ("camt053.xml", "BkToCstmrStmt>", "Other>", 5, ""),
        ("camt054.xml", "40.00000", "40.00001", 4, "more decimals"),
        ("camt054.xml", "ISO-8859-1", "EBCDIC-9", 1, "encoding"),
        ("mt940.sta", ":62F:C261130EUR1155,50\n", "", 2, "cut off"),
        ("mt940.sta", "EUR1155,50", "EUR1155,51", 2, "not whole"),
        ("mt940.sta", "CR75,50", "CR75.50", 6, "can’t be read"),
        ("mt940.sta", "2611021102CR", "2613021102CR", 6, "isn’t a date"),
        ("mt940.sta", "2611021102CR", "2611020230CR", 6, "isn’t a date"),
        ("mt940.sta", ":60F:C261101EUR1000,00\n", "", 5, "before the opening"),
        ("mt940.sta", "C261130EUR", "X261130EUR", 13, "balance can’t be read"),
        ("ofx1.ofx", "-11,95", "eleven", 14, "a clear amount"),
        ("ofx1.ofx", "-11,95", "", 14, "no amount"),
        ("ofx1.ofx", "20261114<", "2026-14<", 14, "isn’t a date"),
        ("ofx1.ofx", "</OFX>", "", 16, "cut off"),
        ("ofx1.ofx", "<MEMO>INTERAC", "<MEMO INTERAC", 12, "tag can’t be read"),
        ("ofx1.ofx", "FEE</STMTTRN>", "FEE", 14, "doesn’t end"),
        ("ofx1.ofx", "<CURDEF>CAD", "", 12, "a currency"),
        ("ofx2.qfx", "</PAYEE>\n    <MEMO>", "</PAYEE>\n  <", 7, ""),
        ("ofx2.qfx", "STMTRS>", "OTHER>", 7, "outside"),
    ],
)
def test_damage_is_refused_with_its_line(
    name: str, old: str, new: str, line: int | None, reason: str
) -> None:
    error = refusal(changed(name, old, new))
    assert reason in error.reason
    assert reason == "" or error.line == line


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith(".csv")])
@settings(max_examples=25, deadline=None)
@given(share=st.floats(0.02, 0.98))
def test_a_standard_file_cut_off_anywhere_is_refused(name: str, share: float) -> None:
    content = sample(name)
    refusal(content[: int(len(content.rstrip()) * share)])


@pytest.mark.parametrize("name", ["rbc.csv", "td.csv", "bmo.csv", "scotiabank.csv", "cibc.csv"])
@settings(max_examples=25, deadline=None)
@given(cut=st.integers(2, 12))
def test_a_csv_cut_off_in_its_last_description_is_refused(name: str, cut: int) -> None:
    text = sample(name).decode().rstrip("\n")
    last = text.rpartition("\n")[2]
    refusal((text[: -len(last)] + last[:cut]).encode())


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_noise_is_read_or_refused_but_never_crashes(name: str, data: st.DataObject) -> None:
    content = bytearray(sample(name))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    with suppress(StatementError):
        read_statement(bytes(content), filename=name)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_bytes_of_any_kind_never_crash(content: bytes) -> None:
    refusal(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\r\n ", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\xff\xfe", "empty"),
        (b"%PDF-1.7\n1 0 obj", "PDF file"),
        (b"PK\x03\x04\x14\x00", "XLSX file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "XLS file"),
        (b"a,b\n\x01,2\n", "characters that no text file has"),
        (b"\xff\xfea\x00\xd8\x00\xd8", "encoding is broken"),
        (b"hello world", "layout"),
        (b"<html><body>Sign in</body></html>", "a camt.052, camt.053 or"),
        (b"<OFX></OFX>", "no OFX statement"),
        (b":20:X", "cut off"),
    ],
)
def test_what_is_no_statement_is_named(content: bytes, reason: str) -> None:
    assert reason in refusal(content).reason


def test_the_line_of_a_stray_sign_is_told() -> None:
    assert refusal(b"a,b\nc,d\ne,\x00f\n").line == 3


class Unopened(type(Path())):  # type: ignore[misc]  # the class of this platform's paths
    """A file that must be refused without being opened."""

    def open(self, *_arguments: object, **_options: object) -> NoReturn:
        raise AssertionError("the file was opened")


def test_a_file_of_200_mb_is_refused_by_its_size_unread(tmp_path: Path) -> None:
    path = Unopened(tmp_path / "huge.csv")
    path.touch()
    os.truncate(path, 200 * 1024 * 1024)
    with pytest.raises(StatementError, match="larger than 20 MB"):
        read_statement_file(path)


class Endless(BytesIO):
    """An upload without an end that counts what is taken of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0, "all of it was asked for"
        self.taken += size
        return bytes(size)


def test_an_endless_upload_is_read_no_further_than_the_limit() -> None:
    upload = Endless()
    with pytest.raises(StatementError, match="larger than 20 MB"):
        read_limited(upload)
    assert upload.taken == FILE_LIMIT + 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StatementError, match=r"none\.csv can’t be opened"):
        read_statement_file(tmp_path / "none.csv")


def with_doctype(doctype: str, inside: str = "") -> bytes:
    text = sample("camt053.xml").decode().replace("?>", f"?>\n{doctype}", 1)
    return text.replace("thank you", inside or "thank you").encode()


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("doctype", "inside"),
    [
        (f'<!DOCTYPE d [<!ENTITY l0 "lol">{LAUGHS}]>', "&l9;"),
        (f'<!DOCTYPE d [<!ENTITY a "{"x" * 100_000}">]>', "&a;" * 10_000),
        ('<!DOCTYPE d [<!ENTITY f SYSTEM "file:///etc/passwd">]>', "&f;"),
        ('<!DOCTYPE d SYSTEM "http://127.0.0.1:9/evil.dtd">', ""),
        ('<!DOCTYPE d [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]>', ""),
        ("<!DOCTYPE d>", ""),
    ],
)
def test_xml_bombs_and_outside_entities_are_refused_unexpanded(doctype: str, inside: str) -> None:
    began = time.process_time()
    error = refusal(with_doctype(doctype, inside))
    assert "declares entities" in error.reason
    assert error.line == 2
    assert time.process_time() - began < 0.5


def test_an_ofx_with_a_document_type_is_refused() -> None:
    content = changed("ofx2.qfx", "<OFX>", '<!DOCTYPE d [<!ENTITY f SYSTEM "file:///x">]>\n<OFX>')
    assert "declares entities" in refusal(content).reason


def test_an_undeclared_entity_is_refused() -> None:
    assert "broken" in refusal(with_doctype("", "&nbsp;")).reason


def test_xml_nested_without_end_is_refused() -> None:
    assert "nested too deeply" in refusal(b"<a>" * 100_000).reason


@pytest.mark.parametrize(
    "content",
    [
        b"<OFX>" + b"<A><![CDATA[" * 200_000 + b"</OFX>",
        b"<OFX><STMTRS><CURDEF>CAD<STMTTRN>" + b"<A>" * 200_000 + b"</OFX>",
        b'11/14/2026,20.00,"' + b"a@" * 50_000 + b'"\n',
        b'11/14/2026,20.00,"INTERAC E-TRANSFER FROM ' + b"E-TRANSFER " * 9_000 + b'"\n',
        b'11/14/2026,20.00,"' + b"x" * 130_000 + b'"\n',
        b"11/14/2026," + b"1" * 100_000 + b",x\n",
        b":20:X\n:60F:C261101EUR1000,00\n:61:" + b"/" * 300_000 + b"\n",
        b"<a " + b"x='1' " * 10 + b">" + b"&#1;" * 100_000,
        b"((" * 200_000,
        b'"' * 200_001,
    ],
)
def test_hostile_shapes_take_no_longer_than_others(content: bytes) -> None:
    began = time.process_time()
    with suppress(StatementError):
        read_statement(content, filename="hostile")
    assert time.process_time() - began < 2


def test_an_error_says_its_line_and_its_reason() -> None:
    error = refusal(changed("rbc.csv", "75.50", "many"))
    assert str(error) == "Line 2: “many” isn’t a clear amount."


def test_a_bank_chosen_wrongly_is_refused() -> None:
    assert "Scotiabank" in refusal(sample("rbc.csv"), preset="scotiabank").reason
    assert "no bank layout" in refusal(sample("rbc.csv"), preset="hsbc").reason


def test_the_samples_themselves_are_sound() -> None:
    assert all(read_sample(name).entries for name in NAMES)
