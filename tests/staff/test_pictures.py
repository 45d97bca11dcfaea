"""Logos, signatures and funds' pictures: made anew, kept once, served for ever."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image, PngImagePlugin
from pypdf import PdfReader

from portal.database import Database
from portal.receipts.register import Receipt
from portal.receipts.rendering import render_receipt
from portal.regions.branding import MOST_PIXELS, NotAPicture, Picture, TooLarge, make_picture
from tests.conftest import NOW
from tests.pages import CheckedClient
from tests.staff.conftest import Browser
from tests.staff.samples import add_sample, pay_sample
from tests.staff.test_modes import canada, fields_of

SignedIn = Callable[[str], Browser]
ISSUER = "/staff/issuers/sample-ca"


def draw(kind: str = "PNG", size: tuple[int, int] = (900, 300), mode: str = "RGB") -> bytes:
    """A picture that carries somebody's place and name."""
    picture, out = Image.new(mode, size, "#1d4f91"), io.BytesIO()
    if kind == "PNG":
        note = PngImagePlugin.PngInfo()
        note.add_text("Author", "Somebody Secret")
        picture.save(out, kind, pnginfo=note)
    else:
        exif = Image.Exif()
        exif[0x013B] = "Somebody Secret"
        exif[0x0112] = 6
        picture.save(out, kind, exif=exif)
    return out.getvalue()


def upload(browser: Browser, page: str, name: str, content: bytes, **changes: str) -> Any:
    fields = {**fields_of(browser, page), **changes}
    sent = {**fields, name: (io.BytesIO(content), "logo.svg")}
    return browser.client.post(page, data=sent, content_type="multipart/form-data")


@pytest.mark.parametrize(("kind", "kept"), [("PNG", "PNG"), ("JPEG", "JPEG"), ("WEBP", "PNG")])
def test_a_picture_is_made_anew_and_carries_nothing(kind: str, kept: str) -> None:
    made = make_picture(draw(kind), box=(300, 300))
    assert max(made.width, made.height) == 300
    assert b"Secret" not in made.content
    with Image.open(io.BytesIO(made.content)) as picture:
        assert picture.format == kept
        assert dict(picture.getexif()) == {}
    assert make_picture(draw(kind), box=(300, 300)) == made


def test_a_turned_photograph_stands_upright() -> None:
    made = make_picture(draw("JPEG"), box=(300, 300))
    assert (made.width, made.height) == (100, 300)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"GIF89a" + bytes(40),
        draw()[:200],
        b"%PDF-1.7",
    ],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(NotAPicture):
        make_picture(content, box=(300, 300))


def test_a_bomb_is_not_opened() -> None:
    side = int(MOST_PIXELS**0.5) + 10
    with pytest.raises(TooLarge):
        make_picture(draw(size=(side, side), mode="1"), box=(300, 300))


def test_a_logo_is_kept_and_served_for_ever(
    signed_in: SignedIn, catalogued: Database, client: CheckedClient
) -> None:
    browser = signed_in("admin")
    sent = upload(browser, ISSUER, "logo", draw())
    assert sent.status_code == 303, sent.text
    logo = canada(catalogued).issuer.logo
    served = client.get(f"/pictures/{logo}")
    assert (served.status_code, served.mimetype) == (200, "image/png")
    assert served.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert f"/pictures/{logo}" in browser.get(ISSUER).text
    assert client.get("/pictures/" + "0" * 64).status_code == 404
    assert client.get("/pictures/../portal.db").status_code == 404
    upload(browser, ISSUER, "logo", b"", logo_gone="y")
    assert canada(catalogued).issuer.logo == ""


def test_what_is_none_is_said_at_its_field(signed_in: SignedIn, catalogued: Database) -> None:
    answer = upload(signed_in("admin"), ISSUER, "logo", b"not a picture", place="Ottawa")
    assert answer.status_code == 422
    assert "Choose a picture (PNG, JPEG or WebP)" in answer.text
    assert 'id="logo-error"' in answer.text
    assert 'value="Ottawa"' in answer.text
    assert canada(catalogued).issuer.logo == ""


def test_another_mistake_loses_no_picture(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    answer = upload(browser, ISSUER, "signature", draw(), legal_name="")
    assert answer.status_code == 422
    with catalogued.read() as session:
        (name,) = session.scalars(sa.select(Picture.name))
    assert f'name="signature_kept" value="{name}"' in answer.text


def test_a_fund_has_its_picture(signed_in: SignedIn, catalogued: Database) -> None:
    page = "/staff/regions/ca/funds/missions"
    assert upload(signed_in("admin"), page, "image", draw("JPEG")).status_code == 303
    fund = canada(catalogued).fund("missions")
    assert fund is not None
    assert fund.image


def test_a_receipt_bears_the_signature_of_its_day(
    signed_in: SignedIn, catalogued: Database, app: Flask
) -> None:
    with catalogued.write() as session:
        pay_sample(session, add_sample(session), "pi_before", NOW)
    upload(signed_in("admin"), ISSUER, "signature", draw(size=(600, 200)))
    with catalogued.write() as session:
        pay_sample(session, add_sample(session), "pi_after", NOW)
    with catalogued.read() as session:
        ids = session.scalars(sa.select(Receipt.id).order_by(Receipt.id)).all()
    pages = []
    for receipt_id in ids:
        pdf = render_receipt(app.extensions["portal"], receipt_id)
        (page,) = PdfReader(io.BytesIO(pdf)).pages
        pages.append((len(page.images), "without a handwritten signature" in page.extract_text()))
    assert pages == [(0, True), (1, False)]
