"""Which waits are polled next, and together with which others. Pure: the time is an argument."""

from __future__ import annotations

import asyncio
import heapq
import itertools

from airflow_provider_groq.batches.polling import Poller, Step

GROUP = 200
"""How many batches are asked for in one request; Groq's limit."""

SMALLER = (50, 12, 3, 1)
"""How many when one of them may have spoiled the request for the rest."""

SPOILED_AFTER, RECENT = 3, 60.0
"""After so many failures of a poll, while another was answered in so many seconds, its request is made smaller."""

ALONE_EVERY = 3
"""A batch that failed even alone is asked for with others of its kind, and alone every so many times."""

PARTS_PER_SECOND, PARTS_SAVED = 0.5, 60.0
"""How many of the smaller requests may fail, and how many at once after a time without any: a server that fails at
random, whatever it is asked for, would else get a flood of them."""

FILL = 5.0
"""Seconds by which a poll may come early to fill one of these."""

Heap = list[tuple[float, int]]


class Wait:
    """One wait, as the loop holds it.

    Attributes:
        poller: Its rules.
        due: When to poll it, on the clock of the event loop.
        key: Its number in the queue.
        spoiled: How many of its requests in a row failed for what may be the fault of one batch in them.
        crowded: Whether its request is for more others than that number asks for, so that its failure means nothing.
        steps: What its coroutine has not seen yet.
        bell: What that coroutine waits for.
    """

    # There may be fifty thousand in one process, and the garbage collector looks at each object of each of them.
    __slots__ = ("bell", "crowded", "due", "key", "poller", "spoiled", "steps")

    def __init__(self, poller: Poller, key: int) -> None:
        self.poller = poller
        self.due = float("inf")
        self.key = key
        self.spoiled = 0
        self.crowded = False
        self.steps: tuple[Step | BaseException, ...] = ()
        self.bell: asyncio.Future[None] | None = None

    def ring(self, step: Step | BaseException) -> None:
        """Tell the waiting coroutine."""
        self.steps += (step,)
        if self.bell is not None and not self.bell.done():
            self.bell.set_result(None)


class PollQueue:
    """The waits that there are, by the time at which they are due. Times are those of the event loop's clock.

    A wait whose requests fail, while others are answered, is asked for with fewer others each time: so one batch
    that makes every request about it fail does not hold up the rest for long.
    """

    def __init__(self) -> None:
        self._waits: dict[int, Wait] = {}
        self._keys = itertools.count()
        # Tuples of two numbers are nothing to the garbage collector, other than those that hold a wait.
        self._whole: Heap = []
        self._smaller: dict[int, Heap] = {size: [] for size in SMALLER}
        self._failing: Heap = []
        self._heaps = (self._whole, self._failing, *self._smaller.values())
        self._last_answer = float("-inf")
        self._parts, self._parts_at = PARTS_SAVED, 0.0

    def waits(self) -> list[Wait]:
        """All waits, in the order in which they came."""
        return list(self._waits.values())

    def __len__(self) -> int:
        return len(self._waits)

    def __contains__(self, wait: Wait) -> bool:
        return wait.key in self._waits

    def join(self, poller: Poller) -> Wait:
        """Make a wait, which is not due yet."""
        wait = Wait(poller, next(self._keys))
        self._waits[wait.key] = wait
        return wait

    def leave(self, wait: Wait) -> None:
        """Take a wait out for good."""
        self._waits.pop(wait.key, None)

    def push(self, wait: Wait, due: float) -> None:
        """Say when to poll a wait next."""
        wait.due = due
        heapq.heappush(self._heap_of(wait.spoiled), (due, wait.key))

    def _heap_of(self, spoiled: int) -> Heap:
        if spoiled < SPOILED_AFTER:
            return self._whole
        step = spoiled - SPOILED_AFTER - len(SMALLER) + 1
        if step > 0 and step % ALONE_EVERY:
            return self._failing
        return self._smaller[SMALLER[min(step, 0) - 1]]

    def answered(self, wait: Wait, now: float) -> None:
        """A request for this wait was answered. If others fail at this time, it may be for what they ask for."""
        self._last_answer = now
        if self._is_part(wait):
            # It was of use, so it costs nothing.
            self._parts += 1

    def _is_part(self, wait: Wait) -> bool:
        heap = self._heap_of(wait.spoiled)
        return heap is not self._whole and heap is not self._failing and not wait.crowded

    def first_due(self) -> float:
        """When the first of the waits is due; infinity if there is none."""
        return min(map(self._first, self._heaps))

    def pop(self, until: float, now: float) -> list[Wait]:
        """The waits to ask for in the next request, all of them due until some time."""
        heap, size, crowded = min(self._heaps, key=self._first), GROUP, False
        if heap is not self._whole and heap is not self._failing:
            heap, size, crowded = self._part(until, now)
            until += 0.0 if crowded else FILL
        group: list[Wait] = []
        ids: set[str] = set()
        while self._first(heap) <= until:
            wait = self._waits[heap[0][1]]
            if wait.poller.batch_id not in ids and len(ids) >= size:
                break
            heapq.heappop(heap)
            wait.crowded = crowded
            group.append(wait)
            ids.add(wait.poller.batch_id)
        return group

    def _part(self, until: float, now: float) -> tuple[Heap, int, bool]:
        """Those of whom few are asked for; if there can be no such request now, all of them together."""
        if self._may_split(now):
            size = min(SMALLER, key=lambda size: self._first(self._smaller[size]))
            return self._smaller[size], size, False
        together = self._smaller[SMALLER[0]]
        for size in SMALLER[1:]:
            while self._first(self._smaller[size]) <= until:
                heapq.heappush(together, heapq.heappop(self._smaller[size]))
        return together, GROUP, True

    def _first(self, heap: Heap) -> float:
        """When the first wait of a heap is due. Those that have left, or are due at another time, are dropped."""
        while heap:
            due, key = heap[0]
            wait = self._waits.get(key)
            if wait is not None and wait.due == due:
                return due
            heapq.heappop(heap)
        return float("inf")

    def _may_split(self, now: float) -> bool:
        """Whether there may be a smaller request now; counts it if so."""
        if now - self._last_answer >= RECENT:
            return False
        saved = self._parts + PARTS_PER_SECOND * (now - self._parts_at)
        self._parts, self._parts_at = min(PARTS_SAVED, saved), now
        if self._parts < 1:
            return False
        self._parts -= 1
        return True
