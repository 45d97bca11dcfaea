"""camt as its versions and banks write it."""

import pytest

from tests.statements.samples import read_sample, read_text, refusal

NAME = "<Nm>Zoe Soen</Nm>"


def camt(
    inside: str = "", *, about: str = "", dated: str = "<ValDt><Dt>2026-11-02</Dt></ValDt>"
) -> str:
    return (
        "<Document><BkToCstmrStmt><GrpHdr><CreDtTm>2026-12-24T06:00:00</CreDtTm></GrpHdr><Stmt>"
        f"{about}<Acct><Id><IBAN>DE1</IBAN></Id><Ccy>EUR</Ccy></Acct><Ntry><Amt>1.00</Amt>"
        f"<CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>{dated}<NtryDtls><TxDtls>{inside}</TxDtls>"
        "</NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"
    )


@pytest.mark.parametrize(
    "told",
    [
        f"<RltdPties><Dbtr>{NAME}</Dbtr></RltdPties>",
        f"<RltdPties><Dbtr><Pty>{NAME}</Pty></Dbtr></RltdPties>",
        f"<RltdPties><UltmtDbtr>{NAME}</UltmtDbtr></RltdPties>",
        f"<RltdPties><UltmtDbtr><Pty>{NAME}</Pty></UltmtDbtr></RltdPties>",
        f"<RltdPties><Dbtr><Agt><FinInstnId>{NAME}</FinInstnId></Agt></Dbtr></RltdPties>",
        f"<RltdAgts><DbtrAgt><FinInstnId>{NAME}</FinInstnId></DbtrAgt></RltdAgts>",
        f"<RltdPties><UltmtDbtr>{NAME}</UltmtDbtr></RltdPties>"
        "<RltdAgts><DbtrAgt><FinInstnId><Nm>BANK</Nm></FinInstnId></DbtrAgt></RltdAgts>",
    ],
)
@pytest.mark.parametrize("parts", [1, 2])
def test_a_payer_is_found_wherever_a_version_puts_it(told: str, parts: int) -> None:
    (entry,) = read_text(camt("</TxDtls><TxDtls>".join([told] * parts))).entries
    assert entry.payer_name == "Zoe Soen"


def test_another_message_is_named() -> None:
    text = camt().replace("BkToCstmrStmt", "CstmrCdtTrfInitn")
    assert "a camt.052, camt.053 or camt.054" in refusal(text.encode()).reason


@pytest.mark.parametrize("sts", ["<Sts>BOOK</Sts>", "<Sts><Cd>BOOK</Cd></Sts>"])
def test_a_report_of_the_day_is_read_as_a_statement_is(sts: str) -> None:
    text = camt(f"<RltdPties><Dbtr>{NAME}</Dbtr></RltdPties>").replace("<Sts>BOOK</Sts>", sts)
    text = text.replace("BkToCstmrStmt", "BkToCstmrAcctRpt").replace("Stmt>", "Rpt>")
    document = read_text(text)
    assert (document.format, document.account) == ("camt.052", "DE1")
    assert [entry.payer_name for entry in document.entries] == ["Zoe Soen"]


def test_an_address_and_a_number_are_found_where_version_8_puts_them() -> None:
    (entry,) = read_text(
        camt(
            "<RltdPties><DbtrAcct><Prxy><Tp><Cd>EMAL</Cd></Tp><Id>zoe@example.org</Id></Prxy>"
            "</DbtrAcct></RltdPties><RmtInf><Strd><RfrdDocInf><Nb>LW7K-3QXD-9</Nb></RfrdDocInf>"
            "</Strd></RmtInf>"
        )
    ).entries
    assert (entry.payer_email, entry.message) == ("zoe@example.org", "LW7K-3QXD-9")


def test_parts_of_several_payers_name_none() -> None:
    one, two = (f"<RltdPties><Dbtr><Nm>{name}</Nm></Dbtr></RltdPties>" for name in "AB")
    (entry,) = read_text(camt(f"{one}</TxDtls><TxDtls>{two}")).entries
    assert entry.payer_name == ""


@pytest.mark.parametrize(
    ("about", "inside", "day"),
    [
        ("<CreDtTm>2026-11-30T06:00:00</CreDtTm>", "", "2026-11-30"),
        (
            "<CreDtTm>2026-12-01T06:00:00</CreDtTm><FrToDt><FrDtTm>2026-11-30T00:00:00</FrDtTm>"
            "<ToDtTm>2026-11-30T23:59:59</ToDtTm></FrToDt>",
            "",
            "2026-11-30",
        ),
        ("", "<RltdDts><IntrBkSttlmDt>2026-11-05</IntrBkSttlmDt></RltdDts>", "2026-11-05"),
    ],
)
def test_an_entry_without_a_day_takes_the_nearest(about: str, inside: str, day: str) -> None:
    (entry,) = read_text(camt(inside, about=about, dated="")).entries
    assert entry.booked_on.isoformat() == day


def test_a_day_that_is_told_nowhere_is_refused() -> None:
    assert "isn’t a date" in refusal(camt(dated="").encode()).reason


def test_entries_that_are_not_booked_are_shown() -> None:
    document = read_sample("camt053.xml")
    (pending,) = document.set_aside
    assert (pending.status, pending.line) == ("PDNG", 32)
    assert "999.00" in pending.text
