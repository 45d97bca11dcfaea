"""Proof of work: a puzzle that costs a browser seconds, and a machine that asks often a lot.

The browser looks for the one number from which `target` is derived. That number is signed and
not told, so that checking an answer costs a signature; an answer counts once.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadSignature, Signer
from sqlalchemy.orm import Session

from portal.limits import hit
from portal.settings import Settings

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
