"""Whole stories of gifts, played at the sandbox; the events they made are delivered by tests."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from portal.codes.terms import Frequency
from portal.money import Money
from tests.sandbox_process import SandboxProcess
from tests.workplace import Workplace

Event = dict[str, Any]


class Recorder(dict[str, Event]):
    """Events by id, oldest first; noted along the way, as Stripe forgets them in 30 days."""

    def note(self, sandbox: SandboxProcess) -> None:
        sandbox.control("drain")
        for event in list_events(sandbox):
            self.setdefault(event["id"], event)


def list_events(sandbox: SandboxProcess) -> list[Event]:
    """All events the sandbox still lists, oldest first."""
    events: list[Event] = []
    after = ""
    while True:
        page = sandbox.api("GET", f"/v1/events?limit=100{after}").json
        events += page["data"]
        if not page["has_more"]:
            return events[::-1]
        after = f"&starting_after={page['data'][-1]['id']}"


def find(sandbox: SandboxProcess, kind: str) -> list[dict[str, Any]]:
    """All objects of a kind the sandbox lists, newest first."""
    data: list[dict[str, Any]] = sandbox.api("GET", f"/v1/{kind}?limit=100").json["data"]
    return data


def refund(
    sandbox: SandboxProcess, payment_intent: str, amount: int, reference: str = ""
) -> dict[str, Any]:
    """A refund made at Stripe, or by us, which is with the gift's reference."""
    form: dict[str, Any] = {"payment_intent": payment_intent, "amount": amount}
    if reference:
        form["metadata[portal_gift]"] = reference
    answer = sandbox.api("POST", "/v1/refunds", form=form)
    assert answer.status == 200, answer.text
    made: dict[str, Any] = answer.json
    return made


def give_and_take_back(place: Workplace, sandbox: SandboxProcess, seen: Recorder) -> None:
    """Paid by card; two refunds, one of which comes back; a dispute, lost."""
    started = place.start()
    sandbox.pay(started.url)
    seen.note(sandbox)
    charge = find(sandbox, "charges")[0]
    refund(sandbox, charge["payment_intent"], 1001, place.gift(started.token).reference)
    second = refund(sandbox, charge["payment_intent"], 53)
    sandbox.control(f"refund_fail/{second['id']}")
    dispute = sandbox.control(f"dispute/{charge['id']}")
    dispute_id = dispute.get("id") or find(sandbox, "disputes")[0]["id"]
    sandbox.control(f"dispute/{dispute_id}/close", outcome="lost")
    seen.note(sandbox)


def lose_a_part(place: Workplace, sandbox: SandboxProcess, seen: Recorder) -> None:
    """Paid by card; a part refunded, a part disputed and lost; on another, nothing came of it."""
    started = place.start()
    sandbox.pay(started.url)
    seen.note(sandbox)
    charge = find(sandbox, "charges")[0]
    refund(sandbox, charge["payment_intent"], 1001)
    dispute = sandbox.control(f"dispute/{charge['id']}", amount=2503)
    sandbox.control(f"dispute/{dispute['id']}/close", outcome="lost")
    sandbox.pay(place.start(money=Money(2513, "CAD")).url)
    sandbox.control(f"dispute/{find(sandbox, 'charges')[0]['id']}", prevented=True)
    seen.note(sandbox)


def give_monthly(place: Workplace, sandbox: SandboxProcess, seen: Recorder) -> None:
    """Three months of a monthly gift, then its end; the second is given back."""
    url = place.start(frequency=Frequency.MONTHLY, money=Money(2513, "CAD")).url
    sandbox.pay(url)
    seen.note(sandbox)
    sandbox.control("advance", to="renewal")
    seen.note(sandbox)
    newest = find(sandbox, "charges")[0]
    refund(sandbox, newest["payment_intent"], 2513)
    seen.note(sandbox)
    sandbox.control("advance", to="renewal")
    seen.note(sandbox)
    subscription = find(sandbox, "subscriptions")[0]["id"]
    assert sandbox.api("DELETE", f"/v1/subscriptions/{subscription}").status == 200
    seen.note(sandbox)


def debit_late(place: Workplace, sandbox: SandboxProcess, seen: Recorder) -> None:
    """A bank debit that is on its way for days and then comes."""
    sandbox.submit(place.start(mode="bank_debit").url, method="bank_debit", name="Ada Eze")
    sandbox.control("advance", seconds=8 * 86_400)
    seen.note(sandbox)


def debit_fails(place: Workplace, sandbox: SandboxProcess, seen: Recorder) -> None:
    """A bank debit that is on its way for days and then doesn't come."""
    sandbox.control("fail_next_settlement", count=1)
    sandbox.submit(place.start(mode="bank_debit").url, method="bank_debit", name="Ada Eze")
    sandbox.control("advance", seconds=8 * 86_400)
    seen.note(sandbox)


DEBIT_DAYS = 5  # when the sandbox's bank has answered, and before Stripe tries it again


def sandbox_now(sandbox: SandboxProcess) -> datetime:
    return datetime.fromtimestamp(sandbox.look("state")["now"], UTC)


def fail_first_month(place: Workplace, sandbox: SandboxProcess) -> str:
    """A monthly gift whose first bank debit doesn't come; its token."""
    started = place.start(frequency=Frequency.MONTHLY, mode="bank_debit", money=Money(2513, "CAD"))
    sandbox.control("fail_next_settlement", count=1)
    sandbox.submit(started.url, method="bank_debit", name="Ada Eze")
    sandbox.control("advance", seconds=DEBIT_DAYS * 86_400)
    return started.token


def pay_again(place: Workplace, sandbox: SandboxProcess, token: str) -> None:
    """The donor goes on from the gift's page, and this debit comes."""
    url = place.resume(token, sandbox_now(sandbox))
    sandbox.submit(url, method="bank_debit", name="Ada Eze")
    sandbox.control("advance", seconds=DEBIT_DAYS * 86_400)


def fail_and_pay_again(place: Workplace, sandbox: SandboxProcess, seen: Recorder) -> None:
    """A first month that fails, and a second subscription that takes the first one's place."""
    token = fail_first_month(place, sandbox)
    seen.note(sandbox)
    for event in seen.values():
        place.receive(event)
    pay_again(place, sandbox, token)
    seen.note(sandbox)


def pay_again_unheard(place: Workplace, sandbox: SandboxProcess, seen: Recorder) -> None:
    """The same, but Stripe's word of the first comes only when the second has begun."""
    pay_again(place, sandbox, fail_first_month(place, sandbox))
    seen.note(sandbox)


def pay_by_card_and_bank(place: Workplace, sandbox: SandboxProcess, seen: Recorder) -> None:
    """Paid by card; the bank's file brings two lines for it as well, and one was another's."""
    started = place.start()
    sandbox.pay(started.url)
    seen.note(sandbox)
    refund(sandbox, find(sandbox, "charges")[0]["payment_intent"], 1001)
    seen.note(sandbox)
    reference = place.gift(started.token).reference
    for fact, subject, minor in (
        ("paid", "line-1-1", 5000),
        ("settled", "line-1-1", None),
        ("paid", "line-2-1", 2553),
        ("withdrawn", "line-2-1", 2553),
    ):
        told = {"reference": reference, "fact": fact, "subject": subject, "minor": minor}
        seen[f"{fact}:{subject}"] = {"id": f"{fact}:{subject}", "type": "statement", **told}


STORIES: dict[str, Callable[[Workplace, SandboxProcess, Recorder], None]] = {
    "give_and_take_back": give_and_take_back,
    "lose_a_part": lose_a_part,
    "give_monthly": give_monthly,
    "debit_late": debit_late,
    "debit_fails": debit_fails,
    "fail_and_pay_again": fail_and_pay_again,
    "pay_again_unheard": pay_again_unheard,
    "pay_by_card_and_bank": pay_by_card_and_bank,
}
