"""Polling many batches from a worker: 200 in a request, and singly what its answer lacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from airflow_provider_groq import telemetry
from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.api.polled import Polled
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.batches.polling import Poller, Step
from airflow_provider_groq.exceptions import GroqError, GroqNotFoundError, GroqResponseError
from airflow_provider_groq.jobs.progress import Progress

EARLY = 1.0
"""Seconds by which a poll may come early, to fill a request."""


def known_batches(client: GroqClient, batch_ids: Iterable[str]) -> dict[str, Batch]:
    """Those of these batches that Groq knows, by id, as `GroqHook.get_batches` gives them."""
    found, ignored = dict[str, Batch](), False
    for call in calls.get_batches(batch_ids):
        polled = Polled({}, ignored) if ignored else client.send(call)
        ignored = polled.ignored
        for _, batch_id in call.params:
            if batch_id in polled.items:
                found[batch_id] = polled.batch(batch_id)
            elif ignored:
                with suppress(GroqNotFoundError):
                    found[batch_id] = client.send(calls.get_batch(batch_id))
    return found


class BatchReader:
    """Asks for batches, as many at once as the server answers for, which it remembers.

    Args:
        max_retries: How often a request for many is retried; by default as the settings say.
        single_retries: Likewise for one batch.
    """

    def __init__(self, *, max_retries: int | None = None, single_retries: int | None = None) -> None:
        self._max_retries = max_retries
        self._single_retries = single_retries
        self._one_by_one = False

    def each(self, client: GroqClient, batch_ids: Sequence[str]) -> Iterator[tuple[str, Callable[[], Batch]]]:
        """Give each batch's id, and what returns the batch or raises why not."""
        for together in calls.grouped(batch_ids):
            polled = self._poll_many(client, together)
            for batch_id in together:
                yield batch_id, partial(self._poll_one, client, batch_id, polled)

    def _poll_many(self, client: GroqClient, batch_ids: Sequence[str]) -> Polled | GroqError | None:
        """The answer, or why there is none; None if each must be asked for alone."""
        if len(batch_ids) == 1 or self._one_by_one:
            return None
        try:
            polled = client.send(calls.poll_batches(batch_ids), max_retries=self._max_retries)
        except GroqResponseError:
            # There is a server, and its answer about one batch may be one that can be read.
            return None
        except GroqError as error:
            # If a retry cannot help, one of them may be at fault.
            return error if error.retryable else None
        self._one_by_one = polled.ignored
        return polled

    def _poll_one(self, client: GroqClient, batch_id: str, polled: Polled | GroqError | None) -> Batch:
        if isinstance(polled, GroqError):
            raise polled
        if polled and batch_id in polled.items:
            return polled.batch(batch_id)
        return client.send(calls.get_batch(batch_id), max_retries=self._single_retries)


class Polls:
    """The polls of several waits.

    Args:
        pollers: The rules of each wait.
        reader: Asks for the batches.
        say: Called with each step that has news.
        on_poll: Called with each batch that was seen.
        conn_id: The connection, for the metrics.

    Attributes:
        ends: How the waits have ended, by batch, as far as they have.
    """

    def __init__(
        self,
        pollers: Iterable[Poller],
        reader: BatchReader,
        say: Callable[[Step], object],
        on_poll: Callable[[Batch], object],
        conn_id: str,
    ) -> None:
        self._pollers = {poller.batch_id: poller for poller in pollers}
        self._conn_id = conn_id
        self._reader = reader
        self._say = say
        self._on_poll = on_poll
        self._pauses = dict.fromkeys(self._pollers, 0.0)
        self.ends: dict[str, WaitEnd] = {}

    @property
    def pause(self) -> float | None:
        """Seconds until the next poll is due, less what `passed` was told of; None if all waits have ended."""
        return min(self._pauses.values(), default=None)

    def passed(self, seconds: float) -> None:
        """So many seconds have passed."""
        for batch_id in self._pauses:
            self._pauses[batch_id] -= seconds

    def poll(self, client: GroqClient, *, everything: bool = False) -> list[WaitEnd]:
        """Poll what is due, or all that has not ended, and return how those waits have ended that did with it."""
        due = [batch_id for batch_id, pause in self._pauses.items() if everything or pause <= EARLY]
        telemetry.polled(self._conn_id, len(due))
        ended = []
        for batch_id, get in self._reader.each(client, due):
            step = self._pollers[batch_id].poll(partial(self._polled_by, get))
            self._pauses[batch_id] = step.pause
            if step.news:
                self._say(step)
            if step.end:
                self.ends[batch_id] = step.end
                del self._pauses[batch_id]
                ended.append(step.end)
        return ended

    def _polled_by(self, get: Callable[[], Batch]) -> Batch:
        batch = get()
        self._on_poll(batch)
        return batch


class Waits:
    """A wait for some batches in the worker: each tells of itself if it is the only one, else all together.

    Args:
        batch_ids: The batches.
        conn_id: The connection, for the metrics.
        end_time: When to give up, as Unix time.
        poll_interval: The longest pause between two polls, in seconds.
        total_rows: How many requests the batches have together; given for one batch, it is told of like several.
        say: Called with the level and the text of each line for the log.
        on_poll: Called with each batch that was seen.
    """

    def __init__(
        self,
        batch_ids: Iterable[str],
        conn_id: str,
        *,
        end_time: float,
        poll_interval: float,
        total_rows: int | None,
        say: Callable[[int, str], object],
        on_poll: Callable[[Batch], object],
    ) -> None:
        self._batch_ids = list(batch_ids)
        self._say = say
        self._progress: Progress | None = None
        now, ids = time.time(), dict.fromkeys(self._batch_ids)
        if len(ids) > 1 or total_rows is not None:
            self._progress = Progress(ids, poll_interval=poll_interval, now=now, total_rows=total_rows)
            pollers = [self._progress.poller(batch_id, end_time=end_time) for batch_id in ids]
        else:
            pollers = [Poller(batch_id, poll_interval=poll_interval, end_time=end_time, now=now) for batch_id in ids]
        self._polls = Polls(
            pollers,
            BatchReader(max_retries=0, single_retries=0),
            lambda step: say(step.level, step.news),
            on_poll,
            conn_id,
        )

    def run(
        self, client: GroqClient, sleep: Callable[[float], object], on_end: Callable[[WaitEnd], object]
    ) -> list[WaitEnd]:
        """Wait until all have ended, and return how, in the order of the ids."""
        while (pause := self._polls.pause) is not None:
            if pause > 0:
                sleep(pause)
                self._polls.passed(pause)
            for end in self._polls.poll(client):
                if self._progress:
                    self._progress.end(end)
                on_end(end)
            self._tell()
        return [self._polls.ends[batch_id] for batch_id in self._batch_ids]

    def _tell(self) -> None:
        if self._progress:
            for news in self._progress.news(time.time(), last=self._polls.pause is None):
                self._say(news.level, news.line)
