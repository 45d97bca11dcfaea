"""The other rooms: overview, what is stuck, the audit log, accounts."""

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal import limits
from portal.database import Database
from portal.intake.admission import CROWD_SECONDS
from portal.money import Money
from portal.payments.models import EventState, StripeEvent
from portal.payments.statements.models import StatementFile
from portal.payments.stripe.reading import STRIPE
from portal.services import AuditEntry, add_entry
from portal.settings import Settings
from portal.signin.accounts import Role, StaffUser
from portal.staff.queries import PAGE
from tests.conftest import NOW
from tests.staff.conftest import PASSWORD, Browser
from tests.staff.samples import add_sample, pay_sample

SignedIn = Callable[[str], Browser]
Visit = Callable[[], Browser]


def add_event(database: Database, number: int, state: EventState, type_: str = "odd.type") -> int:
    with database.write() as session:
        event = StripeEvent(
            provider=STRIPE,
            stripe_event_id=f"evt_{number}",
            type=type_,
            livemode=False,
            api_version="2026-10-28.endive",
            created_at=NOW,
            received_at=NOW,
            payload={"id": f"evt_{number}", "type": type_, "livemode": False, "created": 1},
            state=state,
            problem="KeyError" if state is EventState.FAILED else "",
        )
        session.add(event)
        session.flush()
        return event.id


def test_the_overview_counts_this_month_by_currency(
    catalogued: Database, signed_in: SignedIn
) -> None:
    with catalogued.write() as session:
        for days, money in (
            (0, Money(7553, "CAD")),
            (3, Money(1001, "CAD")),
            (40, Money(9, "CAD")),
        ):
            gift = add_sample(session, NOW - timedelta(days=days), money=money)
            pay_sample(session, gift, f"pi_{days}", NOW - timedelta(days=days))
        add_sample(session)
    text = signed_in("viewer").get("/staff/").text
    assert "85.54" in text
    assert ">1</span>" in text
    assert "Everything that came in has been dealt with." in text


def test_the_overview_says_when_very_many_payments_begin(
    catalogued: Database, signed_in: SignedIn
) -> None:
    browser, most = signed_in("viewer"), Settings.model_fields["free_starts"].default
    with catalogued.write() as session:
        for _ in range(most - 1):
            limits.hit(session, "starts", "everybody", limit=most, seconds=CROWD_SECONDS, now=NOW)
    assert "payments began" not in browser.get("/staff/").text
    with catalogued.write() as session:
        limits.hit(session, "starts", "everybody", limit=most, seconds=CROWD_SECONDS, now=NOW)
    assert f"{most} payments began in these ten minutes" in browser.get("/staff/").text


def test_what_is_stuck_is_shown_and_tried_again(catalogued: Database, signed_in: SignedIn) -> None:
    failed = add_event(catalogued, 1, EventState.FAILED)
    add_event(catalogued, 2, EventState.WAITING)
    add_event(catalogued, 3, EventState.PROCESSED)
    browser = signed_in("finance")
    page = browser.get("/staff/events").text
    assert "evt_1" in page
    assert "evt_2" in page
    assert "evt_3" not in page
    assert "KeyError" in page
    response = browser.post(f"/staff/events/{failed}/retry", page="/staff/events")
    assert response.status_code == 303
    page = browser.get("/staff/events").text
    assert "The event is booked." in page
    assert "evt_1" not in page
    with catalogued.read() as session:
        entry = session.scalars(sa.select(AuditEntry).where(AuditEntry.act == "event_retry")).one()
    assert entry.detail == {"event": "evt_1"}


def test_an_event_that_is_not_there_can_not_be_tried(
    catalogued: Database, signed_in: SignedIn
) -> None:
    add_event(catalogued, 1, EventState.FAILED)
    browser = signed_in("finance")
    assert browser.post("/staff/events/999/retry", page="/staff/events").status_code == 404
    assert browser.post("/staff/jobs/nothing/retry", page="/staff/events").status_code == 404


def test_the_audit_log_is_read_by_pages_and_by_subject(
    catalogued: Database, signed_in: SignedIn
) -> None:
    with catalogued.write() as session:
        gift = add_sample(session)
        for number in range(PAGE):
            add_entry(session, "system", "receipt_resend", f"gift:{number + 500}", {}, now=NOW)
        add_entry(session, "system", "export", f"gift:{gift.id}", {"filters": "q=x"}, now=NOW)
    browser = signed_in("admin")
    page = browser.get("/staff/audit").text
    assert gift.reference in page
    assert "Sam Admin" in page
    assert "?before=" in page
    one = browser.get(f"/staff/audit?subject=gift:{gift.id}").text
    assert one.count("<tr>") == 2


ACTS: tuple[tuple[str, str, dict[str, Any], str, str], ...] = (
    (
        "refund_request",
        "gifts",
        {"amount": "CAD 271.68", "reason": "Twice", "once": "abc-token"},
        "Gifts|Why: Twice · Amount: CA$271.68",
        "Dons|Motif\xa0: Twice · Montant\xa0: 271,68\xa0$CA",
    ),
    ("user_add", "staff:unknown", {"role": "admin"}, "An unknown account|Role: Administrator", ""),
    (
        "user_role",
        "staff:unknown",
        {"from": "viewer", "to": "finance"},
        "An unknown account|Before: Viewer · After: Finance",
        "Un compte inconnu|Avant\xa0: Lecteur · Après\xa0: Finances",
    ),
    (
        "mode_edit",
        "region:us",
        {"mode": "bank_debit"},
        "United States|Mode of payment: Bank account (ACH)",
        "États-Unis|Mode de paiement\xa0: Compte bancaire (ACH)",
    ),
    (
        "lines_confirm",
        "lines",
        {"lines": list(range(4, 16))},
        "Bank lines|12 lines: 4, 5, 6, 7, 8, 9, 10, 11 …",
        "Lignes bancaires|12 lignes\xa0: 4, 5, 6, 7, 8, 9, 10, 11 …",
    ),
    ("lines_confirm", "lines", {"lines": [4]}, "Bank lines|1 line: 4", ""),
    ("line_undo", "line:9", {"match": 77, "reason": "Slip"}, "Bank line 9|Why: Slip", ""),
    ("expiry_set", "gift:800", {"to": "2027-01-31"}, "Gift 800|Kept open until: 2027-01-31", ""),
    (
        "export",
        "gifts",
        {"filters": "q=*&status=paid&region=ca&mode=cheque&from=2026-11-01"},
        "Gifts|Find: * · Status: Paid · Region: Canada · Mode of payment: Cheque by post"
        " · Started from: 2026-11-01",
        "",
    ),
    ("export", "gifts", {"filters": ""}, "Gifts|Filters: none", "Dons|Filtres\xa0: aucun"),
    (
        "lines_export",
        "lines",
        {"state": "all", "from": "2026-11-01", "currency": "CAD"},
        "Bank lines|From: 2026-11-01 · State: All · Currency: CAD",
        "",
    ),
    ("event_retry", "event:3", {"event": "evt_1"}, "Stripe’s event|Event: evt_1", ""),
    ("job_retry", "jobs", {"job": "send-1"}, "Jobs|Job: send-1", ""),
    (
        "statement_import",
        "file:41",
        {"file": 41, "lines": 3, "new": 2},
        "Bank file 41|File: Bank file 41 · Lines: 3 · New lines: 2",
        "",
    ),
    ("region_restore", "region:zz", {}, "zz|", ""),
)


def logged(text: str) -> list[str]:
    """Subject and details of every act on the page, as they are read."""
    rows = re.findall(r"<tr>\s*<td.*?</tr>", text, re.DOTALL)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)[3:] for row in rows]
    return ["|".join(html.unescape(re.sub("<[^>]+>", "", cell)) for cell in row) for row in cells]


def test_the_audit_log_says_what_was_done(catalogued: Database, signed_in: SignedIn) -> None:
    browser = signed_in("admin")
    with catalogued.write() as session:
        for act, subject, detail, *_ in ACTS:
            add_entry(session, "system", act, subject, detail, now=NOW)
    english = logged(browser.get("/staff/audit").text)
    assert english[: len(ACTS)] == [said for *_, said, _french in reversed(ACTS)]
    french = logged(browser.get("/staff/audit?lang=fr").text)
    for said, (*_, wanted) in zip(french, reversed(ACTS), strict=False):
        assert said == wanted or not wanted


def test_the_audit_log_leads_to_what_was_done_something_to(
    catalogued: Database, signed_in: SignedIn, team: dict[str, int]
) -> None:
    with catalogued.write() as session:
        gift = add_sample(session)
        row = dict.fromkeys(("sha256", "filename", "format", "account", "imported_by"), "x")
        counts = {"line_count": 1, "new_count": 1, "imported_at": NOW}
        file = StatementFile(**{**row, "filename": "november.csv"}, **counts)
        session.add(file)
        session.flush()
        add_entry(
            session, "system", "statement_import", f"file:{file.id}", {"file": file.id}, now=NOW
        )
        add_entry(session, "system", "line_match", "line:9", {"gifts": [gift.id]}, now=NOW)
        add_entry(session, "system", "line_claim", "line:8", {"gift": gift.id}, now=NOW)
        add_entry(session, "system", "mode_edit", "region:ca", {"mode": "card"}, now=NOW)
        add_entry(session, "system", "user_deactivate", f"staff:{team['viewer']}", {}, now=NOW)
    text = signed_in("admin").get("/staff/audit").text
    for page, name in (
        (f"/staff/reconcile?file={file.id}&amp;state=all", "november.csv"),
        (f"/staff/gifts/{gift.reference}", gift.reference),
        ("/staff/lines/9", "Bank line 9"),
        ("/staff/regions/ca", "Canada"),
        ("/staff/regions/ca/modes/card", "Card"),
        (f"/staff/users#staff-{team['viewer']}", "Sam Viewer"),
    ):
        assert f'<a href="{page}">{name}</a>' in text
    assert f'id="staff-{team["viewer"]}"' in signed_in("admin").get("/staff/users").text


@pytest.mark.parametrize("subject", ["gift:²", "line:x", "file:99999999999999999999", "odd"])
def test_a_subject_that_is_none_breaks_no_audit_log(signed_in: SignedIn, subject: str) -> None:
    assert "Nothing here yet" in signed_in("admin").get(f"/staff/audit?subject={subject}").text


def test_the_audit_log_only_grows(catalogued: Database) -> None:
    with catalogued.write() as session:
        add_entry(session, "system", "export", "gifts", {}, now=NOW)
    for statement in ("UPDATE audit_entries SET act = 'x'", "DELETE FROM audit_entries"):
        with pytest.raises(sa.exc.DBAPIError), catalogued.write() as session:
            session.execute(sa.text(statement))


def new_account(browser: Browser, **fields: str) -> int:
    sent = {
        "name": "Ngozi",
        "email": "ngozi@staff.example",
        "role": "finance",
        "password": PASSWORD,
        **fields,
    }
    return browser.post("/staff/users", **sent).status_code


def test_an_admin_opens_and_closes_accounts(
    catalogued: Database, signed_in: SignedIn, visit: Visit
) -> None:
    admin = signed_in("admin")
    assert new_account(admin) == 303
    newcomer = visit()
    assert newcomer.sign_in("ngozi@staff.example").status_code == 303
    with catalogued.read() as session:
        user_id = session.scalars(
            sa.select(StaffUser.id).where(StaffUser.email == "ngozi@staff.example")
        ).one()
    assert newcomer.get("/staff/gifts.csv").status_code == 200
    admin.post(f"/staff/users/{user_id}/role", page="/staff/users", role="viewer")
    assert newcomer.get("/staff/gifts.csv").status_code == 403
    admin.post(f"/staff/users/{user_id}/active", page="/staff/users", active="no")
    assert newcomer.get("/staff/gifts").status_code == 303
    assert visit().sign_in("ngozi@staff.example").status_code == 422
    admin.post(f"/staff/users/{user_id}/active", page="/staff/users", active="yes")
    assert visit().sign_in("ngozi@staff.example").status_code == 303
    with catalogued.read() as session:
        acts = session.scalars(
            sa.select(AuditEntry.act)
            .where(AuditEntry.subject == f"staff:{user_id}", AuditEntry.act.like("user%"))
            .order_by(AuditEntry.id)
        ).all()
    assert acts == ["user_add", "user_role", "user_deactivate", "user_activate"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"email": "nowhere"},
        {"email": "VIEWER@staff.example"},
        {"role": "owner"},
        {"password": "short"},
    ],
)
def test_an_account_needs_everything(signed_in: SignedIn, fields: dict[str, str]) -> None:
    assert new_account(signed_in("admin"), **fields) == 422


def test_the_last_administrator_stays_one(
    catalogued: Database, signed_in: SignedIn, team: dict[str, int]
) -> None:
    admin, path = signed_in("admin"), f"/staff/users/{team['admin']}"
    admin.post(f"{path}/role", page="/staff/users", role="viewer")
    assert "This is the last administrator" in admin.get("/staff/users").text
    admin.post(f"{path}/active", page="/staff/users", active="no")
    with catalogued.read() as session:
        user = session.get_one(StaffUser, team["admin"])
    assert (user.role, user.active) == (Role.ADMIN.value, True)
