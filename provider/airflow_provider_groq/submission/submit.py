"""How a task gets its one batch: the one that it has already, or a new one.

What an earlier try has done is told by Airflow's task state store, which says where to look, and by Groq's
listing, which says what there is. A try that is the first and has a store needs no listing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.identity import Claim, may_be_taken_up, oldest
from airflow_provider_groq.exceptions import GroqError, GroqLookupError, GroqLostAnswerError, GroqNotFoundError
from airflow_provider_groq.hooks.errors import retry_not_found
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.storage.inputs import Input
from airflow_provider_groq.submission.kill import Guard, TaskStoppedError
from airflow_provider_groq.submission.lookup import WAY_OUT, Lookup
from airflow_provider_groq.submission.state_store import StateStore

log = logging.getLogger(__name__)

LOOKS = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each look for a batch that may be there and not in the listing yet."""

SENDINGS = 3
"""How often a creation is sent when each time its answer is lost and no batch is found."""


class Submission:
    """Finds or makes the one batch of a claim.

    Args:
        hook: Where.
        claim: Whose batch, of which input.
        store: What earlier tries have left, and this one will.
        guard: Is told of each batch, and says when the task is to stop.
        first_try: Whether no try of this task came before this one.
        since: When the first batch of the claim can have been made, as Unix time.
    """

    def __init__(
        self, hook: GroqHook, claim: Claim, *, store: StateStore, guard: Guard, first_try: bool, since: float
    ) -> None:
        self._hook = hook
        self._claim = claim
        self._store = store
        self._guard = guard
        self._first_try = first_try
        self._lookup = Lookup(hook, claim, since=since)
        self._key = f"groq_batch_{claim.input_key}"
        self._stored: dict[str, Any] = {}
        self._in_doubt = False
        self._told: set[str] = set()

    def find(self) -> Batch | None:
        """The batch that an earlier try has made, if it is worth taking up.

        Raises:
            GroqLookupError: It is not known whether there is one.
        """
        self._stored = self._store.read(self._key)
        batch = self._stored_batch()
        if batch is None and not self._is_clearly_new():
            batch = self._listed_batch()
        if batch is not None:
            self._store.write(self._key, input_file_id=batch.input_file_id or "", batch_id=batch.id)
        return batch

    def create(self, source: Input, **options: Any) -> Batch:
        """Make a batch, and return the one that there is in the end: another process may have made one meanwhile.

        Args:
            source: The requests.
            options: For `GroqHook.create_batch`.

        Raises:
            GroqLookupError: It is not known whether the batch was made.
        """
        file_id = self._uploaded(source) or source.upload(self._claim.file_name(source.stem))
        batch = self._sent(file_id, options)
        self._guard.watch(batch.id)
        if self._is_alone(file_id, batch):
            return batch
        batch = self._without_rivals(batch)
        self._store.write(self._key, input_file_id=file_id, batch_id=batch.id)
        return batch

    def _is_clearly_new(self) -> bool:
        """Whether nobody can have made a batch for this task before: Airflow says so, and no note says otherwise."""
        return self._first_try and not self._stored

    def _stored_batch(self) -> Batch | None:
        batch_id = self._stored.get("batch_id")
        if not batch_id:
            return None
        try:
            batch = retry_not_found(self._hook.get_batch, batch_id)
        except GroqNotFoundError:
            log.warning("Batch %s, which an earlier try has made, is not known to Groq any more.", batch_id)
            return None
        except GroqError as error:
            raise GroqLookupError(
                f"Batch {batch_id}, which an earlier try of this task has made, could not be looked up: {error} "
                f"{WAY_OUT}",
                retryable=error.retryable,
            ) from error
        if may_be_taken_up(batch, time.time()):
            return batch
        self._told.add(batch.id)
        log.info("Batch %s of the last try is %s, and not taken up.", batch.id, batch.status)
        return None

    def _listed_batch(self) -> Batch | None:
        """The one in Groq's listing, which may show late what was made just before the last try was killed."""
        may_be_late = not self._store.legible or (self._stored and not self._stored.get("batch_id"))
        for pause in LOOKS if may_be_late else LOOKS[:1]:
            self._guard.sleep(pause)
            if batch := self._only_one(self._worthy(self._lookup.batches())):
                return batch
        return None

    def _worthy(self, batches: Iterable[Batch]) -> list[Batch]:
        """Those that may be taken up; the others are told of."""
        worthy = []
        for batch in batches:
            if may_be_taken_up(batch, time.time()):
                worthy.append(batch)
            elif batch.id not in self._told:
                self._told.add(batch.id)
                log.info("Batch %s of an earlier try is %s, and not taken up.", batch.id, batch.status)
        return worthy

    def _only_one(self, batches: Iterable[Batch]) -> Batch | None:
        """The oldest, after the others are cancelled."""
        batches = list(batches)
        kept = oldest(batches)
        for batch in batches:
            if kept is None or batch.id == kept.id or batch.terminal:
                continue
            try:
                self._hook.cancel_batch(batch.id)
            except GroqError as error:
                log.error("Batch %s, a double of %s, could not be cancelled: %s", batch.id, kept.id, error)  # noqa: TRY400
            else:
                log.warning("Batch %s was cancelled: it is a double of the older %s.", batch.id, kept.id)
        return kept

    def _uploaded(self, source: Input) -> str | None:
        """The input file that an earlier try has uploaded, if it is there still."""
        if source.bytes is None or self._is_clearly_new():
            return None
        noted = self._stored.get("input_file_id")
        if not noted:
            return self._lookup.file_id(source.bytes)
        try:
            return self._hook.get_file(noted).id
        except GroqNotFoundError:
            return None
        except GroqError as error:
            log.warning(
                "Whether file %s is still at Groq could not be found out, so it is uploaded again: %s", noted, error
            )
            return None

    def _sent(self, file_id: str, options: dict[str, Any]) -> Batch:
        """Send the creation; when its answer is lost, look before it is sent again."""
        for _ in range(SENDINGS):
            sent_at = time.time()
            try:
                return retry_not_found(self._sent_if_wanted, file_id, options)
            except GroqLostAnswerError as error:
                lost = error
            log.warning("%s Looking for the batch.", lost)
            self._in_doubt = True
            if found := self._made_after_all(file_id, sent_at):
                log.info("Batch %s was created after all.", found.id)
                return found
        raise GroqLookupError(f"{lost} That happened {SENDINGS} times, and no batch was found on Groq.") from lost

    def _sent_if_wanted(self, file_id: str, options: dict[str, Any]) -> Batch:
        """Send it, and again where Groq puts it off; before each time a try that was stopped or given up ends."""

        def pause(seconds: float) -> None:
            self._guard.sleep(seconds)
            # A proxy can say that it was not done though it was.
            self._in_doubt |= seconds > 0
            # Before it is sent, so that the next try knows that there may be a batch.
            self._store.write(self._key, input_file_id=file_id)

        pause(0)
        return self._hook.create_batch(file_id, sleep=pause, **options)

    def _made_after_all(self, file_id: str, sent_at: float) -> Batch | None:
        # Told to stop or not: if there is a batch, what becomes of it is to be decided.
        for pause in LOOKS:
            time.sleep(pause)
            made = self._lookup.batches_of(file_id, sent_at=sent_at)
            if found := oldest(batch for batch in made if may_be_taken_up(batch, time.time())):
                return found
        return None

    def _is_alone(self, file_id: str, batch: Batch) -> bool:
        """Whether no other process can have made a batch of this claim at the same time; notes the batch if so.

        Airflow gives the first try up before another one begins. So if it takes the note of a first try after
        the batch was made, another one finds the batch.
        """
        for_one_try = self._claim.identity.only != ""
        if self._in_doubt or not (self._first_try or for_one_try):
            return False
        try:
            noted = self._store.write(self._key, input_file_id=file_id, batch_id=batch.id)
        except TaskStoppedError:
            noted = False
        return noted or for_one_try

    def _without_rivals(self, batch: Batch) -> Batch:
        """The oldest batch of the claim, as soon as the listing shows this one."""
        try:
            listed = self._listed_with(batch)
        except GroqLookupError as error:
            log.warning("Whether there is a double of batch %s could not be looked up: %s", batch.id, error)
            return batch
        kept = self._only_one(other for other in listed.values() if may_be_taken_up(other, time.time()))
        if kept is None or kept.id == batch.id:
            return batch
        log.warning("Going on with batch %s, which another process has made for this task.", kept.id)
        self._guard.watch(kept.id)
        return kept

    def _listed_with(self, batch: Batch) -> dict[str, Batch]:
        """The batches of the claim by id, this one among them."""
        listed: dict[str, Batch] = {}
        for pause in LOOKS:
            time.sleep(pause)
            listed = {other.id: other for other in self._lookup.batches_beside(batch)}
            if batch.id in listed:
                return listed
        log.warning("Batch %s is not in Groq's listing yet; if there is a double of it, it may not be seen.", batch.id)
        return {batch.id: batch, **listed}
