"""How batches of a job are cancelled: those of a round that is given up, and those that nobody waits for any more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.exceptions import GroqError, TaskStoppedError
from airflow_provider_groq.operators.job.job_run import JobRun
from airflow_provider_groq.operators.job.journal import RoundJournal

CANCELS_AT_ONCE = 8


def give_up(job: JobRun, journal: RoundJournal) -> None:
    """Write down that a round is given up: the job sends no more of it, and cancels its batches.

    Raises:
        TaskStoppedError: Airflow has given this try up.
    """
    if job.store.superseded():
        raise TaskStoppedError("Airflow gave up this try, and may have started another one: stopping.")
    journal.stop(time.time())


def cancel_running(job: JobRun, batch_ids: Sequence[str]) -> bool:
    """Cancel those of these batches that neither have ended nor are being cancelled; whether there were any."""
    try:
        found = job.hook.get_batches(batch_ids)
    except GroqError:  # a batch that cannot be asked for may be cancelled all the same
        found = {}
    running = [id_ for id_ in batch_ids if not ((batch := found.get(id_)) and _is_ending(batch))]
    cancel(job, running)
    return bool(running)


def _is_ending(batch: Batch) -> bool:
    return batch.terminal or batch.status == BatchStatus.CANCELLING


def cancel(job: JobRun, batch_ids: Sequence[str]) -> None:
    """Cancel batches, many at once. One that cannot be cancelled may have ended; the wait shows it."""

    def cancelled(batch_id: str) -> None:
        try:
            job.hook.cancel_batch(batch_id)
        except GroqError as error:
            job.operator.log.warning("Batch %s could not be cancelled: %s", batch_id, error)

    if batch_ids:
        job.hook.get_conn()  # made once, before the threads use it
        with ThreadPoolExecutor(CANCELS_AT_ONCE) as pool:
            list(pool.map(cancelled, batch_ids))
