"""What the books say of a donor: read from the demo's database and from its sandbox."""

from typing import Any

import sqlalchemy as sa

from portal.gifts.models import Gift
from tests.demo_process import DemoProcess
from tests.journeys.giving import Donor


def statuses(demo: DemoProcess, donor: Donor) -> list[str]:
    """Where all gifts of a donor stand, oldest first."""
    with demo.database.read() as session:
        found = session.scalars(
            sa.select(Gift.status).where(Gift.email == donor.email).order_by(Gift.id)
        )
        return [status.value for status in found]


def charges(demo: DemoProcess, donor: Donor) -> list[dict[str, Any]]:
    """The donor's successful charges at the sandbox."""
    listed = demo.sandbox.api("GET", "/v1/charges?limit=100").json["data"]
    return [
        charge
        for charge in listed
        if charge["billing_details"]["email"] == donor.email and charge["paid"]
    ]


def newest_path(demo: DemoProcess, donor: Donor) -> str:
    """The address of the donor's newest gift."""
    with demo.database.read() as session:
        token = session.scalar(
            sa.select(Gift.token).where(Gift.email == donor.email).order_by(Gift.id.desc()).limit(1)
        )
    assert token is not None
    return f"/gift/{token}"
