"""What is fuzzed. A further target is one more entry in `TARGETS`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hypothesis import strategies as st

from portal.payments.statements.formats.csv_table import ColumnMapping
from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.formats.reading import read_statement
from portal.payments.statements.interac_mail import NoTransferMail, UntrustedMail, read_interac_mail
from tests.fuzz import bank_samples
from tests.fuzz.mutation import damaged
from tests.fuzz.requests import REQUESTS
from tests.statements.samples import sample

COLUMNS_MEANT = ColumnMapping(date=0, amount=1, message=(2,), status=3)
MAIL = """From: JANE DOE <notify@payments.interac.ca>
Reply-To: jane@example.org
Subject: INTERAC e-Transfer: A money transfer from JANE DOE has been automatically deposited.
Date: Mon, 23 Nov 2026 10:00:00 -0500
Message-ID: <1@payments.interac.ca>
Authentication-Results: mx.example.org; dkim=pass header.d=payments.interac.ca
Content-Type: text/{}; charset=utf-8

{}JANE DOE has sent you a money transfer for the amount of $5.25 (CAD) and the money has been
automatically deposited into your bank account at BANK.

Message: LW7K-3QXD-9

Reference Number : CA8xKp3Rt
"""


@dataclass(frozen=True)
class Target:
    """A reader, valid samples of what it reads, and the only errors it may raise."""

    name: str
    run: Callable[[bytes], object]
    samples: tuple[bytes, ...]
    errors: tuple[type[Exception], ...] = ()
    made: st.SearchStrategy[bytes] | None = None
    # How often a part is repeated at first, to see whether twice as much takes twice as long.
    times: int = 8_000

    @property
    def inputs(self) -> st.SearchStrategy[bytes]:
        """Inputs made for it, else damaged samples."""
        return damaged(self.samples) if self.made is None else self.made


def _read(content: bytes, mapping: ColumnMapping | None = None) -> object:
    document = read_statement(content, filename="fuzz", currency="CAD", mapping=mapping)
    for _each in (*document.entries, *document.set_aside):
        pass
    return document


def _bank(name: str, samples: tuple[bytes, ...]) -> Target:
    return Target(name, _read, samples, (StatementError,))


TARGETS = {
    target.name: target
    for target in (
        _bank("csv", bank_samples.CSV),
        Target(
            "columns",
            partial(_read, mapping=COLUMNS_MEANT),
            bank_samples.COLUMNS,
            (StatementError,),
        ),
        _bank("camt", bank_samples.CAMT),
        _bank("mt940", bank_samples.MT940),
        _bank("ofx", bank_samples.OFX),
        Target(
            "interac",
            read_interac_mail,
            (
                MAIL.format("plain", "").encode(),
                MAIL.format("html", "<p>").encode(),
                sample("interac_en.eml"),
                sample("interac_fr.eml"),
            ),
            (UntrustedMail, NoTransferMail),
        ),
        *(
            Target(name, run, samples, made=made, times=500)
            for name, (run, made, samples) in REQUESTS.items()
        ),
    )
}
