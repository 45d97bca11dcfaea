"""Layouts of Canada's banks that came later, and rows that are no money yet."""

from dataclasses import replace

import pytest

from tests.statements.samples import read_text, refusal
from tests.statements.test_csv import SIMPLE

SCOTIABANK = """Filter,Date,Description,Sub-description,Type of Transaction,Amount,Balance
,2026-11-02,E-TRANSFER RECEIVED,JANE DOE,Credit,75.53,100.00
,2026-11-03,FEE,,Debit,-1.00,99.00
"""
WITH_STATUS = """Filter,Date,Description,Sub-description,Status,Type of Transaction,Amount
,2026-11-02,GIFT,LW7K-3QXD-9,Posted,Credit,75.53
,2026-11-03,FEE,,posted,Debit,1.00
,,GIFT,MORE,Pending,Credit,999.00
"""
BMO = """Following data is valid as of 20261130
First Bank Card,Transaction Type,Date Posted,Transaction Amount,Description
'500766*1',CREDIT,20261102,75.53,GIFT
{}First Bank Card,Transaction Type,Date Posted,Transaction Amount,Description
'500766*2',DEBIT,20261103,-1.00,FEE
"""
DESJARDINS = """"Caisse X","012345","EOP","2026/11/02",00001,"Virement Interac de JANE DOE","","",75.53,"","","","",100.00
"Caisse X","012345","EOP","2026/11/03",00002,"Frais","",1.00,"","","","","",99.00
"""  # noqa: E501 - as the bank writes it
NATIONAL = """Date;Description;Category;Debit;Credit;Balance
2026-11-02;GIFT;Deposit;0;75.53;100.00
2026-11-03;FEE;Fees;1.00;0;99.00
"""
FRENCH = """Date;Description;Catégorie;Débit;Crédit;Solde
2026-11-02;DON;Dépôt;;75,53;100,00
2026-11-03;FRAIS;Frais;1,00;;99,00
"""


@pytest.mark.parametrize(
    ("text", "bank"),
    [
        (SCOTIABANK, "scotiabank"),
        (WITH_STATUS, "scotiabank"),
        (BMO.format(""), "bmo"),
        (BMO.format("Following data is valid as of 20261130\n"), "bmo"),
        (DESJARDINS, "desjardins"),
        (NATIONAL, "national"),
        (NATIONAL.replace(";", ","), "national"),
        (FRENCH, "national"),
    ],
)
@pytest.mark.parametrize("is_chosen", [False, True])
def test_a_bank_s_layout_is_known(text: str, bank: str, is_chosen: bool) -> None:
    document = read_text(text, preset=bank if is_chosen else None)
    assert document.format == bank
    assert [entry.money.minor for entry in document.entries] == [7553, -100]


def test_pending_rows_are_shown_and_are_no_money() -> None:
    (pending,) = read_text(WITH_STATUS).set_aside
    assert (pending.line, pending.status) == (4, "Pending")
    assert "MORE" in pending.text


def test_a_status_nobody_knows_is_refused() -> None:
    assert refusal(WITH_STATUS.replace("posted", "maybe").encode()).line == 3


def test_two_accounts_of_one_file_are_kept_apart() -> None:
    accounts = [entry.account for entry in read_text(BMO.format("")).entries]
    assert len(set(accounts)) == 2


@pytest.mark.parametrize(("cell", "currency"), [("", "CAD"), ("USD", "USD")])
def test_an_empty_currency_cell_takes_the_currency_told(cell: str, currency: str) -> None:
    mapping = replace(SIMPLE, currency="Currency", header_rows=1)
    header = "Date,Amount,Description,Currency"
    text = f"{header}\n2026-11-02,1.00,GIFT,{cell}\n2026-11-02,1.00,GIFT,CAD\n"
    entries = read_text(text, mapping=mapping, currency="CAD").entries
    assert entries[0].money.currency == currency
    if not cell:
        assert refusal(text.encode(), mapping=mapping).line == 2
