"""Creations that overlap in threads, while the task's own thread talks to Airflow.

Airflow is talked to through one channel that is not made for threads, and what it says decides for all of them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.identity import Claim
from airflow_provider_groq.exceptions import GroqError, TaskStoppedError
from airflow_provider_groq.submission.journal import Journal
from airflow_provider_groq.submission.kill import SLICE, Guard

log = logging.getLogger(__name__)

UPLOADS_AT_ONCE = 4
"""How many input files are uploaded, and batches created, at the same time."""

CONFIRMED_FOR = 1.0
"""For so many seconds after Airflow has confirmed that this try counts, creations of many are sent without asking."""


class Wave:
    """Creates the batches of some claims, and keeps the journal meanwhile.

    With one claim all happens in the calling thread.

    Args:
        claims: The claims.
        journal: Is written before a creation is sent, so that the next try knows that there may be a batch.
        guard: Called with each batch; says when the task must stop, after which no creation is sent.

    Attributes:
        made: The batches that were made so far.
        confirmed: Whether Airflow has confirmed that this try is the one that counts, when it was last asked.
        failed: The claim whose batch could not be made, if that ended it.
        unrecorded: Whether it ended with batches that the journal may not hold, so that no other try may find them.
    """

    def __init__(self, claims: Iterable[Claim], *, journal: Journal, guard: Guard) -> None:
        self._claims = list(claims)
        self._journal = journal
        self._guard = guard
        self._threads = len(self._claims) > 1
        self.made: dict[Claim, Batch] = {}
        self.confirmed = False
        self.failed: Claim | None = None
        self.unrecorded = False
        self._entries: dict[Claim, dict[str, str]] = {claim: {"input_file_id": ""} for claim in self._claims}
        self._unsaid = set(self._claims)
        self._confirmed_until = float("-inf")
        self._ended = False
        # Guards what other threads see of this.
        self._changed = threading.Condition()
        self._inbox: SimpleQueue[Future[Batch] | None] = SimpleQueue()

    def run(self, make: Callable[[Claim], Batch]) -> None:
        """Make them all; the first error ends it, once what is under way has ended.

        Args:
            make: Makes one, in any thread, and calls `may_send` each time before it sends the creation.

        Raises:
            TaskStoppedError: The task was stopped, or Airflow has given this try up.
            GroqError: One could not be made. Those that were made are in `made` and, if Airflow allows, the journal.
        """
        if not self._threads:
            for claim in self._claims:
                self._take(claim, partial(make, claim))
            return
        with ThreadPoolExecutor(UPLOADS_AT_ONCE, thread_name_prefix="groq-create") as pool:
            # The spans of the task are those of the threads too.
            running = {pool.submit(copy_context().run, make, claim): claim for claim in self._claims}
            for future in running:
                future.add_done_callback(self._inbox.put)
            try:
                self._oversee(running)
            except BaseException as error:
                self._end(running, error)
                raise

    def may_send(self, claim: Claim, file_id: str, *, after: float) -> None:
        """Return when the creation of a batch may be sent, after some seconds; called in the thread that sends it.

        Raises:
            TaskStoppedError: It may not be sent, because the task is to stop.
        """
        with self._changed:
            self._entries[claim] = {"input_file_id": file_id}
            self._unsaid.add(claim)
        if not self._threads:
            self._guard.sleep(after)
            self.record()
            return
        begin = time.monotonic() + after
        with self._changed:
            while not self._is_stopped():
                now = time.monotonic()
                if begin <= now < self._confirmed_until:
                    return
                if begin <= now:
                    self._inbox.put(None)
                self._changed.wait(min(SLICE, begin - now) if begin > now else SLICE)
        raise TaskStoppedError(
            f"File {file_id} was uploaded, but no batch was created from it, because the task must stop."
        )

    def record(self) -> bool:
        """Write into the journal what it does not hold yet.

        Returns:
            Whether it was taken, as `Journal.record` says.

        Raises:
            TaskStoppedError: Airflow has given this try up.
        """
        with self._changed:
            unsaid = {claim: dict(self._entries[claim]) for claim in self._unsaid}
        self.confirmed = taken = self._journal.record(unsaid)
        with self._changed:
            if taken:
                self._unsaid = {claim for claim in self._unsaid if self._entries[claim] != unsaid.get(claim)}
            self._confirmed_until = time.monotonic() + CONFIRMED_FOR
            self._changed.notify_all()
        return taken

    def settle(self, kept: Mapping[Claim, Batch]) -> bool:
        """Write into the journal which batches the claims have in the end; as `record`."""
        with self._changed:
            for claim, batch in kept.items():
                self._entries[claim] = {
                    "input_file_id": self._entries[claim]["input_file_id"],
                    "batch_id": batch.id,
                }
                self._unsaid.add(claim)
        return self.record()

    def _is_stopped(self) -> bool:
        return self._ended or self._guard.stopped

    def _oversee(self, running: dict[Future[Batch], Claim]) -> None:
        """Ask Airflow when a thread wants to send, until all have ended."""
        while len(self.made) < len(running):
            self._guard.check()
            try:
                ended = self._inbox.get(timeout=SLICE)
            except Empty:
                continue
            self._guard.check()
            if ended is not None:
                self._take(running[ended], ended.result)
            elif time.monotonic() >= self._confirmed_until:
                self.record()

    def _take(self, claim: Claim, made: Callable[[], Batch]) -> None:
        try:
            batch = made()
        except BaseException:
            self.failed = claim
            raise
        self._is_made(claim, batch)

    def _is_made(self, claim: Claim, batch: Batch) -> None:
        self.made[claim] = batch
        with self._changed:
            self._entries[claim]["made_id"] = batch.id
            self._unsaid.add(claim)
        self._guard.watch(batch.id)

    def _end(self, running: dict[Future[Batch], Claim], cause: BaseException) -> None:
        """Let no more creations be sent, wait for those under way, and write down what they have made."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for future in as_completed([future for future in running if not future.cancel()]):
            claim, error = running[future], future.exception()
            if error is None and claim not in self.made:
                self._is_made(claim, future.result())
            elif error is not None and error is not cause and not isinstance(error, TaskStoppedError):
                log.warning("Batch %d of %d was not created: %s", self._claims.index(claim) + 1, len(running), error)
        self.unrecorded = True
        try:
            self.record()
        except TaskStoppedError:
            log.info("%d batches were created before Airflow gave up this try.", len(self.made))
        except GroqError as error:
            log.warning("%d batches were created, but could not be recorded: %s", len(self.made), error)
        else:
            self.unrecorded = False
