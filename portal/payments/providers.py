"""The door to those who take payments for us: what each does, and which there are here.

What stands above this package knows a provider by its name alone, on a mode of payment and on
rows, and asks `services.providers` who that is and what it can do. A provider has a wing of its
own beside `stripe/`, and a line in `commands/installation.py`; region files name it on their
modes. What it hears of payments it books by `portal.payments.operations.accept`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from portal.gifts.evidence import PROVIDER_LENGTH, Claim, Provider, Source
from portal.money import Money
from portal.payments.models import CheckoutState, Outcome
from portal.regions.catalogue import Mode

if TYPE_CHECKING:
    from portal.services import Services


class ProviderUnavailable(Exception):
    """The provider could not be reached, or asked us to wait. Worth another try."""


class ProviderBusy(ProviderUnavailable):
    """The provider takes no more just now; there is room in so many `seconds`. Nothing was done."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"asked us to wait {seconds:.0f} seconds")
        self.seconds = seconds


class ProviderRefused(Exception):
    """The provider understood and said no; `message` is its own sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class StillWaiting(Exception):
    """The event leads to no gift yet; worth another try."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.problem or "no gift yet")
        self.outcome = outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PayOrder:
    """All that a pay page needs to know of a gift.

    The same `key` is the same hand-off. From the page the donor comes back to `page_url`, with
    `?session_id=` and the provider's id of the hand-off, or with `?cancelled=1`. `has_waited`
    where the provider was busy and the donor came back when they were told to.
    """

    key: str
    reference: str
    money: Money
    monthly: bool
    description: str
    email: str
    locale: str
    page_url: str
    expires_at: datetime
    installation: str
    mode: Mode | None
    has_waited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOff:
    """A hand-off as its provider made it; `session_id` has at most 60 characters."""

    session_id: str
    url: str
    expires_at: datetime
    state: CheckoutState = CheckoutState.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """Give `money` back of `payment`, the provider's own id; the same `key` is the same refund."""

    payment: str
    money: Money
    key: str
    reference: str
    installation: str


@dataclass(frozen=True, slots=True)
class RefundMade:
    """What a provider made of a refund: its own id, and what it says of the money so far."""

    refund_id: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """How many hand-offs and events were looked at, and how many of each brought news."""

    checkouts: int = 0
    checkouts_changed: int = 0
    events: int = 0
    events_new: int = 0


class Refunds(Protocol):
    """Giving money back. `key_kept` is how long a key is surely known to the provider."""

    @property
    def key_kept(self) -> timedelta: ...

    def find_payments(self, subjects: list[str]) -> dict[str, str]:
        """What money can be given back of, by the subject that was booked as paid."""

    def refund(self, order: RefundOrder) -> RefundMade: ...

    def find_refund(self, order: RefundOrder) -> RefundMade | None:
        """What became of one that was asked for; None where there is none."""


class Monthly(Protocol):
    """What goes on by itself every month. `card_origin` is where the page for cards stands."""

    @property
    def card_origin(self) -> str: ...

    def free(self, services: "Services", gift_id: int) -> None:
        """End what an attempt that failed left behind, so that the gift can be begun anew."""

    def stop(self, services: "Services", gift_id: int, *, actor: str, reason: str = "") -> None:
        """End the monthly gift that a gift belongs to; one that ended stays so."""

    def change_amount(
        self, services: "Services", gift_id: int, money: Money, *, actor: str
    ) -> None:
        """Charge another amount from the next month on; `ProviderRefused` where that failed."""

    def pause(self, services: "Services", gift_id: int, until: datetime, *, actor: str) -> None:
        """Take nothing until a day, from which it goes on by itself."""

    def resume(self, services: "Services", gift_id: int, *, actor: str) -> None:
        """End a pause."""

    def try_again(self, services: "Services", gift_id: int, *, actor: str) -> None:
        """Take the month that failed, now."""

    def open_card_page(self, customer_id: str, *, locale: str, return_url: str) -> str:
        """The address of the page on which a donor changes the card."""


class Inbox(Protocol):
    """Events that are kept as they came, and can be looked at again."""

    def retry(self, services: "Services", event_id: int) -> Outcome:
        """Apply an event again; `StillWaiting` where another try may help."""

    def claim(self, services: "Services", event_id: int) -> Outcome:
        """Book an event that names another, because a person says that it is ours."""


class PaymentProvider(Protocol):
    """Somebody who takes payments for us. All but the properties may raise the errors above.

    `title` is what people call it, `pay_origin` where its pay page stands. What it can't do is
    None.
    """

    @property
    def name(self) -> Provider: ...
    @property
    def title(self) -> str: ...
    @property
    def is_configured(self) -> bool: ...
    @property
    def pay_origin(self) -> str: ...
    @property
    def refunds(self) -> Refunds | None: ...
    @property
    def monthly(self) -> Monthly | None: ...
    @property
    def inbox(self) -> Inbox | None: ...

    def hand_off(self, order: PayOrder) -> HandedOff:
        """Make a pay page for a gift, which is committed by now."""

    def close(self, session_id: str) -> None:
        """Close a hand-off, so that it can't be paid; `ProviderRefused` where it is over."""

    def look_up(self, services: "Services", session_id: str) -> bool:
        """Ask how a hand-off stands and book it; whether it is over."""

    def compare(self, services: "Services") -> Compared:
        """Book what its deliveries missed."""


NAME = re.compile(f"[a-z][a-z0-9]{{0,{PROVIDER_LENGTH - 1}}}")


class Providers:
    """Those of an installation, by name. `ValueError` for a name that two have, or that is odd."""

    def __init__(self, *providers: PaymentProvider) -> None:
        self._by_name = {str(one.name): one for one in providers}
        odd = [name for name in self._by_name if not NAME.fullmatch(name) or name in {*Source}]
        if odd or len(self._by_name) < len(providers):
            raise ValueError(f"providers need names of their own: {odd or 'one has two'}")

    def __iter__(self) -> Iterator[PaymentProvider]:
        """Those that are set up here."""
        return (one for one in self._by_name.values() if one.is_configured)

    def find(self, name: str | None) -> PaymentProvider | None:
        """Who has a name, set up or not; None for nobody, as for an instructed mode."""
        return self._by_name.get(name or "")

    def get(self, name: str | None) -> PaymentProvider:
        """The same; one that this installation doesn't have can't be reached."""
        found = self.find(name)
        if found is None:
            raise ProviderUnavailable(f"no provider {name} here")
        return found

    def get_monthly(self, name: str | None) -> Monthly:
        """What goes on every month at a provider."""
        found = self.get(name).monthly
        if found is None:
            raise ProviderUnavailable(f"{name} has nothing monthly")
        return found

    @property
    def names(self) -> tuple[Provider, ...]:
        """Those of all, set up here or not."""
        return tuple(one.name for one in self._by_name.values())

    @property
    def titles(self) -> list[str]:
        """What people call them."""
        return [one.title for one in self._by_name.values()]

    @property
    def pay_origins(self) -> tuple[str, ...]:
        """Where pay pages stand; browsers hold `form-action` against redirects too."""
        return tuple(one.pay_origin for one in self._by_name.values())

    @property
    def card_origins(self) -> tuple[str, ...]:
        """Where pages for a donor's cards stand."""
        parts = (one.monthly for one in self._by_name.values())
        return tuple(one.card_origin for one in parts if one is not None)
