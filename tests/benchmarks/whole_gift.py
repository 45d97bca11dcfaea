"""A whole card gift, from the form to the mail, with everything running.

The web server, the worker, the Stripe sandbox and the mailbox are processes of their own, as
`portal demo` starts them. The CPU of the first two counts, in kept form pages of the same run;
the sandbox, the mailbox and the donors stand for what is elsewhere.
"""

import http.client
import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tests.benchmarks import table
from tests.benchmarks.ground import Ground
from tests.benchmarks.handoffs import FORM
from tests.benchmarks.serving import group_cpu_seconds
from tests.demo_process import DemoProcess, running_demo
from tests.sandbox_process import wait_until

PAGE = "/give/ca?code=LWCAN"
DONORS = 4
MOST_PAGES = 100.0
LONGEST_SECONDS = 5.0
# Nearly as fast as the cores bear, and how much of that pace the mails must keep.
BRISK, KEEPING_UP = 0.8, 0.9
_numbers = count(1)


def run(ground: Ground) -> Iterator[table.Line]:
    gifts = 100 if ground.quick else 400
    with (
        tempfile.TemporaryDirectory(dir=ground.folder) as folder,
        running_demo(Path(folder) / "demo", PORTAL_FREE_STARTS="1000000") as demo,
    ):
        donors = Donors(demo)
        donors.give(DONORS * 3)
        page = cost_of_page(demo, 500 if ground.quick else 2_000)
        used, pace = give_flat_out(demo, donors, gifts)
        yield table.at_most(
            "a whole card gift, in kept form pages", used, page, MOST_PAGES, table.milliseconds
        )
        yield table.Line("gifts paid while all that they need is done", table.per_second(pace))
        paid = donors.give(gifts, pause=1 / (pace * BRISK))
        mailed = wait_for_mails(demo, paid)
        yield table.at_least(
            "mails of gifts that come nearly as fast, against the gifts",
            pace_of(mailed),
            pace_of(paid),
            KEEPING_UP,
            table.per_second,
        )
        paid = donors.give(gifts // 2, pause=2 / pace)
        mailed = wait_for_mails(demo, paid)
        waits = [mailed[email] - at for email, at in paid.items()]
        yield table.below(
            "paid to mail at half that load (p95)",
            table.slowest(waits),
            LONGEST_SECONDS,
            table.seconds,
        )


def give_flat_out(demo: DemoProcess, donors: "Donors", gifts: int) -> tuple[float, float]:
    """CPU seconds of ours a gift, and gifts a second, until no job is left."""
    before, started = ours(demo), time.monotonic()
    wait_for_mails(demo, donors.give(gifts))
    pace = gifts / (time.monotonic() - started)
    demo.settle()
    return (ours(demo) - before) / gifts, pace


def pace_of(moments: dict[str, float]) -> float:
    """How many a second, from the first to the last."""
    return (len(moments) - 1) / (max(moments.values()) - min(moments.values()))


def ours(demo: DemoProcess) -> float:
    """CPU seconds of the web server's and the worker's processes so far."""
    return sum(group_cpu_seconds(demo.pid_of(part)) for part in ("web", "worker"))


def cost_of_page(demo: DemoProcess, requests: int) -> float:
    """CPU seconds of the web server for a kept form page."""
    connection = http.client.HTTPConnection(urlsplit(demo.portal).netloc, timeout=60)
    for number in range(requests + 50):
        if number == 50:
            before = group_cpu_seconds(demo.pid_of("web"))
        connection.request("GET", PAGE, headers={"Accept-Encoding": "gzip"})
        assert len(connection.getresponse().read()) > 1000
    connection.close()
    return (group_cpu_seconds(demo.pid_of("web")) - before) / requests


class Donors:
    """People who give one after another, each from a network of their own."""

    def __init__(self, demo: DemoProcess) -> None:
        self.demo = demo
        page = demo.request("GET", PAGE).text
        found = re.search(r'name="ticket" value="([^"]+)"', page)
        assert found, "the form has no ticket"
        self.ticket = found[1]

    def give(self, gifts: int, pause: float = 0) -> dict[str, float]:
        """So many gifts, `pause` seconds from one to the next; when each donor had paid."""
        paid: dict[str, float] = {}
        turns = iter(range(gifts))
        lock = threading.Lock()
        begin = time.monotonic()

        def give_on() -> None:
            while True:
                with lock:
                    turn = next(turns, None)
                if turn is None:
                    return
                time.sleep(max(0.0, begin + turn * pause - time.monotonic()))
                email, at = self._give_one(next(_numbers))
                paid[email] = at

        threads = [threading.Thread(target=give_on) for _ in range(DONORS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(paid) == gifts, "a donor did not come through"
        return paid

    def _give_one(self, number: int) -> tuple[str, float]:
        email = f"bench{os.getpid()}-{number}@example.org"
        form = {**FORM, "email": email, "first_name": f"Adaeze {number}", "ticket": self.ticket}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            "Sec-Fetch-Site": "same-origin",
        }
        connection = http.client.HTTPConnection(urlsplit(self.demo.portal).netloc, timeout=60)
        connection.request("POST", "/give/ca", urlencode(form), headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 303, text
        back = self.demo.sandbox.pay(str(answer.headers["Location"]))
        at = time.time()
        assert back.status == 303, back.text
        connection.request("GET", str(back.location).removeprefix(self.demo.portal))
        connection.getresponse().read()
        connection.close()
        return email, at


def wait_for_mails(demo: DemoProcess, paid: dict[str, float]) -> dict[str, float]:
    """When each of these donors had a receipt, once all have."""
    wait_until(lambda: len(mailed_at(demo, paid)) == len(paid), 600)
    return mailed_at(demo, paid)


def mailed_at(demo: DemoProcess, paid: dict[str, float]) -> dict[str, float]:
    """When the mailbox took each donor's first message.

    By the notes beside the messages: its page reads thousands of messages whole.
    """
    notes = [
        json.loads(path.read_bytes()) for path in (demo.data / "mailbox" / "mail").glob("*.json")
    ]
    return {
        note["recipients"][0]: datetime.fromisoformat(note["delivered_at"][0]).timestamp()
        for note in notes
        if note["recipients"][0] in paid
    }
