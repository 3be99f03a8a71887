"""What the page of a task shows of its batches: an entry of Airflow's task state store (3.3 and later), for people."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from airflow.sdk import Context

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.api.polled import Glance
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.batches.outcome import clock

log = logging.getLogger(__name__)

KEY = "groq_status"

WAITING = "waiting"
"""Of a deferred task: where and until when. Only the worker can take it back, once it runs again."""

EVERY = 60.0
"""Minimum seconds between two entries, except for the last one before the task is deferred or ends."""

EVERY_AT_FAULT = 600.0
"""The same after one that Airflow did not accept: each may delay the task for a while."""

COUNTS = ("done", "failed", "total")

MOST_IDS = 50
"""Maximum batch ids shown: an entry of more than a screen is of no use."""


class LastSeen:
    """The batches of a task as they were last seen.

    Only people read it. What the next try needs is in a `Journal`.

    Args:
        context: The context of the running task.
        batch_ids: The batches.
        pause: Seconds until the first entry may be written.
        unseen: The status of batches that were not seen.
    """

    def __init__(
        self,
        context: Context,
        batch_ids: Iterable[str] = (),
        *,
        pause: float = 0.0,
        unseen: str = "not seen yet",
    ) -> None:
        self._store: Any = context.get("task_state_store")
        self._next_at = time.time() + pause
        self._unseen = unseen
        self.begin(batch_ids)

    def begin(self, batch_ids: Iterable[str], **beside: int) -> None:
        """These are the task's batches from now on.

        Args:
            batch_ids: The batches.
            beside: What else to show, by name.
        """
        self._batches: dict[str, Batch | Glance | None] = dict.fromkeys(batch_ids)
        self._beside = beside
        self._seen_at: float | None = None
        self._written: dict[str, Any] = {}

    def saw(self, batch: Batch | Glance) -> None:
        """A batch was seen."""
        if batch.id in self._batches:
            self._batches[batch.id] = batch
            self._seen_at = time.time()

    def write(self, *, now: bool = False, **more: str) -> None:
        """Write what was last seen, if it is time to.

        Args:
            now: Write in any case, however recent the last entry is.
            more: What else to show, by name.
        """
        if self._store is None or not self._batches or not (now or time.time() >= self._next_at):
            return
        seen = self._status() | more
        if now and seen == self._written:
            return
        self._next_at = time.time() + EVERY
        seen_at = {} if self._seen_at is None else {"seen_at": clock(self._seen_at)}
        try:
            self._store.set(KEY, seen | seen_at | self._whole())
        except Exception as error:  # noqa: BLE001 - whatever it is, the task goes on
            self._next_at = time.time() + EVERY_AT_FAULT
            log.info("The status of the batches could not be shown on the task's page: %r", error)
        else:
            self._written = seen

    def _status(self) -> dict[str, Any]:
        seen = [batch for batch in self._batches.values() if batch is not None]
        statuses = Counter(batch.status for batch in seen)
        if not_seen := len(self._batches) - len(seen):
            statuses[self._unseen] = not_seen
        sums = {name: sum(getattr(batch.request_counts, name) for batch in seen) for name in COUNTS}
        counts = sums if sums["total"] else {}
        return {"status": dict(statuses) if len(self._batches) > 1 else next(iter(statuses)), **counts}

    def _whole(self) -> dict[str, Any]:
        """The ids; last, because they may be long."""
        ids = [*self._batches]
        if len(ids) == 1:
            return {**self._beside, "batch_id": ids[0]}
        return {**self._beside, "batches": len(ids), "batch_ids": ids[:MOST_IDS]}


def show_ends(context: Context, ends: Iterable[WaitEnd]) -> None:
    """Show how the waits for some batches ended; if none of the batches ended, only that the wait is over.

    Args:
        context: The context of the running task.
        ends: Their ends.
    """
    batches = {end.batch_id: end.batch for end in ends}
    ended = [batch for batch in batches.values() if batch is not None]
    if ended:
        last_seen = LastSeen(context, batches, unseen="not ended")
        for batch in ended:
            last_seen.saw(batch)
        last_seen.write(now=True)
    else:
        end_waiting(context)


def show(context: Context, batch: Batch) -> None:
    """Show one batch as it stands, at once."""
    last_seen = LastSeen(context, [batch.id])
    last_seen.saw(batch)
    last_seen.write(now=True)


def end_waiting(context: Context) -> None:
    """Leave what was last seen of the batches as it is, but for that a triggerer waits for them."""
    store: Any = context.get("task_state_store")
    if store is None:
        return
    try:
        shown = store.get(KEY)
        if isinstance(shown, dict) and shown.pop(WAITING, None) is not None:
            store.set(KEY, shown)
    except Exception as error:  # noqa: BLE001 - whatever it is, the task goes on
        log.info("The status of the batches could not be corrected on the task's page: %r", error)
