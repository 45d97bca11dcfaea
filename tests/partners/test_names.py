"""A partner knows who a gift is from where its donor said so, to that partner, with that gift."""

from collections.abc import Callable
from io import BytesIO

import pytest
import sqlalchemy as sa
from openpyxl import load_workbook

from portal.database import Database
from portal.donors import PARTNER, Consent, Own
from portal.gifts.contacts import correct_contact
from portal.gifts.models import Gift
from portal.plain import full_name
from portal.records.export import write_name
from portal.records.own_data import forget, gather
from portal.records.partners import FEWEST_DONORS
from tests.conftest import NOW
from tests.giving.visits import begin, give, tag_of, text_of
from tests.pages import CheckedClient
from tests.partners.conftest import Visitor
from tests.partners.gifts import plant_gifts
from tests.workplace import act_in

SignedIn = Callable[[str], Visitor]
LIST = "/partners/gifts?currency=CAD&what=started"
NAME = "Ada O’Hára"
BOX = "consent_partner"


@pytest.fixture
def planted(catalogued: Database, people: dict[str, int]) -> Database:
    """Enough gifts of others with each partner's code that figures are shown."""
    with catalogued.write() as session:
        for at, key in enumerate(("grace", "hope", "other")):
            gifts = [{"donor": 10 * at + one} for one in range(FEWEST_DONORS)]
            plant_gifts(session, key, gifts)
        if not catalogued.is_sqlite:
            # Rows that came with their numbers left the sequence where it was.
            session.execute(sa.text("SELECT setval(pg_get_serial_sequence('gifts', 'id'), 1000)"))
    return catalogued


def named(client: CheckedClient, database: Database, **said: str) -> Gift:
    return begin(client, database, code="GRACE", **{BOX: "grace", **said})


def table(visitor: Visitor) -> list[str]:
    """The donors of all three forms of a list, which are the same."""
    csv = visitor.get(LIST.replace("?", ".csv?")).text.splitlines()
    assert csv[0].endswith(",state,donor")
    book = load_workbook(BytesIO(visitor.get(LIST.replace("?", ".xlsx?")).data)).active
    names = [row[-1] or "" for row in book.iter_rows(min_row=2, values_only=True)]
    assert [line.rpartition(",")[2].strip('"') for line in csv[1:]] == names
    page = visitor.get(LIST)
    assert page.text.count("<tr><td") == len(names)
    assert page.text.count("<bdi>") == len([one for one in names if one])
    assert all(name in text_of(page) for name in names)
    return [name for name in names if name]


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_form_asks_only_where_a_code_has_a_partner(
    client: CheckedClient, planted: Database, lang: str
) -> None:
    for code in ("", "NOTHING", "LWUK"):
        assert BOX not in client.get(f"/give/ca?lang={lang}&code={code}").text
    for code, key in (("GRACE", "grace"), ("HOPE", "hope")):
        page = client.get(f"/give/ca?lang={lang}&code={code}&{BOX}={key}")
        box = tag_of(page, BOX)
        assert f'value="{key}"' in box
        assert "checked" not in box
        assert f"House {key}" in text_of(page).partition("E-mail" if lang == "en" else "Cour")[2]


@pytest.mark.both_engines
def test_a_name_that_was_told_stands_in_that_partners_list_alone(
    client: CheckedClient, planted: Database, signed_in: SignedIn
) -> None:
    words = text_of(client.get("/give/ca?code=GRACE"))
    gift = named(client, planted)
    with planted.read() as session:
        consent = session.scalars(sa.select(Consent)).one()
    assert (consent.channel, consent.gift_id, consent.donor_id) == (PARTNER, gift.id, gift.donor_id)
    assert consent.wording == "Tell House grace that this gift is from me"
    assert consent.wording in words
    assert table(signed_in("viewer@grace.example")) == [NAME]
    for key in ("hope", "other", "zone", "net"):
        assert table(signed_in(f"viewer@{key}.example")) == []


@pytest.mark.parametrize(
    "said",
    [
        {BOX: ""},
        {BOX: "hope"},
        {BOX: "1"},
        {"anonymous": "1"},
        {"code": "HOPE"},
        {"code": ""},
    ],
)
def test_nothing_is_told_that_was_not_said_to_this_partner(
    client: CheckedClient, planted: Database, signed_in: SignedIn, said: dict[str, str]
) -> None:
    begin(client, planted, **{"code": "GRACE", BOX: "grace", **said})
    with planted.read() as session:
        assert not session.scalars(sa.select(Consent)).all()
    for key in ("grace", "hope"):
        assert table(signed_in(f"viewer@{key}.example")) == []


def test_a_tick_is_kept_with_a_mistake_and_falls_with_another_code(
    client: CheckedClient, planted: Database
) -> None:
    page = give(client, code="GRACE", email="", **{BOX: "grace"})
    assert "checked" in tag_of(page, BOX)
    page = give(client, code="HOPE", apply_code="1", **{BOX: "grace"})
    assert "checked" not in tag_of(page, BOX)
    assert BOX not in give(client, code="GRACE", remove_code="1", **{BOX: "grace"}).text


def test_a_gift_that_turns_anonymous_loses_its_name(
    client: CheckedClient, planted: Database, signed_in: SignedIn
) -> None:
    gift = named(client, planted)
    with planted.write() as session:
        session.get_one(Gift, gift.id).anonymous = True
    assert table(signed_in("viewer@grace.example")) == []


def test_a_corrected_name_is_the_one_that_is_shown(
    client: CheckedClient, planted: Database, signed_in: SignedIn
) -> None:
    gift = named(client, planted)
    with planted.write() as session:
        right = {"first_name": "=Zoë", "email": "zoe@example.org"}
        correct_contact(act_in(session, NOW), session.get_one(Gift, gift.id), right, why="")
    visitor = signed_in("viewer@grace.example")
    assert "=Zoë O’Hára" in text_of(visitor.get(LIST))
    assert "'=Zoë O’Hára" in visitor.get(LIST.replace("?", ".csv?")).text


def test_who_is_forgotten_is_named_no_more(
    client: CheckedClient, planted: Database, signed_in: SignedIn
) -> None:
    gift = named(client, planted)
    assert gift.donor_id
    own = Own((gift.donor_id,), (gift.email,))
    with planted.write() as session:
        act = act_in(session, NOW)
        [kept] = gather(session, own, act.services.settings)["consents"]
        assert (kept["channel"], kept["withdrawn_at"]) == (PARTNER, None)
        forget(act, own)
        session.get_one(Gift, gift.id).first_name = "Kept"
    with planted.read() as session:
        assert session.scalars(sa.select(Consent.withdrawn_at)).one() == NOW
    assert table(signed_in("viewer@grace.example")) == []


def test_a_name_opens_no_list_that_is_withheld(
    client: CheckedClient, catalogued: Database, signed_in: SignedIn
) -> None:
    named(client, catalogued)
    visitor = signed_in("viewer@grace.example")
    for form in ("", ".csv", ".xlsx"):
        assert visitor.get(LIST.replace("?", f"{form}?")).status_code == 404
    assert NAME not in text_of(visitor.get("/partners/"))


@pytest.mark.both_engines
@pytest.mark.parametrize(
    ("first", "last"),
    [("Ada", "Eze"), ("太郎", "山田"), ("길동", "홍"), ("Ada", ""), ("", "山田"), ("花", "Smith")],
)
def test_fileswrite_names_as_pages_do(
    client: CheckedClient, planted: Database, first: str, last: str
) -> None:
    gift = named(client, planted)
    with planted.write() as session:
        row = session.get_one(Gift, gift.id)
        row.first_name, row.last_name = first, last
        session.flush()
        written = write_name(session.get_bind().dialect.name)
        assert session.scalar(sa.select(written).where(Gift.id == gift.id)) == full_name(
            first, last
        )
