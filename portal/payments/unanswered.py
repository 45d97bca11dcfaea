"""Refunds that were asked for and not answered: their provider is asked what became of them.

Nothing is asked for anew: staff may have given the money back in another way meanwhile.
"""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from portal.logs import get_logger
from portal.payments.models import Refund, RefundState, find_installation
from portal.payments.providers import PaymentProvider, Refunds
from portal.payments.refunds import book_answer, keep_answer, order_of
from portal.services import Services

log = get_logger()

# So long its answer may still be on its way.
GRACE = timedelta(minutes=2)


def settle_unanswered(services: Services, provider: PaymentProvider) -> int:
    """Learn what became of each; how many are settled now.

    One that is not there and whose key is no longer known can't be made by its form any more,
    so it is refused, and the gift's history says so. The provider's errors pass.
    """
    if provider.refunds is None:
        return 0
    asked = _list_asked(services, provider)
    return sum(_settle(services, provider.refunds, one) for one in asked)


def _list_asked(services: Services, provider: PaymentProvider) -> Sequence[Refund]:
    with services.database.read() as session:
        return session.scalars(
            sa.select(Refund)
            .where(
                Refund.provider == provider.name,
                Refund.state == RefundState.ASKED,
                Refund.asked_at < services.now() - GRACE,
            )
            .order_by(Refund.id)
        ).all()


def _settle(services: Services, refunds: Refunds, refund: Refund) -> bool:
    with services.database.read() as session:
        order = order_of(session, refund, find_installation(session))
    made = refunds.find_refund(order)
    if made is not None:
        book_answer(services, refund, made)
        log.info("refund_found", refund_id=refund.id)
        return True
    if services.now() - refund.asked_at <= refunds.key_kept:
        return False
    with services.write() as act:
        keep_answer(act, refund, RefundState.REFUSED)
        act.note("refund_not_made", f"gift:{refund.gift_id}", {"amount": str(refund.money)})
    return True
