"""One loop that finds the ends of batches for all watchers of a connection.

At each poll it reads the listing as far as it is new, and asks for those of the watched batches that are not in what it
has read. It never ends by an error: watchers that do are started again every two seconds, for ever.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from airflow_provider_groq.batches.outcome import duration
from airflow_provider_groq.batches.poll_loop import Source
from airflow_provider_groq.batches.polling import FIRST_BACKOFF, LONGEST_BACKOFF
from airflow_provider_groq.batches.watch import Watch
from airflow_provider_groq.batches.watch_asks import Asked, Asker
from airflow_provider_groq.batches.watch_pages import ANY_TIME, Pages, PageSource
from airflow_provider_groq.exceptions import (
    GroqAuthenticationError,
    GroqConnectionError,
    GroqError,
    GroqPermissionError,
)

LINGER = 0.5
"""Seconds that a watcher's first poll waits for others to begin."""

IDLE = 60.0
"""The poll interval while nobody watches."""

LONGEST_LIFE = 8 * 86_400.0
"""Seconds after which a batch has surely ended: the longest completion window, and a day."""

REFUSED = (GroqAuthenticationError, GroqPermissionError, GroqConnectionError)
"""Errors that somebody has to do something about."""

REFUSED_BACKOFF = 300.0
"""Seconds until the next try after one of these."""

Say = Callable[[int, str], object]


class WatchSource(Source, PageSource, Protocol):
    """Where batches are asked for and listed."""

    async def refresh(self) -> None:
        """Read the connection again, should it have changed."""


class Trouble:
    """Says once that something fails, and once that it is over.

    Args:
        say: Called with the level and the text of each line.
        what: What fails.
    """

    def __init__(self, say: Say, what: str) -> None:
        self._say = say
        self._what = what
        self._about: tuple[object, ...] = ()
        self._since = 0.0
        self.failures = 0

    def failed(self, error: Exception) -> float:
        """It failed; seconds until the next try."""
        if not self.failures:
            self._since = time.monotonic()
        self.failures += 1
        about = (type(error), getattr(error, "status_code", None))
        if about != self._about:
            self._about = about
            level = logging.ERROR if isinstance(error, REFUSED) or not isinstance(error, GroqError) else logging.WARNING
            self._say(level, f"{self._what} fails; retrying until it works: {_told(error)}")
        if isinstance(error, REFUSED):
            return REFUSED_BACKOFF
        after: float | None = getattr(error, "retry_after", None)
        backoff = FIRST_BACKOFF * 2.0 ** min(self.failures - 1, 10) if after is None else after
        return min(backoff, LONGEST_BACKOFF)

    def over(self) -> None:
        """It works."""
        if self.failures:
            lasted = duration(time.monotonic() - self._since)
            self._say(logging.INFO, f"{self._what} works again, after {lasted} and {self.failures:,} failed tries.")
        self.failures, self._about = 0, ()


def _told(error: Exception) -> str:
    if not isinstance(error, GroqError):
        return repr(error)
    text = f"{str(error).rstrip('.')}."
    if isinstance(error, REFUSED):
        text += " Correct the connection" + ("" if isinstance(error, GroqConnectionError) else ", or its key")
        text += f": it is read again before each try, every {REFUSED_BACKOFF / 60:.0f} minutes."
    return text


class WatchLoop:
    """Polls for all watchers of a connection. `run` must be running while there are any.

    Args:
        source: Where batches are asked for.
        name: What the connection is called in the log.
        say: Called with the level and the text of each line for the log.
    """

    def __init__(self, source: WatchSource, name: str, say: Say) -> None:
        self._source = source
        self._say = say
        self._intervals: dict[Watch, float] = {}
        self._joined: set[Watch] = set()
        self._pages = Pages(source)
        self._asker = Asker(source)
        self._trouble = Trouble(say, f"Watching batches through {name}")
        self._survey_trouble = Trouble(say, f"Finding the running batches through {name}")
        self._due = 0.0
        self._wake = asyncio.Event()
        self._fresh = asyncio.Event()
        self._rings = 0
        self._bell = asyncio.Event()

    def follow(self, watch: Watch, interval: float) -> None:
        """Poll for a watcher too, at once.

        Args:
            watch: What it knows.
            interval: The longest pause between two polls, in seconds.
        """
        self._intervals[watch] = interval
        if not self._trouble.failures:
            self._due = min(self._due, self._now() + LINGER)
        self._wake.set()
        self._fresh.set()

    def leave(self, watch: Watch) -> None:
        """Poll for it no more."""
        self._intervals.pop(watch, None)
        self._joined.discard(watch)

    def ring(self) -> None:
        """Let `ticks` give another one."""
        self._rings += 1
        self._bell.set()
        self._bell = asyncio.Event()

    async def ticks(self) -> AsyncIterator[None]:
        """Yield a tick at once, one after each poll, and one after each call of `ring`."""
        heard = -1
        while True:
            if heard == self._rings:
                await self._bell.wait()
            heard = self._rings
            yield

    async def run(self) -> None:
        """Poll until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._poll_on())
            tasks.create_task(self._survey_on())

    async def _poll_on(self) -> None:
        while True:
            await self._until_due()
            began = self._now()
            pause = await self._polled()
            self._due = began + self._pause() if pause is None else self._now() + pause
            self.ring()

    async def _survey_on(self) -> None:
        """The first start of watchers: find what is under way. It takes a while where there are many batches."""
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            fresh = [watch for watch in self._intervals if not watch.surveyed]
            if fresh:
                await self._survey(fresh)
                self._due = min(self._due, self._now())
                self._wake.set()

    async def _survey(self, fresh: Sequence[Watch]) -> None:
        pause: float | None = 0.0
        while pause is not None:
            await asyncio.sleep(pause)
            pause = await self._surveyed(fresh)
        for watch in fresh:
            watch.surveyed = True

    def _pause(self) -> float:
        """Seconds from one poll to the next."""
        if any(watch.surveyed and watch not in self._joined for watch in self._intervals):
            return LINGER
        return min(self._intervals.values(), default=IDLE)

    async def _until_due(self) -> None:
        while (left := self._due - self._now()) > 0:
            self._wake.clear()
            try:
                async with asyncio.timeout(left):
                    await self._wake.wait()
            except TimeoutError:
                return

    async def _polled(self) -> float | None:
        """Poll; the seconds until the next try if that failed."""
        watches = [watch for watch in self._intervals if watch.surveyed]
        if not watches:
            return None
        try:
            if self._trouble.failures:
                await self._source.refresh()
            asked = await self._poll(watches)
        except GroqError as error:
            return self._trouble.failed(error)
        except Exception as error:  # noqa: BLE001 - all watchers would be started again every two seconds, for ever
            return self._trouble.failed(error)
        if asked.errors:
            self._trouble.failed(next(iter(asked.errors.values())))
        else:
            self._trouble.over()
        return None

    async def _poll(self, watches: Sequence[Watch]) -> Asked:
        back_to = min((watch.since or 0 for watch in watches if watch not in self._joined), default=ANY_TIME)
        listed: set[str] = set()
        async for batches in self._pages.walk(back_to=back_to, floor=min(watch.since or 0 for watch in watches)):
            listed.update(batch.id for batch in batches)
            for watch in watches:
                watch.see(batches, time.time())
        for watch in watches:
            watch.listed(self._pages.newest)
        self._joined.update(watch for watch in watches if watch in self._intervals)
        wanted = dict.fromkeys(batch_id for watch in watches for batch_id in watch.asked_for if batch_id not in listed)
        asked = await self._asker.ask(list(wanted))
        for watch in watches:
            watch.see(asked.ended, time.time())
        self._give_up(watches, asked.missing)
        return asked

    def _give_up(self, watches: Sequence[Watch], missing: Sequence[str]) -> None:
        for watch in watches:
            theirs = set(watch.asked_for)
            for batch_id in missing:
                if batch_id in theirs and watch.missing(batch_id, time.time()):
                    self._say(
                        logging.WARNING,
                        f"Groq has not found batch {batch_id} for an hour: it is no longer watched.",
                    )

    async def _surveyed(self, fresh: Sequence[Watch]) -> float | None:
        pages, begun = Pages(self._source), False
        try:
            if self._survey_trouble.failures:
                await self._source.refresh()
            async for batches in pages.walk(floor=time.time() - LONGEST_LIFE):
                for watch in fresh:
                    if not begun:
                        watch.begin(pages.newest)
                    watch.survey(batches)
                begun = True
        except Exception as error:  # noqa: BLE001 - as in `_polled`
            return self._survey_trouble.failed(error)
        self._survey_trouble.over()
        return None

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
