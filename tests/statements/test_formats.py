"""Each format's sample is read to the last field."""

from datetime import date

import pytest

from portal.money import Money
from portal.payments.statements.formats.reading import read_statement, read_statement_file
from tests.statements.clerk import rbc
from tests.statements.samples import NAMES, SAMPLES, read_sample, sample


@pytest.mark.parametrize(
    ("name", "format_name", "account", "currency", "count"),
    [
        ("rbc.csv", "rbc", "", "", 4),
        ("td.csv", "td", "", "CAD", 3),
        ("bmo.csv", "bmo", "0050076600001111", "CAD", 2),
        ("scotiabank.csv", "scotiabank", "", "CAD", 4),
        ("cibc.csv", "cibc", "", "CAD", 3),
        ("camt053.xml", "camt.053", "DE89370400440532013000", "EUR", 4),
        ("camt054.xml", "camt.054", "0001234", "CHF", 1),
        ("mt940.sta", "mt940", "10020030/0001234567", "EUR", 3),
        ("ofx1.ofx", "ofx", "0001234567", "CAD", 2),
        ("ofx2.qfx", "ofx", "0007654321", "", 2),
    ],
)
def test_tells_the_format_by_the_content(
    name: str, format_name: str, account: str, currency: str, count: int
) -> None:
    document = read_sample(name)
    assert (document.format, document.account, document.currency, len(document.entries)) == (
        format_name,
        account,
        currency,
        count,
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_file_says_the_same_as_its_content(name: str) -> None:
    assert read_statement_file(SAMPLES / name) == read_sample(name)


@pytest.mark.parametrize("name", NAMES)
def test_keeps_every_movement_in_order_with_its_raw_text(name: str) -> None:
    entries = read_sample(name).entries
    text = sample(name).decode("latin-1" if "054" in name else "utf-8").replace("\r\n", "\n")
    positions = [entry.position for entry in entries]
    assert positions == sorted(set(positions))
    assert all(entry.raw and entry.raw in text for entry in entries)


def test_rbc_names_the_sender_and_keeps_the_reference_s_case() -> None:
    first, cheque, fee, wire = read_sample("rbc.csv").entries
    assert first.booked_on == date(2026, 11, 2)
    assert first.money == Money(7550, "CAD")
    assert first.payer_name == "AMÉLIE TREMBLAY"
    assert first.interac_reference == "C1Ab4kQpT9z"
    assert "LW7K-3QXD-9" in first.message
    assert (cheque.bank_reference, cheque.money.minor) == ("0000017", 120_000)
    assert (fee.money.minor, fee.is_credit) == (-1195, False)
    assert (wire.money, wire.account) == (Money(25_000, "USD"), "00012-4012345")


def test_td_finds_the_e_mail_and_the_name() -> None:
    first, second, fee = read_sample("td.csv").entries
    assert first.payer_email == "jane.doe@example.org"
    assert second.payer_name == "O'BRIEN SEÁN"
    assert fee.money == Money(-1195, "CAD")


def test_bmo_is_read_past_its_preamble() -> None:
    first, fee = read_sample("bmo.csv").entries
    assert (first.position, first.money.minor, first.booked_on) == (6, 7550, date(2026, 11, 2))
    assert (first.payer_name, fee.money.minor) == ("", -1195)


def test_scotiabank_keeps_two_like_lines_of_one_day() -> None:
    *_, third, fourth = read_sample("scotiabank.csv").entries
    assert (third.money, third.booked_on) == (fourth.money, fourth.booked_on)
    assert third.position != fourth.position


def test_cibc_passes_over_a_card_s_number() -> None:
    first, _, debit = read_sample("cibc.csv").entries
    assert (first.payer_name, first.money.minor) == ("PAUL MARTIN", 7550)
    assert debit.money.minor == -3000


def test_camt_053_reads_parties_batches_and_reversals() -> None:
    document = read_sample("camt053.xml")
    gift, one, two, reversal = document.entries
    assert (document.opening_balance, document.closing_balance) == (
        Money(-10_000, "EUR"),
        Money(1550, "EUR"),
    )
    assert (gift.payer_name, gift.payer_email) == ("Zoë & Søn", "zoe@example.org")
    assert gift.payer_account == "FR7630006000011234567890189"
    assert (gift.message, gift.bank_reference) == ("Gift LW7K-3QXD-9 thank you", "BANK-0001")
    assert [(part.payer_name, part.money.minor) for part in (one, two)] == [
        ("One", 3000),
        ("Two", 2000),
    ]
    assert one.raw != two.raw
    assert (reversal.money.minor, reversal.booked_on) == (-1000, date(2026, 11, 6))


def test_camt_054_reads_any_namespace_prefix_and_encoding() -> None:
    (entry,) = read_sample("camt054.xml").entries
    assert (entry.payer_name, entry.message) == ("René Müller", "LW7K3QXD9")
    assert entry.money == Money(4000, "CHF")


def test_mt940_reads_both_kinds_of_details() -> None:
    document = read_sample("mt940.sta")
    gift, taken_back, plain = document.entries
    assert gift.payer_name == "Müller Söhne GmbH"
    assert gift.payer_account == "DE89370400440532013000"
    assert "Spende Mission LW7K-3QXD-9 Danke" in gift.message
    assert (gift.bank_reference, gift.money) == ("BREF0001", Money(7550, "EUR"))
    assert (taken_back.payer_name, taken_back.message) == ("J. de Vries", "Teruggave")
    assert (taken_back.money.minor, taken_back.booked_on) == (-2000, date(2027, 1, 2))
    assert (plain.message, plain.bank_reference) == ("zusatz REF 12", "B3")
    assert document.closing_balance == Money(115_550, "EUR")


def test_ofx_1_reads_unclosed_tags_and_a_decimal_comma() -> None:
    document = read_sample("ofx1.ofx")
    gift, fee = document.entries
    assert (gift.payer_name, gift.bank_reference) == ("MARIE ROY", "000000017")
    assert (gift.booked_on, fee.money.minor) == (date(2026, 11, 2), -1195)
    assert document.closing_balance == Money(6355, "CAD")


def test_ofx_2_reads_cdata_payees_and_other_currencies() -> None:
    gift, other = read_sample("ofx2.qfx").entries
    assert (gift.payer_name, gift.money) == ("Zoë & Co", Money(120_000, "CAD"))
    assert gift.message.startswith("Gift <LW7K-3QXD-9> & thanks")
    assert (other.money, other.payer_name) == (Money(1000, "USD"), "J DOE")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("name", ["rbc.csv", "td.csv", "mt940.sta", "ofx1.ofx"])
def test_any_usual_encoding_is_understood(name: str, encoding: str) -> None:
    content = sample(name).decode().encode(encoding)
    assert read_statement(content, filename=name) == read_sample(name)


@pytest.mark.parametrize("declared", ["utf-16", "windows-1252", "ISO-8859-15", "UTF-8"])
def test_xml_is_read_in_the_encoding_it_declares(declared: str) -> None:
    text = sample("camt054.xml").decode("latin-1").replace("ISO-8859-1", declared)
    document = read_statement(text.encode(declared), filename="camt.xml")
    assert document.entries[0].payer_name == "René Müller"


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
@pytest.mark.parametrize("name", NAMES)
def test_line_endings_don_t_matter(name: str, ending: str) -> None:
    content = sample(name).replace(b"\n", ending.encode())
    found = read_statement(content, filename=name)
    pairs = zip(found.entries, read_sample(name).entries, strict=True)
    assert all(
        (a.money, a.message, a.position) == (b.money, b.message, b.position) for a, b in pairs
    )


@pytest.mark.parametrize("preset", ["rbc", "td", "bmo", "scotiabank", "cibc"])
def test_a_chosen_bank_reads_what_is_found_unasked(preset: str) -> None:
    content = sample(f"{preset}.csv")
    assert read_statement(content, filename="x", preset=preset) == read_statement(
        content, filename="x"
    )


def test_account_and_currency_stand_in_where_the_file_names_none() -> None:
    document = read_statement(sample("td.csv"), filename="x", account="0077", currency="USD")
    assert (document.account, document.currency) == ("0077", "USD")
    assert read_statement(sample("bmo.csv"), filename="x", account="0077").account != "0077"


def test_a_sender_s_message_in_the_next_column_is_no_part_of_the_name() -> None:
    file = rbc(("merci", "75.50"), ("", "20.00"), payer="ADA ROY")
    said, silent = read_statement(file, filename="rbc.csv").entries
    assert (said.payer_name, silent.payer_name) == ("ADA ROY", "ADA ROY")
    assert said.message == "E-TRANSFER - AUTODEPOSIT ADA ROY merci"
