"""A donor whose provider is busy just now: told when to come back, and led on by then.

The gift and its hand-off are kept by then, so that coming back begins nothing: it asks the
provider for the same page by the same key. The moment stands signed in the address, so that any
process knows who has waited.
"""

from datetime import UTC, datetime, timedelta
from math import ceil

from itsdangerous import BadSignature, Signer

from portal.settings import Settings

# After that the turn has passed, and the donor waits again.
TURN_HOLDS = timedelta(minutes=2)


def _signer(settings: Settings, token: str) -> Signer:
    return Signer(settings.secret_key.get_secret_value(), salt=f"turn-{token}")


def turn_url(settings: Settings, token: str, due: datetime) -> str:
    """Where a donor waits until their turn, and goes on from."""
    turn = _signer(settings, token).sign(str(ceil(due.timestamp()))).decode()
    return f"/gift/{token}/pay?turn={turn}"


def read_turn(settings: Settings, token: str, text: str) -> datetime | None:
    """When it is a donor's turn; None where we never told this."""
    try:
        due = int(_signer(settings, token).unsign(text))
    except (BadSignature, ValueError):
        return None
    return datetime.fromtimestamp(due, UTC)
