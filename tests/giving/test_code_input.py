"""What donors may type, paste or meet instead of a good code."""

import pytest
import sqlalchemy as sa

from portal.codes.models import CodeRecord
from portal.codes.terms import CodeState
from portal.database import Database
from portal.gifts.models import Gift
from tests.giving.visits import DONOR, begin, give, read_ticket, tag_of, text_of
from tests.pages import CheckedClient


@pytest.mark.parametrize("typed", ["", " ", "\t\u00a0", "\u200b", "\u200d\ufeff\u2060", "-.·"])
def test_blanks_and_signs_that_nobody_sees_are_no_code(
    client: CheckedClient, catalogued: Database, typed: str
) -> None:
    gift = begin(client, catalogued, code=typed)
    assert gift.code is None


@pytest.mark.parametrize(
    "typed",
    [
        "LW\u0421AN",  # a Cyrillic С
        "LWC\u0391N",  # a Greek Α
        "\u216cWCAN\u0301",  # a Roman fifty, and an accent
    ],
)
def test_letters_of_another_script_that_look_alike_are_another_code(
    client: CheckedClient, catalogued: Database, typed: str
) -> None:
    answer = give(client, code=typed)
    assert answer.status_code == 422
    assert "We don’t know the code" in text_of(answer)
    with catalogued.read() as session:
        assert session.scalars(sa.select(Gift)).all() == []


@pytest.mark.parametrize("typed", ["ｌｗｃａｎ", "l w-c.a·n", "LW\u200bCAN", "𝐋𝐖𝐂𝐀𝐍"])
def test_the_same_letters_in_another_dress_are_the_code(
    client: CheckedClient, catalogued: Database, typed: str
) -> None:
    gift = begin(client, catalogued, code=typed, fund="partnership")
    assert gift.code == "LWCAN"


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (CodeState.RETIRED, "LWCAN is no longer in use."),
        (CodeState.PAUSED, "LWCAN is paused for now."),
    ],
)
def test_a_code_that_ends_while_a_donor_is_on_the_form_says_so_and_keeps_what_was_typed(
    client: CheckedClient, catalogued: Database, state: CodeState, says: str
) -> None:
    ticket = read_ticket(client.get("/give/ca?code=LWCAN"))
    with catalogued.write() as session:
        session.execute(sa.update(CodeRecord).where(CodeRecord.code == "LWCAN").values(state=state))
    form = {"ticket": ticket, "code": "LWCAN", "amount": "75.50", "mode": "interac", **DONOR}
    answer = client.post("/give/ca", data={**form, "fund": "partnership"})
    assert answer.status_code == 422
    assert says in text_of(answer)
    assert "You can still give from Canada here, without the code." in text_of(answer)
    assert 'value="Ada"' in tag_of(answer, "first_name")
    without = client.post("/give/ca", data={**form, "code": ""})
    assert without.status_code == 303


SAYS = "One gift takes one code: LWCAN counts, FRIENDS does not."


@pytest.mark.parametrize(
    "asked", ["code=LWCAN&code=friends", "code=&code=lw-can&code=LWCAN&code=FRIENDS"]
)
def test_of_two_codes_in_an_address_the_first_counts_and_the_form_says_so(
    client: CheckedClient, catalogued: Database, asked: str
) -> None:
    page = client.get(f"/give/ca?{asked}")
    assert SAYS in text_of(page)
    assert '<input type="hidden" name="code" value="LWCAN">' in page.text
    assert SAYS in text_of(client.get(f"/give/ca?{asked}")), "nor by the cache"
    assert "One gift takes one code" not in text_of(client.get("/give/ca?code=LWCAN"))


def test_of_two_codes_at_a_short_address_the_first_counts_too(
    client: CheckedClient, catalogued: Database
) -> None:
    for _ in range(2):
        answer = client.get("/c/LWCAN?code=friends")
        assert SAYS in text_of(client.get(answer.location))
    assert "code=FRIENDS" not in client.get("/c/LWCAN?code=lwcan").location


def test_two_codes_that_are_sent_ask_once_and_lose_nothing(
    client: CheckedClient, catalogued: Database
) -> None:
    ticket = read_ticket(client.get("/give/ca"))
    sent = {**DONOR, "ticket": ticket, "amount": "50", "mode": "interac", "fund": "partnership"}
    answer = client.post("/give/ca", data={**sent, "code": ["LWCAN", "friends"]})
    assert answer.status_code == 422
    assert SAYS in text_of(answer)
    assert '<input type="hidden" name="code" value="LWCAN">' in answer.text
    assert DONOR["email"] in tag_of(answer, "email")
    with catalogued.read() as session:
        assert session.scalars(sa.select(Gift)).all() == []
    again = client.post("/give/ca", data={**sent, "code": ["lwcan", "LWCAN"]})
    assert again.status_code == 303
    with catalogued.read() as session:
        assert session.scalars(sa.select(Gift.code)).all() == ["LWCAN"]
