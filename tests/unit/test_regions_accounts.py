"""Account particulars: checked where a check exists, written as their country writes them."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.regions.accounts import FIELDS, SCHEMES, is_nuban
from portal.regions.files import RegionError, parse_region, read_region_documents

CANADA = read_region_documents()["ca.toml"]


def read_account(**values: str) -> Any:
    """The account of Canada's bank transfer, were it this one."""
    document = copy.deepcopy(CANADA)
    document["modes"][3]["account"] = {"holder": "Sample", **values}
    return parse_region(document, "ca.toml").modes[3].account


RIGHT = [
    ({"kind": "iban", "iban": "de36 00000000 0000 0000 00"}, "DE36 0000 0000 0000 0000 00"),
    ({"kind": "uk", "sort_code": "123456", "account_number": "12345678"}, "12-34-56"),
    ({"kind": "us", "routing_number": "021000021", "account_number": "12345"}, "021000021"),
    (
        {"kind": "ca", "institution": "004", "transit": "12345", "account_number": "1234567"},
        "004",
    ),
    ({"kind": "au", "bsb": "123456", "account_number": "12345678"}, "123-456"),
    (
        {"kind": "nuban", "bank": "B", "bank_code": "058", "account_number": "0152792740"},
        "0152792740",
    ),
    (
        {"kind": "in", "bank": "B", "ifsc": "smpl0000001", "account_number": "123456789"},
        "SMPL0000001",
    ),
]
WRONG = [
    ({"kind": "iban", "iban": "DE37 0000 0000 0000 0000 00"}, "iban: is an IBAN"),
    ({"kind": "iban", "iban": "DE36 0000 0000 0000 0000 00", "bic": "X"}, "bic: is a BIC"),
    ({"kind": "uk", "sort_code": "12-34", "account_number": "12345678"}, "sort_code: is six"),
    ({"kind": "uk", "sort_code": "123456", "account_number": "1234567"}, "account_number: is an"),
    ({"kind": "us", "routing_number": "021000022", "account_number": "12345"}, "routing_number"),
    ({"kind": "ca", "institution": "4", "transit": "12345", "account_number": "1234567"}, "three"),
    ({"kind": "au", "bsb": "12345", "account_number": "12345678"}, "bsb: is six digits"),
    (
        {"kind": "nuban", "bank": "B", "bank_code": "058", "account_number": "0152792741"},
        "its check digit is wrong",
    ),
    ({"kind": "uk", "account_number": "12345678"}, "sort_code: is missing"),
    ({"kind": "uk", "sort_code": "١٢٣٤٥٦", "account_number": "12345678"}, "sort_code: is six"),
]


@pytest.mark.parametrize(("values", "written"), RIGHT, ids=[values["kind"] for values, _ in RIGHT])
def test_a_right_account_is_written_as_its_country_does(
    values: dict[str, str], written: str
) -> None:
    lines = read_account(**values).lines
    assert written in [line.value for line in lines]
    assert all(line.label["en"] and line.label["fr"] and line.copy for line in lines)


@pytest.mark.parametrize(("values", "complaint"), WRONG)
def test_a_wrong_account_stops_the_file_with_its_field(
    values: dict[str, str], complaint: str
) -> None:
    with pytest.raises(RegionError, match=complaint):
        read_account(**values)


def test_an_iban_is_shown_in_fours_and_copied_in_one() -> None:
    (line,) = [
        line
        for line in read_account(kind="iban", iban="DE36000000000000000000").lines
        if line.label["en"] == "IBAN"
    ]
    assert line.value == "DE36 0000 0000 0000 0000 00"
    assert line.copied == "DE36000000000000000000"


def test_every_scheme_has_fields_that_exist_and_a_holder() -> None:
    for scheme in SCHEMES.values():
        assert {*scheme.fields} <= {*FIELDS}
        assert scheme.optional <= {*scheme.fields}
        assert "holder" in scheme.fields


@given(
    bank=st.from_regex(r"\A[0-9]{3}\Z"),
    serial=st.from_regex(r"\A[0-9]{9}\Z"),
    at=st.integers(0, 8),
    other=st.integers(1, 9),
)
def test_one_wrong_digit_never_makes_a_nuban(bank: str, serial: str, at: int, other: int) -> None:
    (check,) = [digit for digit in "0123456789" if is_nuban(bank, serial + digit)]
    wrong = str((int(serial[at]) + other) % 10)
    assert not is_nuban(bank, serial[:at] + wrong + serial[at + 1 :] + check)
