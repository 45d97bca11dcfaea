"""Files of every format, written for these tests: no bank's, no person's."""

from pathlib import Path

from portal.payments.statements.formats.entries import StatementDocument, StatementError
from portal.payments.statements.formats.reading import read_statement

SAMPLES = Path(__file__).parent / "samples"
NAMES = (
    "rbc.csv td.csv bmo.csv scotiabank.csv cibc.csv"
    " camt053.xml camt054.xml mt940.sta ofx1.ofx ofx2.qfx"
).split()


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def read_sample(name: str) -> StatementDocument:
    return read_statement(sample(name), filename=name)


def read_text(text: str, **chosen: object) -> StatementDocument:
    return read_statement(text.encode(), filename="statement", **chosen)  # type: ignore[arg-type]


def refusal(content: bytes, **chosen: object) -> StatementError:
    """The error that a file is refused with; fails if it is read."""
    try:
        document = read_statement(content, filename="statement", **chosen)  # type: ignore[arg-type]
    except StatementError as error:
        return error
    raise AssertionError(f"read as {document.format} with {len(document.entries)} entries")
