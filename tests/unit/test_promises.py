"""Jobs: their ids, how the queue keeps them, and how older releases did."""

import json

import pytest

from portal.jobs.promising import (
    KINDS,
    FetchFee,
    Job,
    JobName,
    MatchLines,
    RetryEvent,
    SendLetter,
    SendReceipt,
    SettlePlan,
    read_job,
)
from portal.mail.outbox import LetterKind
from portal.worker import SWEEPS, TASKS

# Each job, and what stood for it before its fields had names: the end of its id, too.
JOBS: tuple[tuple[Job, int | str], ...] = (
    (SendReceipt(12), 12),
    (SendReceipt(12, "page-1", "staff:7"), "12:page-1:staff:7"),
    (SendLetter(LetterKind.REFUND_MADE, 3, "re_1"), "refund_made:3:re_1"),
    (SendLetter(LetterKind.REFUND_MADE, 3, "second:1"), "refund_made:3:second:1"),
    (SendLetter(LetterKind.GIFT_REMINDER, 3, "1-2"), "gift_reminder:3:1-2"),
    (FetchFee("txn_1", 3), "txn_1:3"),
    (RetryEvent(5), 5),
    (SettlePlan(3, "sub_1"), "3:sub_1"),
    (MatchLines(1_700_000_000), 1_700_000_000),
)


@pytest.mark.parametrize(("job", "joined"), JOBS)
def test_a_job_is_read_as_it_is_kept_and_as_it_was_before(job: Job, joined: int | str) -> None:
    assert read_job(job.name.value, json.loads(json.dumps(job.document()))) == job
    assert read_job(job.name.value, joined) == job


@pytest.mark.parametrize(("job", "joined"), JOBS)
def test_a_jobs_id_stays_what_it_was(job: Job, joined: int | str) -> None:
    assert job.subject == str(joined)


def test_a_letter_is_a_letter_again() -> None:
    kept = SendLetter(LetterKind.REFUND_MADE, 3, "re_1").document()
    job = read_job("send_letter", json.loads(json.dumps(kept)))
    assert isinstance(job, SendLetter)
    assert job.letter is LetterKind.REFUND_MADE


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("send_receipt", {}),
        ("send_receipt", "x"),
        ("send_letter", "no_letter:3:x"),
        ("fetch_fee", "txn_1"),
        ("dance", 1),
    ],
)
def test_what_is_no_job_is_refused(name: str, kept: object) -> None:
    with pytest.raises(ValueError):
        read_job(name, kept)


def test_every_kind_of_job_has_its_fields_and_its_task() -> None:
    assert {*KINDS} == {*TASKS, *SWEEPS} == {*JobName}
