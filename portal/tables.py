"""Every table of the product, so that whoever needs them all imports one module."""

from portal import form_keys, limits
from portal.codes import models as codes
from portal.donors import operations as donors
from portal.gifts import models as gifts
from portal.jobs import promising as jobs
from portal.jobs import queue
from portal.mail import outbox as mail
from portal.payments import models as payments
from portal.payments.statements import models as statements
from portal.payments.transfers import models as transfers
from portal.receipts import register as receipts
from portal.regions import models as catalogue
from portal.regions import queries as regions
from portal.signin import accounts as staff

__all__ = [
    "catalogue",
    "codes",
    "donors",
    "form_keys",
    "gifts",
    "jobs",
    "limits",
    "mail",
    "payments",
    "queue",
    "receipts",
    "regions",
    "staff",
    "statements",
    "transfers",
]
