"""Corners of camt, MT940 and OFX, and what free texts tell."""

import pytest

from portal.money import Money
from portal.payments.statements.formats.texts import (
    LONGEST,
    e_transfer_name,
    email_in,
    interac_reference_in,
    joined,
)
from tests.statements.samples import read_sample, read_text, refusal, sample

MT940 = ":20:X\n:25:1\n:60F:C261101CAD0,\n:61:261102C1,00NTRFNONREF\n:62F:C261102CAD1,\n"


def test_an_account_that_began_at_nought_is_read() -> None:
    document = read_text(MT940)
    assert document.opening_balance == Money(0, "CAD")
    assert document.entries[0].money == Money(100, "CAD")
    assert "not whole" in refusal(MT940.replace("CAD1,\n", "CAD2,\n").encode()).reason


def test_a_month_without_movements_is_read() -> None:
    document = read_text(":20:X\n:25:1\n:60F:C261101CAD5,\n:62F:C261102CAD5,\n")
    assert (document.entries, document.currency) == ((), "CAD")


def test_several_accounts_in_one_file_are_kept_apart() -> None:
    document = read_text(MT940 + MT940.replace(":25:1", ":25:0002"))
    assert [entry.account for entry in document.entries] == ["1", "0002"]
    assert [entry.position for entry in document.entries] == [1, 2]
    assert (document.account, document.opening_balance) == ("", None)


def test_statements_that_follow_each_other_are_one_document() -> None:
    second = MT940.replace("CAD0,", "CAD1,").replace("02CAD1,\n", "03CAD2,\n")
    document = read_text(MT940 + second)
    assert (document.opening_balance, document.closing_balance) == (
        Money(0, "CAD"),
        Money(200, "CAD"),
    )


@pytest.mark.parametrize(
    ("mark", "minor"), [("C", 100), ("D", -100), ("RC", -100), ("RD", 100), ("CR", 100)]
)
def test_mt940_marks_tell_the_direction(mark: str, minor: int) -> None:
    text = MT940.replace("02C1,00", f"02{mark}1,00")
    sign = "C" if minor > 0 else "D"
    document = read_text(text.replace(":62F:C", f":62F:{sign}"))
    assert document.entries[0].money.minor == minor


def test_details_after_the_closing_balance_belong_to_no_movement() -> None:
    document = read_text(MT940 + ":86:END OF MONTH LW7K-3QXD-9\n")
    assert document.entries[0].message == ""


def test_a_batch_whose_parts_don_t_add_up_stays_whole() -> None:
    text = sample("camt053.xml").decode().replace("30.00", "31.00")
    whole = read_text(text).entries[1]
    assert whole.money == Money(5000, "EUR")
    assert whole.raw.startswith("<Ntry>")


def test_a_batch_in_another_currency_stays_whole() -> None:
    text = sample("camt053.xml").decode().replace('<Amt Ccy="EUR">30.00', '<Amt Ccy="USD">30.00')
    assert read_text(text).entries[1].money == Money(5000, "EUR")


def test_pending_entries_move_no_money() -> None:
    assert all(entry.money.minor != 99_900 for entry in read_sample("camt053.xml").entries)


def test_interac_references_keep_their_case() -> None:
    assert interac_reference_in("ref C1aBcDeF thanks") == "C1aBcDeF"
    assert interac_reference_in("CA8xKp3Rt") == "CA8xKp3Rt"


@pytest.mark.parametrize("text", ["CAMPBELL", "CANADIAN TIRE", "c1abcdef", "XC1aBcDeF", "C1ab", ""])
def test_words_are_no_interac_references(text: str) -> None:
    assert interac_reference_in(text) == ""


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("gift jane.doe+x@mail.example.org thanks", "jane.doe+x@mail.example.org"),
        ("<jane@example.org>", "jane@example.org"),
        ("jane@example", ""),
        ("a@b@example.org", ""),
        ("@example.org", ""),
    ],
)
def test_finds_an_e_mail_address(text: str, email: str) -> None:
    assert email_in(text) == email


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("E-TRANSFER - AUTODEPOSIT JANE DOE", "JANE DOE"),
        ("Virement Interac de Amélie Côté-Roy", "Amélie Côté-Roy"),
        ("VIREMENT INTERAC - DÉPÔT AUTOMATIQUE AMÉLIE ROY", "AMÉLIE ROY"),
        ("INTERAC E-TRANSFER FROM JANE DOE C1Ab4kQpT9z", "JANE DOE"),
        ("E-TRANSFER RECEIVED JANE DOE jane@example.org", "JANE DOE"),
        ("E-TRANSFER RECEIVED LW7K3QXD9", ""),
        ("PAYROLL DEPOSIT", ""),
        ("INTERAC e-Transfer From: JANE DOE", "JANE DOE"),
        ("INTERAC e-Transfer From:JANE DOE CA8xKp3Rt", "JANE DOE"),
        ("Interac e-Transfer: Jane Doe", "Jane Doe"),
        ("E-TRANSFER RECEIVED FROM: JANE DOE", "JANE DOE"),
        ("Virement Interac de : Amélie Roy", "Amélie Roy"),
        ("VIREMENT INTERAC REÇU DE: AMÉLIE ROY", "AMÉLIE ROY"),
        ("Virement Interac d’Amélie Roy", "Amélie Roy"),
        ("VIR INTERAC DE AMELIE ROY", "AMELIE ROY"),
        ("Transfert Interac de Amélie Roy", "Amélie Roy"),
        ("Virement électronique Interac de Amélie Roy", "Amélie Roy"),
        ("VIREMENT INTERAC : AMÉLIE ROY", "AMÉLIE ROY"),
        ("E-TRANSFER DEPOSIT FROM JANE DOE", "JANE DOE"),
        ("E-TRANSFER CREDIT JANE DOE", "JANE DOE"),
        ("INTERAC E-TRANSFER AUTODEPOSIT JANE DOE", "JANE DOE"),
        ("Interac e-Transfer® sent by Jane Doe", "Jane Doe"),
        ("Interac e‑Transfer: received from JANE DOE", "JANE DOE"),
        ("INTERAC E-TRANSFER REC’D JANE DOE", "JANE DOE"),
        ("E-TRANSFER 105231234567 JANE DOE", "JANE DOE"),
        ("EMT FROM JANE DOE", "JANE DOE"),
        ("Virement Interac de /JANE DOE/", "JANE DOE"),
        ("Virement Interac - Dépôt automatique de Jane Doe", "Jane Doe"),
        ("Virement Interac de la part de Jane Doe", "Jane Doe"),
        ("Dépôt automatique Virement Interac JANE DOE", "JANE DOE"),
        ("Virement par courriel Interac de Jane d’Arcy", "Jane d'Arcy"),
        ("VIREMENT INTERAC DE JANE DOE DEPOT AUTO", "JANE DOE"),
        ("INTERAC E-TRANSFER SENT TO JANE DOE", ""),
        ("Virement Interac envoyé à Jane Doe", ""),
        ("INTERAC E-TRANSFER : FEE", ""),
        ("Virement Interac: frais", ""),
    ],
)
def test_finds_who_sent_an_e_transfer(text: str, name: str) -> None:
    assert e_transfer_name(text) == name


def test_texts_are_joined_once_each_and_never_endless() -> None:
    assert joined(["a  b", None, " ", "a b", "c"]) == "a b c"
    assert len(joined(["x" * 10_000_000, "y"])) == LONGEST


MOVED = ":61:2611021102C1,00NTRFNONREF//B1\n"


def with_details(*fields: str) -> str:
    told = "".join(f":86:{text}\n" for text in fields)
    return MT940.replace(":61:261102C1,00NTRFNONREF\n", MOVED + told)


@pytest.mark.parametrize(
    "fields",
    [
        ("GIFT OF A FRIEND", "LW7K-3QXD-9"),
        ("GIFT", "/NAME/JANE DOE/REMI/LW7K-3QXD-9/"),
        ("166?00CREDIT?20GIFT", "?21 LW7K-3QXD-9?32JANE DOE"),
        ("166?20GIFT?32JANE DOE", "LW7K-3QXD-9"),
        ("A", "B", "LW7K-3QXD-9"),
        ("GIFT\nLW7K\n-3QXD-9",),
        ("GIFT LW7K-3QXD-9\n940 TIMES",),
    ],
)
def test_all_that_is_told_of_a_movement_is_kept(fields: tuple[str, ...]) -> None:
    (entry,) = read_text(with_details(*fields)).entries
    assert entry.message.replace(" ", "").count("LW7K-3QXD-9") == 1
    assert all(part in entry.raw for text in fields for part in text.split("\n"))
    if "JANE" in "".join(fields):
        assert entry.payer_name == "JANE DOE"


@pytest.mark.parametrize("day", ["261102", "261102    ", "2611021102"])
@pytest.mark.parametrize("amount", ["1,00", "1,", "0001,00", "000000000000001,00", "0" * 30 + "1,"])
def test_blanks_for_a_day_and_zeros_before_an_amount_are_read(day: str, amount: str) -> None:
    text = MT940.replace("261102C1,00", f"{day}C{amount}").replace("CAD1,", "CAD0000000000000001,")
    (entry,) = read_text(text).entries
    assert (entry.booked_on.isoformat(), entry.money) == ("2026-11-02", Money(100, "CAD"))


@pytest.mark.parametrize(
    "header",
    [
        "ABNANL2A\n940\nABNANL2A\n",
        "{1:F01INGBNL2ABXXX0000000000}\n{2:I940INGBNL2AXXXN}\n{4:\n",
        "0000 01INGBNL2AXXXX00001\n0000 01INGBNL2AXXXX00001\n940 00\n",
        ":940:\n",
        "\n940\n",
    ],
)
@pytest.mark.parametrize("end", ["-\n", "-XXX\n", "-}\n", ""])
def test_a_bank_s_own_lines_before_each_message_are_passed_over(header: str, end: str) -> None:
    document = read_text((header + MT940 + end) * 2)
    assert [entry.money for entry in document.entries] == [Money(100, "CAD")] * 2


def test_a_line_of_no_field_is_refused_where_no_message_follows() -> None:
    assert refusal((MT940 + "-\nCUT OFF\n").encode()).line == 7
    assert refusal((MT940 + "-\nCUT OFF\n:61:X\n").encode()).line == 7


@pytest.mark.parametrize("number", ["9" * 5_000, "x" + "f" * 5_000, "1114112", "0"])
def test_a_sign_of_any_number_is_read_or_left_out(number: str) -> None:
    told = f"<STMTTRN><DTPOSTED>20261102<TRNAMT>1.00<FITID>1<NAME>Zoe &#{number}; Roy</STMTTRN>"
    (entry,) = read_text(
        f"<OFX><STMTRS><CURDEF>CAD<ACCTID>1<BANKTRANLIST>{told}</BANKTRANLIST></STMTRS></OFX>"
    ).entries
    assert entry.payer_name.replace("\ufffd", "").split() == ["Zoe", "Roy"]


@pytest.mark.parametrize(
    ("details", "name", "message"),
    [
        ("166?20GIFT?32ERIKA?33MUSTERMANN", "ERIKA MUSTERMANN", "GIFT"),
        (f"166?20GIFT?32{'E' * 27}?33RIKA", f"{'E' * 27}RIKA", "GIFT"),
        ("/CNTP/NL1/INGBNL2A/J DOE///REMI/USTD//GIFT/", "J DOE", "GIFT"),
        ("/NAME/J DOE/REMI/STRD/CUR/9001/", "J DOE", "CUR/9001"),
    ],
)
def test_what_a_bank_puts_around_words_is_no_part_of_them(
    details: str, name: str, message: str
) -> None:
    (entry,) = read_text(with_details(details)).entries
    assert (entry.payer_name, entry.message) == (name, message)


@pytest.mark.parametrize("code", ["EREF", "PREF", "NONREF", "KREF+"])
def test_rabobank_names_an_account_below_a_movement(code: str) -> None:
    moved = f":61:2611021102C1,00N541{code}\nNL52RABO0125618484\n:86:/NAME/J DOE/REMI/GIFT/\n"
    (entry,) = read_text(MT940.replace(":61:261102C1,00NTRFNONREF\n", moved)).entries
    assert (entry.payer_name, entry.payer_account) == ("J DOE", "NL52RABO0125618484")
    assert entry.message == "GIFT NL52RABO0125618484"
