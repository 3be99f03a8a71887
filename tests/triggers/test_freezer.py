"""The waits of a process and Python's garbage collector, by what it says of itself."""

import asyncio
import gc
import time
import weakref

import pytest

from airflow_provider_groq.triggers import shared as sharing
from airflow_provider_groq.triggers.batch import GroqBatchTrigger
from airflow_provider_groq.triggers.freezer import MANY, NOT_OURS, Freezer

FEW = 20
"""How many waits are never frozen here."""


@pytest.fixture(autouse=True)
def thawed():
    """Nothing is frozen before a test; on Python 3.12, the interpreter has frozen some. No test leaves a callback."""
    gc.unfreeze()
    callbacks = list(gc.callbacks)
    yield
    assert gc.callbacks == callbacks
    gc.unfreeze()


@pytest.fixture
def freezer(monkeypatch):
    """That of this process, for fewer waits."""
    freezer = Freezer(FEW)
    monkeypatch.setattr(sharing, "freezer", freezer)
    return freezer


@pytest.fixture
def wait(groq_emulator, quick):
    """Runs a trigger, and nothing but its task refers to it."""

    def make(*batch_ids, conn_id="groq_default"):
        trigger = GroqBatchTrigger(batch_ids, conn_id, 0.2, end_time=time.time() + 60)

        async def run(trigger):
            return [event async for event in trigger.run()]

        return asyncio.create_task(run(trigger)), weakref.ref(trigger)

    return make


class Node:
    """It refers to itself, so only the garbage collector frees it."""

    def __init__(self):
        self.itself = self


async def finish(groq_emulator, tasks):
    await asyncio.to_thread(groq_emulator.advance, 100)
    await asyncio.gather(*tasks)


async def test_few_waits_freeze_nothing(freezer, wait, groq_emulator, make_batches):
    """However many of them come and go."""
    ids = await make_batches(FEW)
    for _ in range(2):
        tasks = [wait(batch_id)[0] for batch_id in ids]
        await asyncio.sleep(0.05)
        assert gc.get_freeze_count() == 0
        await finish(groq_emulator, tasks)
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("several", [False, True])
async def test_many_waits_are_frozen_until_they_end(freezer, wait, groq_emulator, make_batches, several):
    """One wait in each trigger, or all in one."""
    ids = await make_batches(FEW + 1)
    tasks = [wait(*ids)[0]] if several else [wait(batch_id)[0] for batch_id in ids]
    await asyncio.sleep(0.05)
    assert gc.get_freeze_count() > 1000
    await finish(groq_emulator, tasks)
    assert gc.get_freeze_count() == 0


async def test_the_waits_of_all_connections_count_together(freezer, wait, groq_emulator, make_batches, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_OTHER", groq_emulator.connection_json)
    ids = await make_batches(FEW)
    tasks = [wait(batch_id, conn_id=name)[0] for name in ("groq_default", "groq_other") for batch_id in ids]
    await asyncio.sleep(0.05)
    assert gc.get_freeze_count() > 1000
    await finish(groq_emulator, tasks)
    assert gc.get_freeze_count() == 0


async def test_a_wait_that_ends_is_freed_while_frozen(freezer, wait, groq_emulator, make_batches):
    """Without the garbage collector, which does not see it."""
    ended = await make_batches(FEW // 2)
    await asyncio.to_thread(groq_emulator.advance, 100)
    running = await make_batches(FEW)
    first = [wait(batch_id) for batch_id in ended]
    rest = [wait(batch_id)[0] for batch_id in running]
    await asyncio.sleep(0)
    assert gc.get_freeze_count() > 1000
    triggers = [trigger for _, trigger in first]
    assert all(trigger() for trigger in triggers)
    await asyncio.gather(*[task for task, _ in first])
    first.clear()
    assert gc.get_freeze_count() > 1000
    assert not any(trigger() for trigger in triggers)
    await finish(groq_emulator, rest)


def test_nothing_stays_frozen_if_the_event_loop_ends_under_the_waits(freezer, wait, groq_emulator, make_batch):
    ids = [make_batch() for _ in range(FEW + 1)]

    async def main():
        tasks = [wait(batch_id)[0] for batch_id in ids]
        await asyncio.wait(tasks, timeout=0.1)
        assert gc.get_freeze_count() > 1000

    asyncio.run(main())
    assert gc.get_freeze_count() == 0


def count(freezer, change, times):
    for _ in range(times):
        freezer.count(change)


def test_a_triggerer_that_is_not_configured_otherwise_freezes_nothing():
    """It may run a thousand triggers."""
    freezer = Freezer()
    count(freezer, 1, MANY)
    assert gc.get_freeze_count() == 0
    count(freezer, 1, 1)
    assert gc.get_freeze_count() > 1000
    count(freezer, -1, MANY + 1)
    assert gc.get_freeze_count() == 0


def test_a_full_run_goes_through_what_is_new_and_that_is_frozen_too():
    """Shown by what the collector lists of the oldest generation, which leaves out frozen objects."""
    freezer = Freezer(FEW)
    count(freezer, 1, FEW + 1)
    before = gc.get_freeze_count()
    new = [[] for _ in range(10_000)]
    assert gc.get_freeze_count() <= before
    gc.collect()
    assert gc.get_freeze_count() > before + len(new) - 1000
    assert len(gc.get_objects(generation=2)) < 1000
    count(freezer, -1, FEW + 1)
    assert len(gc.get_objects(generation=2)) > len(new)


def test_a_run_of_the_younger_generations_freezes_nothing():
    freezer = Freezer(FEW)
    count(freezer, 1, FEW + 1)
    before = gc.get_freeze_count()
    new = [[] for _ in range(10_000)]
    gc.collect(0)
    gc.collect(1)
    assert gc.get_freeze_count() <= before
    assert len(new) == 10_000
    count(freezer, -1, FEW + 1)


def test_what_refers_to_itself_is_freed_when_few_waits_are_left():
    freezer = Freezer(FEW)
    node = Node()
    count(freezer, 1, 3 * FEW)
    node = weakref.ref(node)
    count(freezer, -1, 2 * FEW)
    gc.collect()
    assert node()
    count(freezer, -1, FEW // 2)
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert not node()


def test_what_refers_to_itself_is_freed_once_an_hour_while_many_are_running():
    """Here, the hour is over at once: a first run unfreezes all, and a second one finds it."""
    freezer = Freezer(FEW, thaw_seconds=0.0)
    node = Node()
    count(freezer, 1, FEW + 1)
    node = weakref.ref(node)
    gc.collect()
    assert node()
    gc.collect()
    assert not node()
    count(freezer, -1, FEW + 1)


def test_waits_may_come_to_be_many_again():
    freezer = Freezer(FEW)
    for _ in range(3):
        count(freezer, 1, FEW + 1)
        assert gc.get_freeze_count() > 1000
        count(freezer, -1, FEW + 1)
        assert gc.get_freeze_count() == 0


def test_what_somebody_else_has_frozen_stays_as_it_is():
    gc.freeze()
    theirs = gc.get_freeze_count()
    assert theirs > NOT_OURS
    freezer = Freezer(FEW)
    new = [[] for _ in range(10_000)]
    count(freezer, 1, 3 * FEW)
    gc.collect()
    assert theirs - 5000 < gc.get_freeze_count() <= theirs
    count(freezer, -1, 3 * FEW)
    assert theirs - 5000 < gc.get_freeze_count() <= theirs
    assert len(new) == 10_000
