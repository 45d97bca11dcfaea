"""A receipt whose giver was corrected: it stays as it is, or another one replaces it.

A receipt's face never changes. One that says something wrong is cancelled and kept, and the
one in its place has a number of its own and says which it cancels and replaces (Canada's Income
Tax Regulations 3501(4) and (5), a rule that serves the other regions as well).
"""

from portal.gifts.models import Gift
from portal.i18n import gettext, use_locale
from portal.receipts.composition import address_lines
from portal.receipts.models import Receipt
from portal.receipts.operations import reserve_receipt, void_receipt
from portal.receipts.queries import find_receipt
from portal.regions.catalogue import Region
from portal.services import Act

CORRECTED = "What it says of the giver was corrected; a new document replaces it."


def is_outdated(receipt: Receipt, gift: Gift, region: Region) -> bool:
    """Whether the face says something else of the giver, or in another language, than the gift."""
    right = {"name": gift.name, "address": address_lines(gift, region.issuer.country)}
    return receipt.locale != gift.locale or receipt.snapshot["donor"] != right


def correct_receipt(act: Act, gift: Gift, region: Region) -> Receipt | None:
    """The number a corrected giver gets: a first one, or one in place of an outdated receipt.

    The gift must be locked. None where nothing is due, or the face has no fault.
    """
    if not (gift.status.is_received and gift.paid_minor > 0 and gift.name):
        return None
    standing = find_receipt(act.session, gift.id)
    if standing is not None:
        if not is_outdated(standing, gift, region):
            return None
        with use_locale(standing.locale):
            void_receipt(act, standing, gettext(CORRECTED))
    return reserve_receipt(act, gift, region)
