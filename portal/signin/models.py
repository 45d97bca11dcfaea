"""Staff members, and what each may do."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import Base, enum_column
from portal.i18n import Labelled


class Role(Labelled):
    """What a staff member may do; each role may all that the ones after it may."""

    ADMIN = "admin", "Administrator"
    FINANCE = "finance", "Finance"
    VIEWER = "viewer", "Viewer"

    def may(self, needed: "Role") -> bool:
        """Whether this role reaches `needed`."""
        order = list(Role)
        return order.index(self) <= order.index(needed)


class StaffUser(Base):
    """Someone who may sign in. `session_key` changes to end every session at once."""

    __tablename__ = "staff_users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    role: Mapped[Role] = enum_column(Role, 20)
    password_hash: Mapped[str] = mapped_column(sa.String(200))
    session_key: Mapped[str] = mapped_column(sa.String(32))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]
