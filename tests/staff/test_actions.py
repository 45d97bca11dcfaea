"""What staff may do with a gift or a line: a table of facts and answers, without a page."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, Plan
from portal.money import Money
from portal.payments.statements.models import LineState
from portal.payments.statements.queries import GiftChoice, Line, Matched
from portal.regions.catalogue import Mode
from portal.regions.files import read_catalogue
from portal.staff.gifts.page import GiftActions, list_actions
from portal.staff.statements.line_views import LineActions, list_line_actions

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def modes() -> dict[str, Mode | None]:
    canada = read_catalogue().by_slug("ca")
    assert canada is not None
    return {"card": canada.mode("card"), "interac": canada.mode("interac"), "gone": None}


def make_gift(status: Status, **values: Any) -> Gift:
    paid = 7553 if status.is_received else 0
    given = {"amount_minor": 7553, "currency": "CAD", "email": "ada@example.org"}
    return Gift(**{"status": status, "paid_minor": paid, "refunded_minor": 0, **given, **values})


RUNNING = Plan(status="active", stripe_subscription_id="sub_1")
ENDED = Plan(status="cancelled", stripe_subscription_id="sub_1")
PART = {"paid_minor": 1000}
ALL_BACK = {"refunded_minor": 7553}
NOBODYS = {"is_unattributed": True}


@pytest.mark.parametrize(
    ("mode", "gift", "plan", "may"),
    [
        ("card", make_gift(Status.PENDING), None, "is_due correct_contact"),
        ("card", make_gift(Status.PAID), None, "refund correct_contact"),
        ("card", make_gift(Status.PAID), RUNNING, "refund end_monthly correct_contact"),
        ("card", make_gift(Status.PAID), ENDED, "refund correct_contact"),
        ("card", make_gift(Status.DISPUTED), None, "refund correct_contact"),
        ("card", make_gift(Status.REFUNDED, **ALL_BACK), None, "correct_contact"),
        ("card", make_gift(Status.PAID, **NOBODYS), None, "refund"),
        (
            "interac",
            make_gift(Status.PENDING),
            None,
            "is_due book_money follow_transfer keep_open correct_contact",
        ),
        (
            "interac",
            make_gift(Status.PARTLY_PAID, **PART),
            None,
            "is_due book_money follow_transfer keep_open count_as_whole correct_contact",
        ),
        ("interac", make_gift(Status.PAID), None, "book_money follow_transfer correct_contact"),
        ("gone", make_gift(Status.PAID), None, "book_money correct_contact"),
    ],
)
def test_what_finance_may_do_with_a_gift(
    modes: dict[str, Mode | None], mode: str, gift: Gift, plan: Plan | None, may: str
) -> None:
    allowed = list_actions(
        gift,
        mode=modes[mode],
        takes_back=mode == "card",
        plan=plan,
        has_receipt=False,
        is_finance=True,
    )
    assert names_of(allowed) == {*may.split(), "open_proofs"}


def test_a_receipt_is_sent_where_there_is_one_and_an_address(
    modes: dict[str, Mode | None],
) -> None:
    def may_send(email: str, *, has_receipt: bool) -> bool:
        gift = make_gift(Status.PAID, email=email)
        mode = modes["card"]
        return list_actions(
            gift, mode=mode, takes_back=True, plan=None, has_receipt=has_receipt, is_finance=True
        ).send_receipt

    assert may_send("ada@example.org", has_receipt=True)
    assert not may_send("", has_receipt=True)
    assert not may_send("ada@example.org", has_receipt=False)


def test_who_takes_payments_and_gives_none_back_is_asked_for_no_refund(
    modes: dict[str, Mode | None],
) -> None:
    gift, mode = make_gift(Status.PAID), modes["card"]
    assert not list_actions(
        gift, mode=mode, takes_back=False, plan=None, has_receipt=True, is_finance=True
    ).refund


@pytest.mark.parametrize("mode", ["card", "interac", "gone"])
@pytest.mark.parametrize("status", list(Status))
def test_a_viewer_may_only_look(modes: dict[str, Mode | None], mode: str, status: Status) -> None:
    allowed = list_actions(
        make_gift(status),
        mode=modes[mode],
        takes_back=mode == "card",
        plan=RUNNING,
        has_receipt=True,
        is_finance=False,
    )
    assert names_of(allowed) <= {"is_due", "follow_transfer"}


def names_of(allowed: GiftActions | LineActions) -> set[str]:
    return {one.name for one in fields(allowed) if getattr(allowed, one.name)}


def make_line(state: LineState, minor: int = 7553, **values: Any) -> Line:
    texts = ("payer_name", "payer_email", "payer_account", "message", "bank_reference")
    texts += ("interac_reference", "raw", "note")
    return Line(
        line_id=1,
        file_id=1,
        position=1,
        booked_on=date(2026, 11, 23),
        money=Money(minor, "CAD"),
        state=state,
        decided_at=None,
        **{**dict.fromkeys(texts, ""), "decided_by": "staff:1", **values},
    )


@pytest.mark.parametrize(
    ("line", "may"),
    [
        (make_line(LineState.OPEN), "tick book ignore"),
        (make_line(LineState.OPEN, -7553), "tick is_return ignore"),
        (make_line(LineState.IGNORED), "reopen"),
        (make_line(LineState.IGNORED, decided_by="system"), ""),
        (make_line(LineState.WITHDRAWN), ""),
    ],
)
def test_what_may_be_done_with_a_line(line: Line, may: str) -> None:
    assert names_of(list_line_actions(line, is_finance=True)) == set(may.split())
    looked_at = list_line_actions(line, is_finance=False)
    assert names_of(looked_at) == {"is_return"} & set(may.split())


def test_the_match_that_stands_may_be_taken_back() -> None:
    gift = GiftChoice.__new__(GiftChoice)
    undone = Matched(
        match_id=4,
        gift=gift,
        money=Money(1, "CAD"),
        is_automatic=False,
        reasons=(),
        made_by="staff:1",
        made_at=NOW,
        undone_by="staff:1",
        undone_at=NOW,
        undo_reason="wrong",
    )
    standing = replace(undone, match_id=5, undone_at=None)
    line = make_line(LineState.MATCHED, matches=(undone, standing))
    assert list_line_actions(line, is_finance=True).undo == 5
    assert list_line_actions(replace(line, matches=(undone,)), is_finance=True).undo is None
    assert list_line_actions(line, is_finance=False).undo is None
