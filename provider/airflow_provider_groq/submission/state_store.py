"""What a task writes down for its next try, in Airflow's task state store (Airflow 3.3 and later)."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any

from airflow.sdk import Context

from airflow_provider_groq.batches.identity import Claim
from airflow_provider_groq.batches.outcome import clock
from airflow_provider_groq.exceptions import TaskStoppedError
from airflow_provider_groq.submission.journal import Entry

log = logging.getLogger(__name__)

BATCH = "groq_batch"
"""The key of what is known of the task's batch."""

INPUT = "input"
"""What that says of the input which the batch was made of: a task that is cleared may have another one."""

WRITTEN = "written_at"
"""When that was written: what stands under a key of its own may be newer, see `StateStore`."""

ASIDE = (INPUT, WRITTEN)
"""What is no part of an entry."""

PULSE = "groq_alive_at"
"""A key written only to learn whether it still can be."""

GIVEN_UP = frozenset({404, 410})
"""How Airflow answers a try whose task instance it has replaced by that of another."""


class Reply(Enum):
    """What became of something that was to be written."""

    TAKEN = auto()
    REFUSED = auto()
    """Airflow has given this try up."""
    SILENCE = auto()
    """The store failed."""
    NO_STORE = auto()


class StateStore:
    """A `Journal` of a few words that outlive a try of a task.

    People read them on the task's page, so the key of the batch is a plain name. What is known of another input than
    the present one is kept under a key of its own, as are the claims of a task that makes many batches. What is written
    while the plain name cannot be read goes there too, so of the two the one that was written last holds.

    Airflow gives each try a task instance of its own and forgets the one before. So writing also tells
    whether this try is still the one that counts.

    Args:
        context: The context of the running task.

    Attributes:
        legible: Whether there is a store, and it has answered so far when it was read.
    """

    def __init__(self, context: Context) -> None:
        self._store: Any = context.get("task_state_store")
        self._batch: Entry | None = None
        self.legible = self._store is not None

    def read(self, claims: Sequence[Claim]) -> dict[Claim, Entry]:
        """What was last written about each of these claims; nothing if that cannot be read."""
        return {claim: entry for claim in claims if (entry := self._entry(claim))}

    def _entry(self, claim: Claim) -> Entry:
        found = [self._read(_own_key(claim)) or {}]
        batch = self._read_batch() if not claim.attempt else None
        if batch and batch.get(INPUT) == claim.input_key:
            found.append(batch)
        return _entry_of(max(reversed(found), key=lambda each: str(each.get(WRITTEN, ""))))

    def _read_batch(self) -> Entry | None:
        if self._batch is None:
            self._batch = self._read(BATCH)
        return self._batch

    def _read(self, key: str) -> Entry | None:
        """The value of a key; empty without one, and None if it cannot be read."""
        if self._store is None:
            return None
        try:
            value = self._store.get(key)
        except Exception:
            log.exception("The task state store cannot be read. Searching Groq's listing instead.")
            self.legible = False
            return None
        return value if isinstance(value, dict) else {}

    def record(self, entries: Mapping[Claim, Entry]) -> bool:
        """Replace what was written about these claims, if there is a store that takes it.

        A failure does not stop the task: the next try searches Groq.

        Returns:
            Whether it was taken.

        Raises:
            TaskStoppedError: Airflow has given this try up.
        """
        replies = {self._put_entry(claim, dict(entry)) for claim, entry in entries.items()} or {self._pulse()}
        if Reply.REFUSED in replies:
            raise TaskStoppedError("Airflow gave up this try, and may have started another one: stopping.")
        return replies == {Reply.TAKEN}

    def superseded(self) -> bool:
        """Whether Airflow has given this try up, or may have."""
        return self._pulse() in {Reply.REFUSED, Reply.SILENCE}

    def _pulse(self) -> Reply:
        return self._put(PULSE, clock(time.time()))

    def _put_entry(self, claim: Claim, entry: dict[str, str]) -> Reply:
        batch = None if claim.attempt else self._read_batch()
        if not claim.attempt:
            entry |= {WRITTEN: clock(time.time())}
        if batch is None:
            return self._put(_own_key(claim), entry)
        if (other := batch.get(INPUT)) and other != claim.input_key:
            kept = self._keep(f"{BATCH}_{other}", batch)
            if kept is not Reply.TAKEN:
                return kept
        batch = entry | {INPUT: claim.input_key}
        reply = self._put(BATCH, batch)
        if reply is Reply.TAKEN:
            self._batch = batch
        return reply

    def _keep(self, key: str, batch: Mapping[str, Any]) -> Reply:
        """Keep what is known of another input, unless what stands there is newer."""
        there = self._read(key) or {}
        if str(there.get(WRITTEN, "")) > str(batch.get(WRITTEN, "")):
            return Reply.TAKEN
        return self._put(key, {name: value for name, value in batch.items() if name != INPUT})

    def _put(self, key: str, value: Any) -> Reply:
        if self._store is None:
            return Reply.NO_STORE
        try:
            self._store.set(key, value)
        except (BrokenPipeError, ConnectionResetError, EOFError):
            # The supervisor of this process is dead, so Airflow takes this try for lost.
            return Reply.REFUSED
        except Exception as error:
            if _status(error) in GIVEN_UP:
                return Reply.REFUSED
            log.exception("The task state store cannot be written. The next try will search Groq's listing instead.")
            return Reply.SILENCE
        return Reply.TAKEN


def _entry_of(value: Mapping[str, Any]) -> Entry:
    return {name: each for name, each in value.items() if name not in ASIDE}


def _own_key(claim: Claim) -> str:
    attempt = f"_{claim.attempt}" if claim.attempt else ""
    return f"{BATCH}_{claim.input_key}{attempt}"


def _status(error: Exception) -> Any:
    """The status with which Airflow's API server refused."""
    detail = getattr(getattr(error, "error", None), "detail", None)
    return detail.get("status_code") if isinstance(detail, dict) else None
