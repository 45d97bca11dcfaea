"""Who acts on a page, and the line in the audit log that says what they did."""

from sqlalchemy.orm import Session

from portal.database import Document
from portal.signin.accounts import actor_of, audit
from portal.staff.access import current_user
from portal.web import utc_now


def current_actor() -> str:
    """Who is signed in, as the log calls them: `staff:7`."""
    return actor_of(current_user())


def note_act(session: Session, act: str, subject: str, detail: Document) -> None:
    """Put on record that who is signed in did `act` to `subject` (`gift:12`) now."""
    audit(session, current_actor(), act, subject, detail, now=utc_now())
