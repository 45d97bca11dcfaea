"""Backed up, lost, restored and moved to PostgreSQL, while people give and Stripe tells of it.

What the backup has comes back to the row, what Stripe took since comes back from Stripe, and the
move takes every row along. The books and a count of every table say so.
"""

import re
import shutil
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from portal.database import Database
from portal.gifts.models import Gift, LedgerEntry
from portal.receipts.register import Receipt
from tests.commands.test_backup import count_all
from tests.conftest import PostgresServer
from tests.demo_process import DemoProcess
from tests.installation import Installation, running_installation
from tests.journeys.giving import Donor, new_donor, start
from tests.journeys.test_kill import Donors, list_all, wait_until_quiet
from tests.journeys.test_transfers import picture
from tests.sandbox_process import wait_until

pytestmark = pytest.mark.slow

GIVERS = 2
PATIENCE_SECONDS = 60
# Gifts that may begin while something else is done.
GO_ON = 12


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    """On SQLite, with the samples; web and worker run."""
    settings = {
        "PORTAL_ENVIRONMENT": "demo",
        "PORTAL_DATABASE_URL": f"sqlite:///{tmp_path}/portal/own/portal.db",
        "PORTAL_UPLOADS": f"{tmp_path}/portal/own/uploads",
        "PORTAL_FREE_STARTS": "2000",
        "PORTAL_FREE_STARTS_BY_NETWORK": "2000",
    }
    with running_installation(tmp_path / "portal", **settings) as house:
        own_folder(house).mkdir()
        house.run("db", "upgrade")
        serve(house)
        yield house


def own_folder(house: Installation) -> Path:
    return house.folder / "own"


def serve(house: Installation) -> None:
    house.start("web", "serve", "--port", str(house.port))
    house.start("worker", "worker")
    house.await_ready()


@contextmanager
def looking_into(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


def count(url: str) -> dict[str, int]:
    with looking_into(url) as database:
        return count_all(database)


@contextmanager
def people_giving(house: Installation) -> Iterator[Donors]:
    """They give on and on, and try again whenever the site is away."""
    donors = Donors(house.opened(), later=503)
    threads = [threading.Thread(target=donors.give_on_and_on) for _ in range(GIVERS)]
    for thread in threads:
        thread.start()
    try:
        yield donors
    finally:
        donors.stop.set()
        for thread in threads:
            thread.join()
    assert donors.problems == []


def await_gifts(donors: Donors, more: int) -> None:
    """So many more are paid, and others go on."""
    wanted = donors.paid + more
    donors.turns.release(more + GO_ON)
    wait_until(lambda: donors.paid >= wanted or donors.problems, PATIENCE_SECONDS)


def run_amid(house: Installation, donors: Donors, *words: str) -> str:
    """A command while people give, which they did; what it said."""
    donors.turns.release(GO_ON)
    before = donors.paid
    said = house.run(*words)
    assert donors.paid > before, "nobody gave meanwhile"
    return said


def test_nothing_is_lost_on_the_way(
    house: Installation, postgres: PostgresServer, tmp_path: Path
) -> None:
    proof = send_proof(house.opened(), new_donor())
    with people_giving(house) as donors:
        await_gifts(donors, 4)
        kept = tmp_path / "kept.tar.gz"
        run_amid(house, donors, "backup", str(kept))
        await_gifts(donors, 3)
        lose_all(house)
        restore(house, kept, proof)
        serve(house)
        await_gifts(donors, 3)
        house.run("reconcile")
        move(house, postgres, donors)
        await_gifts(donors, 3)
    settle(house, donors)


def send_proof(demo: DemoProcess, donor: Donor) -> str:
    """A donor's picture of a transfer; the name of its file."""
    path = start(demo, donor, mode="interac")
    sent = requests.post(
        f"{demo.portal}{path}/proof",
        files={"proof": ("proof.png", picture(), "image/png")},
        headers={"Origin": demo.portal, **donor.headers},
        allow_redirects=False,
        timeout=30,
    )
    assert sent.status_code == 303, sent.text
    (file,) = (path for path in (demo.data / "own" / "uploads").rglob("*") if path.is_file())
    return file.name


def lose_all(house: Installation) -> None:
    """The machine burns down in the midst of it."""
    house.kill("web", "worker")
    shutil.rmtree(own_folder(house))
    own_folder(house).mkdir()


def restore(house: Installation, kept: Path, proof: str) -> None:
    assert "its books add up" in house.run("restore", str(kept))
    with tarfile.open(kept) as tar:
        tar.extract("database.sqlite", house.folder, filter="data")
    before = count(f"sqlite:///{house.folder}/database.sqlite")
    assert count(house.settings["PORTAL_DATABASE_URL"]) == before
    assert before["gifts"] >= 5
    assert list((own_folder(house) / "uploads").rglob(proof))


def move(house: Installation, postgres: PostgresServer, donors: Donors) -> None:
    """While people give; who pays when the old database has closed is told of again."""
    postgres.run("DROP DATABASE IF EXISTS house WITH (FORCE)")
    postgres.run("CREATE DATABASE house")
    old, new = house.settings["PORTAL_DATABASE_URL"], postgres.url("house")
    demo, late = house.opened(), new_donor()
    begun = start(demo, late, amount="31.37")
    said = run_amid(house, donors, "db", "move", new)
    moved = {name: int(rows.replace(",", "")) for name, rows in re.findall(COUNTED, said, re.M)}
    assert "Moved, and the books add up." in said
    there = count(new)
    assert moved.items() <= there.items()
    assert {name: rows for name, rows in count(old).items() if name in there} == there
    assert demo.sandbox.pay(begun).status == 303
    donors.paid += 1
    house.settings["PORTAL_DATABASE_URL"] = new
    house.stop("web", "worker")
    serve(house)


COUNTED = r"^(\w+): ([\d,]+)$"


def settle(house: Installation, donors: Donors) -> None:
    """All that was taken is in the books, once; a receipt for each whose gift was not lost."""
    demo = house.opened()
    wait_until_quiet(demo)
    charges = [one["amount"] for one in list_all(demo, "charges") if one["paid"]]
    assert len(charges) == donors.paid
    with demo.database.read() as session:
        gifts = session.scalars(sa.select(Gift).where(Gift.status == "paid")).all()
        held = session.scalar(HELD)
        receipts = session.scalars(sa.select(Receipt.gift_id)).all()
    assert Counter(gift.amount_minor for gift in gifts) == Counter(charges)
    assert held == sum(charges)
    known = [gift.id for gift in gifts if not gift.is_unattributed]
    assert sorted(receipts) == sorted(known)
    assert len(known) < len(gifts), "something was paid after the backup, and lost with its gift"
    demo.database.close()
    house.run("reconcile", "--check")
    house.run("receipts", "verify")


HELD = sa.select(sa.func.sum(LedgerEntry.amount_minor)).where(
    LedgerEntry.debit_account == "clearing:stripe"
)
