"""How a task gets its batches, one for each claim: those that it has already, or new ones.

What an earlier try has done is in a journal, such as Airflow's task state store, which says where to look,
and by Groq's listing, which says what there is. A try that is the first and has a store needs no listing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_groq import telemetry
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.identity import Claim, may_be_taken_up, oldest
from airflow_provider_groq.batches.several import names_of
from airflow_provider_groq.exceptions import GroqError, GroqLookupError, GroqLostAnswerError
from airflow_provider_groq.hooks.errors import retry_not_found
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.storage.inputs import Input
from airflow_provider_groq.submission.doubles import only_ones
from airflow_provider_groq.submission.journal import Entry, Journal
from airflow_provider_groq.submission.kill import Guard
from airflow_provider_groq.submission.lookup import CheckOthers, Lookup
from airflow_provider_groq.submission.recorded import recorded_batches
from airflow_provider_groq.submission.uploaded import UploadedFiles
from airflow_provider_groq.submission.wave import Wave

log = logging.getLogger(__name__)

LOOKUPS = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each look for a batch that may be there and not in the listing yet."""

SENDINGS = 3
"""How often a creation is sent when each time its answer is lost and no batch is found."""


class Submission:
    """Finds or makes the batches of some claims, one for each.

    Args:
        hook: Where.
        claims: Whose batches, each of which input; all of one task.
        journal: What earlier tries have left, and this one will.
        guard: Called with each batch; says when the task must stop.
        first_try: Whether no try of this task came before this one.
        since: When the first batch of the claims can have been made, as Unix time.
        resumable: Whether a batch, at some Unix time, is worth going on with. If not, another is made.
        check_others: Is given the batches of the task that are of no claim here, and raises if one must not be.

    Attributes:
        failed: The claim whose batch could not be made, if that ended `create`.
    """

    def __init__(
        self,
        hook: GroqHook,
        claims: Sequence[Claim],
        *,
        journal: Journal,
        guard: Guard,
        first_try: bool,
        since: float,
        resumable: Callable[[Batch, float], bool] = may_be_taken_up,
        check_others: CheckOthers | None = None,
    ) -> None:
        self._hook = hook
        self._claims = claims
        self._journal = journal
        self._guard = guard
        self._first_try = first_try
        self._resumable = resumable
        self._lookup = Lookup(hook, claims, since=since, check_others=check_others)
        self._stored: Mapping[Claim, Entry] = {}
        self._in_doubt = False
        self.failed: Claim | None = None
        self._told: set[str] = set()

    def find(self) -> dict[Claim, Batch]:
        """The batches that earlier tries have made, as far as they are worth going on with.

        Raises:
            GroqLookupError: It is not known whether there is one.
        """
        self._stored = self._journal.read(self._claims)
        recorded = self._recorded_batches()
        found = {claim: batch for claim, batch in recorded.items() if self._stored[claim].get("batch_id")}
        sought = [claim for claim in self._claims if claim not in found]
        if sought and not self._is_clearly_new():
            found |= self._listed_batches(sought, recorded)
        telemetry.resumed(self._hook.groq_conn_id, len(found))
        if found:
            self._journal.record(
                {
                    claim: {"input_file_id": batch.input_file_id or "", "batch_id": batch.id}
                    for claim, batch in found.items()
                }
            )
        return found

    def create(
        self, sources: Mapping[Claim, Input], *, metadata: Mapping[str, str] | None = None, **options: Any
    ) -> dict[Claim, Batch]:
        """Make batches, and return those that there are in the end: another process may have made some meanwhile.

        Of many, `wave.UPLOADS_AT_ONCE` are made at the same time, and `Input.upload` is called in other threads.

        Args:
            sources: The requests of each claim that has no batch.
            metadata: The user's, for all of them.
            options: For `GroqHook.create_batch`.

        Raises:
            GroqLookupError: It is not known whether a batch was made.
            TaskStoppedError: The task was stopped, or Airflow has given this try up.
            GroqError: A batch could not be made. The journal has those that were.
        """
        files = None if self._is_clearly_new() else UploadedFiles(self._hook, self._lookup, self._stored, sources)
        wave = Wave(sources, journal=self._journal, guard=self._guard)
        self._hook.get_conn()  # made once, before threads share it

        def make(claim: Claim) -> Batch:
            source = sources[claim]
            file_id = files.find(claim, source) if files else None
            file_id = file_id or source.upload(claim.file_name(source.stem))
            return self._sent(wave, claim, file_id, {**options, "metadata": claim.metadata(metadata)})

        try:
            wave.run(make)
        except BaseException:
            self.failed = wave.failed
            if wave.unrecorded and wave.made and not self._guard.stopped:
                # Another try may have made these meanwhile, as while this one was frozen, and looks for no others.
                self._without_rivals(wave.made)
            raise
        if self._are_alone(wave):
            return wave.made
        kept = self._without_rivals(wave.made)
        wave.settle(kept)
        return kept

    def _is_clearly_new(self) -> bool:
        """Whether no batch can exist for this task yet: Airflow says so, and no entry says otherwise."""
        return self._first_try and not self._stored

    def _recorded_batches(self) -> dict[Claim, Batch]:
        """Those whose ids earlier tries have written down."""
        ids = {
            claim: batch_id
            for claim, entry in self._stored.items()
            if (batch_id := entry.get("batch_id") or entry.get("made_id"))
        }
        found = recorded_batches(self._hook, ids.values())
        return {
            claim: found[batch_id]
            for claim, batch_id in ids.items()
            if batch_id in found and self._is_worthy(found[batch_id], "the last try")
        }

    def _listed_batches(self, claims: Sequence[Claim], recorded: Mapping[Claim, Batch]) -> dict[Claim, Batch]:
        """Those in Groq's listing, which may show late what was made just before the last try was killed.

        Args:
            claims: Whose.
            recorded: Batches that are there, and may have doubles.
        """
        late = {claim for claim in claims if claim not in recorded and self._may_be_late(claim)}
        found: dict[Claim, Batch] = {}
        for pause in LOOKUPS if late else LOOKUPS[:1]:
            self._guard.sleep(pause)
            listed = self._lookup.batches()
            there = {claim: [*listed.get(claim, ())] for claim in claims}
            for claim in recorded.keys() & there.keys():
                if recorded[claim].id not in {batch.id for batch in there[claim]}:
                    there[claim].append(recorded[claim])
            worthy = {
                claim: [batch for batch in batches if self._is_worthy(batch, "an earlier try")]
                for claim, batches in there.items()
            }
            found = only_ones(self._hook, worthy)
            if late <= found.keys():
                break
        return found

    def _may_be_late(self, claim: Claim) -> bool:
        """Whether a batch may have been created that only the listing has."""
        entry = self._stored.get(claim, {})
        return not self._journal.legible or bool(entry and not (entry.get("batch_id") or entry.get("made_id")))

    def _is_worthy(self, batch: Batch, made_by: str) -> bool:
        """Whether to resume it. If not, the reason is logged."""
        worthy = self._is_resumable(batch)
        if not worthy and batch.id not in self._told:
            self._told.add(batch.id)
            log.info("Batch %s of %s is %s, and is not resumed.", batch.id, made_by, batch.status)
        return worthy

    def _is_resumable(self, batch: Batch) -> bool:
        return self._resumable(batch, time.time())

    def _sent(self, wave: Wave, claim: Claim, file_id: str, options: dict[str, Any]) -> Batch:
        """Send the creation; if its response is lost, search before it is resent."""
        for _ in range(SENDINGS):
            sent_at = time.time()
            try:
                return retry_not_found(self._sent_if_wanted, wave, claim, file_id, options)
            except GroqLostAnswerError as error:
                lost = error
            log.warning("%s Searching for the batch at Groq.", lost)
            self._in_doubt = True
            if found := self._made_after_all(claim, file_id, sent_at):
                telemetry.submitted(self._hook.groq_conn_id)
                log.info("Found it: batch %s was created.", found.id)
                return found
        raise GroqLookupError(f"{lost} This happened {SENDINGS} times, and no batch was found at Groq.") from lost

    def _sent_if_wanted(self, wave: Wave, claim: Claim, file_id: str, options: dict[str, Any]) -> Batch:
        """Send it, and again where Groq puts it off; before each time a try that was stopped or given up ends."""

        def pause(seconds: float) -> None:
            # A proxy can say that it was not done though it was.
            self._in_doubt |= seconds > 0
            wave.may_send(claim, file_id, after=seconds)

        pause(0)
        return self._hook.create_batch(file_id, sleep=pause, **options)

    def _made_after_all(self, claim: Claim, file_id: str, sent_at: float) -> Batch | None:
        # Told to stop or not: if there is a batch, what becomes of it is to be decided.
        for pause in LOOKUPS:
            time.sleep(pause)
            made = self._lookup.batches_of(claim, file_id, sent_at=sent_at)
            if found := oldest(filter(self._is_resumable, made)):
                return found
        return None

    def _are_alone(self, wave: Wave) -> bool:
        """Whether no other process can have made a batch of these claims at the same time; records them if so.

        Airflow gives the first try up before another one begins. So if it takes the entries of a first try after
        the batches were made, another one finds the batches.
        """
        for_one_try = any(claim.identity.only for claim in wave.made)
        if self._in_doubt or not (for_one_try or (self._first_try and wave.confirmed)):
            return False
        try:
            return wave.settle(wave.made) or for_one_try
        except GroqError as error:
            log.info("Searching for batches of other tries: %s", error)
            return for_one_try

    def _without_rivals(self, made: Mapping[Claim, Batch]) -> dict[Claim, Batch]:
        """The oldest batch of each claim, as soon as the listing shows those that were made."""
        try:
            listed = self._listed_with(made)
        except GroqLookupError as error:
            log.warning(
                "Could not check whether %s has a duplicate: %s",
                names_of(batch.id for batch in made.values()),
                error,
            )
            return {**made}
        oldest_ones = only_ones(
            self._hook, {claim: [*filter(self._is_resumable, listed[claim].values())] for claim in made}
        )
        kept = {**made, **oldest_ones}
        for claim, batch in kept.items():
            if batch.id != made[claim].id:
                log.warning("Resuming batch %s, which another process created for this task.", batch.id)
                self._guard.forget(made[claim].id)
                self._guard.watch(batch.id)
        return kept

    def _listed_with(self, made: Mapping[Claim, Batch]) -> dict[Claim, dict[str, Batch]]:
        """The batches of each claim by id, those that were made among them."""
        listed: dict[Claim, dict[str, Batch]] = {}
        for pause in LOOKUPS:
            time.sleep(pause)
            beside = self._lookup.batches_beside(made)
            listed = {claim: {batch.id: batch for batch in beside.get(claim, ())} for claim in made}
            if all(batch.id in listed[claim] for claim, batch in made.items()):
                return listed
        unlisted = [batch.id for claim, batch in made.items() if batch.id not in listed[claim]]
        log.warning("Not in Groq's listing yet, so a duplicate may go unnoticed: %s.", names_of(unlisted))
        return {claim: {batch.id: batch, **listed[claim]} for claim, batch in made.items()}
