"""What is fuzzed. A further target is one more entry in `TARGETS`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.formats.reading import read_statement
from portal.payments.statements.interac.mail import NoTransferMail, UntrustedMail, read_interac_mail

SAMPLES = Path(__file__).parents[1] / "statements" / "samples"
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
    errors: tuple[type[Exception], ...]


def _read(content: bytes) -> object:
    return read_statement(content, filename="fuzz", currency="CAD")


def _bank(name: str, *files: str) -> Target:
    samples = tuple((SAMPLES / file).read_bytes() for file in files)
    return Target(name, _read, samples, (StatementError,))


TARGETS = {
    target.name: target
    for target in (
        _bank("csv", "rbc.csv", "td.csv", "bmo.csv", "scotiabank.csv", "cibc.csv"),
        _bank("camt", "camt053.xml", "camt054.xml"),
        _bank("mt940", "mt940.sta"),
        _bank("ofx", "ofx1.ofx", "ofx2.qfx"),
        Target(
            "interac",
            read_interac_mail,
            (MAIL.format("plain", "").encode(), MAIL.format("html", "<p>").encode()),
            (UntrustedMail, NoTransferMail),
        ),
    )
}
