"""Rate limits, counted in the database so that all processes count together.

Who is counted is kept only as a keyed hash; windows are fixed and old ones are swept.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, Document
from portal.driver import ask, count_each


class RateCount(Base):
    """How often `who` did something of `bucket` in the window that began at `window`."""

    __tablename__ = "rate_counts"

    bucket: Mapped[str] = mapped_column(sa.String(30), primary_key=True)
    who: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    window: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    count: Mapped[int]
    ends_at: Mapped[datetime] = mapped_column(index=True)


@dataclass(frozen=True, slots=True)
class Limit:
    """`who` may do something of `bucket` so often (`most`) in a window of `seconds`."""

    bucket: str
    who: str
    most: int
    seconds: int


def hit(
    session: Session, bucket: str, who: str, *, limit: int, seconds: int, now: datetime
) -> bool:
    """Count one more; whether `who` is still within `limit` a window of `seconds`."""
    [is_within] = hit_all(session, Limit(bucket, who, limit, seconds), now=now)
    return is_within


def hit_all(session: Session, *limits: Limit, now: datetime) -> list[bool]:
    """Count one more for each, of which no two are the same; whether each is still within it."""
    rows = [_first(limit, now) for limit in limits]
    counts = count_each(session, RateCount, "count", *rows)
    return [count <= limit.most for count, limit in zip(counts, limits, strict=True)]


def _first(limit: Limit, now: datetime) -> Document:
    return {
        "bucket": limit.bucket,
        "who": limit.who,
        "window": int(now.timestamp()) // limit.seconds,
        "count": 1,
        "ends_at": now + timedelta(seconds=limit.seconds),
    }


def count(session: Session, bucket: str, who: str, *, seconds: int, now: datetime) -> int:
    """How often `who` did something in the window that `now` is in."""
    window = int(now.timestamp()) // seconds
    row = ask(session, _COUNT, {"bucket": bucket, "who": who, "window": window}).first()
    return int(row[0]) if row else 0


_COUNT = sa.select(RateCount.count).where(
    RateCount.bucket == sa.bindparam("bucket"),
    RateCount.who == sa.bindparam("who"),
    RateCount.window == sa.bindparam("window"),
)


def sweep(session: Session, now: datetime) -> None:
    """Forget the windows that are over."""
    session.execute(sa.delete(RateCount).where(RateCount.ends_at < now))


def anonymise(secret: str, what: str) -> str:
    """A keyed hash that tells two visitors apart without saying who they are."""
    return hmac.new(secret.encode(), what.encode(), hashlib.sha256).hexdigest()[:32]
