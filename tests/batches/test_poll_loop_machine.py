"""Random joins, leaves, answers and faults: every wait gets exactly one end, its own and a true one."""

import asyncio
from types import SimpleNamespace
from unittest import mock

from batches.virtual import Groq, VirtualLoop
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_provider_groq.batches import poll_loop
from airflow_provider_groq.batches.poll_loop import PollLoop
from airflow_provider_groq.batches.polling import Poller

IDS = [f"batch_{n}" for n in range(8)]
ENDED = ("completed", "failed", "expired", "cancelled")
FAULTS = (
    None,
    "down",
    "dropped",
    "busy",
    "truncated",
    "shard",
    "missing",
    "shuffled",
    "foreign",
    "first page",
    "broken item",
)


class Waits(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.loop = VirtualLoop()
        self.patched = mock.patch.object(poll_loop, "time", SimpleNamespace(time=self.loop.wall))
        self.patched.start()
        self.groq = Groq(self.loop)
        self.groq.statuses = dict.fromkeys(IDS, "in_progress")
        self.ended_at = {}
        self.waits = []
        self.left = []

        async def start():
            self.polls = PollLoop(self.groq)
            return asyncio.create_task(self.polls.run())

        self.polling = self.loop.run_until_complete(start())

    async def wait(self, poller, ends):
        end = await self.polls.wait(poller, lambda _: None)
        ends.append((end, self.loop.wall()))

    @rule(batch_id=st.sampled_from(IDS), interval=st.floats(0.5, 90), timeout=st.floats(0, 900))
    def join(self, batch_id, interval, timeout):
        now = self.loop.wall()
        poller = Poller(batch_id, poll_interval=interval, end_time=now + timeout, now=now)
        ends = []
        self.waits.append((poller, ends, self.loop.create_task(self.wait(poller, ends))))

    @precondition(lambda self: self.waits)
    @rule(data=st.data())
    def leave(self, data):
        wait = data.draw(st.sampled_from(self.waits))
        self.waits.remove(wait)
        wait[2].cancel()
        self.left.append(wait)

    @rule(batch_id=st.sampled_from(IDS), status=st.sampled_from(ENDED))
    def end(self, batch_id, status):
        if batch_id not in self.ended_at:
            self.groq.statuses[batch_id] = status
            self.ended_at[batch_id] = self.loop.wall()

    @rule(fault=st.sampled_from(FAULTS))
    def fault(self, fault):
        self.groq.fault = fault

    @rule(seconds=st.floats(0.01, 120))
    def pass_time(self, seconds):
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @invariant()
    def ends_are_true(self):
        for poller, ends, _ in getattr(self, "waits", ()):
            assert len(ends) <= 1
            for end, at in ends:
                assert end.batch_id == poller.batch_id
                if end.reason == "terminal":
                    assert end.batch.id == poller.batch_id
                    assert end.batch.status == self.groq.statuses[poller.batch_id]
                else:
                    assert end.reason == "timeout"
                    assert at >= poller.end_time

    def teardown(self):
        if not hasattr(self, "loop"):
            return
        self.groq.fault = None
        for batch_id in IDS:
            self.end(batch_id, "completed")
        # Longer than any interval, backoff, and the time for which a server is asked one by one.
        self.loop.run_until_complete(asyncio.sleep(900))
        self.ends_are_true()
        assert all(len(ends) == 1 and task.done() for _, ends, task in self.waits)
        assert all(not ends or task.done() for _, ends, task in self.left)
        assert not self.polls._queue.waits()
        self.polling.cancel()
        tasks = [self.polling, *(task for *_, task in self.waits + self.left)]
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()
        self.patched.stop()
        assert self.loop.complaints == []


TestWaits = Waits.TestCase
TestWaits.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, database=None)
