"""The loop that finds the ends of batches for watchers, on a virtual clock: what it tells, asks and says."""

import asyncio
import logging

import pytest
from batches.account import ENDED, INTERVAL, World
from batches.virtual import EPOCH
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_groq.batches.watch import MOST_SETTLED, Wanted
from airflow_provider_groq.exceptions import (
    GroqAPIError,
    GroqAuthenticationError,
    GroqConnectionError,
    GroqPermissionError,
    GroqRateLimitError,
    GroqTransportError,
)

SOON = 2.0
"""Seconds until a watcher has begun, at the latency of the account."""


@pytest.fixture
def world():
    return World()


def test_what_ends_is_told_once_within_an_interval(world):
    async def scenario():
        watcher = world.watcher()
        await asyncio.sleep(SOON)
        for number in range(300):
            world.account.add(f"batch_{number:03}", ends=world.loop.now + number * 1.7)
        await asyncio.sleep(1000)
        assert sorted(watcher.told) == sorted(world.account.batches)
        late = [at - world.account.batches[one].ends for at, ids in watcher.events for one in ids]
        assert max(late) <= INTERVAL + 1

    world.run(scenario)


def test_the_past_is_not_told_at_the_first_start(world):
    """Thousands of old batches, and two under way: one young, one a week old."""

    async def scenario():
        now = world.loop.now = 1_000_000.0
        for number in range(3_000):
            world.account.add(f"old_{number:04}", made=now - 3_600, ends=now - 3_000)
        world.account.add("week", made=now - 6.9 * 86_400, ends=now + 100)
        world.account.add("young", made=now - 10, ends=now + 50)
        watcher = world.watcher()
        await asyncio.sleep(75)
        assert watcher.told == ["young"]
        await asyncio.sleep(100)
        assert watcher.told == ["young", "week"]
        assert len(watcher.stored["settled"]) <= MOST_SETTLED

    world.run(scenario)


def test_thousands_that_were_made_at_once_are_not_told_after_a_restart(world):
    """They are too many to be remembered one by one."""

    async def scenario():
        now = world.loop.now = 1_000_000.0
        for number in range(3_000):
            world.account.add(f"old_{number:04}", made=now - 5, ends=now - 1)
        watcher = world.watcher()
        await asyncio.sleep(60)
        assert len(watcher.stored["settled"]) <= MOST_SETTLED
        world.account.add("new", ends=now + 61)
        await world.crash()
        await asyncio.sleep(60)
        assert watcher.told == ["new"]

    world.run(scenario)


def test_an_account_of_100_000_batches_is_paged_once(world):
    """At the first start as far as a batch can live; then one a poll, and after a restart ten minutes back."""

    async def scenario():
        account, now = world.account, 10_000_000.0
        world.loop.now = now
        for number in range(100_000):
            account.add(f"b{number:06}", made=now - 1 - number * 60, ends=now - 1)
        account.page_size = 100
        account.latency = 0.001
        watcher = world.watcher()
        await asyncio.sleep(60)
        a_week = 8 * 86_400 / 60 / 100
        assert a_week <= len(account.pages) <= a_week + 5
        account.pages.clear()
        await asyncio.sleep(10 * INTERVAL)
        assert len(account.pages) <= 11
        account.pages.clear()
        await world.crash()
        account.add("new", ends=world.loop.now + 1)
        await asyncio.sleep(INTERVAL + 5)
        assert len(account.pages) <= 3
        assert watcher.told == ["new"]

    world.run(scenario)


def test_a_burst_is_not_paged_whole_at_every_poll(world):
    async def scenario():
        watcher = world.watcher()
        await asyncio.sleep(SOON)
        for number in range(3_000):
            world.account.add(f"b{number:05}", ends=world.loop.now + 30)
        await asyncio.sleep(600)
        assert sorted(watcher.told) == sorted(world.account.batches)
        world.account.pages.clear()
        await asyncio.sleep(10 * INTERVAL)
        assert len(world.account.pages) <= 40

    world.run(scenario)


def test_batches_under_way_are_asked_for_200_at_a_time(world):
    """Those that the page which is read anyway shows are not asked for."""

    async def scenario():
        for number in range(1_000):
            world.account.add(f"b{number:04}", made=0.0)
        await asyncio.sleep(3600)
        world.watcher()
        world.watcher()
        await asyncio.sleep(2 * INTERVAL)
        world.account.looks.clear()
        await asyncio.sleep(INTERVAL)
        assert world.account.looks == [200, 200, 200, 200, 1_000 - 4 * 200 - world.account.page_size * 3]

    world.run(scenario)


def test_watchers_share_the_polls_and_get_their_own(world):
    async def scenario():
        failures = world.watcher(Wanted({}, frozenset({"failed"})))
        ours = world.watcher(Wanted({"project": "ours", "env": "prod"}, ENDED))
        await asyncio.sleep(SOON)
        world.account.pages.clear()
        ends = world.loop.now + 5
        world.account.add("a", ends=ends, status="failed")
        world.account.add("b", ends=ends, project="ours")
        world.account.add("c", ends=ends, project="ours", env="prod", more="x")
        world.account.add("d", ends=ends, status="failed", project="ours", env="prod")
        await asyncio.sleep(3 * INTERVAL)
        assert (sorted(failures.told), sorted(ours.told)) == (["a", "d"], ["c", "d"])
        assert len(world.account.pages) <= 4

    world.run(scenario)


@pytest.mark.parametrize("flaw", ["ids_ignored", "cursor_ignored", "undated", "oldest_first"])
def test_ends_are_found_behind_a_gateway(world, flaw):
    """The ids or the cursor are ignored, nothing says when a batch was made, or the newest come last."""

    async def scenario():
        setattr(world.account, flaw, True)
        for number in range(50):
            world.account.add(f"old_{number}", made=-1000.0, ends=-500.0)
        watcher = world.watcher()
        await asyncio.sleep(SOON)
        for wave in range(10):
            for number in range(10):
                world.account.add(f"batch_{wave}_{number}", ends=world.loop.now + 300)
            await asyncio.sleep(INTERVAL)
        if flaw != "cursor_ignored":
            await world.crash()
        await asyncio.sleep(600)
        assert sorted(watcher.told) == sorted(one for one in world.account.batches if one.startswith("batch"))
        assert world.said == []

    world.run(scenario)


def test_a_batch_that_comes_late_into_the_listing_is_told(world):
    """Behind pages of which all is known."""

    async def scenario():
        world.account.page_size = 2
        watcher = world.watcher()
        await asyncio.sleep(SOON)
        world.account.add("late", ends=world.loop.now + 3, unlisted=50)
        for number in range(4):
            await asyncio.sleep(1)
            world.account.add(f"b{number}", ends=world.loop.now + 3)
        await asyncio.sleep(100)
        assert sorted(watcher.told) == sorted(world.account.batches)

    world.run(scenario)


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (GroqTransportError("refused", sent=False), 60),
        (GroqAPIError("internal", status_code=500), 60),
        (GroqRateLimitError("busy", status_code=429, retry_after=30.0), 30),
        (GroqAuthenticationError("GET /batches returned 401.", status_code=401), 300),
        (GroqPermissionError("GET /batches returned 403.", status_code=403), 300),
        (GroqConnectionError("Connection 'groq' has no key."), 300),
        (ValueError("a bug"), 60),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
@pytest.mark.parametrize("first", [True, False])
def test_an_error_is_said_once_tried_again_with_growing_pauses_and_over_once(world, error, pauses, first):
    """At the first start and later; nothing is lost for it."""

    async def scenario():
        if first:
            world.account.error = error
        watcher = world.watcher()
        await asyncio.sleep(SOON)
        world.account.add("batch", ends=world.loop.now + (20_000 if first else 10))
        world.account.error = error
        world.account.pages.clear()
        await asyncio.sleep(10_000)
        (level, line) = world.said[0]
        assert len(world.said) == 1
        assert str(error).rstrip(".") in line
        assert level == (logging.WARNING if pauses < 300 and not isinstance(error, ValueError) else logging.ERROR)
        assert ("Correct the connection" in line) == (pauses == 300)
        assert 10_000 / pauses - 10 <= world.account.refreshed <= 10_000 / pauses + 10
        world.account.error = None
        await asyncio.sleep(pauses + 20_000)
        assert watcher.told == ["batch"]
        assert len(world.said) == 2
        assert world.said[1][0] == logging.INFO
        assert "works again, after 3 h" in world.said[1][1]

    world.run(scenario)


def test_a_batch_that_cannot_be_asked_for_holds_up_no_other(world):
    async def scenario():
        for number in range(400):
            world.account.add(f"b{number:03}", made=0.0, ends=4000.0)
        await asyncio.sleep(3600)
        watcher = world.watcher()
        await asyncio.sleep(SOON)
        world.account.poison = {"b100"}
        world.account.page_size = 1
        await asyncio.sleep(600)
        assert set(world.account.batches) - set(watcher.told) == {"b100"}
        assert len(world.said) == 1
        world.account.poison = set()
        await asyncio.sleep(INTERVAL)
        assert len(watcher.told) == 400
        assert len(world.said) == 2

    world.run(scenario)


def test_a_batch_that_groq_forgets_is_given_up_after_an_hour(world):
    async def scenario():
        world.account.add("gone")
        watcher = world.watcher()
        await asyncio.sleep(SOON)
        world.account.forgotten = {"gone"}
        await asyncio.sleep(3500)
        assert watcher.stored["under_way"] == ["gone"]
        await asyncio.sleep(200)
        assert watcher.stored["under_way"] == []
        assert [line for _, line in world.said] == [
            "Groq has not found batch gone for an hour: it is no longer watched."
        ]

    world.run(scenario)


def test_a_watcher_that_begins_while_others_are_at_work_misses_nothing(world):
    """Its first start takes a while, in which batches are made, seen by the others, and end."""

    async def scenario():
        world.account.latency, world.account.page_size = 0.1, 1
        world.watcher()
        for number in range(400):
            world.account.add(f"b{number:03}", made=0.0, ends=1e6)
        await asyncio.sleep(150)
        late = world.watcher()
        for number in range(8):
            await asyncio.sleep(1)
            world.account.add(f"new_{number}", ends=world.loop.now + 15)
        await asyncio.sleep(200)
        assert sorted(late.told) == [f"new_{number}" for number in range(8)]

    world.run(scenario)


made = st.builds(
    dict, after=st.floats(0, 60), lasts=st.floats(0, 900), ours=st.booleans(), status=st.sampled_from(sorted(ENDED))
)
troubles = st.lists(
    st.tuples(st.floats(1, 200), st.sampled_from(["crash", "lost", "down", "up", "other"])), min_size=1, max_size=12
)


async def create(world, batches):
    for number, batch in enumerate(batches):
        await asyncio.sleep(batch["after"])
        metadata = {"project": "ours"} if batch["ours"] else {}
        ends = world.loop.now + batch["lasts"]
        world.account.add(f"b{number:02}", ends=ends, status=batch["status"], **metadata)


async def trouble(world, watcher, troubles):
    """Make trouble, and return what was told without being remembered: it may be told again."""
    doubtful = set()
    for after, what in troubles:
        await asyncio.sleep(after)
        match what:
            case "crash":
                remembered = watcher.stored
                await world.crash()
                doubtful |= {one for one in watcher.told if not is_settled(world, remembered, one)}
            case "lost":
                watcher.loses = 1
            case "other":
                world.watcher()
            case _:
                world.account.error = GroqAPIError("down", status_code=503) if what == "down" else None
    return doubtful


def is_settled(world, stored, batch_id):
    """Whether what is stored says that the batch is told of."""
    if stored is None or batch_id in stored["under_way"]:
        return False
    made = int(EPOCH + world.account.batches[batch_id].made)
    return batch_id in stored["settled"] or made < stored["since"]


@settings(max_examples=150)
@given(
    batches=st.lists(made, max_size=40),
    troubles=troubles,
    page_size=st.integers(1, 20),
    delay=st.sampled_from([0.0, 30.0]),
    flaw=st.sampled_from([None, "ids_ignored", "undated"]),
)
def test_nothing_is_lost_and_what_is_told_twice_is_so_after_a_crash(batches, troubles, page_size, delay, flaw):
    """Random ends, crashes, losses of what is to be stored, and times without an answer."""
    world = World()

    async def scenario():
        account = world.account
        account.page_size, account.listing_delay = page_size, delay
        if flaw:
            setattr(account, flaw, True)
        watcher = world.watcher(Wanted({"project": "ours"}, ENDED - {"cancelled"}))
        await asyncio.sleep(SOON)
        creating = asyncio.create_task(create(world, batches))
        doubtful = await trouble(world, watcher, troubles)
        await creating
        account.error = None
        await asyncio.sleep(900 + delay + 60 + 3 * INTERVAL)
        wanted = {b.id for b in account.batches.values() if b.metadata and b.status != "cancelled"}
        assert set(watcher.told) == wanted
        twice = {one for one in wanted if watcher.told.count(one) > 1}
        assert twice <= doubtful
        assert len(watcher.events) <= len(watcher.told), "no event is empty"

    world.run(scenario)
