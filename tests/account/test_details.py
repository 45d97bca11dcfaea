"""What is kept of a donor: they correct it, prove addresses, take a copy, and are forgotten."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.donors import NEWS, PARTNER, Consent, Donor, record_consent
from portal.gifts.models import Evidence, Gift, GiftWord, LedgerEntry, Plan
from portal.mail.outbox import Email, LetterKind
from portal.receipts.register import GiftParticulars, Receipt, verify_register
from portal.signin.donor_accounts import DonorAccount, DonorAddress
from tests.account.conftest import ADA, ZOE, Given, Mailed, account_of
from tests.conftest import NOW
from tests.giving.visits import text_of
from tests.partners.conftest import Visitor
from tests.workplace import act_in

Visit = Callable[[], Visitor]
SignedIn = Callable[[str], Visitor]
ReadLink = Callable[[], Mailed]
DETAILS = {
    "first_name": "Zoë",
    "last_name": "Müller",
    "address_line1": "1 Rue Principale",
    "address_line2": "",
    "city": "Montréal",
    "province": "QC",
    "postal_code": "h2x1y4",
    "country": "CA",
    "phone": "+1 514 555 0100",
    "locale": "fr",
}


def test_details_hold_for_the_months_to_come(
    signed_in: SignedIn, given: dict[str, Given], catalogued: Database
) -> None:
    visitor = signed_in(ZOE)
    assert visitor.post("/account/details", **DETAILS).status_code == 303
    page = visitor.get("/account/details")
    assert '<html lang="fr"' in page.text
    for text in ("Müller", "H2X 1Y4", "+1 514 555 0100"):
        assert f'value="{text}"' in page.text
    with catalogued.read() as session:
        month = session.get_one(Gift, given[ZOE].month.id)
        paid = session.get_one(Gift, given[ZOE].paid.id)
    assert (month.last_name, month.city, month.locale) == ("Müller", "Montréal", "fr")
    assert paid.last_name == "Zoeson", "what was given once stays as it was"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"first_name": ""}, "Enter your first name"),
        ({"postal_code": "123"}, "like"),
        ({"country": "XX"}, "Choose a country from the list"),
        ({"locale": "tlh"}, "Choose a language from the list"),
        ({"city": "x" * 101}, "Shorten this to 100 characters or fewer"),
        ({"last_name": "\U0001f600 x"}, "Leave out"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    signed_in: SignedIn, catalogued: Database, wrong: dict[str, str], sentence: str
) -> None:
    answer = signed_in(ZOE).post("/account/details", **{**DETAILS, **wrong})
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert 'value="1 Rue Principale"' in answer.text
    assert account_of(catalogued, ZOE).details == {}


def join(visitor: Visitor, read_link: ReadLink, email: str) -> Mailed:
    """Ask for a link to another address; what its letter says."""
    answer = visitor.post("/account/addresses", page="/account/details", email=email)
    assert (answer.status_code, answer.location) == (303, "/account/addresses/prove")
    return read_link()


@pytest.mark.both_engines
@pytest.mark.parametrize("way", ["link", "code"])
def test_a_second_address_is_proven_and_both_sign_in_to_the_same(
    signed_in: SignedIn,
    read_link: ReadLink,
    given: dict[str, Given],
    catalogued: Database,
    way: str,
) -> None:
    former = signed_in(ADA)
    visitor = signed_in(ZOE)
    mailed = join(visitor, read_link, ADA.upper())
    assert mailed.area == "address"
    assert given[ADA].paid.token not in visitor.get("/account/").text
    place = (
        f"/account/addresses/prove/{mailed.token}" if way == "link" else "/account/addresses/prove"
    )
    proof = {"token": mailed.token} if way == "link" else {"code": mailed.code}
    assert visitor.get(place).status_code == 200
    sent = visitor.post("/account/addresses/prove", page=place, **proof)
    assert (sent.status_code, sent.location) == (303, "/account/details")
    page = visitor.get("/account/").text
    assert given[ADA].paid.token in page
    assert given[ZOE].paid.token in page
    assert account_of(catalogued, ADA).id == account_of(catalogued, ZOE).id
    assert former.get("/account/").status_code == 303, "who had it is signed out"
    assert given[ADA].paid.token in signed_in(ADA).get("/account/").text


def test_nobody_gives_their_address_away_by_a_click(
    signed_in: SignedIn, visit: Visit, read_link: ReadLink, catalogued: Database
) -> None:
    """Ada has Zoë's letter: neither signed out nor in her own account is it any good."""
    mailed = join(signed_in(ZOE), read_link, ADA)
    assert visit().get(f"/account/addresses/prove/{mailed.token}").status_code == 303
    ada = signed_in(ADA)
    proof = {"token": mailed.token, "code": mailed.code}
    sent = ada.post("/account/addresses/prove", page="/account/addresses/prove", **proof)
    assert sent.status_code == 404
    assert account_of(catalogued, ADA).id != account_of(catalogued, ZOE).id
    sign_in = visit().post(mailed.path, page="/account/sign-in", code=mailed.code)
    assert sign_in.status_code == 422, "such a link signs nobody in"


def test_an_address_is_taken_off_but_not_the_last(
    signed_in: SignedIn, read_link: ReadLink, catalogued: Database
) -> None:
    visitor = signed_in(ZOE)
    mailed = join(visitor, read_link, "zoe.at.work@example.org")
    with catalogued.read() as session:
        ids = {one.email: one.id for one in session.scalars(sa.select(DonorAddress))}
    form = f"/account/addresses/{ids[ZOE]}/remove"
    assert visitor.post(form, page="/account/details").status_code == 303
    assert "only address" in text_of(visitor.get("/account/details"))
    visitor.post("/account/addresses/prove", page="/account/addresses/prove", code=mailed.code)
    visitor.post(form, page="/account/details")
    with catalogued.read() as session:
        left = session.scalars(sa.select(DonorAddress.email)).all()
    assert left == ["zoe.at.work@example.org"]
    assert "No gifts here." in visitor.get("/account/").text


def test_consent_is_taken_back_and_given_with_its_history(
    signed_in: SignedIn, catalogued: Database
) -> None:
    visitor = signed_in(ZOE)
    for wants in ("yes", "yes", "no", "yes"):
        visitor.post("/account/details/news", page="/account/details", wants=wants)
    with catalogued.read() as session:
        found = session.scalars(sa.select(Consent).order_by(Consent.id)).all()
    assert [(one.source, one.withdrawn_at) for one in found] == [
        ("account", NOW),
        ("account", None),
    ]
    page = text_of(visitor.get("/account/details"))
    assert page.count("Said yes on November 23, 2026") == 2
    assert page.count("Taken back on November 23, 2026") == 1


def test_a_name_told_to_a_partner_is_taken_back_and_news_go_on(
    signed_in: SignedIn, given: dict[str, Given], catalogued: Database
) -> None:
    gift, words = given[ZOE].month, "Tell the choir that this gift is from me"
    assert gift.donor_id is not None
    with catalogued.write() as session:
        act, said = act_in(session, NOW), {"wording": words, "locale": "en", "source": "gift"}
        record_consent(act, gift.donor_id, gift_id=gift.id, channel=PARTNER, **said)
    visitor = signed_in(ZOE)
    visitor.post("/account/details/news", page="/account/details", wants="yes")
    page = text_of(visitor.get("/account/details"))
    assert words in page
    assert "Tell partners my name no more" in page
    visitor.post("/account/details/news", page="/account/details", wants="nameless")
    page = text_of(visitor.get("/account/details"))
    assert "Tell partners my name no more" not in page
    assert "Send me no more news" in page
    with catalogued.read() as session:
        found = session.scalars(sa.select(Consent).order_by(Consent.id)).all()
    assert [(one.channel, one.withdrawn_at) for one in found] == [(PARTNER, NOW), (NEWS, None)]


@pytest.mark.both_engines
def test_all_that_is_kept_is_given_out(
    signed_in: SignedIn, given: dict[str, Given], catalogued: Database
) -> None:
    with catalogued.write() as session:
        gift = session.get_one(Gift, given[ZOE].paid.id)
        gift.dedication, gift.has_particulars = "=SUM(A1)", True
        session.add(GiftParticulars(gift_id=gift.id, given="a bell", changed_at=NOW))
    visitor = signed_in(ZOE)
    answer = visitor.get("/account/data.json")
    data: dict[str, Any] = json.loads(answer.text)
    assert len(data["gifts"]) == 3
    assert len(data["receipts"]) == 2
    assert [one["given"] for one in data["particulars"]] == ["a bell"]
    assert len(data["monthly_gifts"]) == 1
    assert data["account"]["addresses"] == [{"email": ZOE, "proven_at": NOW.isoformat()}]
    assert {"evidence", "ledger", "history", "consents", "messages"} < data.keys()
    assert ADA not in answer.text
    assert "token" not in data["gifts"][0]
    table = list(csv.DictReader(io.StringIO(visitor.get("/account/data.csv").text)))
    assert {row["email"] for row in table} == {ZOE}
    assert "'=SUM(A1)" in {row["dedication"] for row in table}


def forget(visitor: Visitor) -> int:
    return visitor.post("/account/forget", sure="1").status_code


def stop_all(database: Database) -> None:
    with database.write() as session:
        session.execute(sa.update(Plan).values(status="cancelled"))


def test_who_still_gives_every_month_stops_first(signed_in: SignedIn) -> None:
    answer = signed_in(ZOE).post("/account/forget", sure="1")
    assert answer.status_code == 409
    assert "Stop your monthly gifts first" in text_of(answer)


def test_nobody_is_forgotten_by_a_slip(signed_in: SignedIn, catalogued: Database) -> None:
    stop_all(catalogued)
    answer = signed_in(ZOE).post("/account/forget")
    assert answer.status_code == 422
    assert "Tick the box if you are sure" in text_of(answer)


@pytest.mark.both_engines
def test_forgetting_leaves_what_the_law_keeps(
    signed_in: SignedIn, given: dict[str, Given], catalogued: Database, visit: Visit
) -> None:
    stop_all(catalogued)
    mine = given[ZOE]
    with catalogued.write() as session:
        kinds = (LedgerEntry, Evidence, Receipt)
        kept = [session.scalar(sa.select(sa.func.count(kind.id))) for kind in kinds]
        row = {"message": LetterKind.RECEIPT, "recipient": ZOE, "subject": "x", "locale": "en"}
        session.add(Email(key="a", gift_id=mine.paid.id, created_at=NOW, **row))
        session.get_one(Gift, mine.paid.id).dedication = "For my mother"
    visitor = signed_in(ZOE)
    assert forget(visitor) == 303
    assert "what the law makes us keep" in text_of(visitor.get("/account/sign-in"))
    assert visitor.get("/account/").status_code == 303
    with catalogued.read() as session:
        assert [session.scalar(sa.select(sa.func.count(kind.id))) for kind in kinds] == kept
        paid, unpaid = (session.get_one(Gift, one.id) for one in (mine.paid, mine.open))
        assert (paid.name, paid.email, paid.dedication) == ("Zoe Zoeson", "", "")
        assert (unpaid.name, unpaid.email, unpaid.search_name) == ("", "", "")
        words = session.scalars(sa.select(GiftWord.word).where(GiftWord.gift_id == paid.id)).all()
        assert {"zoe", "zoeson"} <= set(words)
        assert not [word for word in words if "example" in word], "by name alone it is found"
        everything = [
            *session.scalars(sa.select(Donor.email)),
            *session.scalars(sa.select(DonorAddress.email)),
            *session.scalars(sa.select(Email.recipient)),
            *session.scalars(sa.select(Gift.email)),
        ]
        assert ZOE not in everything
        assert ADA in everything
        assert session.scalar(sa.select(sa.func.count(DonorAccount.id))) == 0
        assert verify_register(session) == []
    assert visit().post("/account/sign-in", email=ZOE).status_code == 303, "the same answer"
