"""The queue dates its jobs by SQLite's own clock, which old versions of it can't tell finely."""

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from portal.database import Database

ASK = sa.text("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)")


@pytest.mark.parametrize("whose", ["ours", "the queue's own"])
def test_sqlite_tells_milliseconds_whatever_its_version(tmp_path: Path, whose: str) -> None:
    path = f"sqlite:///{tmp_path / 'portal.db'}"
    database = Database(path)
    engine = database.writer if whose == "ours" else sa.create_engine(path)
    with engine.connect() as connection:
        told = connection.scalar(ASK)
    assert isinstance(told, int)
    assert abs(told / 1000 - time.time()) < 60
    engine.dispose()
    database.close()
