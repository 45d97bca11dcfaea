"""Pledges as a partner sees them: its own, and donors' under its codes as sums."""

from collections.abc import Mapping, Sequence

from flask import render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.gifts.code_sums import catch_up
from portal.gifts.commitments import Told, tell
from portal.gifts.models import Commitment
from portal.partners.access import current_scope, partners
from portal.partners.overview import number
from portal.pledge_form import put_in_words
from portal.records.partner_pledges import is_under, list_below, may_tell, name_donors, sum_up
from portal.records.partner_sums import read_account, sum_currencies
from portal.records.partners import FEWEST_DONORS, Account
from portal.web import services, utc_now


@partners.get("/pledges")
def pledges() -> ResponseReturnValue:
    top = current_scope().id
    catch_up(services().database)
    with services().database.read() as session:
        own = _list(session, top, Commitment.donor_id.is_(None))
        donors = _list(session, top, Commitment.donor_id.is_not(None))
        accounts = _read_accounts(session, top, [*own, *donors])
        names = name_donors(session, donors)
    return render_template(
        "partners/pledges.html",
        own=[
            (put_in_words(one), may_tell(one, accounts.get(one.row.currency), top)) for one in own
        ],
        sums=sum_up(donors, accounts, names),
        named=[(put_in_words(one), names[one.row.id]) for one in donors if one.row.id in names],
        fewest=FEWEST_DONORS,
        number=number,
    )


def _list(session: Session, top: int, whose: object) -> list[Told]:
    is_own = is_under(list_below(session, top))
    return tell(session, services().catalogue, utc_now(), is_own, whose)


def _read_accounts(session: Session, top: int, found: Sequence[Told]) -> Mapping[str, Account]:
    """What the figures show of each currency of some pledges."""
    totals = sum_currencies(session, top)
    wanted = {told.row.currency for told in found} & totals.keys()
    return {one: read_account(session, top, one, totals[one]) for one in sorted(wanted)}
