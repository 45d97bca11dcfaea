"""Eight processes give on the last uses of codes, some are killed, and every use is right."""

import random
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
import sqlalchemy as sa

from portal.codes.models import CodeUse
from portal.codes.pots import GiftMatch
from portal.database import Database
from tests.codes.givers import (
    ALWAYS,
    GIVERS,
    STEPS,
    TRUTHS,
    give,
    list_faults,
    prepare,
)
from tests.warm import CONTEXT
from tests.workplace import Workplace, make_workplace

KILLS = 12
SEED = 20261128
# Seconds until the next one is killed, at most: some steps of each.
PAUSE = 0.4

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def begin(place: Workplace, number: int, life: int, shared: tuple[Any, Any]) -> BaseProcess:
    url = place.services.settings.database_url
    args = (url, number, f"{SEED} {number} {life}", *shared)
    process = CONTEXT.Process(target=give, args=args, daemon=True)
    process.start()
    return process


def play(place: Workplace, shared: tuple[Any, Any]) -> int:
    """Let all give to the end, and kill some of them; how many were."""
    chance, killed = random.Random(SEED), 0
    living = {number: begin(place, number, 0, shared) for number in range(GIVERS)}
    while living:
        wait([one.sentinel for one in living.values()], chance.uniform(0, PAUSE))
        for number, one in list(living.items()):
            if one.exitcode is not None:
                assert one.exitcode == 0
                del living[number]
        if living and killed < KILLS:
            killed += 1
            number = chance.choice(sorted(living))
            living[number].kill()
            living[number].join()
            assert list_faults(place, ALWAYS) == []
            living[number] = begin(place, number, killed, shared)
    return killed


def test_uses_are_exact_however_many_give_and_are_killed(
    catalogued: Database, database_url: str
) -> None:
    place = make_workplace(database_url, None)
    prepare(place)
    done, refused = CONTEXT.RawArray("i", GIVERS), CONTEXT.RawArray("i", GIVERS)
    assert play(place, (done, refused)) == KILLS
    assert list(done) == [STEPS] * GIVERS
    assert list_faults(place, TRUTHS) == []
    with place.database.read() as session:
        used = dict(
            session.execute(sa.select(CodeUse.holds, sa.func.count()).group_by(CodeUse.holds)).all()
        )
        part = sa.func.count().filter(GiftMatch.held_minor < GiftMatch.wanted_minor)
        full = sa.func.count().filter(GiftMatch.held_minor > 0)
        short, matched = session.execute(sa.select(part, full)).one()
    # Some were given back, some are held, and some were never had; so it is with the pot.
    assert min(used[True], used[False], sum(refused)) > 0
    assert matched > 0, short
    place.close()
