"""One loop that polls for all waits of a process, 200 batches in a request.

It knows the rules of `polling` and asks a `Source`; what that is, and which waits share it, is elsewhere.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Protocol

from airflow_provider_groq.api.looks import Glance, Looks
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.polling import Poller, Step
from airflow_provider_groq.exceptions import (
    GroqAPIError,
    GroqAuthenticationError,
    GroqConnectionError,
    GroqError,
    GroqInputError,
    GroqPermissionError,
    GroqResponseError,
)

GROUP = 200
"""How many batches are asked for in one request; Groq's limit."""

LINGER = 0.5
"""Seconds that a due look waits for others to fill its request."""

EARLY = 1.0
"""Seconds by which a look may come early, to fill a request."""

REQUESTS_AT_ONCE = 4
SINGLE_REQUESTS_AT_ONCE = 8

SPOILED_AFTER, RECENT = 2, 60.0
"""After so many failures of a look, while another was answered in so many seconds, its request is made smaller."""

WOKEN_AT_ONCE = 10
"""How many waits are woken before others get a turn: each may write a log line, at 1 ms of the event loop."""

NO_IDS_SECONDS = 600.0
"""For so long a server that did not answer for many is asked one by one, until it is tried again."""

LATEST = 60.0
"""Seconds after its deadline at which a wait ends by itself, should the loop be held up."""


class Source(Protocol):
    """Where batches are asked for."""

    async def look_at(self, batch_ids: Sequence[str]) -> Looks:
        """Ask for many batches in one request."""

    async def get(self, batch_id: str) -> Batch:
        """Ask for one."""


class _Wait:
    """One wait, as the loop holds it."""

    __slots__ = ("bell", "done", "due", "poller", "steps")

    def __init__(self, poller: Poller, due: float) -> None:
        self.poller = poller
        self.due = due
        self.done = False
        self.steps: list[Step | BaseException] = []
        self.bell: asyncio.Future[None] | None = None

    def ring(self, step: Step | BaseException) -> None:
        """Tell the waiting coroutine."""
        self.steps.append(step)
        if self.bell is not None and not self.bell.done():
            self.bell.set_result(None)


class PollLoop:
    """Polls for many waits at once. `run` must be running while there are waits.

    Args:
        source: Where batches are asked for.

    Attributes:
        broken: What ended the loop, if anything did; no wait can begin then.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._heap: list[tuple[float, int, _Wait]] = []
        self._order = itertools.count()
        self._waits: set[_Wait] = set()
        self._news = asyncio.Event()
        self._slots = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._single_slots = asyncio.Semaphore(SINGLE_REQUESTS_AT_ONCE)
        self._one_by_one_until = float("-inf")
        self._distrusted = False
        self._last_answer = float("-inf")
        self.broken: BaseException | None = None

    async def steps(self, poller: Poller, *, first_pause: float = 0.0) -> AsyncGenerator[Step, None]:
        """Give the steps of a wait that have news, the last of which is its end.

        Args:
            poller: The wait.
            first_pause: Seconds until its first look.
        """
        if self.broken:
            raise self.broken
        clock = asyncio.get_running_loop()
        wait = _Wait(poller, clock.time() + max(0.0, min(first_pause, poller.end_time - time.time())))
        self._waits.add(wait)
        self._push(wait)
        latest = clock.call_later(
            max(0.0, poller.end_time - time.time()) + LATEST, lambda: wait.ring(Step(end=poller.timeout()))
        )
        try:
            while True:
                while wait.steps:
                    step = wait.steps.pop(0)
                    if isinstance(step, BaseException):
                        raise step
                    yield step
                    if step.end:
                        return
                wait.bell = clock.create_future()
                await wait.bell
        finally:
            latest.cancel()
            wait.done = True
            self._waits.discard(wait)

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            async with asyncio.TaskGroup() as asking:
                while True:
                    group = await self._next_group()
                    await self._slots.acquire()
                    asking.create_task(self._ask(group)).add_done_callback(lambda _: self._slots.release())
        except Exception as error:
            # Nobody polls any more: no wait may hang for that.
            self.broken = error
            for wait in list(self._waits):
                wait.ring(error)
            raise

    def _push(self, wait: _Wait) -> None:
        if not self._heap or wait.due < self._heap[0][0]:
            self._news.set()
        heapq.heappush(self._heap, (wait.due, next(self._order), wait))

    async def _next_group(self) -> list[_Wait]:
        """The waits to look at next, when their time has come."""
        clock = asyncio.get_running_loop()
        while True:
            while self._heap and self._heap[0][2].done:
                heapq.heappop(self._heap)
            pause = self._heap[0][0] + LINGER - clock.time() if self._heap else None
            if pause is not None and pause <= 0:
                return self._pop_group(clock.time() + EARLY)
            self._news.clear()
            try:
                async with asyncio.timeout(pause):
                    await self._news.wait()
            except TimeoutError:
                continue

    def _pop_group(self, until: float) -> list[_Wait]:
        group: list[_Wait] = []
        ids: set[str] = set()
        limit = GROUP
        while self._heap and self._heap[0][0] <= until:
            wait = self._heap[0][2]
            limit = min(limit, self._group_size(wait))
            if wait.poller.batch_id not in ids and len(ids) >= limit:
                break
            heapq.heappop(self._heap)
            if not wait.done:
                group.append(wait)
                ids.add(wait.poller.batch_id)
        return group

    def _group_size(self, wait: _Wait) -> int:
        """Smaller after looks that failed while others did not: one batch may spoil a request for the rest."""
        answers = self._now() - self._last_answer < RECENT
        spoiled = wait.poller.errors >= SPOILED_AFTER and answers
        return max(1, GROUP >> (2 * (wait.poller.errors - 1))) if spoiled else GROUP

    async def _ask(self, group: list[_Wait]) -> None:
        waits: defaultdict[str, list[_Wait]] = defaultdict(list)
        for wait in group:
            waits[wait.poller.batch_id].append(wait)
        try:
            if self._now() < self._one_by_one_until or len(waits) == 1:
                await self._ask_singly(waits)
            else:
                await self._ask_for_many(waits)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it, and nobody else
            for wait in group:
                wait.ring(error)

    async def _ask_for_many(self, waits: Mapping[str, list[_Wait]]) -> None:
        try:
            looks = await self._source.look_at(list(waits))
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
            self._last_answer = self._now()
            self._distrust(looks.ignored)
            await self._tell(((batch_id, _read(looks, batch_id)) for batch_id in looks.items), waits)
            await self._ask_singly({batch_id: waits[batch_id] for batch_id in waits if batch_id not in looks.items})

    async def _refused(self, error: GroqAPIError, waits: Mapping[str, list[_Wait]]) -> None:
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

    async def _ask_singly(self, waits: Mapping[str, list[_Wait]]) -> None:
        async with asyncio.TaskGroup() as asking:
            for batch_id in waits:
                asking.create_task(self._ask_for_one(batch_id, waits))

    async def _ask_for_one(self, batch_id: str, waits: Mapping[str, list[_Wait]]) -> None:
        async with self._single_slots:
            try:
                look: Batch | GroqError = await self._source.get(batch_id)
            except (GroqAuthenticationError, GroqConnectionError) as error:
                await self._tell_everyone(error)
                return
            except GroqError as error:
                look = error
            else:
                self._last_answer = self._now()
        await self._tell([(batch_id, look)], waits)

    async def _tell_everyone(self, error: GroqError) -> None:
        """The connection is at fault, and with it every wait there is."""
        everyone: defaultdict[str, list[_Wait]] = defaultdict(list)
        for wait in self._waits:
            everyone[wait.poller.batch_id].append(wait)
        await self._tell(((batch_id, error) for batch_id in everyone), everyone)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _tell(
        self, looks: Iterable[tuple[str, Batch | Glance | GroqError]], waits: Mapping[str, list[_Wait]]
    ) -> None:
        """Let each wait take its step, a few at a time."""
        woken = 0
        for batch_id, look in looks:
            for wait in waits[batch_id]:
                if wait.done:
                    continue
                now = time.time()
                poller = wait.poller
                step = poller.on_error(look, now) if isinstance(look, GroqError) else poller.on_batch(look, now)
                if step.end is None:
                    # From when it was due, not from when it was answered: an interval is no longer for the latter.
                    since = self._now() if isinstance(look, GroqError) else wait.due
                    self._again(wait, since + step.pause)
                if step.news or step.end:
                    wait.ring(step)
                    woken += 1
                    if woken % WOKEN_AT_ONCE == 0:
                        await asyncio.sleep(0)

    def _again(self, wait: _Wait, due: float) -> None:
        wait.due = max(due, self._now())
        self._push(wait)


def _read(looks: Looks, batch_id: str) -> Batch | Glance | GroqError:
    try:
        return looks.glance(batch_id)
    except GroqResponseError as error:
        return error
