"""What a `GroqBatchEventTrigger` does in the triggerer: it resumes, reports, and stores its state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_groq.batches.watch import Memory, Wanted, Watch
from airflow_provider_groq.batches.watch_loop import WatchLoop
from airflow_provider_groq.compat import aread_store, asset_stores, awrite_store
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.triggers.acknowledged import Round
from airflow_provider_groq.triggers.shared import shared_watch

if TYPE_CHECKING:
    from airflow_provider_groq.triggers.events import GroqBatchEventTrigger

EVENT_GAP = 10.0
"""Seconds from one event to the next: of those that come before the scheduler has made a run of the first, the Dag gets
none until another one comes."""

READ_SECONDS, STORE_SECONDS = 60.0, 10.0
"""How long Airflow may take. A triggerer that has just started takes long for the first answer, and one that ends gives
none any more."""

AGAIN = 5.0
"""Seconds until what could not be read is tried again."""


class Watcher:
    """A trigger at work.

    Args:
        trigger: The trigger.
    """

    def __init__(self, trigger: GroqBatchEventTrigger) -> None:
        self._trigger = trigger
        self._stores = asset_stores(trigger)
        self._stored: Memory | None = None
        self._last_event = float("-inf")
        self._reminder: asyncio.TimerHandle | None = None
        self._silent = False

    async def payloads(self, rounds: AsyncIterator[Round]) -> AsyncIterator[dict[str, Any]]:
        """Give the payload of each event."""
        watch: Watch | None = None
        with shared_watch(self._trigger.groq_conn_id) as ours:
            ours.loop.ring()
            try:
                async for tick in rounds:
                    if watch is None:
                        watch = await self._begin()
                        if watch:
                            ours.loop.follow(watch, self._trigger.poll_interval)
                        else:
                            self._remind(ours.loop, AGAIN)
                        continue
                    if payload := self._news(watch, ours.loop):
                        yield payload
                    # Not before: if the trigger is stopped while it gives the event, nobody has it.
                    await self._remember(watch, tick)
            finally:
                if watch:
                    ours.loop.leave(watch)
                if self._reminder:
                    self._reminder.cancel()

    async def _begin(self) -> Watch | None:
        """What the watcher knew; None if that is not known yet."""
        wanted = Wanted(self._trigger.metadata, frozenset(self._trigger.statuses))
        try:
            async with asyncio.timeout(READ_SECONDS):
                stored = [await aread_store(store, self._trigger.store_key) for store in self._stores]
        except Exception as error:  # noqa: BLE001 - Airflow's API server may be away; a trigger that raises is started again at once
            self._say_once("The watcher's state could not be read; retrying. %r", error)
            return None
        self._silent = False
        try:
            self._stored = Memory.joined(stored)
        except GroqInputError as error:
            self._trigger.log.warning(
                "%s The watcher starts over: it does not report batches that have ended by now.", error
            )
        return Watch(wanted, self._stored)

    def _news(self, watch: Watch, loop: WatchLoop) -> dict[str, Any] | None:
        if not watch.has_news:
            return None
        now = time.monotonic()
        if now < self._last_event + EVENT_GAP:
            self._remind(loop, self._last_event + EVENT_GAP - now)
            return None
        self._last_event = now
        payload = watch.tell()
        if watch.has_news:
            self._remind(loop, EVENT_GAP)
        return payload

    def _remind(self, loop: WatchLoop, after: float) -> None:
        if self._reminder:
            self._reminder.cancel()
        self._reminder = asyncio.get_running_loop().call_later(after, loop.ring)

    async def _remember(self, watch: Watch, tick: Round) -> None:
        if watch.surveyed and self._stores and (memory := watch.memory()) != self._stored:
            await tick.when_stored(self, partial(self._store, memory))

    async def _store(self, memory: Memory) -> None:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                for store in self._stores:
                    await awrite_store(store, self._trigger.store_key, memory.stored())
        except Exception as error:  # noqa: BLE001 - after the next poll it is stored all the same
            self._say_once("The watcher's state could not be stored; retrying after the next poll. %r", error)
        else:
            self._stored, self._silent = memory, False

    def _say_once(self, message: str, error: Exception) -> None:
        if not self._silent:
            self._trigger.log.warning(message, error)
        self._silent = True
