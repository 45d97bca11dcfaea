"""Codes in bulk: the exact count without a double, whoever is killed or works at the same time."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from portal.codes import batches
from portal.codes.batches import Order, fill_batch, list_batches, order_codes
from portal.codes.models import CodeBatch, CodeRecord, find_code
from portal.codes.operations import Draft, add_policy, change_policy
from portal.codes.parsing import UNAMBIGUOUS, CodeError
from portal.codes.terms import BatchState
from portal.database import Database
from portal.jobs.promising import MakeCodes, read_job
from portal.jobs.queue import take_jobs
from portal.services import Services
from portal.worker import list_works
from tests.conftest import NOW
from tests.workplace import make_services

COUNT = 2_500


class Killed(Exception):
    """Stands for the end of a process between two blocks."""


@pytest.fixture
def services(catalogued: Database) -> Services:
    return make_services(catalogued)


def begin(services: Services, count: int = COUNT, **more: str) -> int:
    with services.write() as act:
        draft = Draft(document={"max_uses": 1, "regions": ["ca"]})
        policy = add_policy(act.session, "Letters", draft, NOW)
        return order_codes(act, Order(count=count, policy=policy, **more)).id


def made(services: Services, batch_id: int) -> tuple[CodeBatch, list[CodeRecord]]:
    with services.database.read() as session:
        batch = session.get_one(CodeBatch, batch_id)
        wanted = sa.select(CodeRecord).where(CodeRecord.policy_id == batch.policy_id)
        return batch, list(session.scalars(wanted))


def kill_after(blocks: int) -> batches.Told:
    seen = Counter[str]()

    def told(_new: int) -> None:
        seen["blocks"] += 1
        if seen["blocks"] == blocks:
            raise Killed

    return told


def test_a_batch_that_is_killed_between_blocks_goes_on_to_the_exact_count(services):
    batch_id = begin(services, prefix="Post er", tag="posters")
    for blocks in (1, 1):
        with pytest.raises(Killed):
            fill_batch(services, batch_id, kill_after(blocks))
    batch, codes = made(services, batch_id)
    assert (batch.made, batch.state, len(codes)) == (2_000, BatchState.MAKING, 2_000)
    fill_batch(services, batch_id)
    fill_batch(services, batch_id)
    batch, codes = made(services, batch_id)
    assert (batch.made, batch.state, len(codes)) == (COUNT, BatchState.DONE, COUNT)
    assert batch.ended_at is not None
    assert len({one.code for one in codes}) == COUNT
    assert {one.tag for one in codes} == {"posters"}
    assert all(one.is_secret for one in codes)
    letters = "".join(one.code.removeprefix("POSTER") for one in codes)
    assert {*letters} == {*UNAMBIGUOUS}
    assert len(letters) == 12 * COUNT
    assert not {*UNAMBIGUOUS} & {*"O0I1L"}


def test_the_same_batch_run_twice_at_once_makes_neither_too_many_nor_a_double(services):
    batch_id = begin(services)
    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(fill_batch, services, batch_id) for _ in range(2)]
        for run in runs:
            run.result()
    batch, codes = made(services, batch_id)
    assert (batch.made, len(codes)) == (COUNT, COUNT)


def test_a_block_that_breaks_leaves_nothing_of_it(services):
    batch_id = begin(services)

    def break_off() -> None:
        with services.write() as act:
            batch = batches.hold_batch(act.session, batch_id)
            assert batches.make_block(act, batch) == batches.BLOCK
            raise Killed

    with pytest.raises(Killed):
        break_off()
    batch, codes = made(services, batch_id)
    assert (batch.made, len(codes)) == (0, 0)


def test_spellings_that_are_taken_are_made_up_again(services):
    batch_id = begin(services, 10)
    with services.write() as act:
        batch = batches.hold_batch(act.session, batch_id)
        row = batches.describe_code(batch, "TAKEN", act)
        assert len(batches.insert_new(act.session, CodeRecord, row, dict(row))) == 1
        assert batches.insert_new(act.session, CodeRecord, row) == []


def test_the_worker_does_what_was_promised(services):
    batch_id = begin(services, 3)
    with services.database.write() as session:
        [job] = take_jobs(session, "worker", services.now(), 10)
    assert read_job(job.name, job.given) == MakeCodes(batch_id)
    assert list_works(services)[job.name].run([job]) == {}
    batch, codes = made(services, batch_id)
    assert len(codes) == 3
    assert batch.tag == f"batch-{batch_id}"
    with services.database.read() as session:
        assert [one.id for one in list_batches(session)] == [batch_id]


def test_one_change_of_the_policy_changes_all_of_them(services):
    batch_id = begin(services, 3)
    fill_batch(services, batch_id)
    _batch, codes = made(services, batch_id)
    with services.write() as act:
        policy = act.session.get_one(batches.Policy, codes[0].policy_id)
        change_policy(act.session, policy, Draft(document={"regions": ["us"]}), NOW)
    with services.database.read() as session:
        found = [find_code(session, one.display) for one in codes]
    assert [one.regions for one in found if one] == [{"us"}] * 3


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": 1_000_001}, {"prefix": "a/b"}])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_can_not_be_made_is_refused(services, wrong):
    with pytest.raises(CodeError):
        begin(services, **{"count": 5, **wrong})
