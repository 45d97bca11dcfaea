"""`python -m tests.check_migrations`: the models are what the migrations make."""

import tempfile
from pathlib import Path

from portal import schema
from portal.database import Database


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'check.db'}")
        schema.upgrade(database)
        schema.check(database)
        database.close()


if __name__ == "__main__":
    main()
