"""The generic column mapper: whatever a bank exports, once a clerk has said what it means."""

import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.money import Money
from portal.payments.statements.formats.csv_table import (
    ColumnMapping,
    Sign,
    mapping_from_dict,
    mapping_to_dict,
)
from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.formats.presets import PRESETS
from portal.payments.statements.formats.reading import preview
from portal.payments.statements.formats.values import DateOrder
from tests.statements.samples import read_text, refusal, sample

FRENCH = ColumnMapping(
    date="date",
    payer_name="Donateur",
    message=("Libellé",),
    amount="Montant",
    currency="Devise",
    date_order=DateOrder.AUTO,
    header_rows=3,
)
SIMPLE = ColumnMapping(date=0, amount=1, message=(2,), header_rows=0)


def test_reads_a_french_export_with_header_footer_and_comma_decimals() -> None:
    document = read_text(sample("generic_fr.csv").decode(), mapping=FRENCH)
    gift, out = document.entries
    assert (gift.position, gift.booked_on) == (4, date(2026, 11, 2))
    assert (gift.money, gift.payer_name) == (Money(123_450, "CAD"), "Amélie Tremblay")
    assert gift.message == "Don LW7K-3QXD-9; merci"
    assert out.money == Money(-2000, "CAD")


def test_shows_rows_before_anything_is_mapped() -> None:
    shown = preview(sample("generic_fr.csv"), None, rows=4)
    assert shown.delimiter == ";"
    assert [row.line for row in shown.rows] == [1, 2, 3, 4]
    assert shown.rows[2].cells == ("Date", "Donateur", "Libellé", "Montant", "Devise")
    assert shown.document is None


def test_previews_what_a_mapping_makes_of_the_whole_file() -> None:
    shown = preview(sample("generic_fr.csv"), FRENCH)
    assert shown.document is not None
    assert len(shown.document.entries) == 2
    assert shown.error is None


def test_previews_the_error_of_a_mapping_that_doesn_t_fit() -> None:
    shown = preview(sample("generic_fr.csv"), replace(FRENCH, amount="Somme"))
    assert shown.error is not None
    assert str(shown.error) == "Line 3: There is no column “Somme”."
    assert shown.rows


@pytest.mark.parametrize(
    ("text", "order", "days"),
    [
        ("02/11/2026,1.00,a\n13/11/2026,1.00,b\n", DateOrder.AUTO, [(11, 2), (11, 13)]),
        ("11/02/2026,1.00,a\n11/13/2026,1.00,b\n", DateOrder.AUTO, [(11, 2), (11, 13)]),
        ("05/05/2026,1.00,a\n", DateOrder.AUTO, [(5, 5)]),
        ("02/03/2026,1.00,a\n", DateOrder.DAY_FIRST, [(3, 2)]),
        ("02/03/2026,1.00,a\n", DateOrder.MONTH_FIRST, [(2, 3)]),
        ("26-03-02,1.00,a\n", DateOrder.YEAR_FIRST, [(3, 2)]),
        ("2026-03-02,1.00,a\n20260304,1.00,b\n", DateOrder.AUTO, [(3, 2), (3, 4)]),
        ("2 mars 2026,1.00,a\n4 févr. 2026,1.00,b\n", DateOrder.AUTO, [(3, 2), (2, 4)]),
        ('"Mar 2, 2026",1.00,a\n04-Dec-26,1.00,b\n', DateOrder.AUTO, [(3, 2), (12, 4)]),
        (
            "2.3.2026 10:15,1.00,a\n2026-03-02T10:15:00Z,1.00,b\n",
            DateOrder.DAY_FIRST,
            [(3, 2), (3, 2)],
        ),
    ],
)
def test_reads_dates_in_any_order_that_is_clear(
    text: str, order: DateOrder, days: list[tuple[int, int]]
) -> None:
    document = read_text(text, mapping=replace(SIMPLE, date_order=order), currency="CAD")
    assert [entry.booked_on for entry in document.entries] == [date(2026, *day) for day in days]


def test_a_date_that_may_be_two_days_is_refused() -> None:
    error = refusal(b"05/05/2026,1.00,a\n02/03/2026,1.00,b\n", mapping=SIMPLE, currency="CAD")
    assert (error.line, "could be either of two dates" in error.reason) == (2, True)


def test_two_orders_of_dates_in_one_file_are_refused() -> None:
    error = refusal(b"13/11/2026,1.00,a\n11/14/2026,1.00,b\n", mapping=SIMPLE, currency="CAD")
    assert "isn’t a date" in error.reason


@pytest.mark.parametrize("text", ["2026-02-30", "1026-02-03", "2026-13-01", "٢٠٢٦-٠١-٠٢", "0"])
def test_days_that_never_were_are_refused(text: str) -> None:
    error = refusal(f"2026-01-01,1.00,a\n{text},1.00,b\n".encode(), mapping=SIMPLE, currency="CAD")
    assert (error.line, "isn’t a date" in error.reason) == (2, True)


@pytest.mark.parametrize(
    ("cell", "mark", "minor"),
    [
        ("1,234.50", ".", 123_450),
        ("1.234,50", ",", 123_450),
        ("1 234,50 $", ",", 123_450),
        ("1 234,50", ",", 123_450),
        ("1'234.50", ".", 123_450),
        ("1,234", ".", 123_400),
        ("1,23", ",", 123),
        ("1,50", "", 150),
        ("1,234.50", "", 123_450),
        ("$5.25", ".", 525),
        ("CAD 5.25", ".", 525),
        ("-5.25", ".", -525),
        ("−5.25", ".", -525),
        ("-$5.25", ".", -525),
        ("5.25-", ".", -525),
        ("(5.25)", ".", -525),
        ("5.25 DR", ".", -525),
        ("5.25 CR", ".", 525),
        ("+5.25", ".", 525),
        ("0005.25", ".", 525),
    ],
)
def test_reads_amounts_as_banks_write_them(cell: str, mark: str, minor: int) -> None:
    text = f'2026-01-02;"{cell}";a\n'
    document = read_text(text, mapping=replace(SIMPLE, decimal_mark=mark), currency="CAD")
    assert document.entries[0].money == Money(minor, "CAD")


@pytest.mark.parametrize(
    ("cell", "mark"),
    [
        ("1.234", ""),
        ("1,2,3", "."),
        ("1,23", "."),
        ("1.5.0", "."),
        ("--5", "."),
        ("-(5)", "."),
        ("5,00 CR-", ","),
        ("1e5", "."),
        ("NaN", "."),
        ("∞", "."),
        ("5.", "."),
        (".50", "."),
        ("1" * 13, "."),
        ("1.005", "."),
        ("=1+1", "."),
        ("٥.٠٠", "."),
        ("5 5", "."),
        ("12,34.50", "."),
    ],
)
def test_refuses_amounts_that_aren_t_clear(cell: str, mark: str) -> None:
    text = f'2026-01-02;1;a\n2026-01-02;"{cell}";a\n'
    mapping = replace(SIMPLE, decimal_mark=mark)
    assert refusal(text.encode(), mapping=mapping, currency="CAD").line == 2


@settings(deadline=None)
@given(st.integers(1 - 10**12, 10**12 - 1), st.sampled_from(["CAD", "JPY", "BHD"]))
def test_any_amount_comes_back_as_it_was_written(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    for text, mark in ((money.plain(), "."), (money.plain().replace(".", ","), ",")):
        document = read_text(
            f"2026-01-02;{text};a\n", mapping=replace(SIMPLE, decimal_mark=mark), currency=currency
        )
        assert document.entries[0].money == money


def test_a_currency_without_decimals_refuses_them() -> None:
    assert (
        "more decimals"
        in refusal(
            b"2026-01-02;5,50;a\n", mapping=replace(SIMPLE, decimal_mark=","), currency="JPY"
        ).reason
    )


def test_a_file_without_a_currency_asks_for_one() -> None:
    assert "no currency" in refusal(b"2026-01-02;5,50;a\n", mapping=SIMPLE).reason


def test_the_sign_may_mean_a_debit() -> None:
    mapping = replace(SIMPLE, sign=Sign.DEBIT_POSITIVE)
    document = read_text("2026-01-02;5,50;a\n2026-01-02;-5,50;b\n", mapping=mapping, currency="EUR")
    assert [entry.money.minor for entry in document.entries] == [-550, 550]


@pytest.mark.parametrize(
    ("word", "minor"), [("Credit", 550), ("C", 550), ("Débit", -550), ("DR.", -550)]
)
def test_a_word_may_tell_credit_from_debit(word: str, minor: int) -> None:
    document = read_text(
        f"2026-01-02;5,50;{word}\n", mapping=replace(SIMPLE, direction=2), currency="EUR"
    )
    assert document.entries[0].money.minor == minor


@pytest.mark.parametrize(
    ("row", "minor"),
    [("5.00,", 500), (",5.00", -500), ("5.00,0.00", 500), (",-5.00", -500), ("0,0", 0)],
)
def test_credit_and_debit_may_stand_apart(row: str, minor: int) -> None:
    mapping = ColumnMapping(date=0, credit=1, debit=2, header_rows=0, delimiter=",")
    document = read_text(f"2026-01-02,{row}\n", mapping=mapping, currency="EUR")
    assert document.entries[0].money.minor == minor


@pytest.mark.parametrize("row", ["5.00,1.00", ",", "-5.00,"])
def test_two_amounts_none_or_a_negative_credit_are_refused(row: str) -> None:
    mapping = ColumnMapping(date=0, credit=1, debit=2, header_rows=0, delimiter=",")
    assert refusal(f"2026-01-02,{row}\n".encode(), mapping=mapping, currency="EUR").line == 1


def test_leading_zeros_trailing_commas_and_blank_lines_do_no_harm() -> None:
    mapping = ColumnMapping(date="Date", amount="Amount", message=("Memo",), payer_account="From")
    text = (
        "Date,Amount,Memo,From\n\n2026-01-02,5.00,0012 LW7K,00034,,\n , ,\n"
        '2026-01-03,6.00,b,"=""00035"""\n2026-01-04,7.00,c,\'00036\'\n'
    )
    document = read_text(text, mapping=mapping, currency="CAD")
    assert [entry.payer_account for entry in document.entries] == ["00034", "00035", "00036"]
    assert document.entries[0].message == "0012 LW7K"
    assert [entry.position for entry in document.entries] == [3, 5, 6]


def test_a_cell_may_hold_line_breaks_and_raw_keeps_them() -> None:
    text = '2026-01-02,5.00,"first\nsecond"\n2026-01-03,6.00,b\n'
    first, second = read_text(text, mapping=SIMPLE, currency="CAD").entries
    assert (first.message, first.raw) == ("first second", '2026-01-02,5.00,"first\nsecond"')
    assert second.position == 3


@pytest.mark.parametrize(
    "footer",
    ["Total,11.00,", "\nClosing balance,,", "Solde au 31 janvier,1.00,", "*** End of file"],
)
def test_footers_are_passed_over(footer: str) -> None:
    text = f"2026-01-02,5.00,a\n2026-01-03,6.00,b\n{footer}\n"
    assert len(read_text(text, mapping=SIMPLE, currency="CAD").entries) == 2


def test_a_footer_in_the_midst_is_an_error() -> None:
    text = b"2026-01-02,5.00,a\nTotal,5.00,\n2026-01-03,6.00,b\n"
    assert refusal(text, mapping=SIMPLE, currency="CAD").line == 2


def test_a_last_line_that_is_no_known_footer_is_an_error() -> None:
    text = b"2026-01-02,5.00,a\n2026-01-03,6.00,b\n2026-01"
    assert refusal(text, mapping=SIMPLE, currency="CAD").line == 3


def test_counted_footer_rows_are_left_out_whatever_they_say() -> None:
    text = "2026-01-02,5.00,a\nAnything,9.00,\nat all,,\n"
    mapping = replace(SIMPLE, footer_rows=2)
    assert len(read_text(text, mapping=mapping, currency="CAD").entries) == 1


def test_a_dated_balance_line_moves_nothing() -> None:
    text = "2026-01-01,,Opening balance\n2026-01-02,5.00,a\n"
    assert len(read_text(text, mapping=SIMPLE, currency="CAD").entries) == 1


def test_a_header_alone_is_a_month_without_movements() -> None:
    header = sample("rbc.csv").decode().partition("\n")[0]
    assert read_text(header).entries == ()


def test_a_column_named_twice_is_refused() -> None:
    mapping = ColumnMapping(date="Date", amount="Amount")
    error = refusal(b"Date,Amount,Amount\n2026-01-02,1.00,2.00\n", mapping=mapping, currency="CAD")
    assert "Two columns are named" in error.reason


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
def test_finds_what_parts_the_columns(delimiter: str) -> None:
    rows = [["2026-01-02", "5.50", "thanks, friends"], ["2026-01-03", "6.00", "x; y"]]
    text = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    assert [entry.message for entry in read_text(text, mapping=SIMPLE, currency="CAD").entries] == [
        "thanks, friends",
        "x; y",
    ]


@pytest.mark.parametrize("mapping", [FRENCH, SIMPLE, *(preset.mapping for preset in PRESETS)])
def test_a_mapping_survives_being_stored(mapping: ColumnMapping) -> None:
    stored = mapping_to_dict(mapping)
    assert mapping_from_dict(stored) == mapping


@pytest.mark.parametrize(
    "stored",
    [
        {"date": 0},
        {"date": 0, "amount": 1, "credit": 2},
        {"date": 0, "amount": 1, "sign": "x"},
        {"date": 0, "amount": 1, "message": 2},
        {"date": 0, "amount": 1, "unknown": 2},
        {"date": 0, "amount": 1, "header_rows": -1},
        {"date": 0, "amount": 1, "decimal_mark": "x"},
    ],
)
def test_a_stored_mapping_that_makes_no_sense_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        mapping_from_dict(stored)


def test_like_lines_stay_two() -> None:
    text = "2026-01-02,5.00,a\n" * 2
    first, second = read_text(text, mapping=SIMPLE, currency="CAD").entries
    assert (first.raw, first.position, second.position) == (second.raw, 1, 2)


def test_a_line_of_formulas_is_kept_as_text() -> None:
    text = '2026-01-02,5.00,"=HYPERLINK(""http://x"")"\n'
    (entry,) = read_text(text, mapping=SIMPLE, currency="CAD").entries
    assert entry.message.startswith("=HYPERLINK")


def test_the_order_of_a_file_s_lines_is_its_own() -> None:
    text = "".join(f"2026-01-{day:02},{day}.00,x\n" for day in range(28, 0, -1))
    entries = read_text(text, mapping=SIMPLE, currency="CAD").entries
    assert [entry.money.minor for entry in entries] == [day * 100 for day in range(28, 0, -1)]


def test_presets_have_names_a_person_can_choose() -> None:
    assert all(re.fullmatch("[a-z]+", preset.name) and preset.title for preset in PRESETS)


def test_a_mapping_s_own_error_is_told_as_a_statement_error() -> None:
    with pytest.raises(StatementError, match="no column 10"):
        read_text("Date,Amount\n2026-01-02,1.00\n", mapping=ColumnMapping(date=0, amount=9))


@pytest.mark.parametrize("currency", ["1 1", "$", "CADX", "C", "(((", "ÇAD"])
@pytest.mark.parametrize("mark", ["", "."])
def test_a_currency_that_is_none_is_refused_where_it_was_told(currency: str, mark: str) -> None:
    mapping = replace(SIMPLE, decimal_mark=mark)
    refused = refusal(b"2026-11-02,1.00,a\n", mapping=mapping, currency=currency)
    assert "isn’t a currency" in refused.reason
