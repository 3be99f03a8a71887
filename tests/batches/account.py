"""An account's batches on a virtual clock, and watchers of them that crash and begin again."""

import asyncio
import json
from contextlib import ExitStack
from types import SimpleNamespace
from unittest import mock

from batches.virtual import EPOCH, VirtualLoop

from airflow_provider_groq.api.models import Batch, Page
from airflow_provider_groq.api.polled import read_polled
from airflow_provider_groq.batches import watch_asks, watch_loop, watch_pages
from airflow_provider_groq.batches.watch import Memory, Wanted, Watch
from airflow_provider_groq.batches.watch_loop import WatchLoop
from airflow_provider_groq.exceptions import GroqAPIError, GroqNotFoundError

ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
INTERVAL = 20.0


class Account:
    """What a server says of an account's batches. `made` and `ends` of a batch are seconds of the virtual clock."""

    def __init__(self, loop):
        self._loop = loop
        self.batches = {}
        self.page_size = 20
        self.listing_delay = 0.0
        self.ids_ignored = self.cursor_ignored = self.undated = self.oldest_first = False
        self.latency = 0.05
        self.error = None
        self.forgotten = set()
        self.poison = set()
        self.pages = []
        self.looks = []
        self.refreshed = 0
        self._listing, self._listing_of = ([], {}), None

    def add(self, batch_id, *, made=None, ends=float("inf"), status="completed", unlisted=0.0, **metadata):
        made = self._loop.now if made is None else made
        listed = made + unlisted
        self.batches[batch_id] = SimpleNamespace(
            id=batch_id, made=made, listed=listed, ends=ends, status=status, metadata=metadata
        )

    def show(self, batch):
        ended = batch.ends <= self._loop.now
        shown = {
            "id": batch.id,
            "status": batch.status if ended else "in_progress",
            "created_at": int(EPOCH + batch.made),
            "metadata": batch.metadata,
            "output_file_id": "file_out" if ended and batch.status == "completed" else None,
        }
        if self.undated:
            del shown["created_at"]
        return shown

    async def page(self, cursor, after):
        await self._asked()
        self.pages.append(self._loop.now)
        listed, places = self._listed()
        start = 0 if self.cursor_ignored else places.get(cursor or after, -1) + 1
        shown = listed[start : start + self.page_size]
        data = tuple(Batch.model_validate(self.show(batch)) for batch in shown)
        more = start + self.page_size < len(listed)
        return Page[Batch](data=data).model_copy(update={"next_cursor": shown[-1].id if more and shown else None})

    def _listed(self):
        """The batches in the order of the listing, and the place of each; worked out anew only if it has changed."""
        shown = [b for b in self.batches.values() if b.listed + self.listing_delay <= self._loop.now]
        state = (len(shown), len(self.forgotten), self.oldest_first)
        if state != self._listing_of:
            shown = [batch for batch in shown if batch.id not in self.forgotten]
            shown.sort(key=lambda batch: (batch.made, batch.id), reverse=not self.oldest_first)
            self._listing = shown, {batch.id: place for place, batch in enumerate(shown)}
            self._listing_of = state
        return self._listing

    async def poll(self, batch_ids):
        assert len(set(batch_ids)) == len(batch_ids) <= 200
        await self._asked(batch_ids)
        if self.ids_ignored:
            page = await self.page(None, None)
            shown = [self.show(self.batches[batch.id]) for batch in page.data]
            return read_polled(batch_ids, json.dumps({"data": shown, "has_more": True}).encode())
        self.looks.append(len(batch_ids))
        known = [self.batches[batch_id] for batch_id in batch_ids if batch_id in self.batches]
        shown = [self.show(batch) for batch in known if batch.id not in self.forgotten]
        return read_polled(batch_ids, json.dumps({"data": shown}).encode())

    async def get(self, batch_id):
        await self._asked([batch_id])
        self.looks.append(1)
        if batch_id not in self.batches or batch_id in self.forgotten:
            raise GroqNotFoundError("no such batch", status_code=404)
        return Batch.model_validate(self.show(self.batches[batch_id]))

    async def refresh(self):
        self.refreshed += 1

    async def _asked(self, batch_ids=()):
        await asyncio.sleep(self.latency)
        if self.error:
            raise self.error
        if self.poison & set(batch_ids):
            raise GroqAPIError("internal", status_code=500)


class Watcher:
    """One that tells, and stores what it knows; `stored` is all that outlasts a crash.

    `loses` is how many of its next attempts to store come to nothing.
    """

    def __init__(self, world, wanted=None):
        self._world = world
        self._wanted = wanted or Wanted({}, ENDED)
        self.stored = None
        self.told = []
        self.events = []
        self.loses = 0
        self._task = None

    def start(self):
        self._task = asyncio.create_task(self._run())
        return self

    async def stop(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self):
        watch = Watch(self._wanted, Memory.joined([self.stored]))
        loop = self._world.polls
        loop.follow(watch, INTERVAL)
        try:
            async for _ in loop.ticks():
                if payload := watch.tell():
                    ids = [end["batch_id"] for end in payload["ends"]]
                    self.told += ids
                    self.events.append((asyncio.get_running_loop().time(), ids))
                    if watch.has_news:
                        asyncio.get_running_loop().call_later(10, loop.ring)
                    if self.loses:
                        self.loses -= 1
                        continue
                if watch.surveyed and not (payload and self.loses):
                    self.stored = json.loads(json.dumps(watch.memory().stored()))
        finally:
            loop.leave(watch)


class World:
    """A virtual clock, an account, and the loop that polls it, which a crash replaces."""

    def __init__(self):
        self.loop = VirtualLoop()
        self.account = Account(self.loop)
        self.said = []
        self.watchers = []

    def watcher(self, wanted=None):
        watcher = Watcher(self, wanted)
        self.watchers.append(watcher)
        return watcher.start()

    async def crash(self):
        """All that was in the process is gone; another one begins with what was stored."""
        await self.stop()
        self.start()
        for watcher in self.watchers:
            watcher.start()

    def start(self):
        self.polls = WatchLoop(self.account, "connection 'groq'", lambda level, line: self.said.append((level, line)))
        self._polling = asyncio.create_task(self.polls.run())

    async def stop(self):
        for watcher in self.watchers:
            await watcher.stop()
        self._polling.cancel()
        await asyncio.gather(self._polling, return_exceptions=True)
        await asyncio.sleep(0)

    def run(self, scenario):
        async def main():
            self.start()
            try:
                return await scenario()
            finally:
                await self.stop()
                left = asyncio.all_tasks() - {asyncio.current_task()}
                for task in left:
                    task.cancel()
                await asyncio.gather(*left, return_exceptions=True)

        clock = SimpleNamespace(time=self.loop.wall, monotonic=self.loop.time)
        with ExitStack() as patches:
            for module in (watch_asks, watch_loop, watch_pages):
                patches.enter_context(mock.patch.object(module, "time", clock))
            try:
                return self.loop.run_until_complete(main())
            finally:
                self.loop.close()
                assert self.loop.complaints == []
