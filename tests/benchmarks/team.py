"""A staff member signed in to an application of this process, and many gifts to look at."""

import gc
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager

import click
import sqlalchemy as sa
from flask import Response
from flask.testing import FlaskClient

from portal import MIGRATIONS, PACKAGE
from portal.app import create_app
from portal.commands.installation import add_staff
from portal.commands.seed import seed_gifts
from portal.gifts.models import Gift
from portal.payments.books import recount_days
from tests.benchmarks.ground import Ground, make_settings, opened
from tests.benchmarks.multiplying import multiply
from tests.workplace import make_workplace

# More than these are copies of them, where the database can make some.
SEEDED = 100_000
# A view of nothing, to measure pages against.
EMPTY = "/bench/empty"
EMAIL, PASSWORD = "bench@staff.example", "correct horse battery staple"


def seeded(ground: Ground, engine: str, gifts: int) -> str:
    """The address of a database with so many gifts; one of an earlier run is used again."""
    name = f"gifts_{gifts}_{_fingerprint()}"
    url = ground.url(engine, name)
    if _count(ground, engine, name) == gifts:
        return url
    ground.make_database(engine, name)
    add_staff(make_settings(url), email=EMAIL, name="Bench", role="finance", password=PASSWORD)
    place = make_workplace(url, None)
    done = 0

    def progress(more: int) -> None:
        nonlocal done
        done += more
        if done % 100_000 == 0:
            click.echo(f"  {engine}: {done:,} of {gifts:,} gifts", err=True)

    times = gifts // SEEDED if engine == "postgresql" and gifts > SEEDED else 1
    seed_gifts(place.services, gifts // times, progress)
    if times > 1:
        multiply(url, times)
        recount_days(place.services)
    with place.database.writer.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.exec_driver_sql("COMMIT")
    place.close()
    return url


def _fingerprint() -> str:
    """Changes with whatever decides what the seeded tables hold."""
    files = [*sorted((MIGRATIONS / "versions").glob("*.py")), PACKAGE / "commands" / "seed.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


def _count(ground: Ground, engine: str, name: str) -> int:
    if engine == "sqlite" and not (ground.folder / f"{name}.db").exists():
        return 0
    try:
        with opened(ground.url(engine, name)) as database, database.read() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(Gift)) or 0
    except Exception:  # noqa: BLE001 - a database that can't be read is made anew
        return 0


@contextmanager
def signed_in(url: str) -> Iterator[FlaskClient]:
    """A browser of a staff member who may do everything with gifts."""
    app = create_app(make_settings(url))
    # As the server does before it serves: else the collector walks through all that was loaded.
    gc.collect()
    gc.freeze()
    app.add_url_rule(EMPTY, view_func=Response)
    client = app.test_client()
    page = client.get("/staff/sign-in").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token, "no sign-in form"
    form = {"csrf_token": token[1], "email": EMAIL, "password": PASSWORD}
    answer = client.post("/staff/sign-in", data=form)
    assert answer.status_code == 303, answer.text
    yield client
    app.extensions["portal"].database.close()
