"""Gifts with a partner's code: many as rows alone, or given and booked as in life."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import CodeRecord, CodeUse, Scope
from portal.codes.terms import Via
from portal.donors import Donor
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Gift
from portal.intake.start import start_gift
from portal.money import Money
from portal.payments.operations import accept
from portal.services import Services
from tests.workplace import Workplace, make_order


def path_of(session: Session, key: str) -> str:
    scope = session.scalars(sa.select(Scope).where(Scope.key == key)).one()
    return "".join(f"/{level['id']}" for level in scope.lineage) + "/"


def plant_gifts(session: Session, key: str, gifts: Sequence[dict[str, Any]]) -> None:
    """Rows of gifts by the code of the scope `key`; each says what differs from the usual.

    `donor` is the number of its donor; `minor` its amount, all of it paid but for other words.
    """
    code = session.scalars(sa.select(CodeRecord).where(CodeRecord.code == key.upper())).one()
    first = (session.scalar(sa.select(sa.func.max(Gift.id))) or 0) + 1
    donors = _plant_donors(session, {one["donor"] for one in gifts})
    rows = [_gift_row(first + at, one, key, donors) for at, one in enumerate(gifts)]
    session.execute(sa.insert(Gift), rows)
    use = {
        "code_id": code.id,
        "policy_id": code.policy_id,
        "policy_version": 1,
        "scope_id": code.scope_id,
        "path": path_of(session, key),
        "via": Via.TYPED,
        "first_code": code.code,
    }
    session.execute(
        sa.insert(CodeUse),
        [{**use, "gift_id": row["id"], "at": row["created_at"]} for row in rows],
    )


def email_of(donor: int) -> str:
    return f"donor{donor}@secret.example"


def _plant_donors(session: Session, numbers: set[int]) -> dict[int, int]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    known = {row.email: row.id for row in session.execute(sa.select(Donor.email, Donor.id))}
    new = [number for number in sorted(numbers) if email_of(number) not in known]
    if new:
        session.execute(
            sa.insert(Donor), [{"email": email_of(one), "created_at": now} for one in new]
        )
        known |= {row.email: row.id for row in session.execute(sa.select(Donor.email, Donor.id))}
    return {number: known[email_of(number)] for number in numbers}


def _gift_row(
    number: int, said: dict[str, Any], key: str, donors: dict[int, int]
) -> dict[str, Any]:
    minor, day = said.get("minor", 1000), said.get("day", date(2026, 11, 20))
    paid = said.get("paid", minor)
    return {
        "id": number,
        "token": f"planted-{number}",
        "reference": f"P-{number}",
        "donor_id": donors[said["donor"]],
        "email": email_of(said["donor"]),
        "first_name": "Secret",
        "last_name": "Secretson",
        "region": said.get("region", "ca"),
        "fund": said.get("fund", "missions"),
        "mode": said.get("mode", "card"),
        "code": said.get("code", key.upper()),
        "partner": key,
        "frequency": "once",
        "amount_minor": minor,
        "currency": said.get("currency", "CAD"),
        "status": said.get("status", _status_of(paid, said.get("refunded", 0))),
        "paid_minor": paid,
        "refunded_minor": said.get("refunded", 0),
        "created_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        - timedelta(days=said.get("waited", 1)),
        "received_on": day if paid else None,
        "plan_id": said.get("plan"),
    }


def _status_of(paid: int, refunded: int) -> Status:
    if not paid:
        return Status.PENDING
    return Status.PARTLY_REFUNDED if refunded else Status.PAID


def give(services: Services, code: str, donor: int, minor: int, **choices: Any) -> int:
    """Promise an e-Transfer as the form does; the gift's number."""
    place = Workplace(services)
    order = make_order(
        place,
        code=code,
        mode="interac",
        money=Money(minor, "CAD"),
        donor={"email": email_of(donor)},
        **choices,
    )
    sender = replace(order.sender, network=f"net{donor}-{minor}")
    caller = replace(order.caller, network=f"net{donor}-{minor}")
    return place.gift(start_gift(services, replace(order, sender=sender, caller=caller)).token).id


def book(services: Services, gift_id: int, fact: FactKind, subject: str, minor: int) -> None:
    """Say a fact of a gift, as evidence does; `payment` is always the first one's."""
    claim = Claim(
        fact=fact,
        subject=subject,
        occurred_at=services.now(),
        money=Money(minor, "CAD"),
        source=Source.PERSON,
        actor="staff:1",
        payment=f"{gift_id}-paid" if fact in REVERSALS else None,
    )
    with services.write() as act:
        accept(act, gift_id, [claim])


REVERSALS = {
    FactKind.REFUNDED,
    FactKind.REFUND_FAILED,
    FactKind.DISPUTE_OPENED,
    FactKind.DISPUTE_WON,
    FactKind.DISPUTE_LOST,
}
