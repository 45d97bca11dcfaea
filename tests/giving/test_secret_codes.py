"""Secret codes: whatever is wrong with one, visitors see and wait for what they do for none.

One that is over, used up, paused or for another region must not be told from one that nobody has:
by its text, status, headers, length or time.
"""

import random
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.codes.batches import Order, describe_code, open_batch
from portal.codes.models import BY_POLICY, CodeRecord, UseCounter, fetch_code
from portal.codes.operations import Draft, add_code, add_policy
from portal.codes.policy import decide
from portal.codes.simulator import complete_pledge
from portal.codes.terms import CodeState, Kind
from portal.database import Database, insert_new
from portal.services import Services
from tests.conftest import NOW
from tests.giving.visits import give, text_of
from tests.pages import CheckedClient
from tests.payments.test_handing_off import listening
from tests.workplace import act_in

DAY = timedelta(days=1)
DRAFTS = {
    "OVER": (Draft(ends_at=NOW - DAY), CodeState.ACTIVE),
    "LATE": (Draft(starts_at=NOW + DAY), CodeState.ACTIVE),
    "REST": (Draft(), CodeState.PAUSED),
    "GONE": (Draft(), CodeState.RETIRED),
    "ELSE": (Draft(document={"regions": ["jp"], "funds": ["missions"]}), CodeState.ACTIVE),
}
NOBODY = "NONE7QZ"
NAMES = ["USED7QZ", *(f"{name}7QZ" for name in DRAFTS)]
# As many of a kind as are timed in a turn, and how many turns at most.
TIMED, TURNS = 150, 6
KINDS = (*DRAFTS, "SOLD", "FREE")
QUESTION = "a question"
# Which quarter of the looks ends there, and how much of a question they may be apart.
# To find no code is less work than to find one and read its terms: about as much as a question.
MEASURES = {"median": (2, 1.5), "upper quarter": (3, 2.0)}
PAGES = ("/give/ca?code={}", "/give/ca?code={}&amount=75.50&fund=missions", "/c/{}")


@pytest.fixture(autouse=True)
def secrets(catalogued: Database) -> None:
    """One of each kind, and one that can be used once."""
    with catalogued.write() as session:
        for name, (draft, state) in DRAFTS.items():
            policy = add_policy(session, name, draft, NOW)
            values = {"kind": Kind.PROMOTION, "state": state, "is_secret": True}
            add_code(session, f"{name}7QZ", policy, NOW, **values)
        once = add_policy(session, "Once", Draft(document={"max_uses": 1}), NOW)
        add_code(session, "USED7QZ", once, NOW, kind=Kind.PROMOTION, is_secret=True)


@pytest.fixture
def many(catalogued: Database) -> None:
    """Many of each kind, for the clock: each is looked at once. Of those that are sold, no use is
    left."""
    with catalogued.write() as session:
        sold = Draft(document={"max_uses_in_all": 1})
        for name, (draft, state) in {**DRAFTS, "SOLD": (sold, CodeState.ACTIVE)}.items():
            policy = add_policy(session, name, draft, NOW)
            order = Order(count=0, policy=policy, is_secret=True)
            batch = open_batch(act_in(session, NOW), order)
            rows = (
                describe_code(batch, f"{name}{number:03}", act_in(session, NOW), state=state)
                for number in range(TIMED * TURNS)
            )
            insert_new(session, CodeRecord, *rows)
            if name == "SOLD":
                session.add(UseCounter(kind=BY_POLICY, owner_id=policy.id, who="", used=1))


def shown(page: TestResponse, code: str) -> tuple[int, list[tuple[str, str]], str]:
    """All that is seen of an answer, without what differs each time."""
    headers = [pair for pair in page.headers if pair[0] not in {"ETag", "X-Request-Id"}]
    body = re.sub(r'(name="ticket" value=")[^"]+', r"\1", page.text).replace(code, "CODE")
    return page.status_code, headers, body


def ask(client: FlaskClient, address: str, code: str) -> TestResponse:
    # Each from a place of its own, so that nobody guesses too often.
    ask.visitor += 1
    place = {"REMOTE_ADDR": f"198.51.{ask.visitor // 250}.{ask.visitor % 250}"}
    return client.get(address.format(code), environ_overrides=place)


ask.visitor = 0


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("name", NAMES)
def test_a_refused_secret_code_looks_like_none(client, address, name):
    if name == "USED7QZ":
        assert give(client, code=name).status_code == 303
    if (name, address) == ("ELSE7QZ", "/c/{}"):
        # It holds in Japan, where its short address leads.
        assert ask(client, address, name).status_code == 302
        return
    nobodys = shown(ask(client, address, NOBODY), NOBODY)
    assert shown(ask(client, address, name), name) == nobodys
    assert len(name) == len(NOBODY)


@pytest.mark.parametrize("name", NAMES)
def test_a_form_that_is_sent_with_one_is_answered_as_with_none(client, name):
    if name == "USED7QZ":
        assert give(client, code=name).status_code == 303
    answers = [
        give(client, code=one, email="obi@example.org", first_name="Obi") for one in (name, NOBODY)
    ]
    assert [answer.status_code for answer in answers] == [422, 422]
    seen, nobodys = (
        shown(answer, one) for answer, one in zip(answers, (name, NOBODY), strict=True)
    )
    assert seen == nobodys
    assert "We don’t know the code" in text_of(answers[0])


def test_a_secret_code_that_holds_is_applied_and_kept_nowhere(client):
    page = client.get("/give/jp?code=ELSE7QZ&lang=en")
    assert page.headers["Cache-Control"] == "private, no-store"
    assert "is applied to your gift" in page.text


@pytest.mark.parametrize("name", NAMES)
def test_a_look_at_one_asks_the_database_what_a_look_at_none_asks(
    app: Flask, client: CheckedClient, catalogued: Database, name: str
) -> None:
    """One question more, and whoever counts milliseconds knows it."""
    if name == "USED7QZ":
        assert give(client, code=name).status_code == 303
    asked = {}
    for code in (NOBODY, name):
        client.get("/give/ca")
        with listening(app.extensions["portal"].database) as heard:
            ask(client, "/give/ca?code={}", code)
        asked[code] = [one for one in heard if one != "ROLLBACK"]
    assert asked[name] == asked[NOBODY]
    assert asked[NOBODY]


@pytest.mark.usefixtures("many")
def test_none_is_told_from_another_by_the_clock(app: Flask) -> None:
    """What a look does that depends on its code takes as long for each kind, in turns: medians
    differ by less than what one more question would make of it, upper quarters by little more.

    A busy machine takes more turns; a difference that is there stays over all of them.
    """
    taken = Times(app.extensions["portal"])
    for turn in range(TURNS):
        for number in range(turn * TIMED, (turn + 1) * TIMED):
            taken.look_at_each(number)
        if not taken.list_apart():
            return
    raise AssertionError(taken.list_apart())


@dataclass
class Times:
    """How long the looks at codes of each kind took, and a question, in seconds."""

    services: Services
    of: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def look_at_each(self, number: int) -> None:
        """One of each kind, in a new order, so that what else goes on befalls all alike."""
        for kind in self.chance.sample(KINDS, len(KINDS)):
            with self.timing(kind):
                self.decide(f"{kind}{number:03}")
        with self.timing(QUESTION):
            fetch_code(self.services.database, f"NEVER{number}")

    def decide(self, name: str) -> None:
        """As the form does: find the code, and what it lets be given here."""
        catalogue = self.services.catalogue
        found, region = fetch_code(self.services.database, name), catalogue.by_slug("ca")
        assert region is not None
        now = self.services.now()
        decide(found, complete_pledge(found, region, now, catalogue, typed=name), now, catalogue)

    @contextmanager
    def timing(self, kind: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.of[kind].append(time.perf_counter() - started)

    def list_apart(self) -> list[str]:
        """Kinds that differ from codes nobody has, in microseconds, with what would be alike."""
        question = statistics.median(self.of[QUESTION])
        return [
            f"{kind} {name}: {apart * 1e6:.0f}, not {question * share * 1e6:.0f}"
            for kind in KINDS
            for name, (quarter, share) in MEASURES.items()
            if abs(apart := self.at(kind, quarter) - self.at("FREE", quarter)) > question * share
        ]

    def at(self, kind: str, quarter: int) -> float:
        return statistics.quantiles(self.of[kind], n=4)[quarter - 1]
