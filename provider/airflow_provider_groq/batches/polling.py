"""What to do after each look at a batch. Pure: who asks Groq, and who sleeps, is elsewhere."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.batches.outcome import describe
from airflow_provider_groq.exceptions import GroqError, GroqNotFoundError

FIRST_PAUSE = 2.0
"""Seconds between the first looks."""

PAUSE_SHARE = 0.25
"""Later pauses are this share of the time waited so far, so that a look comes late by that share at most."""

NOT_FOUND_GRACE = 30.0
"""Seconds for which a batch may be not found: a new one is not everywhere at once."""

FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 60.0
"""Seconds until the next look after one that failed; twice as many each time."""

LATE_BY = 1.0
"""Up to so many seconds more than a server's ``Retry-After``, so that not all come at once."""


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from a look.

    Attributes:
        pause: Seconds until the next look.
        end: How the wait ended, if it did.
        news: A line for the log, if there is something to say.
        level: That line's level.
    """

    pause: float = 0.0
    end: WaitEnd | None = None
    news: str = ""
    level: int = logging.INFO


class Poller:
    """One wait for one batch.

    Args:
        batch_id: The batch.
        poll_interval: The longest pause between two looks, in seconds. The first ones are shorter.
        end_time: When to give up, as Unix time.
        now: Unix time at the beginning of the wait.
        not_found_since: Since when earlier looks, of which nothing is known, may have found no batch.
    """

    def __init__(
        self,
        batch_id: str,
        *,
        poll_interval: float,
        end_time: float,
        now: float,
        not_found_since: float | None = None,
    ) -> None:
        self.batch_id = batch_id
        self.poll_interval = poll_interval
        self.end_time = end_time
        self._started = now
        self._batch: Batch | None = None
        self._said = ""
        self._errors = 0
        self._not_found_since = not_found_since
        self._last_error: GroqError | None = None

    def look(self, get_batch: Callable[[], Batch]) -> Step:
        """Look, and say what follows."""
        try:
            batch = get_batch()
        except GroqError as error:
            return self.on_error(error, time.time())
        return self.on_batch(batch, time.time())

    async def look_async(self, get_batch: Callable[[], Awaitable[Batch]]) -> Step:
        """Look, and say what follows."""
        try:
            batch = await get_batch()
        except GroqError as error:
            return self.on_error(error, time.time())
        return self.on_batch(batch, time.time())

    def on_batch(self, batch: Batch, now: float) -> Step:
        """The batch was seen."""
        self._batch = batch
        self._errors = 0
        self._not_found_since = self._last_error = None
        news = describe(batch)
        if batch.terminal:
            return Step(end=WaitEnd(batch_id=self.batch_id, reason="terminal", batch=batch), news=news)
        if now >= self.end_time:
            return self._timeout(news)
        changed, self._said = news != self._said, news
        known = batch.status in set(BatchStatus)
        if not known:
            news += " This status is not known here; waiting goes on until the deadline."
        return Step(
            pause=self._until_deadline(self._regular_pause(now), now),
            news=news if changed else "",
            level=logging.INFO if known else logging.WARNING,
        )

    def on_error(self, error: GroqError, now: float) -> Step:
        """The look failed."""
        self._errors += 1
        self._last_error = error
        if isinstance(error, GroqNotFoundError):
            if self._not_found_since is None:
                self._not_found_since = now
            lasting = now - self._not_found_since >= NOT_FOUND_GRACE
        else:
            self._not_found_since = None
            lasting = not error.retryable
        if lasting:
            return Step(
                end=WaitEnd(batch_id=self.batch_id, reason="unknown", batch=self._batch, message=str(error)),
                news=f"Batch {self.batch_id} can no longer be asked for: {error}",
                level=logging.ERROR,
            )
        if now >= self.end_time:
            return self._timeout("")
        pause = self._until_deadline(self._error_pause(error), now)
        return Step(
            pause=pause,
            news=f"Batch {self.batch_id} could not be asked for, trying again in {pause:.0f} s: {error}",
            level=logging.WARNING,
        )

    def _timeout(self, news: str) -> Step:
        seen = f"it was {self._batch.status} when last seen" if self._batch else "it was never seen"
        message = f"Batch {self.batch_id} had not ended by {_clock(self.end_time)}, when the wait for it did: {seen}."
        if self._last_error:
            message += f" The last {self._errors} looks failed: {self._last_error}"
        end = WaitEnd(batch_id=self.batch_id, reason="timeout", batch=self._batch, message=message)
        return Step(end=end, news=news)

    def _regular_pause(self, now: float) -> float:
        waited = now - self._started
        return _jittered(min(self.poll_interval, max(FIRST_PAUSE, waited * PAUSE_SHARE)))

    def _error_pause(self, error: GroqError) -> float:
        retry_after: float | None = getattr(error, "retry_after", None)
        if retry_after is not None:
            return min(retry_after, LONGEST_BACKOFF) + _jittered(LATE_BY)
        return _jittered(min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(self._errors - 1, 10)))

    def _until_deadline(self, pause: float, now: float) -> float:
        return max(0.0, min(pause, self.end_time - now))


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.9, 1.0)  # noqa: S311 - jitter, no secret


def _clock(unix_time: float) -> str:
    return datetime.fromtimestamp(unix_time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
