"""A gift in every state it can be in, made at the sandbox as it happens in life."""

from collections.abc import Callable

from portal.gifts.lifecycle import Status
from tests.demo_process import DemoProcess
from tests.journeys.books import charges, newest_path, statuses
from tests.journeys.giving import Donor, give, new_donor, start
from tests.sandbox_process import wait_until

DAY = 24 * 3600
AMOUNT = 7553


def _stay_pending(demo: DemoProcess, donor: Donor) -> None:
    start(demo, donor)


def _debit(demo: DemoProcess, donor: Donor) -> None:
    demo.sandbox.submit(start(demo, donor, mode="bank_debit"), method="bank_debit")


def _fail(demo: DemoProcess, donor: Donor) -> None:
    demo.sandbox.submit(start(demo, donor, mode="bank_debit"), method="bank_debit", outcome="fails")
    demo.sandbox.control("advance", seconds=8 * DAY)


def _expire(demo: DemoProcess, donor: Donor) -> None:
    start(demo, donor)
    demo.sandbox.control("advance", seconds=DAY)


def _pay(demo: DemoProcess, donor: Donor) -> None:
    give(demo, donor)


def _refund(minor: int) -> Callable[[DemoProcess, Donor], None]:
    def refund(demo: DemoProcess, donor: Donor) -> None:
        give(demo, donor)
        (charge,) = charges(demo, donor)
        form = {"charge": charge["id"], "amount": minor}
        answer = demo.sandbox.api("POST", "/v1/refunds", form=form)
        assert answer.status == 200, answer.text

    return refund


def _dispute(demo: DemoProcess, donor: Donor) -> None:
    give(demo, donor)
    (charge,) = charges(demo, donor)
    demo.sandbox.control(f"dispute/{charge['id']}")


def _lose(demo: DemoProcess, donor: Donor) -> None:
    _dispute(demo, donor)
    (charge,) = charges(demo, donor)
    listed = demo.sandbox.api("GET", f"/v1/disputes?charge={charge['id']}").json["data"]
    demo.sandbox.control(f"dispute/{listed[0]['id']}/close", outcome="lost")


MAKE: dict[Status, Callable[[DemoProcess, Donor], None]] = {
    Status.EXPIRED: _expire,
    Status.FAILED: _fail,
    Status.PENDING: _stay_pending,
    Status.PROCESSING: _debit,
    Status.PAID: _pay,
    Status.PARTLY_REFUNDED: _refund(1001),
    Status.REFUNDED: _refund(AMOUNT),
    Status.DISPUTED: _dispute,
    Status.CHARGED_BACK: _lose,
}
MOVE_THE_CLOCK = (Status.EXPIRED, Status.FAILED)


def make_gifts(demo: DemoProcess) -> dict[Status, str]:
    """For each status the address of a gift that stands so."""
    return {status: _make(demo, status, new_donor()) for status in MAKE}


def _make(demo: DemoProcess, status: Status, donor: Donor) -> str:
    MAKE[status](demo, donor)
    wait_until(lambda: statuses(demo, donor) == [status], 20)
    if status in MOVE_THE_CLOCK:
        demo.settle()
        demo.sandbox.control("reset")
    return newest_path(demo, donor)
