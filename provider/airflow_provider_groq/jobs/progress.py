"""How far many batches are, in one line, and what is odd among them. Pure: the time is an argument."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.api.polled import Glance
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.batches.outcome import describe, duration
from airflow_provider_groq.batches.polling import KNOWN, LINE_EVERY, Poller, Step
from airflow_provider_groq.batches.several import SHOWN, names_of
from airflow_provider_groq.exceptions import GroqError

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
"""Seconds between two times at which there may be news, at first and later; not less often than batches are polled."""

PAUSE_SHARE = 0.5
"""Between those, a pause is this share of the time waited so far, as it is between polls."""

SHORTEST = 1.0
"""Seconds from which on a pace is told."""

STUCK_AFTER = 600.0
"""A batch that has been validating for so many seconds, while others have ended, is told of."""

ODD_ENDS = frozenset({BatchStatus.FAILED, BatchStatus.EXPIRED, BatchStatus.CANCELLED})


class News(NamedTuple):
    """A line for the log, and its level."""

    level: int
    line: str


class _Seen(NamedTuple):
    """What a batch looked like."""

    status: str
    total: int
    done: int
    failed: int


def _seen(batch: Batch | Glance) -> _Seen:
    counts = batch.request_counts
    return _Seen(batch.status, counts.total, counts.done, counts.failed)


class Progress:
    """What has become of many batches so far.

    The pollers that it creates report each poll to it, and the wait each end.

    Args:
        batch_ids: The batches.
        poll_interval: The longest pause between two polls, in seconds.
        now: Unix time at the beginning of the wait.
        total_rows: How many rows they have; by default as Groq counts them, once it has counted all.
    """

    def __init__(
        self, batch_ids: Iterable[str], *, poll_interval: float, now: float, total_rows: int | None = None
    ) -> None:
        self._batch_ids = list(dict.fromkeys(batch_ids))
        self._poll_interval = poll_interval
        self._total_rows = total_rows
        self._started = self._next_at = now
        self._seen: dict[str, _Seen] = {}
        self._ended: set[str] = set()
        self._under_way: set[str] = set()
        self._pace_from: float | None = None
        self._done_before = 0
        self._line = ""
        self._line_at = float("-inf")
        self._odd: list[tuple[int, str, str]] = []
        self._statuses: set[str] = {*KNOWN}
        self._validating_since: dict[str, float] = {}
        self._errors: dict[str, GroqError] = {}
        self._errors_said: set[tuple[type, object]] = set()

    def poller(self, batch_id: str, *, end_time: float, rescheduled: bool = False) -> Poller:
        """The rules of the wait for one of the batches, which logs nothing itself, but reports each poll here."""
        return ObservedPoller(
            batch_id,
            poll_interval=self._poll_interval,
            end_time=end_time,
            now=self._started,
            rescheduled=rescheduled,
            progress=self,
        )

    def saw(self, batch: Batch | Glance, now: float) -> None:
        """A batch was polled."""
        if batch.id not in self._seen:
            self._done_before += batch.request_counts.done
        self._seen[batch.id] = _seen(batch)
        self._errors.pop(batch.id, None)
        if not self._errors:
            self._errors_said.clear()
        if batch.status == BatchStatus.VALIDATING:
            self._validating_since.setdefault(batch.id, now)
        else:
            self._validating_since.pop(batch.id, None)
            if self._pace_from is None:
                self._pace_from = now

    def could_not_see(self, batch_id: str, error: GroqError) -> None:
        """A poll at a batch failed."""
        self._errors[batch_id] = error

    def end(self, end: WaitEnd) -> None:
        """The wait for a batch has ended."""
        self._ended.add(end.batch_id)
        if end.reason == "timeout":  # the wait is over, not the batch
            self._under_way.add(end.batch_id)
        self._errors.pop(end.batch_id, None)
        self._validating_since.pop(end.batch_id, None)
        if end.batch is not None:
            self._seen[end.batch_id] = _seen(end.batch)
            if end.batch.status in ODD_ENDS:
                self._odd.append((logging.WARNING, end.batch_id, _odd_end(end.batch)))
        elif end.reason == "unknown":
            line = f"Batch {end.batch_id} can no longer be polled: {end.message}"
            self._odd.append((logging.ERROR, end.batch_id, line))

    def pause(self, now: float) -> float:
        """Seconds until there may be news."""
        return max(0.0, self._next_at - now) or self._spacing(now)

    def news(self, now: float, *, last: bool = False) -> list[News]:
        """What is new, if it is time to say so.

        Args:
            now: Unix time.
            last: Whether the wait is over, so that this is the last line.
        """
        if now < self._next_at and not last:
            return []
        told = self._told_odd(now)
        line = self._counted()
        if line != self._line and (self._seen or self._ended) and (last or now - self._line_at >= LINE_EVERY):
            self._line, self._line_at = line, now
            told.append(News(logging.INFO, line + self._pace(now)))
        if told:
            self._next_at = now + self._spacing(now)
        return told

    def _spacing(self, now: float) -> float:
        longest = max(self._poll_interval, LONGEST_PAUSE)
        return min(longest, max(FIRST_PAUSE, (now - self._started) * PAUSE_SHARE))

    def _done(self) -> int:
        return sum(seen.done for seen in self._seen.values())

    def _total(self) -> int | None:
        """How many rows there are, if that is known."""
        if self._total_rows is not None:
            return self._total_rows
        counted = len(self._seen) == len(self._batch_ids) and all(seen.total for seen in self._seen.values())
        return sum(seen.total for seen in self._seen.values()) if counted else None

    def _counted(self) -> str:
        done, total = self._done(), self._total()
        failed = sum(seen.failed for seen in self._seen.values())
        rows = f"{done:,} of {total:,} rows ({min(done, total) * 100 // total} %)" if total else f"{done:,} rows done"
        ended = len(self._ended) - len(self._under_way)
        return f"{rows}, {ended:,} of {len(self._batch_ids):,} batches ended, {failed:,} failed"

    def _pace(self, now: float) -> str:
        """How fast rows are done, and when that would end, since the first batch was seen to be worked on."""
        done, total = self._done(), self._total() or 0
        since = now if self._pace_from is None else self._pace_from
        if done <= self._done_before or now - since < SHORTEST:
            return ""
        per_second = (done - self._done_before) / (now - since)
        over = len(self._ended) == len(self._batch_ids)
        left = f", about {duration((total - done) / per_second)} left" if total > done and not over else ""
        return f", {per_second * 60:,.0f} a minute{left}"

    def _told_odd(self, now: float) -> list[News]:
        """What is odd, and was not logged yet."""
        told = [News(level, line) for level, _, line in self._odd[:SHOWN]]
        if more := [batch_id for _, batch_id, _ in self._odd[SHOWN:]]:
            told.append(News(logging.WARNING, f"{names_of(more)} did not end well either."))
        self._odd = []
        return [*told, *self._unknown_statuses(), *self._stuck(now), *self._unseen()]

    def _unknown_statuses(self) -> list[News]:
        told = []
        for batch_id, seen in self._seen.items():
            if seen.status not in self._statuses:
                self._statuses.add(seen.status)
                line = f"Batch {batch_id}: {seen.status}. This status is unknown; waiting until the deadline."
                told.append(News(logging.WARNING, line))
        return told

    def _stuck(self, now: float) -> list[News]:
        if not self._ended:
            return []
        stuck = [batch_id for batch_id, since in self._validating_since.items() if now - since >= STUCK_AFTER]
        if not stuck:
            return []
        longest = duration(now - min(self._validating_since[batch_id] for batch_id in stuck))
        for batch_id in stuck:
            # It is told once.
            self._validating_since[batch_id] = float("inf")
        line = (
            f"Still validating after {longest}, while {len(self._ended):,} of {len(self._batch_ids):,} batches have "
            f"ended: {names_of(stuck)}. Waiting until the deadline."
        )
        return [News(logging.WARNING, line)]

    def _unseen(self) -> list[News]:
        told = []
        for error in self._errors.values():
            kind = (type(error), getattr(error, "status_code", None))
            if kind not in self._errors_said:
                self._errors_said.add(kind)
                line = f"Could not be polled; retrying until the deadline: {names_of(self._errors)}: {error}"
                told.append(News(logging.WARNING, line))
        return told


class ObservedPoller(Poller):
    """A wait whose news a `Progress` logs."""

    __slots__ = ("_progress",)

    def __init__(self, batch_id: str, *, progress: Progress, **rules: Any) -> None:
        super().__init__(batch_id, **rules)
        self._progress = progress

    def on_batch(self, batch: Batch | Glance, now: float) -> Step:
        """The batch was seen."""
        step = super().on_batch(batch, now)
        self._progress.saw(batch, now)
        return Step(pause=step.pause, end=step.end)

    def on_error(self, error: GroqError, now: float) -> Step:
        """The poll failed."""
        step = super().on_error(error, now)
        self._progress.could_not_see(self.batch_id, error)
        return Step(pause=step.pause, end=step.end)


def _odd_end(batch: Batch) -> str:
    if not batch.errors:
        return describe(batch)
    first = batch.errors[0]
    why = ": ".join(filter(None, (first.code, first.message))) or "no reason given"
    line = f"line {first.line}: " if first.line is not None else ""
    more = f" (and {len(batch.errors) - 1:,} more)" if len(batch.errors) > 1 else ""
    return f"{describe(batch)} {line}{why}{more}"
