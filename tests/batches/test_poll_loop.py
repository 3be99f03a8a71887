"""The shared poll loop, on a virtual clock: who is asked for, when, and what each wait gets."""

import asyncio
import random
from types import SimpleNamespace

import pytest
from batches.virtual import Groq, VirtualLoop

from airflow_provider_groq.batches import poll_loop
from airflow_provider_groq.batches.poll_loop import PollLoop
from airflow_provider_groq.batches.polling import Poller
from airflow_provider_groq.exceptions import (
    API_ERRORS,
    GroqAPIError,
    GroqAuthenticationError,
    GroqConnectionError,
    GroqInputError,
    GroqPermissionError,
)


class World:
    """A poll loop on a virtual clock, with its Groq."""

    def __init__(self, monkeypatch, seed):
        self.seed = seed
        self.loop = VirtualLoop()
        monkeypatch.setattr(poll_loop, "time", SimpleNamespace(time=self.loop.wall))
        self.groq = Groq(self.loop, seed)
        self.said = []

    def run(self, scenario):
        random.seed(self.seed)  # of the pauses; not before, since plugins seed it anew for each test

        async def main():
            self.polls = PollLoop(self.groq)
            asyncio.create_task(self.polls.run())  # noqa: RUF006 - the event loop is this test's own
            try:
                return await scenario
            finally:
                left = asyncio.all_tasks() - {asyncio.current_task()}
                for task in left:
                    task.cancel()
                await asyncio.gather(*left, return_exceptions=True)

        try:
            return self.loop.run_until_complete(main())
        finally:
            self.loop.run_until_complete(asyncio.sleep(0))
            self.loop.close()
            assert self.loop.complaints == []

    def begin(self, batch_id, *, interval=20.0, timeout=86_400.0, first_pause=0.0):
        """Begin a wait, and return the task of its end and when it came."""
        self.groq.statuses.setdefault(batch_id, "in_progress")
        return asyncio.create_task(self.wait(batch_id, interval, timeout, first_pause))

    async def wait(self, batch_id, interval=20.0, timeout=86_400.0, first_pause=0.0):  # noqa: ASYNC109 - the wait's
        now = self.loop.wall()
        poller = Poller(batch_id, poll_interval=interval, end_time=now + timeout, now=now)
        end = await self.polls.wait(poller, self.said.append, first_pause=first_pause)
        return end, self.loop.now


@pytest.fixture
def world(monkeypatch, request):
    """With random numbers that are the same each time: a bound must not hang on those that nobody chose."""
    return World(monkeypatch, getattr(request, "param", 0))


several = pytest.mark.parametrize("world", range(4), indirect=True, ids="seed {}".format)


def ids(number):
    return [f"batch_{n:05}" for n in range(number)]


def test_ten_thousand_waits_are_fifty_requests_an_interval(world):
    async def scenario():
        waits = [world.begin(batch_id) for batch_id in ids(10_000)]
        await asyncio.sleep(100)
        world.groq.requests.clear()
        await asyncio.sleep(60)
        asked = world.groq.requests.copy()
        for batch_id in world.groq.statuses:
            world.groq.statuses[batch_id] = "completed"
        ended = world.loop.now
        ends = await asyncio.gather(*waits)
        assert max(when for _, when in ends) - ended <= 21.0
        return asked, [end for end, _ in ends]

    asked, ends = world.run(scenario())
    assert len(asked) <= 1.1 * 3 * 50
    assert all(len(batch_ids) == 200 for _, batch_ids in asked)
    assert [end.batch_id for end in ends] == ids(10_000)
    assert {(end.reason, end.batch.status) for end in ends} == {("terminal", "completed")}
    assert world.groq.most_at_once <= poll_loop.REQUESTS_AT_ONCE


def test_each_wait_keeps_its_own_interval_and_deadline(world):
    async def scenario():
        fast, slow = world.begin("fast", interval=5, timeout=300), world.begin("slow", interval=60, timeout=400)
        world.begin("bystander", interval=60)
        return await asyncio.gather(fast, slow)

    (fast, fast_at), (slow, slow_at) = world.run(scenario())
    assert (fast.reason, slow.reason) == ("timeout", "timeout")
    assert (fast_at, slow_at) == (pytest.approx(300, abs=1), pytest.approx(400, abs=1))
    looks = {
        name: [at for at, asked in world.groq.requests if name in asked and 100 < at < 290] for name in ("fast", "slow")
    }
    assert len(looks["fast"]) == pytest.approx(190 / 5, rel=0.25)
    assert len(looks["slow"]) == pytest.approx(190 / 60, abs=1.5)


def test_two_waits_for_one_batch_ask_once_and_both_get_it(world):
    async def scenario():
        waits = [world.begin("same"), world.begin("same"), world.begin("other")]
        await asyncio.sleep(3)
        world.groq.statuses |= {"same": "completed", "other": "completed"}
        return await asyncio.gather(*waits)

    assert [end.batch_id for end, _ in world.run(scenario())] == ["same", "same", "other"]


def test_what_an_answer_lacks_is_asked_for_alone(world):
    async def scenario():
        world.groq.fault = "missing"
        waits = [world.begin(batch_id) for batch_id in ids(10)]
        await asyncio.sleep(5)
        world.groq.statuses = dict.fromkeys(world.groq.statuses, "completed")
        return await asyncio.gather(*waits)

    assert [end.batch_id for end, _ in world.run(scenario())] == ids(10)
    singly = [asked for at, asked in world.groq.requests if at < 1 and len(asked) == 1]
    assert {batch_id for (batch_id,) in singly} == set(ids(10)[1::2])


def test_a_batch_that_nobody_knows_fails_alone_after_the_grace(world):
    async def scenario():
        good, bad = world.begin("good"), world.begin("bad")
        del world.groq.statuses["bad"]
        end, at = await bad
        world.groq.statuses["good"] = "completed"
        return end, at, (await good)[0]

    bad, at, good = world.run(scenario())
    assert (bad.reason, good.reason) == ("unknown", "terminal")
    assert 30 <= at <= 95


def test_one_answer_that_cannot_be_read_hurts_its_own_wait_only(world):
    async def scenario():
        world.groq.fault = "broken item"
        waits = [world.begin(batch_id) for batch_id in ids(3)]
        await asyncio.sleep(2)
        world.groq.statuses = dict.fromkeys(world.groq.statuses, "completed")
        await asyncio.wait(waits, timeout=10)
        done = sum(wait.done() for wait in waits)
        world.groq.fault = None
        await asyncio.gather(*waits)
        return done

    assert world.run(scenario()) >= 2


@pytest.mark.parametrize("fault", ["foreign", "first page"])
def test_a_server_that_ignores_the_ids_is_asked_one_by_one(world, fault):
    async def scenario():
        world.groq.fault = fault
        waits = [world.begin(batch_id) for batch_id in ids(300)]
        await asyncio.sleep(200)
        world.groq.requests.clear()
        await asyncio.sleep(60)
        asked = world.groq.requests.copy()
        world.groq.statuses = dict.fromkeys(world.groq.statuses, "completed")
        await asyncio.gather(*waits)
        return asked

    asked = world.run(scenario())
    assert {len(batch_ids) for _, batch_ids in asked} == {1}
    assert len(asked) == pytest.approx(900, rel=0.15)
    assert world.groq.most_at_once <= poll_loop.SINGLE_REQUESTS_AT_ONCE


def test_an_id_that_cannot_be_sent_ends_its_own_wait_only(world):
    async def scenario():
        poll, get = world.groq.poll, world.groq.get

        def refuse(batch_ids):
            if "broken\ud800" in batch_ids:
                raise GroqInputError("it cannot be sent")

        async def look_at_sendable(batch_ids):
            refuse(batch_ids)
            return await poll(batch_ids)

        async def get_sendable(batch_id):
            refuse([batch_id])
            return await get(batch_id)

        world.groq.poll, world.groq.get = look_at_sendable, get_sendable
        waits = [world.begin(batch_id) for batch_id in [*ids(10), "broken\ud800"]]
        await asyncio.sleep(100)
        asked = [batch_ids for at, batch_ids in world.groq.requests if at > 10]
        world.groq.statuses = dict.fromkeys(world.groq.statuses, "completed")
        return await asyncio.gather(*waits), asked

    ends, asked = world.run(scenario())
    assert [end.reason for end, _ in ends] == ["terminal"] * 10 + ["unknown"]
    assert all(len(batch_ids) == 10 for batch_ids in asked)


@several
def test_a_shard_that_always_fails_holds_up_nobody_else(world):
    async def scenario():
        world.groq.fault = "shard"
        waits = {batch_id: world.begin(batch_id) for batch_id in ids(400)}
        await asyncio.sleep(120)
        world.groq.statuses = dict.fromkeys(world.groq.statuses, "completed")
        healthy = [wait for batch_id, wait in waits.items() if not batch_id.endswith("3")]
        await asyncio.wait(healthy, timeout=150)
        done = sum(wait.done() for wait in healthy)
        spoiled = sum(wait.done() for batch_id, wait in waits.items() if batch_id.endswith("3"))
        world.groq.fault = None
        await asyncio.gather(*waits.values())
        return done, len(healthy), spoiled

    done, healthy, spoiled = world.run(scenario())
    assert (done, spoiled) == (healthy, 0)


@several
@pytest.mark.parametrize("fault", ["down", "busy", "truncated", "dropped", "mostly dropped"])
def test_five_minutes_of_trouble_fail_nobody(world, fault):
    """Nor do they bring the server a flood: five requests would do for all, each time that somebody is due."""

    async def scenario():
        waits = [world.begin(batch_id) for batch_id in ids(1000)]
        await asyncio.sleep(30)
        world.groq.requests.clear()
        world.groq.fault = fault
        await asyncio.sleep(300)
        assert not any(wait.done() for wait in waits)
        requests = len(world.groq.requests)
        world.groq.fault = None
        world.groq.statuses = dict.fromkeys(world.groq.statuses, "completed")
        over = world.loop.now
        ends = await asyncio.gather(*waits)
        return requests, max(at for _, at in ends) - over

    requests, latest = world.run(scenario())
    assert latest <= 62.0
    assert requests <= (1_000 if "dropped" in fault else 300)


def test_a_server_that_asks_for_patience_gets_no_smaller_requests(world):
    async def scenario():
        for batch_id in ids(1000):
            world.begin(batch_id)
        await asyncio.sleep(100)
        world.groq.requests.clear()
        world.groq.fault = "sometimes busy"
        await asyncio.sleep(300)
        return [len(batch_ids) for _, batch_ids in world.groq.requests]

    asked = world.run(scenario())
    assert len(asked) <= 250
    assert sum(asked) / len(asked) > 50


@several
def test_a_few_bad_batches_among_many_hold_up_nobody_else(world):
    """Each of ten whole requests has two of them."""

    async def scenario():
        waits = {batch_id: world.begin(batch_id) for batch_id in ids(2000)}
        await asyncio.sleep(30)
        bad = set(ids(2000)[3::100])
        world.groq.poison = bad
        world.groq.fault = "poison"
        await asyncio.sleep(120)
        world.groq.statuses = dict.fromkeys(world.groq.statuses, "completed")
        await asyncio.wait([wait for batch_id, wait in waits.items() if batch_id not in bad], timeout=25)
        ended = {batch_id for batch_id, wait in waits.items() if wait.done()}
        world.groq.requests.clear()
        await asyncio.sleep(300)
        hopeless = len(world.groq.requests)
        world.groq.fault = None
        await asyncio.gather(*waits.values())
        return ended, bad, hopeless

    ended, bad, hopeless = world.run(scenario())
    assert ended == set(ids(2000)) - bad
    assert hopeless <= 150


def test_trouble_ends_a_wait_at_its_deadline_and_says_why(world):
    async def scenario():
        world.groq.fault = "down"
        return await asyncio.gather(world.begin("a", timeout=100), world.begin("b", timeout=50))

    (first, first_at), (second, second_at) = world.run(scenario())
    assert (first.reason, second.reason) == ("timeout", "timeout")
    assert (first_at, second_at) == (pytest.approx(100, abs=1), pytest.approx(50, abs=1))
    assert "refused" in first.message


def test_a_wait_whose_requests_hang_ends_soon_after_its_deadline(world):
    async def scenario():
        waits = [world.begin(batch_id, timeout=100) for batch_id in ids(5)]
        await asyncio.sleep(30)
        world.groq.poll = world.groq.get = lambda _: asyncio.sleep(86_400)
        return await asyncio.gather(*waits)

    ends = world.run(scenario())
    assert {end.reason for end, _ in ends} == {"timeout"}
    assert all(160 <= at <= 175 for _, at in ends)


@pytest.mark.parametrize(
    "error",
    [
        GroqAuthenticationError("wrong key", status_code=401),
        GroqPermissionError("no batches in this plan", status_code=403),
        GroqConnectionError("no API key"),
    ],
)
def test_a_refused_key_ends_all_waits_at_once_with_the_reason(world, error):
    async def scenario():
        waits = [world.begin(batch_id) for batch_id in ids(500)]
        await asyncio.sleep(30)

        async def refuse(_):
            raise error

        world.groq.poll = world.groq.get = refuse
        start = world.loop.now
        ends = await asyncio.gather(*waits)
        return [end for end, _ in ends], max(at for _, at in ends) - start

    ends, took = world.run(scenario())
    assert {end.reason for end in ends} == {"unknown"}
    assert all(str(error) in end.message for end in ends)
    assert took <= 21


def test_leaving_disturbs_nobody(world):
    async def scenario():
        waits = [world.begin(batch_id) for batch_id in ids(1000)]
        await asyncio.sleep(30)
        for wait in waits[::2]:
            wait.cancel()
        await asyncio.sleep(30)
        world.groq.statuses = dict.fromkeys(world.groq.statuses, "completed")
        results = await asyncio.gather(*waits, return_exceptions=True)
        return results, len(world.polls._queue.waits())

    results, left = world.run(scenario())
    assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
    assert [end.batch_id for end, _ in results[1::2]] == ids(1000)[1::2]
    assert left == 0


def test_all_may_leave_in_one_second_while_questions_are_under_way(world):
    async def scenario():
        waits = [world.begin(batch_id) for batch_id in ids(1000)]
        await asyncio.sleep(0.52)
        assert world.groq.at_once
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        await asyncio.sleep(60)
        return world.groq.at_once

    assert world.run(scenario()) == 0


def test_an_error_of_our_own_reaches_those_who_wait_and_nobody_else(world):
    async def scenario():
        poll = world.groq.poll

        async def explode(_):
            world.groq.poll = poll
            raise ZeroDivisionError

        world.groq.poll = explode
        first = [world.begin(batch_id) for batch_id in ids(3)]
        await asyncio.sleep(5)
        second = [world.begin(batch_id) for batch_id in ids(3)]
        world.groq.statuses = dict.fromkeys(world.groq.statuses, "completed")
        return await asyncio.gather(*first, return_exceptions=True), await asyncio.gather(*second)

    first, second = world.run(scenario())
    assert all(isinstance(result, ZeroDivisionError) for result in first)
    assert {end.reason for end, _ in second} == {"terminal"}


def test_a_loop_that_breaks_leaves_nobody_hanging(world, monkeypatch):
    async def scenario():
        waits = [world.begin(batch_id) for batch_id in ids(3)]
        monkeypatch.setattr(world.polls._queue, "pop", lambda *_: 1 / 0)
        results = await asyncio.gather(*waits, return_exceptions=True)
        with pytest.raises(ExceptionGroup):
            await world.wait("late")
        return results

    assert all(isinstance(result, ExceptionGroup) for result in world.run(scenario()))


@pytest.mark.parametrize("status", [400, 403, 404, 405, 414, 422])
def test_a_server_that_refuses_to_answer_for_many_is_asked_one_by_one(world, status):
    async def scenario():
        async def refuse(_):
            raise API_ERRORS.get(status, GroqAPIError)("not for many", status_code=status)

        world.groq.poll = refuse
        waits = [world.begin(batch_id) for batch_id in ids(50)]
        await asyncio.sleep(100)
        assert not any(wait.done() for wait in waits)
        world.groq.statuses = dict.fromkeys(world.groq.statuses, "completed")
        return await asyncio.gather(*waits)

    assert {end.reason for end, _ in world.run(scenario())} == {"terminal"}


def test_a_clock_that_jumps_moves_no_polls(world):
    """Pauses are measured on the loop's clock; only deadlines are wall-clock times."""

    async def scenario():
        wait = world.begin("a", interval=10)
        await asyncio.sleep(60)
        now = world.loop.wall
        world.loop.wall = lambda: now() - 3600
        poll_loop.time.time = world.loop.wall
        await asyncio.sleep(5)
        world.groq.statuses["a"] = "completed"
        over = world.loop.now
        _, at = await wait
        return at - over

    assert world.run(scenario()) <= 12
