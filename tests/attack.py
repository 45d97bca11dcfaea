"""`python -m tests.attack`: everything at once against `portal serve`, while people give.

Slow visitors of every kind, amounts that once held a process for minutes, and thousands of
payments that begin, each from networks of their own on loopback; meanwhile 200 gifts by transfer
and 20 by card are given by people who each come from elsewhere. Prints its figures; 1 unless all
of them passed and `/healthz` always answered.
"""

import html
import http.client
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import sqlalchemy as sa

from portal.gifts.models import Gift
from portal.limits import HARDEST, derive
from tests.demo_process import DemoProcess, running_demo
from tests.sandbox_process import wait_until
from tests.serving.slow_visitors import KINDS, crowd

TRANSFERS, CARDS, STARTS = 200, 20, 2_000
SLOW_OF_A_KIND = 60
HOSTILE_AMOUNT = "1" + " " * 6_000 + "1"
LONGEST_WAIT = 5.0
# As a new installation has it; a demo asks for no work so soon.
SETTINGS = {
    "PORTAL_TRUSTED_PROXIES": "0",
    "PORTAL_FREE_STARTS": "200",
    "PORTAL_FREE_STARTS_BY_NETWORK": "30",
}
TICKET = re.compile(r'name="ticket" value="([^"]+)"')
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
PUZZLE = re.compile(r'data-(salt|target|signature)="([^"]*)"')
FORM = {
    "lang": "en_CA",
    "currency": "CAD",
    "frequency": "once",
    "fund": "general",
    "first_name": "Adaeze",
    "address_line1": "12 Rue de l’Église",
    "city": "Québec",
    "province": "QC",
    "postal_code": "G1R 4S9",
    "country": "CA",
}
Answered = tuple[int, str, str]


@dataclass
class Site:
    """The demo, and how long each request of a kind of visitor waited, in seconds."""

    demo: DemoProcess
    waits: dict[str, list[float]] = field(default_factory=dict)
    answers: dict[str, Counter[str]] = field(default_factory=dict)

    def ask(
        self, who: str, address: str, path: str, form: dict[str, str] | None = None
    ) -> Answered:
        """The status, where it leads and the page."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", urlsplit(self.demo.portal).port, 60, source_address=(address, 0)
        )
        started = time.monotonic()
        try:
            kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
            connection.request(
                "POST" if form else "GET", path, urlencode(form) if form else None, kind
            )
            answer = connection.getresponse()
            page = answer.read().decode()
            self._note(who, str(answer.status), time.monotonic() - started)
            return answer.status, answer.headers.get("Location") or "", page
        except OSError as error:
            self._note(who, type(error).__name__, time.monotonic() - started)
            raise
        finally:
            connection.close()

    def _note(self, who: str, what: str, wait: float) -> None:
        self.waits.setdefault(who, []).append(wait)
        self.answers.setdefault(who, Counter())[what] += 1


def main() -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_demo(Path(folder), **SETTINGS) as demo,
    ):
        site = Site(demo)
        started = time.monotonic()
        given = give_under_attack(site)
        seconds = time.monotonic() - started
        return report(site, given, seconds)


def give_under_attack(site: Site) -> Counter[str]:
    """How many gifts of each mode passed while the attack stood."""
    ticket = find(TICKET, site.ask("before", "127.0.9.1", "/give/ca")[2])
    given: Counter[str] = Counter()
    with ExitStack() as stack:
        for number, kind in enumerate(KINDS.values()):
            port = urlsplit(site.demo.portal).port or 0
            stack.enter_context(crowd(port, kind, SLOW_OF_A_KIND, f"127.0.3.{number + 1}"))
        stack.enter_context(repeating(4, lambda n: send_hostile_amount(site, ticket, n)))
        stack.enter_context(repeating(1, lambda _: watch(site)))
        starts = stack.enter_context(ThreadPoolExecutor(32))
        people = stack.enter_context(ThreadPoolExecutor(12))
        begun = [starts.submit(start_card, site, ticket, n) for n in range(STARTS)]
        time.sleep(2)
        turns = [people.submit(give_by_card, site, n) for n in range(CARDS)]
        turns += [people.submit(give_by_transfer, site, n) for n in range(TRANSFERS)]
        for turn in turns:
            given[turn.result()] += 1
        for one in begun:
            one.result()
    return given


@contextmanager
def repeating(threads: int, work: Callable[[int], object]) -> Iterator[None]:
    """Do something again and again beside the block."""
    stop = threading.Event()

    def run(number: int) -> None:
        while not stop.is_set():
            work(number)

    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(run, number) for number in range(threads)]
        try:
            yield
        finally:
            stop.set()
        for one in running:
            one.result()


def watch(site: Site) -> None:
    site.ask("health", "127.0.8.1", "/healthz")
    time.sleep(0.1)


def send_hostile_amount(site: Site, ticket: str, number: int) -> None:
    form = FORM | {"ticket": ticket, "mode": "interac", "amount": HOSTILE_AMOUNT}
    status, _, _ = site.ask("hostile amounts", f"127.0.4.{number + 1}", "/give/ca", form)
    assert status == 422, status
    time.sleep(0.1)


def start_card(site: Site, ticket: str, number: int) -> None:
    """A payment that a thief begins, and who solves no puzzle; a network has twenty."""
    thief = {"last_name": f"Thief {number}", "email": f"thief{number}@example.org"}
    form = FORM | thief | {"ticket": ticket, "mode": "card", "amount": "5.00"}
    site.ask("card starts", f"127.0.5.{number % 100 + 1}", "/give/ca", form)


def give_by_transfer(site: Site, number: int) -> str:
    """From the form to the gift's page with what to transfer."""
    address = f"127.0.6.{number + 1}"
    status, place, page = send_form(site, "transfers", address, "interac", number)
    assert status == 303, (status, page[:500])
    status, _, page = site.ask("transfers", address, place)
    assert status == 200, status
    assert "transfer" in page
    return "transfer"


def give_by_card(site: Site, number: int) -> str:
    """From the form by way of the puzzle and the pay page to the gift's page."""
    address = f"127.0.7.{number + 1}"
    status, place, page = send_form(site, "cards", address, "card", number)
    if status == 428:
        form = {name: html.unescape(text) for name, text in HIDDEN.findall(page)}
        form["work"] = solve(dict(PUZZLE.findall(page)))
        status, place, page = site.ask("cards", address, "/give/ca", form)
    assert status == 303, (status, page[:500])
    paid = site.demo.sandbox.pay(place)
    assert paid.status == 303, paid.text
    back = urlsplit(str(paid.location))
    status, place, _ = site.ask("cards", address, f"{back.path}?{back.query}")
    assert status == 303, status
    return "card"


def send_form(site: Site, who: str, address: str, mode: str, number: int) -> Answered:
    page = site.ask(who, address, "/give/ca")[2]
    donor = {"last_name": f"DonorDetails {mode} {number}", "email": f"{mode}{number}@example.org"}
    form = FORM | donor | {"ticket": find(TICKET, page), "mode": mode, "amount": "75.53"}
    return site.ask(who, address, "/give/ca", form)


def solve(puzzle: dict[str, str]) -> str:
    """The answer that a browser finds."""
    numbers = (str(number) for number in range(HARDEST + 1))
    number = next(one for one in numbers if derive(one, puzzle["salt"]) == puzzle["target"])
    return f"{puzzle['salt']}.{number}.{puzzle['signature']}"


def find(pattern: re.Pattern[str], page: str) -> str:
    found = pattern.search(page)
    assert found, page[:500]
    return found[1]


def report(site: Site, given: Counter[str], seconds: float) -> int:
    """Print the figures; the exit code."""
    wait_until(lambda: count_paid(site.demo) == CARDS, 60)
    print(f"{given['transfer']} gifts by transfer and {given['card']} by card in {seconds:.0f} s")
    for who, waits in sorted(site.waits.items()):
        ninth = statistics.quantiles(waits, n=20)[-1] if len(waits) > 1 else waits[0]
        told = ", ".join(f"{what}: {n}" for what, n in sorted(site.answers[who].items()))
        print(f"{who:16} p95 {ninth:6.2f} s, longest {max(waits):6.2f} s; {told}")
    is_healthy = max(site.waits["health"]) < LONGEST_WAIT
    return 0 if is_healthy and set(site.answers["health"]) == {"200"} else 1


def count_paid(demo: DemoProcess) -> int:
    with demo.database.read() as session:
        paid = sa.select(sa.func.count()).select_from(Gift).where(Gift.status == "paid")
        return session.scalar(paid) or 0


if __name__ == "__main__":
    sys.exit(main())
