"""The monthly letter: promised once after the month's end, and nothing in it that a page hides."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.codes.models import Scope
from portal.codes.operations import Draft, add_policy, change_scope
from portal.database import Database
from portal.jobs.promising import SendPartnerMonth, read_job
from portal.mail.outbox import Email
from portal.mailbox import MailStore, StoredMessage
from portal.partners.letters import promise_letters, send_month, switch_letter
from portal.services import Services
from portal.signin.accounts import PartnerUser, remove_partner_user
from tests.conftest import NOW
from tests.partners.conftest import Visitor
from tests.partners.gifts import plant_gifts
from tests.workplace import act_in, at, promised_jobs

VIEWER = "viewer@grace.example"
MONTH = "2026-10"
IN_MONTH = date(2026, 10, 20)
# Over all over the world, Honolulu and all.
AFTER = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.fixture
def services(app: Flask) -> Services:
    found: Services = app.extensions["portal"]
    return at(found, AFTER)


@pytest.fixture
def reader(catalogued: Database, people: dict[str, int]) -> int:
    """The number of one who wants the letter."""
    with catalogued.write() as session:
        user = session.get_one(PartnerUser, people[VIEWER])
        switch_letter(act_in(session, NOW), user, is_on=True)
    return people[VIEWER]


Send = Callable[[], list[StoredMessage]]


@pytest.fixture
def send(services: Services, reader: int, inbox: tuple[MailStore, int]) -> Send:
    """Do the job twice, as a worker does that was killed before it said so; all that arrived."""
    store, port = inbox
    settings = services.settings.model_copy(update={"mail_url": f"smtp://127.0.0.1:{port}"})

    def send() -> list[StoredMessage]:
        for _ in range(2):
            send_month(replace(services, settings=settings), reader, MONTH)
        return list(store.list_messages())

    return send


def plant(database: Database, *gifts: dict[str, object]) -> None:
    with database.write() as session:
        plant_gifts(session, "grace", [{"day": IN_MONTH, **one} for one in gifts])


def months(database: Database) -> list[str]:
    """The months of the letters that were promised."""
    return [
        one.partition(":")[2] for one in promised_jobs(database) if one.startswith("send_partner")
    ]


def test_a_letter_is_promised_once_to_who_wants_it(services: Services, reader: int) -> None:
    assert [promise_letters(services) for _ in range(2)] == [1, 0]
    assert promised_jobs(services.database) == [f"send_partner_month-{reader}:{MONTH}"]
    given = SendPartnerMonth(reader, MONTH)
    assert read_job(given.name.value, given.document()) == given


def test_who_switches_off_and_on_again_has_no_second_one(services: Services, reader: int) -> None:
    promise_letters(services)
    for is_on in (False, True):
        with services.write() as act:
            switch_letter(act, act.session.get_one(PartnerUser, reader), is_on=is_on)
    assert promise_letters(services) == 0


@pytest.mark.parametrize(
    ("now", "promised"),
    [
        (datetime(2026, 11, 1, 3, 59, tzinfo=UTC), []),
        (datetime(2026, 11, 1, 4, 0, tzinfo=UTC), [MONTH]),
        (datetime(2026, 11, 11, 4, 59, tzinfo=UTC), [MONTH]),
        (datetime(2026, 11, 11, 5, 0, tzinfo=UTC), []),
        (datetime(2027, 1, 1, 5, 0, tzinfo=UTC), ["2026-12"]),
    ],
)
def test_the_month_ends_by_the_zone_of_the_scopes_region(
    services: Services, reader: int, tree: dict[str, int], now: datetime, promised: list[str]
) -> None:
    """In Toronto, four hours behind until that very day, five after it."""
    with services.database.write() as session:
        scope = session.get_one(Scope, tree["zone"])
        policy = add_policy(session, "Canada", Draft(document={"regions": ["ca"]}), NOW)
        above = session.get_one(Scope, tree["net"])
        change_scope(session, scope, name="Zone", parent=above, policy=policy, active=True)
    promise_letters(at(services, now))
    assert months(services.database) == promised


def test_without_regions_of_its_own_a_month_is_over_once_it_is_everywhere(
    services: Services, reader: int
) -> None:
    zones = {services.catalogue.timezone_of(one.slug) for one in services.catalogue.open}
    assert "America/Toronto" in zones
    assert promise_letters(at(services, datetime(2026, 11, 1, 1, tzinfo=UTC))) == 0
    assert promise_letters(services) == 1


def test_the_letter_has_last_months_figures_and_goes_out_once(
    catalogued: Database, send: Send
) -> None:
    plant(
        catalogued,
        *({"donor": one, "minor": 1001, "refunded": 1 if one == 1 else 0} for one in range(7)),
        *({"donor": 20 + one, "day": date(2026, 9, 3)} for one in range(6)),
    )
    [letter] = send()
    assert letter.deliveries == 1
    assert letter.header("To").strip("<>") == VIEWER
    assert letter.header("Subject") == "Your figures for October 2026: House grace"
    assert "CAD: raised CA$70.07, after refunds CA$70.06, paid gifts 7, donors 7" in letter.text
    assert "withheld" not in letter.text
    assert "http://localhost/partners/people#letter" in letter.text


def test_what_a_few_gave_is_withheld_as_on_the_page(catalogued: Database, send: Send) -> None:
    plant(
        catalogued,
        *({"donor": one, "minor": 1001} for one in range(3)),
        *({"donor": one, "day": date(2026, 9, 3)} for one in range(20, 27)),
        *({"donor": one, "currency": "USD", "day": date(2026, 9, 3)} for one in range(3)),
    )
    [letter] = send()
    assert "CAD: withheld" in letter.text
    # A currency of a few people has the same line each month.
    assert "USD: withheld" in letter.text
    assert "30.03" not in letter.text
    assert "What fewer than 5 people gave is withheld" in letter.text


def test_a_month_beside_one_that_is_withheld_is_withheld_too(
    catalogued: Database, send: Send
) -> None:
    plant(
        catalogued,
        *({"donor": one, "minor": 1001} for one in range(7)),
        *({"donor": 20 + one, "day": date(2026, 9, 3)} for one in range(3)),
    )
    [letter] = send()
    assert "CAD: withheld" in letter.text
    assert "70.07" not in letter.text


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", "No gift came with the codes of House grace in October 2026."),
        ("fr", "Aucun don n’est venu par les codes de House grace en octobre 2026."),
        ("ja", "2026年10月に House grace のコードを通じた寄付はありませんでした。"),
    ],
)
def test_a_month_without_a_gift_is_told_in_the_readers_language(
    catalogued: Database, reader: int, send: Send, locale: str, words: str
) -> None:
    with catalogued.write() as session:
        session.get_one(PartnerUser, reader).locale = locale
    plant(catalogued, *({"donor": one, "day": date(2026, 9, 3)} for one in range(6)))
    [letter] = send()
    assert words in letter.text


def test_nothing_goes_to_who_switched_it_off_or_was_removed(
    catalogued: Database, services: Services, reader: int, tree: dict[str, int], send: Send
) -> None:
    with catalogued.write() as session:
        user = session.get_one(PartnerUser, reader)
        switch_letter(act_in(session, NOW), user, is_on=False)
    assert (send(), promise_letters(services)) == ([], 0)
    with catalogued.write() as session:
        user, act = session.get_one(PartnerUser, reader), act_in(session, NOW)
        switch_letter(act, user, is_on=True)
        remove_partner_user(act, session.get_one(Scope, tree["grace"]), user)
        assert not user.monthly_letter
    assert (send(), promise_letters(services)) == ([], 0)


def test_what_was_sent_before_a_kill_is_not_sent_again(
    catalogued: Database, reader: int, send: Send
) -> None:
    key = f"partner-month-{reader}-{MONTH}"
    kept = {"message": "partner_month", "recipient": VIEWER, "subject": "", "locale": "en"}
    with catalogued.write() as session:
        session.add(Email(key=key, created_at=AFTER, sent_at=AFTER, **kept))
    assert send() == []
    with catalogued.read() as session:
        assert session.scalars(sa.select(Email.noted_at).where(Email.key == key)).one() == AFTER


def test_each_person_has_a_switch_of_their_own(
    signed_in: Callable[[str], Visitor], catalogued: Database, people: dict[str, int]
) -> None:
    viewer, page = signed_in(VIEWER), "/partners/people"
    assert "It is off." in viewer.get(page).text
    for word in ("on", "on", "off"):
        assert viewer.post("/partners/letter", page=page, letter=word).status_code == 303
        assert f"The letter is switched {word}." in viewer.get(page).text
        assert f"It is {word}." in viewer.get(page).text
        with catalogued.read() as session:
            wanted = sa.select(PartnerUser.id).where(PartnerUser.monthly_letter)
            assert list(session.scalars(wanted)) == [people[VIEWER]] * (word == "on")
