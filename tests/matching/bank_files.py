"""The corpus as banks would send it: five banks' CSV, camt.053, camt.054, MT940, OFX, mails."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from portal.payments.matching.pool import Notice
from portal.payments.statements.formats.entries import StatementEntry

Entries = Sequence[StatementEntry]

RBC_HEADER = (
    "Account Type",
    "Account Number",
    "Transaction Date",
    "Cheque Number",
    "Description 1",
    "Description 2",
    "CAD$",
    "USD$",
)
BMO_PREAMBLE = "Following data is valid as of 20261123101112 (Year/Month/Day/Hour/Minute)\n\n"
BMO_HEADER = (
    "First Bank Card",
    "Transaction Type",
    "Date Posted",
    "Transaction Amount",
    "Description",
)


def text_of(entry: StatementEntry) -> str:
    """What the payer wrote, and the marks a bank prints beside it."""
    parts = (entry.message, entry.interac_reference, entry.bank_reference, entry.payer_email)
    return " ".join(part for part in parts if part)


def described(entry: StatementEntry, sender: str = "INTERAC E-TRANSFER FROM") -> str:
    """All a bank's one description says."""
    name = f"{sender} {entry.payer_name}" if entry.payer_name else ""
    return f"{text_of(entry)} {name}".strip()


def american(entry: StatementEntry) -> str:
    return f"{entry.booked_on:%m/%d/%Y}"


def split_amount(entry: StatementEntry) -> tuple[str, str]:
    """Debit and credit."""
    amount = str(abs(entry.money.decimal))
    return ("", amount) if entry.is_credit else (amount, "")


def table(rows: Sequence[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()


def write_rbc(entries: Entries) -> str:
    rows = []
    for entry in entries:
        named = f"E-TRANSFER - AUTODEPOSIT {entry.payer_name}" if entry.payer_name else ""
        amount = entry.money.plain()
        amounts = (amount, "") if entry.money.currency == "CAD" else ("", amount)
        date = f"{entry.booked_on.month}/{entry.booked_on.day}/{entry.booked_on.year}"
        rows.append(("Chequing", "00012-0012345", date, "", named, text_of(entry), *amounts, ""))
    return table([RBC_HEADER, *rows])


def write_td(entries: Entries) -> str:
    return table([(american(one), described(one), *split_amount(one), "10.00") for one in entries])


def write_bmo(entries: Entries) -> str:
    rows = [
        (
            "'0050076600001111'",
            "CREDIT" if entry.is_credit else "DEBIT",
            f"{entry.booked_on:%Y%m%d}",
            entry.money.plain(),
            f"[CW]{described(entry, 'INTERAC ETRNSFR RECVD')}",
        )
        for entry in entries
    ]
    return BMO_PREAMBLE + table([BMO_HEADER, *rows])


def write_scotiabank(entries: Entries) -> str:
    return table([(american(one), one.money.plain(), described(one)) for one in entries])


def write_cibc(entries: Entries) -> str:
    sender = "INTERNET BANKING E-TRANSFER 105812345678"
    return table(
        [(one.booked_on.isoformat(), described(one, sender), *split_amount(one)) for one in entries]
    )


def write_camt053(entries: Entries) -> str:
    return _camt(entries, "053.001.08", "BkToCstmrStmt", "Stmt")


def write_camt054(entries: Entries) -> str:
    return _camt(entries, "054.001.04", "BkToCstmrDbtCdtNtfctn", "Ntfctn")


def _camt(entries: Entries, version: str, document: str, account: str) -> str:
    body = "".join(_camt_entry(entry) for entry in entries)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{version}"><{document}>'
        "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-11-30T06:00:00</CreDtTm></GrpHdr>"
        f"<{account}><Id>S1</Id><Acct><Id><Othr><Id>0012345</Id></Othr></Id></Acct>"
        f"{body}</{account}></{document}></Document>"
    )


def _camt_entry(entry: StatementEntry) -> str:
    bank = f"<AcctSvcrRef>{entry.bank_reference}</AcctSvcrRef>" if entry.bank_reference else ""
    email = f"<CtctDtls><EmailAdr>{entry.payer_email}</EmailAdr></CtctDtls>"
    text = f"{entry.message} {entry.interac_reference}".strip()
    return (
        f'<Ntry><Amt Ccy="{entry.money.currency}">{abs(entry.money.decimal)}</Amt>'
        f"<CdtDbtInd>{'CRDT' if entry.is_credit else 'DBIT'}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><Dt>{entry.booked_on}</Dt></BookgDt>{bank}<NtryDtls><TxDtls><RltdPties>"
        f"<Dbtr><Pty><Nm>{escape(entry.payer_name)}</Nm>{email if entry.payer_email else ''}</Pty>"
        f"</Dbtr><DbtrAcct><Id><Othr><Id>{entry.payer_account}</Id></Othr></Id></DbtrAcct>"
        f"</RltdPties><RmtInf><Ustrd>{escape(text)}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )


def write_mt940(entries: Entries) -> str:
    head = ":20:STARTUMSE\n:25:10020030/0001234567\n:28C:00011/001\n:60F:C261001CAD1000,00\n"
    total = 100_000 + sum(entry.money.minor for entry in entries)
    foot = f":62F:C261130CAD{total // 100},{total % 100:02}\n-\n"
    return head + "".join(_mt940_movement(entry) for entry in entries) + foot


def _mt940_movement(entry: StatementEntry) -> str:
    amount = str(abs(entry.money.decimal)).replace(".", ",")
    day = f"{entry.booked_on:%y%m%d%m%d}"
    text = f"{entry.message} {entry.interac_reference}".strip()
    lines = [text[at : at + 27] for at in range(0, len(text), 27)]
    told = "".join(f"?{number}{line}" for number, line in enumerate(lines, start=20))
    return (
        f":61:{day}{'C' if entry.is_credit else 'D'}{amount}NTRFNONREF//{entry.bank_reference}\n"
        f":86:166?00CREDIT{told}?31{entry.payer_account}?32{entry.payer_name}\n"
    )


def write_ofx(entries: Entries) -> str:
    head = (
        "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:UTF-8\nCHARSET:NONE\n\n"
        "<OFX><BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS>"
        "<CURDEF>CAD<BANKACCTFROM><BANKID>003<ACCTID>0001234567<ACCTTYPE>CHECKING</BANKACCTFROM>"
        "<BANKTRANLIST><DTSTART>20261001<DTEND>20261130\n"
    )
    body = "".join(_ofx_movement(number, entry) for number, entry in enumerate(entries, start=1))
    return head + body + "</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n"


def _ofx_movement(number: int, entry: StatementEntry) -> str:
    name = escape(entry.payer_name) or "DEPOSIT"
    return (
        f"<STMTTRN><TRNTYPE>{'CREDIT' if entry.is_credit else 'DEBIT'}"
        f"<DTPOSTED>{entry.booked_on:%Y%m%d}<TRNAMT>{entry.money.decimal}<FITID>{number:09}"
        f"<NAME>{name}<MEMO>{escape(text_of(entry)) or 'TRANSFER'}\n</STMTTRN>\n"
    )


@dataclass(frozen=True, slots=True)
class BankFormat:
    """A format, and which lines it can carry without losing what they say."""

    filename: str
    write: Callable[[Entries], str]
    carries: Callable[[StatementEntry], bool]


def _in_dollars(entry: StatementEntry) -> bool:
    """Canadian, and without an account of the payer's."""
    return entry.money.currency == "CAD" and not entry.payer_account


FORMATS = (
    BankFormat(
        "rbc.csv",
        write_rbc,
        lambda one: one.money.currency in {"CAD", "USD"} and not one.payer_account,
    ),
    BankFormat("td.csv", write_td, _in_dollars),
    BankFormat("bmo.csv", write_bmo, _in_dollars),
    BankFormat("scotiabank.csv", write_scotiabank, _in_dollars),
    BankFormat("cibc.csv", write_cibc, _in_dollars),
    BankFormat("camt053.xml", write_camt053, lambda _: True),
    BankFormat("camt054.xml", write_camt054, lambda _: True),
    BankFormat(
        "mt940.sta",
        write_mt940,
        lambda one: one.money.currency == "CAD" and not one.payer_email,
    ),
    BankFormat("statement.ofx", write_ofx, _in_dollars),
)

_ENGLISH = (
    "{name} has sent you a money transfer for the amount of ${amount} (CAD) and the money has "
    "been automatically deposited into your bank account at RBC Royal Bank.\n\n"
    "Message: {message}\n\nReference Number : {reference}\n"
)
_FRENCH = (
    "{name} vous a envoyé un virement de {amount} $ (CAD) et les fonds ont été déposés "
    "automatiquement dans votre compte.\n\n"
    "Message : {message}\n\nNuméro de référence : {reference}\n"
)


def write_mail(notice: Notice, *, french: bool) -> bytes:
    """The notification mail Interac would send for this transfer."""
    amount = notice.money.plain()
    body = (_FRENCH if french else _ENGLISH).format(
        name=notice.name,
        amount=amount.replace(".", ",") if french else amount,
        message=notice.message,
        reference=notice.interac_reference,
    )
    subject = "Virement Interac" if french else "INTERAC e-Transfer"
    head = (
        "Authentication-Results: mail.example.org; dkim=pass header.d=payments.interac.ca;"
        " spf=pass smtp.mailfrom=notify@payments.interac.ca;"
        " dmarc=pass header.from=payments.interac.ca\n"
        "From: <notify@payments.interac.ca>\n"
        f"Reply-To: <{notice.email}>\n"
        "To: partnership@loveworldcan.ca\n"
        f"Subject: {subject}\n"
        f"Date: {notice.received_on:%a, %d %b %Y} 12:00:00 +0000\n"
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: 8bit\n\n"
    )
    return (head + body).encode()
