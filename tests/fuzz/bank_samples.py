"""Valid files of every bank format and of its variants, for damage to begin from."""

from tests.statements.samples import sample
from tests.statements.test_bank_layouts import BMO, DESJARDINS, FRENCH, NATIONAL, SCOTIABANK
from tests.statements.test_bank_layouts import WITH_STATUS as SCOTIABANK_STATUS
from tests.statements.test_camt_variants import NAME, camt
from tests.statements.test_corrections import DELETED, FIRST, REPLACED, ofx
from tests.statements.test_standards import with_details

DUTCH = """ABNANL2A
940
ABNANL2A
:20:ABN AMRO BANK NV
:25:517852257
:28C:19321/1
:60F:C261101EUR3236,28
:61:261102    C00000000075,50N426NONREF
:86:/TRTP/SEPA OVERBOEKING/IBAN/NL91ABNA0417164300/NAME/J. de Vries
:86:/REMI/LW7K-3QXD-9//EREF/NOTPROVIDED/
:62F:C261102EUR3311,78
-
"""
PENDING = camt(f"<RltdPties><Dbtr><Pty>{NAME}</Pty></Dbtr></RltdPties>").replace("BOOK", "PDNG")


def _all(*texts: str) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in texts)


CSV = (
    *(sample(f"{bank}.csv") for bank in ("rbc", "td", "bmo", "scotiabank", "cibc")),
    *_all(SCOTIABANK, SCOTIABANK_STATUS, BMO.format(""), DESJARDINS, NATIONAL, FRENCH),
)
# Day, amount, message and status, as `COLUMNS_MEANT` says in tests/fuzz/targets.py.
COLUMNS = _all(
    "Date,Amount,Message,Status\n2026-11-02,75.50,LW7K-3QXD-9,booked\n2026-11-03,-1,x,pending\n",
    "Jour;Montant;Objet;État\n02/11/2026;1 075,50;Don «Missions»;\n14/11/2026;(1,00);frais;\n",
    'Date\tAmount\tMessage\tStatus\n20261102\t1,075.50\t"two\nlines"\tPosted\n',
)
CAMT = (
    sample("camt053.xml"),
    sample("camt054.xml"),
    PENDING.encode(),
    camt(
        f"<RltdPties><UltmtDbtr><Pty>{NAME}</Pty></UltmtDbtr></RltdPties>",
        about="<CreDtTm>2026-11-30T06:00:00</CreDtTm>",
        dated="",
    ).encode(),
)
MT940 = (
    sample("mt940.sta"),
    DUTCH.encode(),
    with_details("GIFT", "/NAME/JANE DOE/REMI/LW7K-3QXD-9/").encode(),
)
OFX = (
    sample("ofx1.ofx"),
    sample("ofx2.qfx"),
    *_all(ofx(FIRST, DELETED), ofx(FIRST, REPLACED)),
)
