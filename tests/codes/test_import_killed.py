"""An import by a real worker that is killed in the midst of it, more than once."""

from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from portal.codes.models import CodeBatch, CodeRecord
from portal.codes.parsing import normalise_code
from portal.codes.terms import BatchState
from portal.codes.uploads import (
    Asked,
    CodeReject,
    CodeUpload,
    UploadState,
    keep_upload,
    start_upload,
)
from portal.commands.installation import free_port
from portal.database import Database
from portal.services import AuditEntry, Services
from tests.conftest import SECRET
from tests.sandbox_process import wait_until
from tests.warm import WarmProcess, start_portal
from tests.workplace import make_services

ROWS = 6_000
# Killed three times a job is taken up at once; after that it waits a while between.
KILLED_AFTER = (1_000, 2_500, 4_500)

pytestmark = pytest.mark.slow


def make_table(rows: int) -> tuple[bytes, set[str], dict[int, str]]:
    """A file, the codes that it should become, and what is said of its other rows, by number.

    Each hundredth row repeats one of the first block, each other fiftieth can't be a code.
    """
    lines, good, bad = ["code,tag"], set[str](), dict[int, str]()
    for number in range(2, rows + 2):
        code = f"K{number:06}"
        if number % 100 == 0:
            code, bad[number] = f"K{number // 100 % 40 + 3:06}", "stands in row"
        elif number % 50 == 0:
            code, bad[number] = f"A/{number}", "letters and digits"
        else:
            good.add(normalise_code(code))
        lines.append(f"{code},spring")
    return "\n".join(lines).encode(), good, bad


def start_worker(url: str, log: Path) -> WarmProcess:
    settings = {
        "PORTAL_SECRET_KEY": SECRET,
        "PORTAL_DATABASE_URL": url,
        "PORTAL_ENVIRONMENT": "demo",
        "PORTAL_MAIL_URL": f"smtp://127.0.0.1:{free_port()}",
        "PORTAL_MAIL_FROM": "giving@portal.example",
    }
    return start_portal("worker", settings=settings, stderr=log)


def rows_done(database: Database) -> int:
    with database.read() as session:
        return session.scalars(sa.select(CodeUpload.rows)).one()


def is_over(database: Database) -> bool:
    with database.read() as session:
        return session.scalars(sa.select(CodeUpload.state)).one() is not UploadState.IMPORTING


def import_with_kills(services: Services, url: str, log: Path, kills: tuple[int, ...]) -> list[int]:
    """How many rows were done at each kill of the worker; after the last it ends its work."""
    database, done = services.database, list[int]()
    for after in kills:
        worker = start_worker(url, log)
        wait_until(lambda wanted=after: rows_done(database) >= wanted, 60)
        worker.kill()
        worker.wait()
        done.append(rows_done(database))
    worker = start_worker(url, log)
    wait_until(lambda: is_over(database), 120)
    worker.kill()
    worker.wait()
    return done


def test_a_worker_killed_in_an_import_leaves_no_double_and_no_gap(
    catalogued: Database, database_url: str, tmp_path: Path
) -> None:
    services = make_services(catalogued)
    content, good, bad = make_table(ROWS)
    upload_id = keep_upload(services, "codes.csv", content, Asked(), "staff:1")
    with services.write("staff:1") as act:
        assert start_upload(act, upload_id)
    killed = import_with_kills(services, database_url, tmp_path / "worker.log", KILLED_AFTER)
    assert 0 < killed[0] < killed[1] < killed[2] < ROWS
    with services.database.read() as session:
        upload = session.scalars(sa.select(CodeUpload)).one()
        batch = session.scalars(sa.select(CodeBatch)).one()
        codes = session.scalars(sa.select(CodeRecord.code).where(CodeRecord.tag == "spring")).all()
        rejects = {one.number: one.why for one in session.scalars(sa.select(CodeReject))}
        notes = Counter(
            session.scalars(sa.select(AuditEntry.act).where(AuditEntry.act == "codes_import"))
        )
    assert Counter(codes) == Counter(good)
    assert (upload.state, upload.problem) == (UploadState.DONE, "")
    assert (upload.rows, upload.new, upload.known) == (ROWS, len(good), 0)
    assert upload.rejected == len(bad) == len(rejects)
    assert all(part in rejects[number] for number, part in bad.items())
    assert (batch.state, batch.made, batch.wanted) == (BatchState.DONE, len(good), len(good))
    assert notes == {"codes_import": 2}
