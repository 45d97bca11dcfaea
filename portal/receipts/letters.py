"""The letter that brings a receipt, in its donor's language, with the PDF attached."""

from portal.gifts.models import Gift
from portal.mail import LetterKind, render_letter
from portal.mime import Attachment, Letter
from portal.money import Money
from portal.receipts.composition import write_money
from portal.receipts.models import Receipt
from portal.settings import Settings


def receipt_filename(receipt: Receipt) -> str:
    """A name that still says what it is in a folder of many: `receipt-2026-000417.pdf`."""
    return f"receipt-{receipt.label}.pdf"


def write_receipt_letter(
    settings: Settings, receipt: Receipt, gift: Gift, pdf: bytes, *, is_marked: bool
) -> Letter:
    """The letter about `receipt` to the gift's current address; `pdf` may bear a mark."""
    snapshot = receipt.snapshot
    issuer = snapshot["issuer"]
    help_email = settings.support_email or issuer["email"]
    filename = receipt_filename(receipt)
    money = Money(snapshot["amount_minor"], snapshot["currency"])
    gift_url = f"{settings.base_url}/gift/{gift.token}"
    subject, text, html = render_letter(
        LetterKind.RECEIPT,
        receipt.locale,
        receipt=snapshot,
        amount=write_money(money, receipt.locale),
        issuer=issuer,
        filename=filename,
        help_email=help_email,
        gift_url=gift_url,
        monthly_url=f"{gift_url}/monthly" if gift.plan_id else "",
        is_marked=is_marked,
    )
    return Letter(
        recipient=gift.email,
        recipient_name=gift.name,
        subject=subject,
        text=text,
        html=html,
        sender_name=issuer["legal_name"],
        reply_to=help_email,
        attachments=(Attachment(filename, pdf),),
    )
