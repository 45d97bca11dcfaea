"""Links of one kind share a frame: what each brings is put in, and nothing else changes."""

import gzip
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from flask import Flask, template_rendered
from flask.testing import FlaskClient

from portal.codes.models import CodeRecord
from portal.codes.parsing import normalise_code
from portal.database import Database
from portal.giving.form import making
from portal.giving.form.cache import PageCache
from portal.giving.form.fields import read_query
from portal.giving.visitors import catalogue
from portal.i18n import set_locale
from tests.pages import CheckedClient

# Codes of one campaign, a person each, in odd spellings; their terms are the same.
PERSONS = ("A7K2", "a-7 k3", "Q<&>\"'", "ÉTÉ-9")
HOSTILE = ('"><script>alert(1)</script>', "&amp;", "' onfocus='x", "%22%3E", "×a×", "7,50 €", "a b")


@pytest.fixture
def campaign(catalogued: Database) -> None:
    """Beside the sample codes, those of `PERSONS`, and one that is over."""
    with catalogued.write() as session:
        whole = session.scalars(sa.select(CodeRecord).where(CodeRecord.code == "LWCAN")).one()
        for display in PERSONS:
            session.add(copy_code(whole, display))
        session.add(copy_code(whole, "OVER-1", state="retired"))
        session.add(copy_code(whole, "OVER-2", state="retired"))


def copy_code(whole: CodeRecord, display: str, **more: Any) -> CodeRecord:
    kept = ("kind", "scope_id", "policy_id", "state", "created_at")
    values = {name: getattr(whole, name) for name in kept}
    code = normalise_code(display)
    return CodeRecord(code=code, display=display, **{**values, **more})


def links() -> list[str]:
    """Two of each kind, so that the second comes from the first one's frame."""
    amounts = ("", "50", "25", "50.00", "75.50", "12", "other", " 9 ", "1e3", "x" * 60, *HOSTILE)
    codes = ("", "LWCAN", *PERSONS, "OVER-1", "OVER-2", "NOBODY")
    asked = [{"amount": amount, "code": code} for code in codes for amount in amounts[:6]]
    asked += [{"amount": amount} for amount in amounts]
    asked += [{"code": code, "lang": "fr", "amount": "8"} for code in codes]
    asked += [{"code": code, "region": "gb"} for code in ("A7K2", "A7K3", "OVER-1", "LWCAN")]
    asked += [{"fund": "missions", "frequency": "monthly", "amount": one} for one in ("7", "8")]
    asked += [{"mode": "card", "currency": "cad", "utm_source": one} for one in ("a", "b")]
    return [f"/give/{one.pop('region', 'ca')}?{urlencode(one)}" for one in asked]


@pytest.mark.usefixtures("campaign")
def test_a_page_put_together_is_the_page_rendered(app: Flask) -> None:
    visitor = FlaskClient(app)
    app.extensions["giving_pages"] = PageCache(lambda: 0.0)
    for link in links():
        plain = visitor.get(link)
        packed = visitor.get(link, headers={"Accept-Encoding": "gzip"})
        assert plain.status_code == 200
        assert gzip.decompress(packed.data) == plain.data
        assert plain.data == render_alone(app, link), link


def render_alone(app: Flask, link: str) -> bytes:
    with app.test_request_context(link) as context:
        place = catalogue().by_slug(context.request.path.rpartition("/")[2])
        assert place is not None
        query = read_query(place, context.request.args)
        set_locale(query.locale)
        return making.make_alone(place, making.find_link(place, query), 1).plain.body


@pytest.mark.usefixtures("campaign")
def test_what_a_link_brings_is_never_markup(client: CheckedClient) -> None:
    client.get("/give/ca?amount=1&code=LWCAN")
    for text in HOSTILE:
        page = client.get("/give/ca", query_string={"amount": text, "code": "LWCAN"})
        assert "<script>alert" not in page.text
        assert " onfocus='" not in page.text.replace("&#39;", "")


@pytest.mark.usefixtures("campaign")
def test_links_of_a_kind_are_rendered_once(app: Flask) -> None:
    visitor = FlaskClient(app)
    rendered: list[str] = []

    def count(_app: Flask, template: Any, **_: Any) -> None:
        rendered.append(template.name)

    with template_rendered.connected_to(count, app):
        for number in range(5):
            visitor.get(f"/give/ca?amount={number}7.31&utm_source={number}")
        assert len(rendered) == 1
        for number, code in enumerate(("A7K2", "A7K3", "LWCAN")):
            visitor.get(f"/give/ca?amount={number}7.31&code={code}")
        assert len(rendered) == 2
        for code in ("OVER-1", "OVER-2"):
            visitor.get(f"/give/ca?code={code}")
        assert len(rendered) == 3
        for junk in ("fund=x1", "mode=x2", "currency=x3", "frequency=x4"):
            visitor.get(f"/give/ca?{junk}")
        assert len(rendered) == 4


def test_each_link_has_a_tag_of_its_own(client: CheckedClient) -> None:
    tags = [client.get(f"/give/ca?amount={one}").headers["ETag"] for one in ("31", "32", "33")]
    assert len({*tags}) == 3
    for tag, amount in zip(tags, ("31", "32", "33"), strict=True):
        same = client.get(f"/give/ca?amount={amount}", headers={"If-None-Match": tag})
        other = client.get("/give/ca?amount=34", headers={"If-None-Match": tag})
        assert (same.status_code, other.status_code) == (304, 200)


def test_a_long_address_finds_its_page_too(client: CheckedClient) -> None:
    short = client.get("/give/ca?amount=7.31")
    assert client.get(f"/give/ca?amount=7.31&utm_id={'x' * 900}").data == short.data
