"""One loop that polls for all waits of a process, 200 batches in a request.

It knows the rules of `polling` and asks a `Source`; what that is, and which waits share it, is elsewhere.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.api.polled import Glance, Polled
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.batches.poll_queue import PollQueue, Wait
from airflow_provider_groq.batches.polling import Poller, Step
from airflow_provider_groq.exceptions import (
    GroqAPIError,
    GroqAuthenticationError,
    GroqConnectionError,
    GroqError,
    GroqInputError,
    GroqNotFoundError,
    GroqPermissionError,
    GroqRateLimitError,
    GroqResponseError,
)

LINGER = 0.5
"""Seconds that a due poll waits for others to fill its request."""

EARLY = 1.0
"""Seconds by which a poll may come early, to fill a request."""

REQUESTS_AT_ONCE = 4
SINGLE_REQUESTS_AT_ONCE = 8

NO_BATCH_AT_FAULT = (GroqNotFoundError, GroqRateLimitError)
"""Errors that no batch brings upon the others in its request, as those that come with a ``Retry-After``."""

WOKEN_AT_ONCE = 10
"""How many waits are woken before others get a turn: each may write a log line, at 1 ms of the event loop."""

NO_IDS_SECONDS = 600.0
"""For so long a server that did not answer for many is asked one by one, until it is tried again."""

LATEST, LATE_EVERY = 60.0, 15.0
"""Seconds after its deadline at which a wait ends by itself, if requests are held up, and between searches for such."""


class Source(Protocol):
    """Where batches are asked for."""

    async def poll(self, batch_ids: Sequence[str]) -> Polled:
        """Ask for many batches in one request."""

    async def get(self, batch_id: str) -> Batch:
        """Ask for one."""


class Poll(NamedTuple):
    """One request for batches.

    Attributes:
        batches: How many batches are asked for.
        lag: How late, in seconds, by the batch that was due first; up to `LINGER` is meant.
        waits: How many waits there are in all.
    """

    batches: int
    lag: float
    waits: int


class PollLoop:
    """Polls for many waits at once. `run` must be running while there are waits.

    Args:
        source: Where batches are asked for.
        on_poll: Called before each request.
        on_count: Called with 1 when a wait begins, and with -1 when it ends.

    Attributes:
        broken: What ended the loop, if anything did; no wait can begin then.
    """

    def __init__(
        self,
        source: Source,
        on_poll: Callable[[Poll], object] = lambda _: None,
        on_count: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._source = source
        self._on_poll = on_poll
        self._on_count = on_count
        self._queue = PollQueue()
        self._sleeping_until = float("-inf")
        self._earlier = asyncio.Event()
        self._slots = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._single_slots = asyncio.Semaphore(SINGLE_REQUESTS_AT_ONCE)
        self._one_by_one_until = float("-inf")
        self._distrusted = False
        self.broken: BaseException | None = None

    async def wait(self, poller: Poller, say: Callable[[Step], object], *, first_pause: float = 0.0) -> WaitEnd:
        """Wait for a batch, and return how that ended.

        Args:
            poller: The wait.
            say: Called with each step that has news, in the caller's own context.
            first_pause: Seconds until its first poll.
        """
        if self.broken:
            raise self.broken
        clock = asyncio.get_running_loop()
        wait = self._queue.join(poller)
        self._on_count(1)
        self._push(wait, clock.time() + max(0.0, min(first_pause, poller.end_time - time.time())))
        try:
            while True:
                wait.bell = clock.create_future()
                await wait.bell
                if end := _heard(wait, say):
                    return end
        finally:
            wait.bell = None
            self._queue.leave(wait)
            self._on_count(-1)

    async def run(self) -> None:
        """Poll until cancelled."""
        self._end_the_late()
        try:
            async with asyncio.TaskGroup() as asking:
                while True:
                    group = await self._next_group()
                    await self._slots.acquire()
                    asking.create_task(self._ask(group)).add_done_callback(lambda _: self._slots.release())
        except Exception as error:
            # Nobody polls any more: no wait may hang for that.
            self.broken = error
            for wait in self._queue.waits():
                wait.ring(error)
            raise
        finally:
            self._late.cancel()

    def _end_the_late(self) -> None:
        """End each wait whose deadline is long over: its request may hang, or wait for others that do."""
        over = time.time() - LATEST
        for wait in self._queue.waits():
            if wait.poller.end_time <= over:
                wait.ring(Step(end=wait.poller.timeout()))
        self._late = asyncio.get_running_loop().call_later(LATE_EVERY, self._end_the_late)

    def _push(self, wait: Wait, due: float) -> None:
        self._queue.push(wait, due)
        if due < self._sleeping_until:
            self._earlier.set()

    async def _next_group(self) -> list[Wait]:
        """The waits to poll next, when their time has come."""
        while True:
            due = self._queue.first_due()
            now = self._now()
            if due + LINGER <= now:
                if group := self._queue.pop(now + EARLY, now):
                    return group
                continue
            self._sleeping_until = due
            self._earlier.clear()
            try:
                async with asyncio.timeout_at(due + LINGER if due < float("inf") else None):
                    await self._earlier.wait()
            except TimeoutError:
                continue

    async def _ask(self, group: list[Wait]) -> None:
        waits: defaultdict[str, list[Wait]] = defaultdict(list)
        for wait in group:
            waits[wait.poller.batch_id].append(wait)
        self._on_poll(Poll(len(waits), max(0.0, self._now() - group[0].due), len(self._queue)))
        try:
            if self._now() < self._one_by_one_until or len(waits) == 1:
                await self._ask_singly(waits)
            else:
                await self._ask_for_many(waits)
        except Exception as error:  # noqa: BLE001 - each wait of this request gets it, and no other
            for wait in group:
                wait.ring(error)

    async def _ask_for_many(self, waits: Mapping[str, list[Wait]]) -> None:
        try:
            polled = await self._source.poll(list(waits))
        except (GroqAuthenticationError, GroqConnectionError) as error:
            await self._tell_everyone(error)
        except GroqInputError:
            # It cannot be sent, for one of the ids or for the length of all of them.
            await self._ask_singly(waits)
        except GroqError as error:
            if isinstance(error, GroqAPIError) and not error.retryable:
                await self._refused(error, waits)
            else:
                await self._tell(((batch_id, error) for batch_id in waits), waits)
        else:
            self._queue.answered(next(iter(waits.values()))[0], self._now())
            self._distrust(polled.ignored)
            await self._tell(((batch_id, _read(polled, batch_id)) for batch_id in polled.items), waits)
            await self._ask_singly({batch_id: waits[batch_id] for batch_id in waits if batch_id not in polled.items})

    async def _refused(self, error: GroqAPIError, waits: Mapping[str, list[Wait]]) -> None:
        """The server does not answer for many: one of them may be at fault, or it does not know how."""
        if isinstance(error, GroqPermissionError) and not await self._may_ask(next(iter(waits))):
            await self._tell_everyone(error)
            return
        self._distrust(True)
        await self._ask_singly(waits)

    async def _may_ask(self, batch_id: str) -> bool:
        try:
            await self._source.get(batch_id)
        except GroqPermissionError:
            return False
        except GroqError:
            return True
        return True

    def _distrust(self, wrong: bool) -> None:
        """An answer for many that was wrong, twice in a row: the server does not know how to give one."""
        if wrong and self._distrusted:
            self._one_by_one_until = self._now() + NO_IDS_SECONDS
        self._distrusted = wrong

    async def _ask_singly(self, waits: Mapping[str, list[Wait]]) -> None:
        async with asyncio.TaskGroup() as asking:
            for batch_id in waits:
                asking.create_task(self._ask_for_one(batch_id, waits))

    async def _ask_for_one(self, batch_id: str, waits: Mapping[str, list[Wait]]) -> None:
        async with self._single_slots:
            try:
                answer: Batch | GroqError = await self._source.get(batch_id)
            except (GroqAuthenticationError, GroqConnectionError) as error:
                await self._tell_everyone(error)
                return
            except GroqError as error:
                answer = error
            else:
                self._queue.answered(waits[batch_id][0], self._now())
        await self._tell([(batch_id, answer)], waits)

    async def _tell_everyone(self, error: GroqError) -> None:
        """The connection is at fault, and with it every wait there is."""
        everyone: defaultdict[str, list[Wait]] = defaultdict(list)
        for wait in self._queue.waits():
            everyone[wait.poller.batch_id].append(wait)
        await self._tell(((batch_id, error) for batch_id in everyone), everyone)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _tell(
        self, polled: Iterable[tuple[str, Batch | Glance | GroqError]], waits: Mapping[str, list[Wait]]
    ) -> None:
        """Let each wait take its step, a few at a time."""
        woken = 0
        for batch_id, answer in polled:
            for wait in waits[batch_id]:
                if wait not in self._queue:
                    continue
                step = self._step(wait, answer)
                if step.news or step.end:
                    wait.ring(step)
                    woken += 1
                    if woken % WOKEN_AT_ONCE == 0:
                        await asyncio.sleep(0)

    def _step(self, wait: Wait, answer: Batch | Glance | GroqError) -> Step:
        now = self._now()
        if isinstance(answer, GroqError):
            step, since = wait.poller.on_error(answer, time.time()), now
            if isinstance(answer, NO_BATCH_AT_FAULT) or getattr(answer, "retry_after", None) is not None:
                wait.spoiled = 0
            elif not wait.crowded:
                wait.spoiled += 1
        else:
            # From when it was due, not from when it was answered: an interval is no longer for the latter.
            step, since = wait.poller.on_batch(answer, time.time()), wait.due
            wait.spoiled = 0
        if step.end is None:
            self._push(wait, max(since + step.pause, now))
        return step


def _heard(wait: Wait, say: Callable[[Step], object]) -> WaitEnd | None:
    """Log what the wait has heard, and return its end if there is one. Not in the coroutine, which would keep it."""
    steps, wait.steps = wait.steps, ()
    for step in steps:
        if isinstance(step, BaseException):
            raise step
        if step.news:
            say(step)
        if step.end:
            return step.end
    return None


def _read(polled: Polled, batch_id: str) -> Batch | Glance | GroqError:
    try:
        return polled.glance(batch_id)
    except GroqResponseError as error:
        return error
