"""The giving form: CPU of the server process a request, once it is warm.

The form, its "not modified", links that nobody asked for before, a code's short address, an empty
view and a plain page are asked for in turns over one connection each, packed as browsers ask for
it.
"""

import http.client
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

import sqlalchemy as sa

from portal.codes.models import CodeRecord
from tests.benchmarks import table
from tests.benchmarks.ground import Ground, make_settings, opened
from tests.benchmarks.serving import Serving, serving

FORM = "/give/ca?code=LWCAN"
EMPTY, PAGE = "/bench/empty", "/bench/page"
# Addresses of links, one a person: `{0}` is another number each time.
LINKS = {
    "a link with its own amount": "/give/ca?code=LWCAN&amount={0}.37",
    "a link with campaign marks": "/give/ca?code=LWCAN&utm_source=mail&utm_id={0}",
    "a link with a code of its own": "/give/ca?code=P{0}",
    "a link with all three": "/give/ca?code=P{0}&amount={0}.37&utm_source=mail&utm_id={0}",
}
PERSONS, FEWER_PERSONS = 1_000_000, 30_000
_numbers = count(10_000)


def run(ground: Ground) -> Iterator[table.Line]:
    url = ground.make_database("sqlite", "form_page")
    add_persons(url, FEWER_PERSONS if ground.quick else PERSONS)
    settings = make_settings(url)
    # Short turns, so that what else the machine does falls on all alike.
    rounds, requests = (8, 50) if ground.quick else (40, 120)
    with serving(settings, "tests.benchmarks.plain_pages") as server:
        asked = {
            "empty": (EMPTY, False),
            "form": (FORM, False),
            "unchanged": (FORM, True),
            "page": (PAGE, False),
            "short": ("/c/LWCAN", False),
            "short of its own": ("/c/P{0}", False),
            **{name: (path, False) for name, path in LINKS.items()},
        }
        costs: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(rounds):
            for name, (path, is_seen) in asked.items():
                costs[name].append(cost_of(server, path, requests, is_seen=is_seen))
    cost = {name: statistics.fmean(found) for name, found in costs.items()}
    write = table.microseconds
    yield table.at_most(
        "form with a code, against an empty view", cost["form"], cost["empty"], 1.5, write
    )
    yield table.at_most("form not modified (304)", cost["unchanged"], cost["empty"], 1.2, write)
    for name in LINKS:
        yield table.at_most(name, cost[name], cost["empty"], 3, write)
    yield table.at_most(
        "a code’s short address (/c/CODE)", cost["short"], cost["empty"], 1.5, write
    )
    yield table.Line(
        "the same of a code of its own",
        write(cost["short of its own"]),
        write(cost["empty"]),
        cost["short of its own"] / cost["empty"],
    )
    yield table.Line(
        "a plain page of 15 KB, against the same",
        write(cost["page"]),
        write(cost["empty"]),
        cost["page"] / cost["empty"],
    )


def add_persons(url: str, persons: int) -> None:
    """A code for each person of a mailing, all of the same terms."""
    with opened(url) as database, database.write() as session:
        whole = session.scalars(sa.select(CodeRecord).where(CodeRecord.code == "LWCAN")).one()
        shared = {"kind": whole.kind, "scope_id": whole.scope_id, "policy_id": whole.policy_id}
        shared |= {"state": whole.state, "created_at": datetime.now(UTC)}
        names = (f"P{number}" for number in range(10_000, 10_000 + persons))
        session.execute(
            sa.insert(CodeRecord), [{"code": name, "display": name, **shared} for name in names]
        )


def find_tag(server: Serving) -> str:
    """The form's ETag, as a browser that asks for a packed page gets it."""
    connection = server.connect()
    answer = ask(connection, FORM, "")
    assert answer.headers["Content-Encoding"] == "gzip"
    connection.close()
    return answer.headers["ETag"] or ""


def cost_of(server: Serving, path: str, requests: int, *, is_seen: bool) -> float:
    """CPU seconds of the server a request, after some to warm up.

    Whoever has seen the page asks whether it changed; its ticket does now and then.
    """
    connection = server.connect()
    tag = find_tag(server) if is_seen else ""
    for _ in range(5):
        ask(connection, path.format(next(_numbers)), tag)
    before, changed = server.cpu_seconds(), 0
    for _ in range(requests):
        answer = ask(connection, path.format(next(_numbers)), tag)
        if is_seen and answer.status == 200:
            changed, tag = changed + 1, answer.headers["ETag"] or ""
        else:
            assert answer.status == (304 if is_seen else 302 if path.startswith("/c/") else 200)
    used = server.cpu_seconds() - before
    connection.close()
    assert changed <= 1, "the page changed more than its ticket does"
    return used / requests


def ask(connection: http.client.HTTPConnection, path: str, tag: str) -> http.client.HTTPResponse:
    headers = {"Accept-Encoding": "gzip, br", "Accept": "text/html"}
    connection.request("GET", path, headers=headers | ({"If-None-Match": tag} if tag else {}))
    answer = connection.getresponse()
    answer.read()
    return answer
