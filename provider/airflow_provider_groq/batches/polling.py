"""What to do after each poll of a batch. Pure: other modules ask Groq and sleep."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.api.polled import Glance
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.batches.outcome import clock, describe, duration, results_pending
from airflow_provider_groq.exceptions import GroqError, GroqNotFoundError

FIRST_PAUSE = 2.0
"""The shortest pause between two polls, in seconds."""

SHORTEST = 0.01
"""The pause for a poll interval of 0, in seconds."""

PAUSE_SHARE = 0.5
"""A pause is this share of the time waited so far, so the end of a batch is noticed late by at most this share."""

NOT_FOUND_GRACE = 30.0
"""Seconds for which a batch may be not found: Groq may not find a new one at once."""

RESULTS_GRACE = 60.0
"""Seconds for which a batch that has ended may lack a result file: some servers name the files later."""

FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 60.0
"""Seconds until the next poll after one that failed; twice as many each time."""

LATE_BY = 1.0
"""Up to so many seconds more than a server's ``Retry-After``, so that not all polls come at once."""

KNOWN = frozenset(BatchStatus)

LINE_EVERY = 60.0
"""Seconds between two lines of progress at the least. What is not progress, such as a new status, is told at once."""


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from a poll.

    Attributes:
        pause: Seconds until the next poll.
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
        poll_interval: The longest pause between two polls, in seconds. The first ones are shorter.
        end_time: When to give up, as Unix time.
        now: Unix time at the beginning of the wait.
        rescheduled: Whether each poll has a process, and a poller, of its own; `now` is then the first one's start.
    """

    # There may be ten thousand in one process.
    __slots__ = (
        "_errors",
        "_last_error",
        "_not_found_since",
        "_pace_from",
        "_pending_since",
        "_rescheduled",
        "_said",
        "_said_at",
        "_started",
        "_status",
        "batch_id",
        "end_time",
        "poll_interval",
    )

    def __init__(
        self,
        batch_id: str,
        *,
        poll_interval: float,
        end_time: float,
        now: float,
        rescheduled: bool = False,
    ) -> None:
        self.batch_id = batch_id
        self.poll_interval = poll_interval
        self.end_time = end_time
        self._started = now
        self._status = ""
        self._said = ""
        self._said_at = float("-inf")
        self._pace_from: tuple[float, int] | None = None
        self._errors = 0
        # In a process that knows nothing of earlier polls, they may have found no batch either.
        self._not_found_since = now if rescheduled else None
        self._rescheduled = rescheduled
        self._pending_since: float | None = None
        self._last_error = ""

    @property
    def errors(self) -> int:
        """How many polls have failed in a row."""
        return self._errors

    def poll(self, get_batch: Callable[[], Batch]) -> Step:
        """Poll, and say what follows."""
        try:
            batch = get_batch()
        except GroqError as error:
            return self.on_error(error, time.time())
        return self.on_batch(batch, time.time())

    def on_batch(self, batch: Batch | Glance, now: float) -> Step:
        """The batch was seen."""
        self._errors = 0
        self._last_error = ""
        self._not_found_since = None
        pending = batch.terminal and self._may_get_results(batch, now)
        if batch.terminal and not pending:
            end = WaitEnd(batch_id=self.batch_id, reason="terminal", batch=batch)
            return Step(end=end, news=describe(batch))
        news, level = self._news(batch, now)
        self._status = batch.status
        if now >= self.end_time:
            return Step(end=self.timeout())
        pause = min(self.poll_interval, FIRST_PAUSE) if pending else self._regular_pause(now)
        return Step(pause=self._until_deadline(max(SHORTEST, pause), now), news=news, level=level)

    def on_error(self, error: GroqError, now: float) -> Step:
        """The poll failed."""
        self._errors += 1
        if isinstance(error, GroqNotFoundError):
            if self._not_found_since is None:
                self._not_found_since = now
            lasting = now - self._not_found_since >= NOT_FOUND_GRACE
        else:
            self._not_found_since = None
            lasting = not error.retryable
        if lasting:
            return Step(
                end=WaitEnd(batch_id=self.batch_id, reason="unknown", message=str(error)),
                news=f"Batch {self.batch_id} can no longer be polled: {error}",
                level=logging.ERROR,
            )
        new, self._last_error = str(error) != self._last_error, str(error)
        if now >= self.end_time:
            return Step(end=self.timeout())
        pause = self._until_deadline(self._error_pause(error), now)
        patience = "until the deadline" if self._not_found_since is None else f"for up to {NOT_FOUND_GRACE:.0f} s"
        news = f"Batch {self.batch_id} could not be polled; retrying {patience}: {error}"
        return Step(pause=pause, news=news if new else "", level=logging.WARNING)

    def timeout(self) -> WaitEnd:
        """How the wait ends when its deadline has passed."""
        seen = f"its last known status was {self._status}" if self._status else "no poll succeeded"
        message = f"Batch {self.batch_id} had not ended at the deadline, {clock(self.end_time)}: {seen}."
        if self._last_error:
            message += f" The last polls ({self._errors}) failed: {self._last_error}"
        return WaitEnd(batch_id=self.batch_id, reason="timeout", message=message)

    def _may_get_results(self, batch: Batch, now: float) -> bool:
        """Whether a batch that has ended lacks a result file that may appear soon."""
        if not results_pending(batch):
            return False
        if self._pending_since is None:
            self._pending_since = (ended_at(batch) or now) if self._rescheduled else now
        return now - self._pending_since < RESULTS_GRACE

    def _news(self, batch: Batch | Glance, now: float) -> tuple[str, int]:
        """What there is to say: a new status at once, new counts no more than once an interval, or a minute."""
        line = describe(batch)
        new_status = batch.status != self._status
        if line == self._said or not (new_status or now - self._said_at >= max(self.poll_interval, LINE_EVERY)):
            return "", logging.INFO
        self._said, self._said_at = line, now
        if batch.terminal:
            return (
                f"{line} Its result files are not available yet; polling for up to {RESULTS_GRACE:.0f} s.",
                logging.INFO,
            )
        if batch.status not in KNOWN:
            return f"{line} This status is unknown; waiting until the deadline.", logging.WARNING
        return line.removesuffix(".") + self._pace(batch, now) + ".", logging.INFO

    def _pace(self, batch: Batch | Glance, now: float) -> str:
        """How fast requests are done, and when that would end, since they were first seen to be worked on."""
        counts = batch.request_counts
        if batch.status != BatchStatus.IN_PROGRESS:
            return ""
        if self._pace_from is None:
            self._pace_from = (now, counts.done)
        since, done = self._pace_from
        if counts.done <= done or now <= since:
            return ""
        per_second = (counts.done - done) / (now - since)
        left = (counts.total - counts.done) / per_second
        return f", {per_second * 60:,.0f} a minute, about {duration(left)} left" if left > 0 else ""

    def _regular_pause(self, now: float) -> float:
        return min(self.poll_interval, max(FIRST_PAUSE, (now - self._started) * PAUSE_SHARE))

    def _error_pause(self, error: GroqError) -> float:
        retry_after: float | None = getattr(error, "retry_after", None)
        if retry_after is not None:
            return min(retry_after, LONGEST_BACKOFF) + random.uniform(0.0, LATE_BY)
        longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(self._errors - 1, 10))
        return random.uniform(longest / 2, longest)

    def _until_deadline(self, pause: float, now: float) -> float:
        return max(0.0, min(pause, self.end_time - now))


def ended_at(batch: Batch) -> int | None:
    """When the batch ended, as Unix time on the server's clock; None if the server does not say."""
    return batch.completed_at or batch.failed_at or batch.expired_at or batch.cancelled_at
