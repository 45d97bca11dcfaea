"""The codes on a gift's page, read back as a phone's camera reads them."""

import io
from dataclasses import replace

import pytest
import segno
import zxingcpp
from PIL import Image

from portal.giving.gift.transfer import draw_code, epc_code
from portal.money import Money
from tests.unit.samples import region

PAGE = "https://give.example.org/gift/abc"


def read(code: segno.QRCode) -> str:
    """What a camera sees in it."""
    drawn = io.BytesIO()
    code.save(drawn, kind="png", scale=6, border=4)
    (found,) = zxingcpp.read_barcodes(Image.open(drawn).convert("L"))
    return str(found.text)


def epc(slug: str, minor: int) -> list[str]:
    mode = region(slug).mode("bank_transfer")
    return read(epc_code(mode, Money(minor, "EUR"), "LW7K-3QXD-9")).splitlines()


def test_a_euro_transfer_is_filled_in_as_the_standard_says() -> None:
    assert epc("de", 7550) == [
        "BCD",
        "002",
        "1",
        "SCT",
        "SMPLDEFFXXX",
        "Sample Ministries Deutschland e. V.",
        "DE36000000000000000000",
        "EUR75.5",
        "",
        "",
        "LW7K-3QXD-9",
    ]


@pytest.mark.parametrize("slug", ["de", "fr", "ie"])
@pytest.mark.parametrize("minor", [1, 100, 7550, 123_456_789, 99_999_999_999])
def test_amounts_come_out_as_they_went_in(slug: str, minor: int) -> None:
    lines = epc(slug, minor)
    whole, _, cents = lines[7].removeprefix("EUR").partition(".")
    assert int(whole) * 100 + int(cents.ljust(2, "0") or 0) == minor
    assert lines[-1] == "LW7K-3QXD-9"


def test_accents_survive() -> None:
    assert "Association Ministères Exemple" in epc("fr", 100)


@pytest.mark.parametrize(
    ("slug", "mode", "money", "is_for_desk"),
    [
        ("de", "bank_transfer", Money(7550, "EUR"), False),
        ("ng", "wallet_code", Money(7550, "NGN"), False),
        ("gb", "bank_transfer", Money(7550, "GBP"), True),
        ("ca", "interac", Money(7550, "CAD"), True),
        ("de", "bank_transfer", Money(999_999_999_999, "EUR"), True),
    ],
)
def test_each_mode_has_the_code_that_helps_most(
    slug: str, mode: str, money: Money, is_for_desk: bool
) -> None:
    code = draw_code(region(slug).mode(mode), money, "LW7K-3QXD-9", PAGE)
    assert code.is_for_desk is is_for_desk
    assert code.svg.startswith("<svg")
    assert "style" not in code.svg
    assert "<title>" in code.svg


def test_a_wallets_link_carries_amount_and_reference() -> None:
    wallet = replace(
        region("ng").mode("wallet_code"),
        link="https://wallet.example/pay?to={recipient}&sum={amount}&note={reference}",
    )
    address = wallet.filled_link(amount="75.50", reference="A&B C")
    assert address == "https://wallet.example/pay?to=SAMPLE-GIVE-NG&sum=75.50&note=A%26B%20C"
