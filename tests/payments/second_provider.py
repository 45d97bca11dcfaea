"""A provider of our own behind the one way in: pay pages, events and refunds, all in memory.

It stands for the wing of a real second provider, and for what is at the wing's other end.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from portal.gifts.evidence import Claim, Provider
from portal.gifts.lifecycle import FactKind
from portal.payments.models import CheckoutState
from portal.payments.operations import accept, close_checkouts, find_handed_off
from portal.payments.providers import (
    Compared,
    HandedOff,
    PayOrder,
    ProviderRefused,
    ProviderUnavailable,
    RefundMade,
    RefundOrder,
)
from portal.services import Services

NAME = Provider("second")
claim = partial(Claim, source=NAME, actor=NAME)


@dataclass
class Second:
    """It numbers its pay pages and its refunds from 1; `ends` is how a payment at a page went."""

    name: Provider = NAME
    title: str = "Second Pay"
    pay_origin: str = "https://pay.second.example"
    is_configured: bool = True
    is_away: bool = False
    monthly: None = None
    inbox: None = None
    key_kept: timedelta = timedelta(days=7)
    orders: dict[str, PayOrder] = field(default_factory=dict)
    ends: dict[str, FactKind] = field(default_factory=dict)
    given_back: dict[str, RefundOrder] = field(default_factory=dict)

    @property
    def refunds(self) -> "Second":
        return self

    def hand_off(self, order: PayOrder) -> HandedOff:
        if self.is_away:
            raise ProviderUnavailable("away")
        number = str(len(self.orders) + 1)
        self.orders[number] = order
        url = f"{self.pay_origin}/{number}"
        return HandedOff(session_id=number, url=url, expires_at=order.expires_at)

    def close(self, session_id: str) -> None:
        if session_id in self.ends:
            raise ProviderRefused("It is over.")
        self.ends[session_id] = FactKind.EXPIRED

    def look_up(self, services: Services, session_id: str) -> bool:
        """Read what became of a pay page, and book it, as its webhook does as well."""
        fact, money = self.ends.get(session_id), self.orders[session_id].money
        if fact is None:
            return False
        told = claim(
            fact=fact,
            subject=session_id,
            occurred_at=datetime.now(UTC),
            money=money if fact is FactKind.PAID else None,
        )
        with services.write() as act:
            gift_id = find_handed_off(act.session, self.name, [session_id])
            if gift_id is not None:
                accept(act, gift_id, [told])
                close_checkouts(act.session, self.name, [session_id], CheckoutState.COMPLETE)
        return True

    def compare(self, services: Services) -> Compared:
        changed = sum(self.look_up(services, number) for number in self.orders)
        return Compared(checkouts=len(self.orders), checkouts_changed=changed)

    def find_payments(self, subjects: list[str]) -> dict[str, str]:
        return {subject: subject for subject in subjects}

    def find_refund(self, order: RefundOrder) -> RefundMade | None:
        return self.refund(order) if order.key in self.given_back else None

    def refund(self, order: RefundOrder) -> RefundMade:
        self.given_back.setdefault(order.key, order)
        number = str([*self.given_back].index(order.key) + 1)
        back = claim(
            fact=FactKind.REFUNDED,
            subject=number,
            occurred_at=datetime.now(UTC),
            money=order.money,
            payment=order.payment,
        )
        return RefundMade(number, (back,))
