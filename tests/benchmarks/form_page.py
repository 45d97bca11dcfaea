"""The giving form with a code: CPU of the server process a request, once it is warm.

The form, its "not modified", an empty view and a plain page are asked for in turns over one
connection each, packed as browsers ask for it.
"""

import http.client
import statistics
from collections.abc import Iterator

from tests.benchmarks import table
from tests.benchmarks.ground import Ground, make_settings
from tests.benchmarks.serving import Serving, serving

FORM = "/give/ca?code=LWCAN"
EMPTY, PAGE = "/bench/empty", "/bench/page"


def run(ground: Ground) -> Iterator[table.Line]:
    settings = make_settings(ground.make_database("sqlite", "form_page"))
    rounds, requests = (5, 400) if ground.quick else (9, 1_500)
    with serving(settings, "tests.benchmarks.plain_pages") as server:
        tag = find_tag(server)
        asked = {
            "empty": (EMPTY, ""),
            "form": (FORM, ""),
            "unchanged": (FORM, tag),
            "page": (PAGE, ""),
        }
        costs: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(rounds):
            for name, (path, seen) in asked.items():
                costs[name].append(cost_of(server, path, seen, requests))
    cost = {name: statistics.median(found) for name, found in costs.items()}
    write = table.microseconds
    yield table.at_most(
        "form with a code, against an empty view", cost["form"], cost["empty"], 1.5, write
    )
    yield table.at_most("form not modified (304)", cost["unchanged"], cost["empty"], 1.2, write)
    yield table.Line(
        "a plain page of 15 KB, against the same",
        write(cost["page"]),
        write(cost["empty"]),
        cost["page"] / cost["empty"],
    )


def find_tag(server: Serving) -> str:
    """The form's ETag, as a browser that asks for a packed page gets it."""
    connection = server.connect()
    answer = ask(connection, FORM, "")
    assert answer.headers["Content-Encoding"] == "gzip"
    connection.close()
    return answer.headers["ETag"] or ""


def cost_of(server: Serving, path: str, tag: str, requests: int) -> float:
    """CPU seconds of the server a request, after some to warm up."""
    connection = server.connect()
    expected = 304 if tag else 200
    for _ in range(20):
        ask(connection, path, tag)
    before = server.cpu_seconds()
    for _ in range(requests):
        assert ask(connection, path, tag).status == expected
    used = server.cpu_seconds() - before
    connection.close()
    return used / requests


def ask(connection: http.client.HTTPConnection, path: str, tag: str) -> http.client.HTTPResponse:
    headers = {"Accept-Encoding": "gzip, br", "Accept": "text/html"}
    connection.request("GET", path, headers=headers | ({"If-None-Match": tag} if tag else {}))
    answer = connection.getresponse()
    answer.read()
    return answer
