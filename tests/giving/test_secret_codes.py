"""Secret codes: whatever is wrong with one, visitors see and wait for what they do for none.

One that is over, used up, paused or for another region must not be told from one that nobody has:
by its text, status, headers, length or time.
"""

import re
import statistics
import time
from datetime import timedelta

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from portal.codes.operations import Draft, add_code, add_policy
from portal.codes.terms import CodeState, Kind
from portal.database import Database
from tests.conftest import NOW
from tests.giving.visits import give, text_of
from tests.pages import CheckedClient

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
# As many of a kind as are timed.
TIMED = 15
PAGES = ("/give/ca?code={}", "/give/ca?code={}&amount=75.50&fund=missions", "/c/{}")


@pytest.fixture(autouse=True)
def secrets(catalogued: Database) -> None:
    """One of each kind and one that can be used once; many that are over, for the clock."""
    with catalogued.write() as session:
        for name, (draft, state) in DRAFTS.items():
            policy = add_policy(session, name, draft, NOW)
            for end in ("7QZ", *(f"{number:03}" for number in range(TIMED))):
                add_code(
                    session,
                    f"{name}{end}",
                    policy,
                    NOW,
                    kind=Kind.PROMOTION,
                    state=state,
                    is_secret=True,
                )
        once = add_policy(session, "Once", Draft(document={"max_uses": 1}), NOW)
        add_code(session, "USED7QZ", once, NOW, kind=Kind.PROMOTION, is_secret=True)


def shown(page: TestResponse, code: str) -> tuple[int, list[tuple[str, str]], str]:
    """All that is seen of an answer, without what differs each time."""
    headers = [pair for pair in page.headers if pair[0] not in {"ETag", "X-Request-Id"}]
    body = re.sub(r'(name="ticket" value=")[^"]+', r"\1", page.text).replace(code, "CODE")
    return page.status_code, headers, body


def ask(client: CheckedClient, address: str, code: str) -> TestResponse:
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


def test_none_is_told_from_another_by_the_clock(app: Flask, client: CheckedClient) -> None:
    """What first looks cost a process, in turns; medians differ less than looks at one page do."""
    plain = app.test_client()
    kinds = (*DRAFTS, "FREE")
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(TIMED):
        for kind in kinds:
            started = time.thread_time()
            ask(plain, "/give/ca?code={}", f"{kind}{number:03}")
            taken[kind].append(time.thread_time() - started)
    medians = {kind: statistics.median(times) for kind, times in taken.items()}
    spread = statistics.quantiles(taken["FREE"], n=4)
    apart = max(abs(one - medians["FREE"]) for one in medians.values())
    assert apart < max(spread[2] - spread[0], medians["FREE"] * 0.35), medians
