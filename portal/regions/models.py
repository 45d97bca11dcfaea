"""What the desks keep beside the regions themselves."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import Base, BigId, Document


class IssuerRecord(Base):
    """An issuer as staff wrote it, also while no region has it; regions carry their own copy."""

    __tablename__ = "issuers"

    key: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    document: Mapped[Document]
    updated_at: Mapped[datetime]


class CatalogueChange(Base):
    """One change of a region or an issuer, whole before and after.

    Only ever added; a trigger holds that. `subject` is `region:ca` or `issuer:grace`; `before` is
    empty where it was new.
    """

    __tablename__ = "catalogue_changes"
    __table_args__ = (sa.Index("ix_catalogue_changes_subject", "subject", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(sa.String(80))
    act: Mapped[str] = mapped_column(sa.String(40))
    subject: Mapped[str] = mapped_column(sa.String(80))
    before: Mapped[Document]
    after: Mapped[Document]


class Draft(Base):
    """A region as it would be, to look at; nobody but staff can, and it is thrown away soon."""

    __tablename__ = "catalogue_drafts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(sa.String(80))
    document: Mapped[Document]


class Picture(Base):
    """A picture of the operator's, made anew from what was sent; named by its content's hash.

    Only ever added: receipts name the signature that stood on them.
    """

    __tablename__ = "catalogue_pictures"

    name: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    media_type: Mapped[str] = mapped_column(sa.String(20))
    width: Mapped[int]
    height: Mapped[int]
    content: Mapped[bytes]
    kept_at: Mapped[datetime]
