"""Hand-offs in flight while Stripe takes half a second to answer.

As many donors as the server has threads send the form at once, over and over. Then one
donor fewer, and a thread that is free must answer at once.
"""

import http.client
import re
import threading
import time
from collections.abc import Iterator
from itertools import count
from urllib.parse import urlencode

from tests.benchmarks import table
from tests.benchmarks.ground import Ground, make_settings
from tests.benchmarks.serving import Serving, serving
from tests.sandbox_process import running_sandbox

THREADS = (16, 32)
LATENCY = 0.5
LEAST = 0.9
LONGEST_WAIT = 0.1
FORM = {
    "amount": "75.53",
    "currency": "CAD",
    "fund": "partnership",
    "frequency": "once",
    "code": "LWCAN",
    "mode": "card",
    "last_name": "O’Brien-Tremblay",
    "email": "adaeze@example.org",
    "address_line1": "12 Rue de l’Église",
    "city": "Québec",
    "province": "QC",
    "postal_code": "G1R 4S9",
    "country": "CA",
    "lang": "fr_CA",
}
_donors = count(1)


def run(ground: Ground) -> Iterator[table.Line]:
    seconds = 3.0 if ground.quick else 10.0
    with running_sandbox(ground.folder / "handoff-sandbox", threads=max(THREADS) + 8) as sandbox:
        sandbox.control("latency", ms=LATENCY * 1000)
        for threads in THREADS:
            settings = make_settings(
                ground.make_database("sqlite", f"handoffs_{threads}"),
                stripe_api_base=sandbox.url,
                threads=threads,
                trusted_proxies=1,
                free_starts=1_000_000,
                # More than Stripe takes: what the server bears is the question here.
                stripe_requests=10_000,
                stripe_requests_by_endpoint=10_000,
            )
            with serving(settings, "portal", "serve", "--port") as server:
                yield from measure(server, threads, seconds)


def measure(server: Serving, threads: int, seconds: float) -> Iterator[table.Line]:
    ticket = find_ticket(server)
    keep_busy(server, ticket, threads, 1.5)
    rate = keep_busy(server, ticket, threads, seconds)
    yield table.at_least(
        f"hand-offs in flight, {threads} threads", rate, threads / LATENCY, LEAST, table.per_second
    )
    waits: list[float] = []
    watcher = threading.Thread(target=watch, args=(server, seconds, waits))
    watcher.start()
    keep_busy(server, ticket, threads - 1, seconds)
    watcher.join()
    yield table.below(
        f"a free thread answers meanwhile, {threads} threads (p95)",
        table.slowest(waits),
        LONGEST_WAIT,
        table.milliseconds,
    )


def find_ticket(server: Serving) -> str:
    page = server.get("/give/ca?code=LWCAN").decode()
    match = re.search(r'name="ticket" value="([^"]+)"', page)
    assert match, "the form has no ticket"
    return match[1]


def keep_busy(server: Serving, ticket: str, donors: int, seconds: float) -> float:
    """The hand-offs a second of these donors, who go on for so long and end what they began.

    Each by its own time: to leave out what is in flight at the end would say less of short runs.
    """
    rates: list[float] = []
    until = time.monotonic() + seconds
    workers = [
        threading.Thread(target=give_again, args=(server, ticket, until, rates))
        for _ in range(donors)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(rates) == donors
    return sum(rates)


def give_again(server: Serving, ticket: str, until: float, rates: list[float]) -> None:
    """Send one gift after another; each from another visitor, as the limits count them."""
    connection = server.connect()
    started, done = time.monotonic(), 0
    while time.monotonic() < until:
        number = next(_donors)
        status, location = send_form(connection, ticket, number)
        assert status == 303, (status, location)
        assert "/pay/cs_" in location, location
        done += 1
    rates.append(done / (time.monotonic() - started))
    connection.close()


def send_form(connection: http.client.HTTPConnection, ticket: str, number: int) -> tuple[int, str]:
    body = urlencode({**FORM, "first_name": f"Adaeze {number}", "ticket": ticket})
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        "Sec-Fetch-Site": "same-origin",
    }
    connection.request("POST", "/give/ca", body, headers)
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, answer.headers.get("Location") or text[:400].decode(errors="replace")


def watch(server: Serving, seconds: float, waits: list[float]) -> None:
    """How long `/healthz` takes, asked twenty times a second."""
    until = time.monotonic() + seconds - LATENCY
    time.sleep(LATENCY)
    while time.monotonic() < until:
        started = time.perf_counter()
        server.get("/healthz")
        waits.append(time.perf_counter() - started)
        time.sleep(0.05)
