"""What a worker can be asked to do: each job by its name, its subjects as fields of their own.

A job's id is its name and its fields, so that one promised twice is done once. The fields are
kept by name; jobs that were promised before that was so have them joined by colons, in the order
in which they stand here.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from pydantic import TypeAdapter

from portal.database import Document
from portal.i18n import Labelled
from portal.mail.outbox import LetterKind


class JobName(Labelled):
    """The kinds of jobs, as they are kept, and what staff call them."""

    SEND_RECEIPT = "send_receipt", "Send a receipt"
    SEND_LETTER = "send_letter", "Send a letter"
    FETCH_FEE = "fetch_fee", "Look up a payment’s fee"
    RETRY_EVENT = "retry_event", "Try an event again"
    SETTLE_PLAN = "settle_plan", "Decide which subscription continues"
    MATCH_LINES = "match_lines", "Match bank lines again"


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done once. What it is about are its fields, in the order of its id."""

    name: ClassVar[JobName]

    @property
    def subject(self) -> str:
        """Its fields as its id has them; those that say nothing of their own are left out."""
        said = [getattr(self, one.name) for one in fields(self)]
        usual = [one.default for one in fields(self)]
        while said and said[-1] == usual[len(said) - 1]:
            said.pop()
        return ":".join(map(str, said))

    def document(self) -> Document:
        """Its fields by name, as the queue keeps them."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, slots=True)
class SendReceipt(Job):
    """Send a receipt; once more for each `once`, which `actor` asked for."""

    name: ClassVar[JobName] = JobName.SEND_RECEIPT
    receipt_id: int
    once: str = ""
    actor: str = "system"


@dataclass(frozen=True, slots=True)
class SendLetter(Job):
    """Write to a gift's donor `about` a payment, a plan or another thing that happened."""

    name: ClassVar[JobName] = JobName.SEND_LETTER
    letter: LetterKind
    gift_id: int
    about: str


@dataclass(frozen=True, slots=True)
class FetchFee(Job):
    """Ask what a payment of a gift cost, by its transaction."""

    name: ClassVar[JobName] = JobName.FETCH_FEE
    transaction_id: str
    gift_id: int


@dataclass(frozen=True, slots=True)
class RetryEvent(Job):
    """Apply an event that waits, or failed."""

    name: ClassVar[JobName] = JobName.RETRY_EVENT
    event_id: int


@dataclass(frozen=True, slots=True)
class SettlePlan(Job):
    """Let a gift's plan follow one subscription: another was heard of beside its own."""

    name: ClassVar[JobName] = JobName.SETTLE_PLAN
    gift_id: int
    subscription_id: str


@dataclass(frozen=True, slots=True)
class MatchLines(Job):
    """Match the open lines of statements again, as was asked in this second of Unix time."""

    name: ClassVar[JobName] = JobName.MATCH_LINES
    asked_at: int


KINDS: dict[JobName, type[Job]] = {
    one.name: one for one in (SendReceipt, SendLetter, FetchFee, RetryEvent, SettlePlan, MatchLines)
}


def read_job(name: str, kept: Any) -> Job:
    """A job as the queue kept it: its fields by name, or joined, as older ones have them.

    `ValueError` where they are not a job's of this name.
    """
    kind = KINDS[JobName(name)]
    if not isinstance(kept, dict):
        names = [one.name for one in fields(kind)]
        kept = dict(zip(names, str(kept).split(":", len(names) - 1), strict=False))
    return TypeAdapter(kind).validate_python(kept)
