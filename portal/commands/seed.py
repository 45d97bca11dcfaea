"""Made-up gifts for a demo: booked like real ones, with ledger and history, in bulk."""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from portal.clock import day_in
from portal.codes.models import CodeUse, find_code
from portal.codes.terms import Code, Via
from portal.codes.uses import WITHOUT_USE
from portal.database import Document, table_of
from portal.donors import Donor
from portal.gifts.evidence import Accounts, movements
from portal.gifts.lifecycle import Fact, FactKind, Status
from portal.gifts.models import Evidence, Gift, GiftEvent, GiftWord, LedgerEntry
from portal.gifts.operations import fold_name, make_token
from portal.gifts.references import ALPHABET, LENGTH, check_character, group, list_words
from portal.payments.books import recount_sums
from portal.regions.catalogue import Catalogue, Region
from portal.services import Act, Services

BATCH = 2_000
# The sample code that some of Canada's gifts come with.
CODE = "LWCAN"
SPREAD = timedelta(days=730)
# No multiple of 31, the number of characters: so no two products are the same modulo its powers.
SCATTER = 527_182_818_459
FIRST_NAMES = (
    "Ada Amina Anaïs Chidi Chloé Daniel Efua Emeka Fatou Grace Hannah Ifeoma Jean Joy Kofi "
    "Liam Lucía Mei Mateo Naomi Noah Olu Priya Ruth Samuel Sofia Thandi Yuki Zoë Wanjiru"
).split()
LAST_NAMES = (
    "Adeyemi Bélanger Campbell Dlamini Eze Fournier Gagnon Hughes Ibrahim Jones Kamau Kim "
    "Leblanc Mensah Müller Nguyen Okafor Patel Quirke Roy Schmidt Tanaka Tremblay Walker"
).split()
FATES = (
    (Status.PAID, 80),
    (Status.PENDING, 8),
    (Status.EXPIRED, 6),
    (Status.REFUNDED, 3),
    (Status.PROCESSING, 2),
    (Status.FAILED, 1),
)
FACTS_OF = {
    Status.PAID: (FactKind.PAID,),
    Status.REFUNDED: (FactKind.PAID, FactKind.REFUNDED),
    Status.PROCESSING: (FactKind.PROCESSING,),
    Status.FAILED: (FactKind.PROCESSING, FactKind.FAILED),
    Status.EXPIRED: (FactKind.EXPIRED,),
    Status.PENDING: (),
}


def seed_gifts(services: Services, count: int, progress: Callable[[int], Any]) -> None:
    """Add `count` gifts spread over the last two years, oldest first."""
    chance = random.Random(count)  # noqa: S311 - made-up data needs no secrets
    now = services.clock.now()
    catalogue = services.catalogue
    with services.write() as act:
        donors = _add_donors(act, min(count, 500))
        code = find_code(act.session, CODE)
        last = _last(act, Gift.id)
        evidence_ids = itertools.count(_last(act, Evidence.id) + 1)
    todo = iter(range(count))
    while numbers := list(islice(todo, BATCH)):
        rows = [
            _gift_row(
                chance, catalogue, (donors, code), last + number + 1, _moment(now, number, count)
            )
            for number in numbers
        ]
        batch = _Batch.of(rows, evidence_ids, code)
        with services.database.write() as session:
            batch.write(session)
            if numbers[-1] == count - 1:
                # With the last ones, so that the books add up whenever somebody looks then.
                recount_sums(session)
        progress(len(numbers))
    _advance_sequences(services)


def _last(act: Act, column: InstrumentedAttribute[int]) -> int:
    return act.session.scalar(sa.select(sa.func.max(column))) or 0


def _moment(now: datetime, number: int, count: int) -> datetime:
    """When the gift of that number, from nought, was begun."""
    return now - SPREAD * (count - number) / count


# Id, first name, last name and e-mail address.
_Donor = tuple[int, str, str, str]


def _add_donors(act: Act, count: int) -> list[_Donor]:
    """Some made-up people, each with an address at example.org."""
    people = []
    offset = act.session.scalar(sa.select(sa.func.max(Donor.id))) or 0
    for number in range(count):
        first = FIRST_NAMES[number % len(FIRST_NAMES)]
        last = LAST_NAMES[number % len(LAST_NAMES)]
        email = f"donor{offset + number}@example.org"
        donor = Donor(email=email, created_at=act.now)
        act.session.add(donor)
        act.session.flush()
        people.append((donor.id, first, last, email))
    return people


_UNSAID: Document = {
    "frequency": "once",
    "cover_minor": 0,
    **dict.fromkeys(
        "address_line1 address_line2 city province postal_code country dedication".split(), ""
    ),
    "anonymous": False,
}


def _gift_row(
    chance: random.Random,
    catalogue: Catalogue,
    by: tuple[list[_Donor], Code | None],
    number: int,
    at: datetime,
) -> Document:
    donors, code = by
    region: Region = chance.choice(list(catalogue.regions.values()))
    currency = chance.choice(region.currencies)
    mode = chance.choice(region.offered)
    donor = chance.choice(donors)
    fate = _fate(chance, region, currency.presets_minor, at)
    return {
        **_UNSAID,
        **_names_of(donor),
        **fate,
        **_marks_of(number),
        "region": region.slug,
        "fund": chance.choice(region.open_funds).key,
        **(_code_of(code) if region.slug == "ca" and number % 2 else NO_CODE),
        "mode": mode.key,
        "currency": currency.currency,
        "locale": region.locales[0],
    }


NO_CODE: Document = {"code": None, "partner": None}


def _code_of(code: Code | None) -> Document:
    """The sample code of the region, where it is there, and whose it is."""
    return {"code": code.code, "partner": code.partner} if code else NO_CODE


def _marks_of(number: int) -> Document:
    """By what a gift is known."""
    return {"id": number, "token": make_token(), "reference": reference_of(number)}


def _names_of(donor: _Donor) -> Document:
    donor_id, first, last, email = donor
    return {
        "donor_id": donor_id,
        "first_name": first,
        "last_name": last,
        "email": email,
        "search_name": fold_name(first, last),
        "given_name": fold_name(first, ""),
    }


def _fate(chance: random.Random, region: Region, presets: Sequence[int], at: datetime) -> Document:
    """What became of a gift that was begun at `at`, with its amount."""
    statuses, weights = zip(*FATES, strict=True)
    status: Status = chance.choices(statuses, weights)[0]
    amount = chance.choice(presets) + chance.choice((0, 0, 50, 125))
    received = at + timedelta(minutes=3) if FactKind.PAID in FACTS_OF[status] else None
    return {
        "amount_minor": amount,
        "status": status,
        "paid_minor": amount if received else 0,
        "refunded_minor": amount if status is Status.REFUNDED else 0,
        "created_at": at,
        "received_at": received,
        "received_on": day_in(region.issuer.timezone, received) if received else None,
    }


def reference_of(number: int) -> str:
    """A reference for each number and none for two, as scattered as chance's."""
    left = number * SCATTER % len(ALPHABET) ** (LENGTH - 1)
    body = ""
    for _ in range(LENGTH - 1):
        left, value = divmod(left, len(ALPHABET))
        body += ALPHABET[value]
    return group(body + check_character(body))


@dataclass
class _Batch:
    """Gifts with all that follows from them, a list of rows a table, numbered by us."""

    gifts: list[Document]
    words: list[Document] = field(default_factory=list)
    uses: list[Document] = field(default_factory=list)
    evidence: list[Document] = field(default_factory=list)
    ledger: list[Document] = field(default_factory=list)
    events: list[Document] = field(default_factory=list)

    @classmethod
    def of(cls, gifts: list[Document], evidence_ids: Iterator[int], code: Code | None) -> "_Batch":
        batch = cls(gifts)
        for gift in gifts:
            names = list_words(gift["first_name"], gift["last_name"], gift["email"])
            own = {"created_at": gift["created_at"], "gift_id": gift["id"]}
            batch.words += [{"word": word, **own} for word in names]
            if code is not None and gift["code"]:
                batch.uses.append(_use_row(gift, code))
            for evidence in _evidence_rows(gift, evidence_ids):
                batch.evidence.append(evidence)
                batch.ledger += _ledger_rows(gift, evidence)
                batch.events.append(_event_row(gift, evidence))
        return batch

    def write(self, session: Session) -> None:
        tables = (Gift, GiftWord, CodeUse, Evidence, LedgerEntry, GiftEvent)
        lists = (self.gifts, self.words, self.uses, self.evidence, self.ledger, self.events)
        for model, rows in zip(tables, lists, strict=True):
            # Tables, not models: the unit of work would sort the rows by which values they lack.
            if rows:
                _add_rows(session, table_of(model), rows)


def _add_rows(session: Session, table: sa.Table, rows: list[Document]) -> None:
    """Rows that all name the same columns, on PostgreSQL by its COPY: three times as quick."""
    if session.get_bind().dialect.name != "postgresql":
        session.execute(sa.insert(table), rows)
        return
    given = _defaults(table, rows[0])
    processors = _processors(session.get_bind().dialect, table, {**given, **rows[0]})
    columns = sql.SQL(", ").join(map(sql.Identifier, processors))
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            values = {**given, **row}
            copy.write_row([read(values[name]) for name, read in processors.items()])


def _defaults(table: sa.Table, row: Document) -> Document:
    """What the table's columns hold where a row says nothing of them."""
    unsaid = (column for column in table.c if column.name not in row)
    return {
        column.name: column.default.arg
        for column in unsaid
        if isinstance(column.default, ScalarElementColumnDefault)
    }


def _processors(
    dialect: sa.Dialect, table: sa.Table, row: Document
) -> dict[str, Callable[[Any], Any]]:
    """How a value of each column is told to the driver."""
    types = {name: table.c[name].type.dialect_impl(dialect) for name in row}
    return {
        name: one.bind_processor(dialect) or (lambda value: value) for name, one in types.items()
    }


def _use_row(gift: Document, code: Code) -> Document:
    """Of what nobody counts: whether it holds is as where the gift stands."""
    return {
        "gift_id": gift["id"],
        "code_id": code.id,
        "policy_id": code.policy_id,
        "policy_version": code.policy_version,
        "scope_id": code.scope_id,
        "path": code.path,
        "via": Via.LINK,
        "first_code": code.code,
        "holds": gift["status"].value not in WITHOUT_USE,
        "over_limit": False,
        "at": gift["created_at"],
    }


def _evidence_rows(gift: Document, ids: Iterator[int]) -> Iterator[Document]:
    for fact in FACTS_OF[gift["status"]]:
        prefix = "re" if fact is FactKind.REFUNDED else "pi"
        subject = f"{prefix}_seed{gift['token'].replace('-', 'x').replace('_', 'x')}"
        has_money = fact in {FactKind.PAID, FactKind.REFUNDED}
        yield {
            "id": next(ids),
            "key": f"{fact}:{subject}",
            "gift_id": gift["id"],
            "source": "stripe",
            "fact": fact.value,
            "subject": subject,
            "amount_minor": gift["amount_minor"] if has_money else None,
            "currency": gift["currency"] if has_money else None,
            "occurred_at": gift["received_at"] or gift["created_at"],
            "recorded_at": gift["received_at"] or gift["created_at"],
            "actor": "seed",
            "detail": {},
        }


def _ledger_rows(gift: Document, evidence: Document) -> Iterator[Document]:
    for movement in movements(_fact_of(evidence), Accounts("stripe", gift["fund"])):
        yield {
            "key": movement.key,
            "gift_id": gift["id"],
            "evidence_id": evidence["id"],
            "debit_account": movement.debit,
            "credit_account": movement.credit,
            "amount_minor": movement.money.minor,
            "currency": movement.money.currency,
            "booked_at": evidence["recorded_at"],
        }


def _fact_of(evidence: Document) -> Fact:
    return Fact(
        FactKind(evidence["fact"]),
        evidence["subject"],
        evidence["amount_minor"] or 0,
        evidence["currency"] or "",
    )


def _event_row(gift: Document, evidence: Document) -> Document:
    return {
        "gift_id": gift["id"],
        "evidence_id": evidence["id"],
        "kind": evidence["fact"],
        "status": gift["status"].value,
        "at": evidence["recorded_at"],
        "actor": "seed",
        "why": "",
        "data": {},
    }


def _advance_sequences(services: Services) -> None:
    """The rows were numbered by us; PostgreSQL's own counters must go on after them."""
    if services.database.is_sqlite:
        return
    with services.database.write() as session:
        for ids in (Gift.id, Evidence.id):
            counter = f"{ids.class_.__tablename__}_id_seq"
            session.execute(
                sa.select(sa.func.setval(counter, sa.select(sa.func.max(ids)).scalar_subquery()))
            )
