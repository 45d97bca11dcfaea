"""A partner's pages: figures of its own, nothing of anyone's, in every language."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import pytest
import sqlalchemy as sa
from openpyxl import load_workbook

from portal.codes.models import CodeRecord
from portal.codes.operations import add_policy, make_draft
from portal.database import Database
from portal.i18n import LANGUAGES
from tests.conftest import NOW
from tests.partners.conftest import Visitor
from tests.partners.gifts import plant_gifts

SignedIn = Callable[[str], Visitor]
LAST_DAY = datetime.now(UTC).date() + timedelta(days=9)


@pytest.fixture
def planted(catalogued: Database, people: dict[str, int]) -> Database:
    """Grace has gifts of twelve donors in two currencies, hope of three, another one of seven."""
    with catalogued.write() as session:
        months = (date(2026, 9, 3), date(2026, 11, 20))
        grace = [
            {
                "donor": at,
                "minor": 1000 + at,
                "day": months[at % 2],
                "refunded": 50 if at < 2 else 0,
            }
            for at in range(12)
        ]
        grace += [{"donor": 30 + at, "currency": "USD", "region": "us"} for at in range(3)]
        grace += [{"donor": 40, "paid": 0, "minor": 777}]
        plant_gifts(session, "grace", grace)
        plant_gifts(session, "hope", [{"donor": 50 + at, "fund": "media"} for at in range(3)])
        other = [{"donor": 60 + at, "currency": "EUR", "code": "OTHER"} for at in range(7)]
        plant_gifts(session, "other", other)
    return catalogued


@pytest.fixture
def viewer(planted: Database, signed_in: SignedIn) -> Visitor:
    return signed_in("viewer@grace.example")


def test_the_page_shows_what_came_and_what_is_left(viewer: Visitor) -> None:
    text = viewer.get("/partners/").text
    assert "$120.66" in text
    assert "$119.66" in text
    assert "$7.77" in text
    assert "Sep 2026" in text
    assert "<svg" in text
    assert "EUR" not in text


def test_a_currency_of_a_few_donors_says_so_and_no_more(viewer: Visitor) -> None:
    text = viewer.get("/partners/?currency=USD").text
    assert "Fewer than 5 people gave in USD" in text
    assert "$10" not in text
    assert viewer.get("/partners/gifts?currency=USD").status_code == 404
    assert viewer.get("/partners/gifts.csv?currency=USD").status_code == 404


def test_a_partner_without_gifts_is_told_what_will_come(signed_in: SignedIn) -> None:
    visitor = signed_in("viewer@grace.example")
    assert "Nothing yet" in visitor.get("/partners/").text
    assert visitor.get("/partners/gifts").status_code == 404


def test_each_figure_opens_its_gifts(viewer: Visitor) -> None:
    page = viewer.get("/partners/").text
    links = set(re.findall(r'href="(/partners/gifts\?[^"]+)"', page))
    assert len(links) > 20
    for link in links:
        path = link.replace("&amp;", "&")
        assert viewer.get(path).status_code == 200, path
        file = viewer.get(path.replace("/gifts?", "/gifts.csv?"))
        assert (file.status_code, file.mimetype) == (200, "text/csv")
        assert file.text.lstrip("\ufeff").startswith("day,amount,currency")


def test_a_list_is_also_there_as_a_spreadsheet(viewer: Visitor) -> None:
    file = viewer.get("/partners/gifts.xlsx?currency=CAD")
    assert file.status_code == 200
    assert file.headers["Content-Disposition"].endswith('.xlsx"')
    sheet = load_workbook(BytesIO(file.data)).active
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == (
        "day",
        "amount",
        "currency",
        "fund",
        "mode",
        "code",
        "matched",
        "state",
        "donor",
    )
    assert sum(row[1] for row in rows[1:]) == pytest.approx(120.66)
    assert "Secretson" not in str(rows)


@pytest.mark.parametrize("donors", [12, 4])
def test_a_goal_says_how_far_it_is_and_how_long(
    catalogued: Database, signed_in: SignedIn, donors: int
) -> None:
    with catalogued.write() as session:
        draft = make_draft({"goal": {"CAD": "100"}, "regions": ["ca"]}, last_day=LAST_DAY)
        record = session.scalars(sa.select(CodeRecord).where(CodeRecord.code == "GRACE")).one()
        record.policy_id = add_policy(session, "Wells", draft, NOW).id
        plant_gifts(session, "grace", [{"donor": at, "refunded": 500} for at in range(donors)])
        plant_gifts(session, "hope", [{"donor": at} for at in range(12)])
    text = signed_in("viewer@zone.example").get("/partners/").text
    assert ("CA$60.00 of CA$100.00" in text) == (donors == 12)
    assert 'value="60"' in text or donors == 4
    assert ("<progress" in text) == (donors == 12)
    assert "Days left" in text


@pytest.mark.parametrize(
    "query",
    [
        "currency=EUR",
        "currency=cad",
        "currency=CAD&by=code&of=OTHER",
        "currency=CAD&by=code&of=HOPE",
        "currency=CAD&by=partner&of=1",
        "currency=CAD&by=fund&of=nothing",
        "currency=CAD&by=nothing&of=missions",
        "currency=CAD&what=email",
        "currency=CAD&by=month&of=2031-01",
        "currency=CAD&page=0",
        "currency=CAD&page=999",
    ],
)
def test_what_is_not_ones_own_is_not_there(viewer: Visitor, query: str) -> None:
    assert viewer.get(f"/partners/gifts?{query}").status_code == 404
    if "page" not in query:
        assert viewer.get(f"/partners/gifts.csv?{query}").status_code == 404


def test_another_partners_scope_opens_nothing(
    viewer: Visitor, tree: dict[str, int], planted: Database
) -> None:
    for key in ("hope", "other", "zone", "net"):
        path = f"/partners/gifts?currency=CAD&by=partner&of={tree[key]}"
        assert viewer.get(path).status_code == 404


def test_an_upper_level_sees_its_partners_but_no_small_one(
    planted: Database, signed_in: SignedIn, tree: dict[str, int]
) -> None:
    zone = signed_in("owner@zone.example")
    text = zone.get("/partners/").text
    assert "$150.66" in text
    assert "By partner" in text
    assert not [sum_of for sum_of in ("$120.66", "$30.00") if sum_of in text]
    for key in ("grace", "hope"):
        path = f"/partners/gifts?currency=CAD&by=partner&of={tree[key]}"
        assert zone.get(path).status_code == 404, "hope is small, and grace would tell of it"


def test_no_page_tells_who_gave(planted: Database, signed_in: SignedIn) -> None:
    owner = signed_in("owner@net.example")
    pages = [owner.get("/partners/").text, owner.get("/partners/people").text]
    for link in set(re.findall(r'href="(/partners/gifts\?[^"]+)"', pages[0])):
        path = link.replace("&amp;", "&")
        pages += [owner.get(path).text, owner.get(path.replace("/gifts?", "/gifts.csv?")).text]
    assert len(pages) > 20
    for text in pages:
        assert not re.search(r"secret\.example|Secretson|planted-|\bP-\d", text)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_pages_are_in_every_language(viewer: Visitor, lang: str) -> None:
    for path in ("/partners/", "/partners/gifts?currency=CAD", "/partners/people"):
        sign = "&" if "?" in path else "?"
        page = viewer.get(f"{path}{sign}lang={lang}")
        assert page.status_code == 200
        assert f'<html lang="{lang}"' in page.text
    english = "What your codes brought" in viewer.get("/partners/").text
    assert english == (lang == "en")
