"""What a booking decides by: the gift that a reading leads to, locked, and what is known of it.

On PostgreSQL all is asked in one go. Two statements, since one that waits for a row's lock sees
only that row as it is then, and all else as it was before the wait.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import table_of
from portal.driver import ask, hold, pipelined
from portal.gifts.models import Evidence, Gift, Subscription
from portal.payments.models import Checkout, Installation, StripeEvent, StripeLink
from portal.payments.stripe.reading import STRIPE, Reading
from portal.receipts.register import Receipt

# So many ids lead to a gift at most, and of so many links it is asked who waits for them.
MOST_KNOWN, MOST_LINKS = 2, 3


@dataclass(frozen=True, slots=True)
class Seen:
    """How things stood for a reading, once its gift was locked.

    `is_anothers` where its metadata name another installation. `is_first` where nothing is
    claimed of the gift and it never had a receipt; `is_told` where what the reading claims is
    known, of this gift or another. `has_waiting` where an event may wait for one of its links.
    """

    gift: Gift | None
    is_anothers: bool
    is_first: bool
    is_told: bool
    has_waiting: bool


def look_up(session: Session, reading: Reading, *, is_claimed: bool = False) -> Seen:
    """Lock the gift of a reading: by the ids that we stored, else as its metadata name it.

    Metadata that name another installation count only where a person said that it is ours.
    """
    values = _values(reading, is_claimed=is_claimed)
    with pipelined(session):
        locked = ask(session, _LOCK, values)
        flags = ask(session, _FLAGS, values)
        row, flag = locked.first(), flags.rows()[0]
    is_anothers, is_known, is_told, has_waiting = map(bool, flag)
    return Seen(
        gift=None if row is None else hold(session, Gift, row),
        is_anothers=is_anothers,
        is_first=not is_known,
        is_told=is_told and len(reading.claims) == 1,
        has_waiting=has_waiting or len(reading.links) > MOST_LINKS,
    )


def _values(reading: Reading, *, is_claimed: bool) -> dict[str, Any]:
    known, links = reading.known_by, reading.links[:MOST_LINKS]
    return {
        **dict(zip(_KNOWN_NAMES, (*known, *_nothing(MOST_KNOWN - len(known))), strict=True)),
        **dict(zip(_LINK_NAMES, (*links, *_nothing(MOST_LINKS - len(links))), strict=True)),
        "reference": reading.reference,
        "mention": reading.mention,
        "installation": reading.installation,
        "is_claimed": is_claimed,
        "key": reading.claims[0].key if reading.claims else None,
    }


def _nothing(count: int) -> tuple[None, ...]:
    return (None,) * count


_KNOWN_NAMES = tuple(f"known_{at}" for at in range(MOST_KNOWN))
_LINK_NAMES = tuple(f"link_{at}" for at in range(MOST_LINKS))


def _text(name: str) -> sa.BindParameter[str | None]:
    return sa.bindparam(name, type_=sa.String)


def _first(found: sa.Select[Any]) -> sa.ScalarSelect[Any]:
    return found.limit(sa.literal_column("1")).scalar_subquery()


_GIFTS, _NAMED = table_of(Gift), table_of(Gift).alias("named")
_LINKS, _CHECKOUTS = table_of(StripeLink).c, table_of(Checkout).c
_SUBSCRIPTIONS, _EVIDENCE = table_of(Subscription).c, table_of(Evidence).c
_RECEIPTS, _EVENTS = table_of(Receipt).c, table_of(StripeEvent).c
_KNOWN = [_text(name) for name in _KNOWN_NAMES]
_ANOTHERS = sa.and_(
    _text("installation").is_not(None),
    _text("installation") != sa.select(table_of(Installation).c.id).scalar_subquery(),
)


def _named(name: str) -> sa.ScalarSelect[Any]:
    return sa.select(_NAMED.c.id).where(_NAMED.c.reference == _text(name)).scalar_subquery()


# Whose it is: linked, handed off to, or of the plan that it begins; else as it is named.
_WHOSE = sa.func.coalesce(
    _first(
        sa.select(_LINKS.gift_id).where(_LINKS.provider == STRIPE, _LINKS.stripe_id.in_(_KNOWN))
    ),
    _first(
        sa.select(_CHECKOUTS.gift_id).where(
            _CHECKOUTS.provider == STRIPE, _CHECKOUTS.stripe_session_id.in_(_KNOWN)
        )
    ),
    _first(
        sa.select(_NAMED.c.id)
        .join_from(_NAMED, table_of(Subscription), _NAMED.c.plan_id == _SUBSCRIPTIONS.plan_id)
        .where(_SUBSCRIPTIONS.provider == STRIPE, _SUBSCRIPTIONS.stripe_id.in_(_KNOWN))
        .order_by(_NAMED.c.id)
    ),
    sa.case(
        (
            sa.or_(sa.bindparam("is_claimed", type_=sa.Boolean), sa.not_(_ANOTHERS)),
            sa.func.coalesce(_named("reference"), _named("mention")),
        )
    ),
)
_FOUND = sa.select(_WHOSE.label("id")).cte("found")
_LOCK = (
    sa.select(_GIFTS)
    .where(_GIFTS.c.id == sa.select(_WHOSE).scalar_subquery())
    .with_for_update(of=_GIFTS)
)
_FLAGS = sa.select(
    _ANOTHERS,
    sa.or_(
        sa.exists().where(_EVIDENCE.gift_id == _FOUND.c.id),
        sa.exists().where(_RECEIPTS.gift_id == _FOUND.c.id),
    ),
    sa.exists().where(_EVIDENCE.key == _text("key")),
    # By this column alone, so that no engine takes another index: few events wait.
    sa.exists().where(_EVENTS.waits_for.in_([_text(name) for name in _LINK_NAMES])),
).select_from(_FOUND)
