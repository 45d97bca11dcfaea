"""Who is known to pay: learnt from what clerks confirm, forgotten with what they take back."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import insert_new
from portal.payments.matching.candidates import payer_keys
from portal.payments.statements.gathering import entry_of
from portal.payments.statements.models import PayerAlias, StatementLine


def learn_payer(session: Session, line: StatementLine, email: str, now: datetime) -> None:
    """Remember how the bank names this donor, where a person has said so."""
    rows = [
        {"payer_key": key, "email": email, "learnt_at": now} for key in payer_keys(entry_of(line))
    ]
    if email and rows:
        insert_new(session, PayerAlias, *rows)


def unlearn_payer(session: Session, line: StatementLine, email: str) -> None:
    """Forget it: the match that taught it was none."""
    session.execute(
        sa.delete(PayerAlias).where(
            PayerAlias.payer_key.in_(payer_keys(entry_of(line))), PayerAlias.email == email
        )
    )
