"""A partner's pages at a million gifts of its own, in empty views.

The gifts are made within the database, of two hundred thousand donors, over two years, by all that
the page divides them by. Twenty are in dispute. The first three came alone, in a month of their
own, which is withheld with another.
"""

import gc
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa
from flask import Response
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.app import create_app
from portal.codes.models import Scope, find_code
from portal.database import Database
from portal.gifts.code_counting import recount_codes
from portal.signin.accounts import PartnerRole, Person, add_partner_user
from portal.signin.sessions import begin_session
from tests.benchmarks import table
from tests.benchmarks.ground import ENGINES, Ground, make_settings, opened
from tests.benchmarks.team import EMPTY
from tests.workplace import act_in

MANY, FEW_GIFTS = 1_000_000, 20_000
MOST_EMPTY_VIEWS = 25
EMPTY_VIEWS = 20
CODE = "LWCAN"
# The page of figures, and the lists behind some of them.
PAGES = {
    "": "/partners/",
    "’s newest gifts": "/partners/gifts?currency=CAD",
    "’s gifts, page 20": "/partners/gifts?currency=CAD&page=20",
    "’s gifts to a fund": "/partners/gifts?currency=CAD&by=fund&of=media",
    "’s gifts of a month": "/partners/gifts?currency=CAD&by=month&of=2025-05",
    "’s gifts in dispute": "/partners/gifts?currency=CAD&what=disputed",
}
# Columns that say what differs from gift to gift; `n` is its number. They came one after another.
_AGO = "CASE WHEN n <= 3 THEN 800 ELSE ({gifts} - n) * 730 / {gifts} END"
DAYS = {
    "sqlite": f"date('2026-11-20', '-' || ({_AGO}) || ' days')",
    "postgresql": f"DATE '2026-11-20' - CAST({_AGO} AS integer)",
}
TIMES = {
    "sqlite": "{day} || ' 12:00:00.000000'",
    "postgresql": "({day} + TIME '12:00') AT TIME ZONE 'UTC'",
}
NUMBERS = (
    "WITH RECURSIVE numbers(n) AS (SELECT CAST(1 AS BIGINT) UNION ALL"
    " SELECT n + 1 FROM numbers WHERE n < {most})"
)
DONORS = """
INSERT INTO donors (id, email, created_at) {numbers}
SELECT 1000000 + n, 'bench' || n || '@example.org', '{now}' FROM numbers
"""
GIFTS = """
INSERT INTO gifts (id, token, reference, donor_id, region, fund, code, partner, mode, frequency,
  amount_minor, cover_minor, currency, first_name, last_name, email, search_name, given_name,
  address_line1, address_line2, city, province, postal_code, country, locale, dedication, anonymous,
  status, paid_minor, refunded_minor, created_at, received_on)
{numbers}
SELECT 1000000 + n, 'bench-' || n, 'B' || n, 1000001 + n * 7919 % {donors}, 'ca',
  CASE n % 3 WHEN 0 THEN 'missions' WHEN 1 THEN 'media' ELSE 'partnership' END, '{code}',
  '{partner}', CASE n % 2 WHEN 0 THEN 'card' ELSE 'interac' END, 'once', 1000 + n % 9000, 0, 'CAD',
  '', '', '', '', '', '', '', '', '', '', '', 'en', '', {no},
  CASE WHEN n % 10 = 0 THEN 'pending' WHEN n % {rare} = 7 THEN 'disputed' ELSE 'paid' END,
  CASE WHEN n % 10 = 0 THEN 0 ELSE 1000 + n % 9000 END, 0, {time},
  CASE WHEN n % 10 = 0 THEN NULL ELSE {day} END FROM numbers
"""
USES = """
INSERT INTO code_uses (gift_id, code_id, policy_id, policy_version, scope_id, path, via,
  first_code, holds, over_limit, at)
{numbers} SELECT 1000000 + n, {code_id}, {policy}, 1, {scope}, '{path}', 'link', '{code}', {yes},
  {no}, '{now}' FROM numbers
"""


def run(ground: Ground) -> Iterator[table.Line]:
    gifts, rounds = (FEW_GIFTS, 10) if ground.quick else (MANY, 40)
    for engine, name in ENGINES.items():
        url = ground.make_database(engine, "partners")
        scope = plant(url, gifts)
        with signed_in(url, scope) as client:
            for what, path in PAGES.items():
                page, empty = time_page(client, path, rounds)
                yield table.at_most(
                    f"a partner{what or '’s page'} at {gifts:,} of its own, {name}, in empty views",
                    page,
                    empty,
                    MOST_EMPTY_VIEWS,
                    table.milliseconds,
                )


def plant(url: str, gifts: int) -> int:
    """So many gifts by the sample code; its scope."""
    with opened(url) as database:
        with database.write() as session:
            scope = _fill(session, gifts)
        with database.write() as session:
            recount_codes(session)
        _clean(database)
    return scope


def _clean(database: Database) -> None:
    """Leave nothing of what was changed in bulk, as a server does within some minutes."""
    if database.is_sqlite:
        with database.writer.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
            connection.exec_driver_sql("COMMIT")
    else:
        alone = database.writer.execution_options(isolation_level="AUTOCOMMIT")
        with alone.connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _fill(session: Session, gifts: int) -> int:
    code = find_code(session, CODE)
    assert code is not None
    assert code.scope_id is not None
    dialect = session.get_bind().dialect.name
    donors, day = max(gifts // 5, 1), DAYS[session.get_bind().dialect.name].format(gifts=gifts)
    words = {
        "donors": donors,
        "now": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.000000}",
        "code": code.code,
        "partner": code.partner,
        "code_id": code.id,
        "policy": code.policy_id,
        "scope": code.scope_id,
        "path": code.path,
        "day": day,
        "time": TIMES[dialect].format(day=day),
        "rare": max(gifts // 20, 8),
        "yes": "true",
        "no": "false",
    }
    for statement, most in ((DONORS, donors), (GIFTS, gifts), (USES, gifts)):
        text = statement.format(numbers=NUMBERS.format(most=most), **words)
        session.execute(sa.text(text))
    return code.scope_id


@contextmanager
def signed_in(url: str, scope_id: int) -> Iterator[FlaskClient]:
    """A browser of someone who may see the scope's figures."""
    app = create_app(make_settings(url))
    gc.collect()
    gc.freeze()
    app.add_url_rule(EMPTY, view_func=Response)
    services, client = app.extensions["portal"], app.test_client()
    with services.database.write() as session:
        act = act_in(session, services.now())
        person = Person("bench@partner.example", PartnerRole.VIEWER)
        user = add_partner_user(act, session.get_one(Scope, scope_id), person)
    with client.session_transaction("/partners/") as cookie:
        begin_session(cookie, user, services.now())
    yield client
    services.database.close()


def time_page(client: FlaskClient, path: str, rounds: int) -> tuple[float, float]:
    """The 95th percentile of a page's seconds, and the median of an empty view's."""
    taken, empty = [], []
    for turn in range(rounds + 2):
        empty += [_get(client, EMPTY) for _ in range(EMPTY_VIEWS)]
        seconds = _get(client, path)
        if turn >= 2:
            taken.append(seconds)
    return table.slowest(taken), statistics.median(empty)


def _get(client: FlaskClient, path: str) -> float:
    started = time.perf_counter()
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return time.perf_counter() - started
