"""Which batches are a task's of common-ai's, and how one is made and found again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import BinaryIO

from airflow.sdk import get_current_context

from airflow_provider_groq import telemetry
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.identity import Claim, Identity, may_be_taken_up
from airflow_provider_groq.batches.outcome import describe
from airflow_provider_groq.exceptions import GroqLookupError, GroqLostAnswerError
from airflow_provider_groq.hooks.errors import retry_not_found
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.jobs.requests.form import CHAT
from airflow_provider_groq.submission import submit
from airflow_provider_groq.submission.lookup import WAY_OUT, Lookup

log = logging.getLogger(__name__)

KEY, FINGERPRINT = "idempotency_key", "input_fingerprint"
"""The metadata by which common-ai wants a batch to be found again."""

NAMESPACE = "common-ai"
"""Keeps these identities apart from those of tasks of this package, which have the id of a Dag run."""


def claim_of(key: str, fingerprint: str) -> Claim:
    """What has a right to one batch: a task of common-ai's with one input."""
    return Claim(Identity(NAMESPACE, "", key), fingerprint)


class Batches:
    """Makes and finds the batch of one claim.

    Args:
        hook: Groq.
        key: What common-ai identifies the task by.
        fingerprint: What it identifies the input by.
    """

    def __init__(self, hook: GroqHook, key: str, fingerprint: str) -> None:
        self._hook = hook
        self._key = key
        self._claim = claim_of(key, fingerprint)
        self._metadata = {KEY: key, FINGERPRINT: fingerprint, **self._claim.mark, **_owner()}

    def create(self, file: BinaryIO, *, completion_window: str) -> Batch:
        """Upload an input file and make a batch of it. If the answer is lost, the batch is looked for.

        Raises:
            GroqLostAnswerError: It was lost, and no batch is there: it may still come.
            GroqLookupError: It was lost, and whether there is a batch could not be looked up.
        """
        file_id = self._hook.upload_file(file, filename=self._claim.file_name(self._key)).id
        sent_at = time.time()
        try:
            return retry_not_found(
                self._hook.create_batch,
                file_id,
                endpoint=CHAT,
                completion_window=completion_window,
                metadata=self._metadata,
            )
        except GroqLostAnswerError as error:
            log.warning("%s Searching for the batch at Groq.", error)
            lookup = Lookup(self._hook, [self._claim], since=sent_at)
            if found := _newest(lambda: lookup.batches_of(self._claim, file_id, sent_at=sent_at)):
                telemetry.submitted(self._hook.groq_conn_id)
                log.info("Found it: batch %s was created.", found.id)
                return found
            raise

    def find(self, not_before: str) -> Batch | None:
        """The newest batch that was made since then and is worth going on with.

        Args:
            not_before: A time in the form of ISO 8601; "" for any.

        Raises:
            GroqLookupError: It is not known whether there is one.
        """
        since = datetime.fromisoformat(not_before).timestamp() if not_before else 0.0
        lookup = Lookup(self._hook, [self._claim], since=since)
        return _newest(lambda: lookup.batches().get(self._claim, ()))


def _newest(look: Callable[[], Iterable[Batch]]) -> Batch | None:
    """The newest batch worth resuming, searched for several times: a new batch may be late in the listing."""
    for pause in submit.LOOKUPS:
        time.sleep(pause)
        try:
            found = [*look()]
        except GroqLookupError as error:
            # What else can be done is an argument that common-ai's operators do not have.
            raise GroqLookupError(str(error).removesuffix(WAY_OUT).strip(), retryable=error.retryable) from error
        worthy = [batch for batch in found if may_be_taken_up(batch, time.time())]
        for batch in found:
            if batch not in worthy:
                log.info("%s It belongs to this task, but is not resumed.", describe(batch))
        if worthy:
            return max(worthy, key=lambda batch: (batch.created_at or 0, batch.id))
    return None


def _owner() -> Mapping[str, str]:
    """For people: whose the batch is, as far as that is known."""
    try:
        ti = get_current_context()["ti"]
    except RuntimeError:  # not called by a task
        return {}
    return Identity(ti.dag_id, ti.task_id, ti.run_id, -1 if ti.map_index is None else ti.map_index).readable()
