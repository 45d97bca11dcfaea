"""Whether a receipt is due: one pure answer for a gift or many, and why not.

Gifts, donor, issuer, scheme and day in; out comes what to issue, what to wait for, or why none is
due. No database, no pages: what books gifts, corrects donors, makes a year's receipts or tells
staff asks here, so that nobody decides another way.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from typing import Protocol

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.i18n import Labelled, gettext, language, use_locale
from portal.money import Money
from portal.regions.catalogue import Region
from portal.regions.records import Issuer, Texts
from portal.regions.schemes import (
    ReceiptField,
    ReceiptScheme,
    is_reviewed,
    list_issuer_lacks,
)


class Reason(Labelled):
    """Why there is no receipt, as staff read it."""

    NO_GIFT = "no_gift", "There is no gift to acknowledge."
    UNKNOWN_DONOR = "unknown_donor", "Nobody knows who gave."
    NOT_RECEIVED = "not_received", "The gift has not come yet, or not all of it."
    REFUNDED = "refunded", "The gift went back to its donor."
    DISPUTED = "disputed", "The donor’s bank disputes the payment."
    OTHER_ISSUER = "other_issuer", "The gift belongs to another issuer."
    MIXED_CURRENCIES = "mixed_currencies", "One receipt has one currency."
    OTHERS_RECEIPT = "others_receipt", "The partner whose code was used gives the receipt."
    PERIOD_LOCKED = "period_locked", "The period is locked."
    NOT_IN_FORCE = "not_in_force", "The rules for this receipt do not hold on this day."
    NOT_REVIEWED = "not_reviewed", "Nobody has confirmed these rules for the issuer yet."
    ISSUER_NOT_VALIDATED = "issuer_not_validated", "What the issuer must show is not complete."
    NO_ADDRESS = "no_address", "The donor’s address is missing."
    MISSING_FIELD = "missing_field", "Something the receipt must show is missing."
    BELOW_MINIMUM = "below_minimum", "The gift is smaller than those a receipt is given for."
    ADVANTAGE_TOO_HIGH = (
        "advantage_too_high",
        "What the donor received in return is worth too much for a gift.",
    )


# Where these alone stand against an official receipt, a plain acknowledgement may go out instead.
STILL_ACKNOWLEDGED = frozenset(
    {
        Reason.OTHERS_RECEIPT,
        Reason.NOT_IN_FORCE,
        Reason.NOT_REVIEWED,
        Reason.ISSUER_NOT_VALIDATED,
        Reason.NO_ADDRESS,
        Reason.MISSING_FIELD,
        Reason.BELOW_MINIMUM,
        Reason.ADVANTAGE_TOO_HIGH,
    }
)


class Particulars(Protocol):
    """What is said of a gift beside itself, in its currency (`portal.receipts.register`)."""

    @property
    def advantage_minor(self) -> int: ...
    @property
    def advantage(self) -> str: ...
    @property
    def is_intangible(self) -> bool: ...
    @property
    def given(self) -> str: ...
    @property
    def appraiser(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Who a receipt is for. `details` has what only some laws ask, by its field."""

    name: str
    first_name: str = ""
    email: str = ""
    address: tuple[str, ...] = ()
    details: Mapping[ReceiptField, str] = field(default_factory=dict)

    def value(self, name: ReceiptField) -> str:
        own = {
            ReceiptField.DONOR_NAME: self.name,
            ReceiptField.FIRST_NAME: self.first_name,
            ReceiptField.DONOR_EMAIL: self.email,
            ReceiptField.DONOR_ADDRESS: "".join(self.address),
        }
        return own.get(name, self.details.get(name, "")).strip()


def receiver_of(gift: Gift) -> Receiver:
    """The donor as one gift has them; an address without street or town is none."""
    is_whole = bool(gift.address_line1 and gift.city)
    address = (gift.address_line1, gift.address_line2, gift.city, gift.province, gift.postal_code)
    return Receiver(
        name=gift.name,
        first_name=gift.first_name,
        email=gift.email,
        address=tuple(filter(None, address)) if is_whole else (),
    )


@dataclass(frozen=True, slots=True)
class Issue:
    """A receipt is due: what came, less what went back where that counts, and what of it is a gift.

    `advantage` is what was received in return; `eligible` is `amount` less that.
    """

    amount: Money
    advantage: Money
    eligible: Money
    scheme: ReceiptScheme
    returned: Money


@dataclass(frozen=True, slots=True)
class Wait:
    """None yet: `reason` may pass. `gift_id` where one gift holds it up, `missing` what lacks."""

    reason: Reason
    gift_id: int | None = None
    missing: tuple[ReceiptField, ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """None is due for these gifts, by this scheme."""

    reason: Reason
    gift_id: int | None = None


Plan = Issue | Wait | Refuse


def plan_receipt(
    gifts: Sequence[Gift],
    donor: Receiver,
    issuer: Issuer,
    scheme: ReceiptScheme,
    day: date,
    *,
    particulars: Mapping[int, Particulars] | None = None,
    regions: Collection[str] | None = None,
    locked_until: date | None = None,
) -> Plan:
    """What becomes of one receipt over `gifts`, dated `day` where its issuer is.

    `particulars` are by gift id, of the gifts that have any; `regions` the slugs that belong to the
    issuer, where that is to be looked at; `locked_until` the last day of the locked period.
    What the gifts are is judged first, then the scheme and its issuer, then what the donor lacks.
    """
    known = particulars or {}
    for stop in chain(
        _judge_gifts(gifts, donor, scheme, regions),
        _judge_scheme(issuer, scheme, day, locked_until),
        _judge_lacks(gifts, donor, scheme, known),
    ):
        return stop
    sums = [_weigh(gift, scheme, known.get(gift.id)) for gift in gifts]
    for gift, (amount, advantage) in zip(gifts, sums, strict=True):
        if is_too_much(advantage, amount, scheme):
            return Refuse(Reason.ADVANTAGE_TOO_HIGH, gift.id)
    due = _issue(gifts, scheme, sums)
    is_small = due.amount.minor < scheme.minimum_minor.get(due.amount.currency, 0)
    return Refuse(Reason.BELOW_MINIMUM) if is_small else due


def is_too_much(advantage: Money, amount: Money, scheme: ReceiptScheme) -> bool:
    """Whether what was received in return leaves no gift, as the scheme's law has it."""
    most = scheme.advantage_most_minor.get(amount.currency, amount.minor)
    return (
        advantage >= amount
        or advantage.minor > most
        or advantage.minor * 100 > amount.minor * scheme.advantage_most_percent
    )


def _issue(
    gifts: Sequence[Gift], scheme: ReceiptScheme, sums: Sequence[tuple[Money, Money]]
) -> Issue:
    nothing = Money(0, gifts[0].currency)
    amount = sum((one for one, _ in sums), nothing)
    advantage = sum((one for _, one in sums), nothing)
    returned = sum((_returned(gift, scheme) for gift in gifts), nothing)
    return Issue(amount, advantage, amount - advantage, scheme, returned)


def _judge_gifts(
    gifts: Sequence[Gift],
    donor: Receiver,
    scheme: ReceiptScheme,
    regions: Collection[str] | None,
) -> Iterator[Plan]:
    if not gifts:
        yield Refuse(Reason.NO_GIFT)
    for gift in gifts:
        yield from _judge_gift(gift, scheme)
        if regions is not None and gift.region not in regions:
            yield Refuse(Reason.OTHER_ISSUER, gift.id)
    if len({gift.currency for gift in gifts}) > 1:
        yield Refuse(Reason.MIXED_CURRENCIES)
    if not donor.name:
        yield Refuse(Reason.UNKNOWN_DONOR)


# The document that stands in place of a region's own.
PLAIN = "acknowledgement"
GONE_BACK = frozenset({Status.REFUNDED, Status.CHARGED_BACK})


def _judge_gift(gift: Gift, scheme: ReceiptScheme) -> Iterator[Plan]:
    if gift.is_unattributed or not gift.name:
        yield Refuse(Reason.UNKNOWN_DONOR, gift.id)
    if gift.status in GONE_BACK or (gift.paid_minor and gift.refunded_minor >= gift.paid_minor):
        yield Refuse(Reason.REFUNDED, gift.id)
    if gift.status is Status.DISPUTED:
        yield Wait(Reason.DISPUTED, gift.id)
    if not gift.status.is_received or gift.paid_minor <= 0:
        yield Wait(Reason.NOT_RECEIVED, gift.id)
    if gift.is_only_acknowledged and scheme.key != PLAIN:
        yield Refuse(Reason.OTHERS_RECEIPT, gift.id)


def _judge_scheme(
    issuer: Issuer, scheme: ReceiptScheme, day: date, locked_until: date | None
) -> Iterator[Plan]:
    if locked_until is not None and day <= locked_until:
        yield Refuse(Reason.PERIOD_LOCKED)
    if not scheme.is_in_force(day):
        yield Wait(Reason.NOT_IN_FORCE)
    if not is_reviewed(issuer, scheme):
        yield Wait(Reason.NOT_REVIEWED)
    if scheme.is_official and (lacks := list_issuer_lacks(issuer, scheme)):
        yield Wait(Reason.ISSUER_NOT_VALIDATED, missing=lacks)


# What only some donors have: the law wants it where there is one.
IF_ANY = frozenset({ReceiptField.TRADING_NAME})
OF_DONOR = frozenset(
    {
        ReceiptField.DONOR_NAME,
        ReceiptField.FIRST_NAME,
        ReceiptField.DONOR_EMAIL,
        ReceiptField.DONOR_PHONE,
        ReceiptField.PERSON_NATURE,
        ReceiptField.ID_TYPE,
        ReceiptField.ID_COUNTRY,
        ReceiptField.ID_NUMBER,
        ReceiptField.TRADING_NAME,
        ReceiptField.TAX_REFERENCE,
    }
)


def _judge_lacks(
    gifts: Sequence[Gift],
    donor: Receiver,
    scheme: ReceiptScheme,
    particulars: Mapping[int, Particulars],
) -> Iterator[Plan]:
    address = ReceiptField.DONOR_ADDRESS
    if address in scheme.requires and not donor.value(address):
        yield Wait(Reason.NO_ADDRESS, missing=(address,))
    wanted = [name for name in scheme.requires if name in OF_DONOR - IF_ANY]
    if lacks := tuple(name for name in wanted if not donor.value(name)):
        yield Wait(Reason.MISSING_FIELD, missing=lacks)
    for gift in gifts:
        one = particulars.get(gift.id)
        if one is not None and one.given and scheme.is_official and not one.appraiser:
            yield Wait(Reason.MISSING_FIELD, gift.id, (ReceiptField.APPRAISER,))


def _returned(gift: Gift, scheme: ReceiptScheme) -> Money:
    """What went back and is left out: a tax receipt is for what stayed, a letter for what came."""
    return Money(gift.refunded_minor if scheme.is_official else 0, gift.currency)


def _weigh(gift: Gift, scheme: ReceiptScheme, said: Particulars | None) -> tuple[Money, Money]:
    """What of a gift is receipted, and what its donor got for it, as the scheme counts that."""
    amount = gift.received - _returned(gift, scheme)
    advantage = Money(said.advantage_minor if said else 0, gift.currency)
    free = scheme.advantage_free_minor.get(gift.currency, 0)
    is_free = (
        advantage.minor <= free
        and advantage.minor * 100 <= amount.minor * scheme.advantage_free_percent
    )
    return amount, Money(0, gift.currency) if is_free else advantage


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a gift's document, and what stood against each better one, best first."""

    plan: Plan
    passed_over: tuple[Wait | Refuse, ...] = ()


def decide_receipt(
    gift: Gift,
    region: Region,
    day: date,
    *,
    particulars: Particulars | None = None,
    donor: Receiver | None = None,
) -> Decision:
    """The best document that one gift may have on a day: an official one, or a letter.

    What an official scheme refuses for want of data, or since it is no tax office's matter, is
    acknowledged all the same.
    """
    passed: list[Wait | Refuse] = []
    known = {gift.id: particulars} if particulars else {}
    for scheme in _list_schemes(gift, region, day):
        plan = plan_receipt(
            [gift], donor or receiver_of(gift), region.issuer, scheme, day, particulars=known
        )
        if isinstance(plan, Issue) or plan.reason not in STILL_ACKNOWLEDGED:
            return Decision(plan, tuple(passed))
        passed.append(plan)
    return Decision(passed[-1], tuple(passed[:-1]))


def _list_schemes(gift: Gift, region: Region, day: date) -> Iterator[ReceiptScheme]:
    if official := region.official_on(day):
        yield official
    yield region.receipt
    if gift.is_only_acknowledged:
        yield make_plain(gift, region)


def make_plain(gift: Gift, region: Region) -> ReceiptScheme:
    """The document for a gift whose code's partner gives the receipt itself.

    An acknowledgement without the issuer's registration and the authority: two receipts for one
    gift are what tax law forbids.
    """
    with use_locale(gift.locale):
        return replace(
            region.receipt,
            key=PLAIN,
            title=_in_one(gift.locale, gettext("Acknowledgement of your gift")),
            statements=tuple(_in_one(gift.locale, text) for text in _acknowledge()),
            show_registration=False,
            authority_name={},
            authority_url={},
            fields=(),
            requires=(),
            unreturned={},
            returned={},
            intangible={},
        )


def _in_one(locale: str, text: str) -> Texts:
    return {language(locale): text}


def _acknowledge() -> Iterator[str]:
    yield gettext("This letter acknowledges that we received your gift.")
    yield gettext(
        "It is no document for tax purposes: where one is due, it comes from the partner whose "
        "code you gave with."
    )
