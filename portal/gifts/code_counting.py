"""What codes brought, counted anew from the gifts: to prove the kept sums, or to make them.

The kept sums are `portal.gifts.code_sums`; both must be seen as of one moment.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import table_of
from portal.gifts.code_sums import CodeChange, CodeSum, measure_changes
from portal.gifts.code_weighing import (
    ALL,
    CODE,
    LOYALTY,
    MONTHLY,
    NUMBERS,
    PLEDGE,
    TOTAL,
    Key,
    Sums,
)

_SUMS, _CHANGES = table_of(CodeSum), table_of(CodeChange)
_MONTHS = {
    "sqlite": "substr(coalesce(g.received_on, g.created_at), 1, 7)",
    "postgresql": (
        "to_char(coalesce(g.received_on, CAST(timezone('UTC', g.created_at) AS date)), 'YYYY-MM')"
    ),
}
_SOURCE = """
WITH seen AS (
  SELECT p.path, s.id AS scope_id FROM (SELECT DISTINCT path FROM code_uses) p
  JOIN scopes s ON p.path LIKE '%/' || s.id || '/%'
), told AS (
  SELECT u.path, CAST(u.code_id AS VARCHAR(40)) AS code_id,
    coalesce(CAST(u.scope_id AS VARCHAR(40)), '') AS partner, g.currency,
    coalesce(g.donor_id, -g.id) AS donor, coalesce(-g.plan_id, g.id) AS series, g.plan_id,
    {month} AS month, g.received_on AS day, g.fund, g.region, g.mode, coalesce(g.code, '') AS code,
    CASE WHEN g.paid_minor > 0 THEN 1 ELSE 0 END AS paid,
    g.paid_minor AS gross, g.refunded_minor AS refunded,
    CASE WHEN g.status = 'disputed' THEN g.paid_minor - g.refunded_minor ELSE 0 END AS disputed,
    CASE WHEN g.status IN ('pending', 'processing') THEN g.amount_minor
      WHEN g.status = 'partly_paid' THEN g.amount_minor - g.paid_minor ELSE 0 END AS promised
  FROM code_uses u JOIN gifts g ON g.id = u.gift_id
)
"""
_BY_DONOR = """
SELECT scope_id, currency, '{dimension}' AS dimension, key, sum(started), sum(gifts), count(*),
  sum(CASE WHEN gifts > 0 THEN 1 ELSE 0 END), sum(gross), sum(refunded), sum(disputed),
  sum(promised)
FROM (
  SELECT {scope} AS scope_id, t.currency, {key} AS key, t.donor, count(*) AS started,
    sum(t.paid) AS gifts, sum(t.gross) AS gross, sum(t.refunded) AS refunded,
    sum(t.disputed) AS disputed, sum(t.promised) AS promised
  FROM {rows} GROUP BY 1, 2, 3, 4
) one GROUP BY 1, 2, 4
"""
_BY_LOYALTY = """
SELECT scope_id, currency, 'loyalty' AS dimension,
  CASE WHEN times > 1 THEN 'again' ELSE 'once' END, 0, 0, 0, count(*), 0, 0, 0, 0
FROM (
  SELECT n.scope_id, t.currency, t.donor, count(DISTINCT t.series) AS times
  FROM told t JOIN seen n ON n.path = t.path WHERE t.gross > 0 GROUP BY 1, 2, 3
) one GROUP BY 1, 2, 4
"""
_BY_PLAN = """
SELECT scope_id, currency, 'monthly' AS dimension,
  CASE WHEN status = 'active' THEN 'running' ELSE 'failing' END,
  0, sum(plans), 0, count(*), 0, 0, 0, 0
FROM (
  SELECT n.scope_id, t.currency, t.donor, p.status, count(DISTINCT t.plan_id) AS plans
  FROM told t JOIN seen n ON n.path = t.path JOIN plans p ON p.id = t.plan_id
  WHERE p.status IN ('active', 'past_due') GROUP BY 1, 2, 3, 4
) one GROUP BY 1, 2, 4
"""
# What a partner committed itself to is fulfilled by money that came under it, or by one code.
_AIMED = """
(SELECT t.*, c.id AS aim FROM told t JOIN seen n ON n.path = t.path
  JOIN commitments c ON c.code_id IS NULL AND c.scope_id = n.scope_id WHERE {fits}
UNION ALL
SELECT t.*, c.id AS aim FROM told t
  JOIN commitments c ON CAST(c.code_id AS VARCHAR(40)) = t.code_id WHERE {fits}) t
"""
_FITS = """
c.donor_id IS NULL AND c.currency = t.currency AND t.paid = 1 AND t.day >= c.since
AND (c.until IS NULL OR t.day <= c.until) AND (c.fund = '' OR c.fund = t.fund)
"""
_KEYS = {
    TOTAL: "''",
    "month": "t.month",
    "fund": "t.fund",
    "region": "t.region",
    "mode": "t.mode",
    CODE: "t.code",
    "partner": "t.partner",
}
_BELOW = {"scope": "n.scope_id", "rows": "told t JOIN seen n ON n.path = t.path"}
_ALONE = {"scope": "0", "rows": "told t"}


def _list_counts() -> Iterator[tuple[str, str]]:
    """Statements that count every sum anew from gifts, and which sums those are."""
    for dimension, key in _KEYS.items():
        own = f"dimension = '{dimension}' AND scope_id <> {ALL}"
        yield _BY_DONOR.format(dimension=dimension, key=key, **_BELOW), own
    own = f"dimension = '{CODE}' AND scope_id = {ALL}"
    yield _BY_DONOR.format(dimension=CODE, key="t.code_id", **_ALONE), own
    yield _count_aims(_FITS), f"dimension = '{PLEDGE}'"
    yield _BY_LOYALTY, f"dimension = '{LOYALTY}'"
    yield _BY_PLAN, f"dimension = '{MONTHLY}'"


def _count_aims(fits: str) -> str:
    rows = {"scope": str(ALL), "rows": _AIMED.format(fits=fits)}
    return _BY_DONOR.format(dimension=PLEDGE, key="CAST(t.aim AS VARCHAR(40))", **rows)


_COLUMNS = ", ".join((*Key._fields, *NUMBERS))
_ANY = " OR ".join(f"{name} <> 0" for name in NUMBERS)
_DIFFERING = """
{source}, counted ({columns}) AS MATERIALIZED ({part})
SELECT * FROM (
  SELECT 1 AS is_counted, d.* FROM (SELECT * FROM counted EXCEPT SELECT {columns} FROM code_sums) d
  UNION ALL
  SELECT 0, d.* FROM (
    SELECT {columns} FROM code_sums WHERE {own} AND ({any}) EXCEPT SELECT * FROM counted
  ) d
) differing LIMIT {most}
"""


def find_wrong_sums(session: Session, most: int) -> list[Key]:
    """Sums that, with what waits, are not what the gifts say; all must be seen as of one moment."""
    waiting, _, _ = measure_changes(session, None)
    source = _SOURCE.format(month=_MONTHS[session.get_bind().dialect.name])
    kept: Sums = {}
    counted: Sums = {}
    for part, own in _list_counts():
        rows = session.execute(
            sa.text(
                _DIFFERING.format(
                    source=source,
                    columns=_COLUMNS,
                    part=part,
                    own=own,
                    any=_ANY,
                    most=most + 2 * len(waiting),
                )
            )
        )
        for is_counted, *row in rows:
            sums = counted if is_counted else kept
            sums[Key(*row[:4])] = [int(number) for number in row[4:]]
    nothing = [0] * len(NUMBERS)

    def is_wrong(key: Key) -> bool:
        summed = zip(kept.get(key, nothing), waiting.get(key, nothing), strict=True)
        return bool([sum(both) for both in summed] != counted.get(key, nothing))

    return sorted(filter(is_wrong, kept.keys() | counted.keys() | waiting.keys()))[:most]


def recount_codes(session: Session) -> None:
    """Count all sums anew from the gifts, for those that came in bulk; bookings wait meanwhile."""
    if session.get_bind().dialect.name == "postgresql":
        # In the order in which who adds up takes them.
        both = f"{_SUMS.name}, {_CHANGES.name}"
        session.execute(sa.text(f"LOCK TABLE {both} IN SHARE ROW EXCLUSIVE MODE"))
    source = _SOURCE.format(month=_MONTHS[session.get_bind().dialect.name])
    for table in (_CHANGES, _SUMS):
        session.execute(sa.delete(table))
    for part, _ in _list_counts():
        session.execute(sa.text(f"INSERT INTO {_SUMS.name} ({_COLUMNS}) {source} {part}"))


def count_commitment(session: Session, commitment_id: int) -> None:
    """Count anew what fulfils a partner's commitment; the sums must be held."""
    own = (_SUMS.c.scope_id == ALL, _SUMS.c.dimension == PLEDGE)
    session.execute(sa.delete(_SUMS).where(*own, _SUMS.c.key == str(commitment_id)))
    source = _SOURCE.format(month=_MONTHS[session.get_bind().dialect.name])
    part = _count_aims(f"{_FITS} AND c.id = {int(commitment_id)}")
    session.execute(sa.text(f"INSERT INTO {_SUMS.name} ({_COLUMNS}) {source} {part}"))
