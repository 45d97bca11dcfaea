"""Whether a receipt is due over gifts now: pure, without a look at any table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.i18n import Labelled
from portal.regions.catalogue import Issuer, ReceiptScheme


class Reason(Labelled):
    """Why there is no receipt, as staff read it."""

    UNKNOWN_DONOR = "unknown_donor", "Nobody knows who gave."
    NOT_RECEIVED = "not_received", "The gift has not come yet, or not all of it."
    REFUNDED = "refunded", "The gift went back to its donor."
    DISPUTED = "disputed", "The donor’s bank disputes the payment."
    OTHERS_RECEIPT = "others_receipt", "The partner whose code was used gives the receipt."
    NO_ADDRESS = "no_address", "The donor’s address is missing."


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Who a receipt is for."""

    name: str
    address: tuple[str, ...] = ()


def receiver_of(gift: Gift) -> Receiver:
    """The donor as one gift has them; an address without street or town is none."""
    is_whole = bool(gift.address_line1 and gift.city)
    return Receiver(name=gift.name, address=(gift.address_line1, gift.city) if is_whole else ())


@dataclass(frozen=True, slots=True)
class Issue:
    """A receipt is due."""


@dataclass(frozen=True, slots=True)
class Wait:
    """None yet: `reason` may pass."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Refuse:
    """None is due for these gifts."""

    reason: Reason


def plan_receipt(
    gifts: Sequence[Gift], donor: Receiver, issuer: Issuer, scheme: ReceiptScheme, day: date
) -> Issue | Wait | Refuse:
    """What becomes of one receipt over `gifts`, dated `day` where its issuer is."""
    del issuer, day
    for gift in gifts:
        if gift.is_unattributed or not gift.name:
            return Refuse(Reason.UNKNOWN_DONOR)
        if gift.paid_minor and gift.refunded_minor >= gift.paid_minor:
            return Refuse(Reason.REFUNDED)
        if gift.status is Status.DISPUTED:
            return Wait(Reason.DISPUTED)
        if not gift.status.is_received or gift.paid_minor <= 0:
            return Wait(Reason.NOT_RECEIVED)
        if gift.is_only_acknowledged:
            return Refuse(Reason.OTHERS_RECEIPT)
    return Wait(Reason.NO_ADDRESS) if scheme.needs_address and not donor.address else Issue()
