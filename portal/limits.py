"""Rate limits, and the work that is asked of who asks too often.

Limits are counted in the database so that all processes count together. Who is counted is kept
only as a keyed hash; windows are fixed and old ones are swept.

Proof of work is a puzzle that costs a browser seconds, and a machine that asks often a lot. The
browser looks for the one number from which `target` is derived. That number is signed and not
told, so that checking an answer costs a signature; an answer counts once.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from itsdangerous import BadSignature, Signer
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, Document
from portal.driver import ask, count_each
from portal.settings import Settings


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
    row = ask(session, COUNT, name_window(bucket, who, seconds=seconds, now=now)).first()
    return int(row[0]) if row else 0


def name_window(bucket: str, who: str, *, seconds: int, now: datetime) -> Document:
    """What `COUNT` is run with."""
    return {"bucket": bucket, "who": who, "window": int(now.timestamp()) // seconds}


COUNT = sa.select(RateCount.count).where(
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


# Half of HARDEST tries on average, of about a millisecond on a desk and five on a phone.
HARDEST = 1000
ROUNDS = 3000
KEY_BYTES = 16
LIFE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Puzzle:
    """Find the number up to `most` from which PBKDF2-SHA-256 with `salt` derives `target`.

    The answer that `spend_answer` takes is `<salt>.<number>.<signature>`.
    """

    salt: str
    target: str
    signature: str
    most: int = HARDEST
    rounds: int = ROUNDS


def make_puzzle(settings: Settings, now: datetime) -> Puzzle:
    """A new puzzle; its salt says when it was made."""
    salt = f"{int(now.timestamp())}-{secrets.token_hex(12)}"
    number = str(secrets.randbelow(HARDEST + 1))
    signature = _signer(settings).get_signature(f"{salt}.{number}").decode()
    return Puzzle(salt=salt, target=derive(number, salt), signature=signature)


def derive(number: str, salt: str) -> str:
    """What a number leads to, in hexadecimal digits; the browser's own PBKDF2 does the same."""
    return hashlib.pbkdf2_hmac(
        "sha256", number.encode(), salt.encode(), ROUNDS, dklen=KEY_BYTES
    ).hex()


def spend_answer(session: Session, settings: Settings, answer: str, now: datetime) -> bool:
    """Whether this is the right answer to a puzzle of ours, neither old nor used before."""
    try:
        solved = _signer(settings).unsign(answer.encode(errors="replace")).decode()
        made = datetime.fromtimestamp(int(solved.partition("-")[0]), UTC)
    except (BadSignature, ValueError):
        return False
    if now - made > LIFE:
        return False
    # Counted in the window of the puzzle's own time, so that it is not forgotten before its end.
    salt, seconds = solved.partition(".")[0], int(LIFE.total_seconds())
    return hit(session, "work", salt, limit=1, seconds=seconds, now=made)


def _signer(settings: Settings) -> Signer:
    return Signer(settings.secret_key.get_secret_value(), salt="proof-of-work")
