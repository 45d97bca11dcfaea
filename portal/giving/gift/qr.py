"""The code a phone's camera reads: a transfer filled in, a wallet's code, or this very page.

EPC069-12 version 002: "BCD", SEPA credit transfer, the reference as unstructured remittance.
"""

from dataclasses import dataclass

import segno
from segno.helpers import make_epc_qr

from portal.i18n import gettext
from portal.money import Money
from portal.regions.catalogue import Mode

# A bank's app reads at most this much (EPC069-12, section 3).
EPC_MOST_MINOR = 99_999_999_999


@dataclass(frozen=True, slots=True)
class Code:
    """An SVG without styles of its own, what it is called, and whether a desk is its place.

    `is_for_desk` marks a code that leads a phone to this page, of no use on the phone itself.
    """

    svg: str
    caption: str
    is_for_desk: bool = False


def draw_code(mode: Mode, due: Money, reference: str, page: str) -> Code:
    """The most useful code for a mode; `page` is the address of the gift's own page."""
    if _is_epc(mode, due):
        caption = gettext("Scan with your bank’s app: everything is filled in.")
        return Code(_svg(epc_code(mode, due, reference), caption), caption)
    if mode.link:
        caption = gettext("Scan to open your wallet.")
        address = mode.filled_link(amount=due.plain(), reference=reference)
        return Code(_svg(segno.make_qr(address, error="m"), caption), caption)
    if mode.key == "wallet_code" and mode.recipient:
        caption = gettext("Scan with your wallet to get the code.")
        return Code(_svg(segno.make_qr(mode.recipient, error="m"), caption), caption)
    caption = gettext("Scan to go on from your phone.")
    return Code(_svg(segno.make_qr(page, error="m"), caption), caption, is_for_desk=True)


def _is_epc(mode: Mode, due: Money) -> bool:
    has_iban = mode.account is not None and mode.account.kind == "iban"
    return has_iban and due.currency == "EUR" and 0 < due.minor <= EPC_MOST_MINOR


def epc_code(mode: Mode, due: Money, reference: str) -> segno.QRCode:
    """A SEPA transfer of `due` to the mode's account, as a bank's app reads it."""
    values = mode.account.values if mode.account else {}
    return make_epc_qr(
        name=values["holder"],
        iban=values["iban"].replace(" ", ""),
        amount=due.decimal,
        text=reference,
        bic=values.get("bic"),
        encoding="utf-8",
    )


def _svg(code: segno.QRCode, title: str) -> str:
    """Dark on light in every colour scheme, as cameras want it."""
    return str(
        code.svg_inline(
            scale=4,
            border=3,
            dark="#000",
            light="#fff",
            title=title,
            svgclass="qr",
            lineclass=None,
            omitsize=True,
        )
    )
