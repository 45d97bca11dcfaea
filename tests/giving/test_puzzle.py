"""While very many payments begin, each is admitted for a browser's work only."""

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from portal.clock import FixedClock
from portal.database import Database
from portal.gifts.models import Gift, GiftEvent
from portal.giving.visitors import GUESSES_IN_A_CROWD, GUESSES_OF_ALL
from portal.intake.admission import Caller, admit
from portal.intake.start import LETTERS_AN_HOUR
from portal.limits import HARDEST, LIFE, derive, hit
from portal.payments.models import Checkout
from tests.conftest import NOW
from tests.giving.visits import begin, give, text_of
from tests.pages import CheckedClient
from tests.workplace import act_in, promised_jobs

Crowd = Callable[[], None]

FORM = re.compile(r"<form[^>]* data-puzzle [^>]*>")


@pytest.fixture
def settings_values() -> dict[str, Any]:
    """One payment of everybody is free, none of a second in these ten minutes."""
    return {"free_starts": 1}


def read_puzzle(page: TestResponse) -> dict[str, str]:
    """What the page tells the script."""
    assert page.status_code == 428, page.text
    found = FORM.search(page.text)
    assert found, "no puzzle"
    return dict(re.findall(r'data-(\w+)="([^"]*)"', found[0]))


def solve(puzzle: dict[str, str]) -> str:
    """The right answer, found as a browser finds it."""
    numbers = (str(number) for number in range(HARDEST + 1))
    number = next(one for one in numbers if derive(one, puzzle["salt"]) == puzzle["target"])
    return f"{puzzle['salt']}.{number}.{puzzle['signature']}"


def sent_fields(page: TestResponse) -> dict[str, str]:
    """The form's hidden fields, as a browser sends them back."""
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text)
    return {name: html.unescape(value) for name, value in pairs}


@pytest.fixture
def crowd(app: Flask, catalogued: Database, clock: FixedClock) -> Crowd:
    """Somebody takes the payment that is free."""

    def take() -> None:
        with catalogued.write() as session:
            admit(act_in(session, clock.now(), app.extensions["portal"]), Caller("somebody"))

    return take


def count_gifts(database: Database) -> int:
    with database.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Gift)) or 0


def test_a_solved_puzzle_admits_one_payment_with_all_that_was_typed(
    client: CheckedClient, crowd: Crowd, catalogued: Database
) -> None:
    crowd()
    page = give(client, mode="card", dedication="For “Grace” & all")
    assert "Nothing was charged" in text_of(page)
    assert count_gifts(catalogued) == 0
    answer = solve(read_puzzle(page))
    fields = sent_fields(page)
    assert client.post("/give/ca", data={**fields, "work": answer}).status_code == 303
    with catalogued.read() as session:
        gift = session.scalars(sa.select(Gift).order_by(Gift.id.desc())).first()
        assert gift is not None
        assert (gift.last_name, gift.dedication) == ("O’Hára", "For “Grace” & all")
    again = client.post("/give/ca", data={**fields, "amount": "76.00", "work": answer})
    assert again.status_code == 428
    assert count_gifts(catalogued) == 1


def test_the_answered_form_sent_twice_is_one_gift(
    client: CheckedClient, crowd: Crowd, catalogued: Database
) -> None:
    crowd()
    page = give(client, mode="card")
    sent = {**sent_fields(page), "work": solve(read_puzzle(page))}
    places = {client.post("/give/ca", data=sent).location for _ in range(2)}
    assert len(places) == 1
    assert count_gifts(catalogued) == 1


@pytest.mark.parametrize("answer", ["", "x", "1.2.3", "١-a.5.é", "\udcff", "5-a.1." + "A" * 500])
def test_no_other_answer_admits(
    client: CheckedClient, crowd: Crowd, catalogued: Database, answer: str
) -> None:
    crowd()
    assert give(client, mode="card", work=answer.encode("utf-8", "replace")).status_code == 428
    assert count_gifts(catalogued) == 0


def test_a_wrong_number_does_not_admit(
    client: CheckedClient, crowd: Crowd, catalogued: Database
) -> None:
    crowd()
    page = give(client, mode="card")
    salt, number, signature = solve(read_puzzle(page)).split(".")
    wrong = f"{salt}.{int(number) + 1}.{signature}"
    assert give(client, mode="card", work=wrong).status_code == 428
    assert count_gifts(catalogued) == 0


def test_an_answer_is_good_for_half_an_hour(
    client: CheckedClient, crowd: Crowd, clock: FixedClock
) -> None:
    crowd()
    answers = [solve(read_puzzle(give(client, mode="card"))) for _ in range(2)]
    clock.at += LIFE
    crowd()
    assert give(client, mode="card", work=answers[0]).status_code == 303
    clock.at += timedelta(seconds=1)
    late = give(client, mode="card", amount="76.00", work=answers[1])
    assert late.status_code == 428


def test_transfers_stay_open_and_turning_one_into_a_card_needs_the_work(
    client: CheckedClient, crowd: Crowd, catalogued: Database
) -> None:
    crowd()
    gift = begin(client, catalogued, mode="interac")
    page = client.post(f"/gift/{gift.token}/mode", data={"mode": "card"})
    assert f'href="/gift/{gift.token}#ways"' in page.text
    with catalogued.read() as session:
        assert session.get_one(Gift, gift.id).mode == "interac"
    sent = {**sent_fields(page), "work": solve(read_puzzle(page))}
    assert client.post(f"/gift/{gift.token}/mode", data=sent).status_code == 303
    with catalogued.read() as session:
        assert session.get_one(Gift, gift.id).mode == "card"


def test_paying_again_after_the_hand_off_is_over_needs_the_work(
    client: CheckedClient, catalogued: Database
) -> None:
    gift = begin(client, catalogued, mode="card")
    assert client.post(f"/gift/{gift.token}/pay").status_code == 303
    with catalogued.write() as session:
        session.execute(sa.update(Checkout).values(state="expired"))
    page = client.post(f"/gift/{gift.token}/pay")
    sent = {"work": solve(read_puzzle(page))}
    assert client.post(f"/gift/{gift.token}/pay", data=sent).status_code == 303


def test_without_script_the_way_back_keeps_what_was_typed(
    client: CheckedClient, crowd: Crowd, catalogued: Database
) -> None:
    crowd()
    page = give(client, mode="card", lang="fr")
    assert '<html lang="fr-CA"' in page.text
    assert 'type="submit" name="change_mode" value="1"' in page.text
    form = client.post("/give/ca", data={**sent_fields(page), "change_mode": "1"})
    assert form.status_code == 200
    assert 'value="O’Hára"' in form.text
    assert count_gifts(catalogued) == 0


def test_after_ten_minutes_payments_are_free_again(
    client: CheckedClient, crowd: Crowd, clock: FixedClock
) -> None:
    crowd()
    assert give(client, mode="card").status_code == 428
    clock.at += timedelta(minutes=10)
    assert give(client, mode="card").status_code == 303


class TestNetworks:
    """A limit by network, while everybody together is few."""

    @pytest.fixture
    def settings_values(self) -> dict[str, Any]:
        return {"free_starts_by_network": 1, "trusted_proxies": 1}

    def test_many_of_one_network_work_and_others_do_not(self, client: CheckedClient) -> None:
        here, there = ({"X-Forwarded-For": f"203.0.113.{last}"} for last in (1, 2))
        assert give(client, mode="card", headers=here).status_code == 303
        page = give(client, mode="card", amount="20", headers=here)
        assert give(client, mode="card", amount="30", headers=there).status_code == 303
        answer = solve(read_puzzle(page))
        admitted = give(client, mode="card", amount="20", work=answer, headers=here)
        assert admitted.status_code == 303


def test_scrapers_see_the_crowd(client: CheckedClient, crowd: Crowd) -> None:
    assert "portal_payment_starts 0.0" in client.get("/metrics").text
    crowd()
    assert "portal_payment_starts 1.0" in client.get("/metrics").text


def test_codes_are_guessed_less_when_everybody_guesses(
    client: CheckedClient, catalogued: Database
) -> None:
    with catalogued.write() as session:
        for _ in range(GUESSES_OF_ALL):
            hit(session, "codes", "everybody", limit=GUESSES_OF_ALL, seconds=3600, now=NOW)
    statuses = [client.get(f"/c/GUESS{number}").status_code for number in range(6)]
    assert statuses == [404] * GUESSES_IN_A_CROWD + [429] * (6 - GUESSES_IN_A_CROWD)


def test_nobody_is_flooded_with_letters_by_forms_in_their_name(
    client: CheckedClient, catalogued: Database
) -> None:
    for number in range(LETTERS_AN_HOUR + 2):
        gift = begin(client, catalogued, amount=f"{number + 20}", email="Victim@example.org")
    letters = [name for name in promised_jobs(catalogued) if "gift_instructions" in name]
    assert len(letters) == LETTERS_AN_HOUR
    assert gift.reference in client.get(f"/gift/{gift.token}").text
    other = begin(client, catalogued, email="other@example.org")
    assert any(f":{other.id}:" in name for name in promised_jobs(catalogued))
    with catalogued.read() as session:
        kinds = session.scalars(sa.select(GiftEvent.kind).where(GiftEvent.gift_id == gift.id))
        assert "started" in list(kinds)
