"""The log says what failed, and nothing of whom it concerned."""

import subprocess
import sys

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.logs import format_exception
from tests.conftest import NOW
from tests.staff.samples import add_sample

REFUSE_GIFTS = {
    True: "CREATE TRIGGER refuse BEFORE INSERT ON gifts BEGIN SELECT RAISE(ABORT, 'no'); END",
    False: "ALTER TABLE gifts ADD CONSTRAINT refuse CHECK (amount_minor < 0) NOT VALID",
}
FAIL = """
from portal.logs import get_logger, set_up_logging
set_up_logging("json")
try:
    raise ValueError("refused\\nDETAIL:  Failing row contains (Ada, 1 Main\\nStreet).\\n")
except ValueError:
    get_logger().exception("crash")
"""


def test_a_database_that_refuses_a_row_tells_the_log_nothing_of_it(catalogued: Database) -> None:
    with catalogued.write() as session:
        session.execute(sa.text(REFUSE_GIFTS[catalogued.is_sqlite]))
    with pytest.raises(sa.exc.IntegrityError) as refused, catalogued.write() as session:
        add_sample(session, NOW)
    told = format_exception((refused.type, refused.value, refused.tb))
    assert "IntegrityError" in told
    assert "INSERT INTO gifts" in told
    for text in ("Tremblay", "tremblay", "zoe@example.org"):
        assert text not in told


def test_what_a_process_logs_of_an_error_is_cut_so() -> None:
    command = [sys.executable, "-c", FAIL]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "ValueError: refused" in told
    assert "DETAIL: left out" in told
    assert "Ada" not in told
    assert "Street" not in told
