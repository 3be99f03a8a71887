"""A try of a job, from its rows to its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_groq.api.text import counted
from airflow_provider_groq.batches.events import BriefEvent
from airflow_provider_groq.batches.identity import check_metadata
from airflow_provider_groq.batches.options import check_options
from airflow_provider_groq.compat import AirflowTaskTimeout
from airflow_provider_groq.exceptions import GroqJobError
from airflow_provider_groq.hooks.errors import fail_for_good
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.jobs.seals import JobSeal
from airflow_provider_groq.operators import outlets, waiting
from airflow_provider_groq.operators.job import dry_run, ending, rounds, start
from airflow_provider_groq.operators.job.cancels import cancel
from airflow_provider_groq.operators.job.job_run import JobRun
from airflow_provider_groq.submission.last_seen import end_waiting
from airflow_provider_groq.submission.tries import has_retries_left

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator


def execute(operator: GroqBatchInferenceOperator, context: Context) -> dict[str, Any]:
    """Run or resume the job, and return the manifest; for a dry run, the estimate."""
    with _job(operator, context) as job:
        if operator.is_dry_run:
            return dry_run.estimate(job)
        # What is there before the first try is of a run of the same name that was deleted.
        landed = None if job.this.first else ending.landed(job)
        if landed:
            return landed
        return _finish(job, start.sealed(job))


def resume(
    operator: GroqBatchInferenceOperator, context: Context, event: dict[str, Any], *, execution_timeout_ends: bool
) -> dict[str, Any]:
    """Resume after the trigger has fired.

    Raises:
        AirflowTaskTimeout: ``execution_timeout`` passed while the task was deferred.
    """
    with _job(operator, context) as job:
        with job.in_work():
            seal = job.work.seal()
        if seal is None:
            raise GroqJobError(
                f"The job's work folder {job.work.path} is gone, but its batches were running. If it is on "
                "another worker, set work_path to a folder that all workers share."
            )
        late = [id_ for end in BriefEvent.read(event).brief if end.reason == "timeout" for id_ in end.batch_ids]
        if late and execution_timeout_ends:
            _end_with_execution_timeout(job, late)
        return _finish(job, seal, deferred=True)


def _finish(job: JobRun, seal: JobSeal, *, deferred: bool = False) -> dict[str, Any]:
    job.operator.lineage.note_read(seal.read)
    job.operator.lineage.accounts |= seal.accounts
    rounds.complete(job, seal, deferred=deferred)
    return ending.end(job, seal)


@contextmanager
def _job(operator: GroqBatchInferenceOperator, context: Context) -> Iterator[JobRun]:
    with fail_for_good(), GroqHook(operator.groq_conn_id) as hook:
        check_options(
            endpoint=operator.endpoint, completion_window=operator.completion_window, metadata=operator.metadata
        )
        check_metadata(operator.metadata, rounds=True)
        job = JobRun.of(operator, context, hook)
        outlets.check(operator, job.output)
        with waiting.guarded_by(operator, job.guard):
            yield job


def _end_with_execution_timeout(job: JobRun, batch_ids: list[str]) -> None:
    end_waiting(job.context)
    # With retries left, the next try resumes the batches.
    number = counted(len(batch_ids), "batch", "batches")
    fate = f"Still running at Groq: {number}."
    if job.operator.cancel_on_timeout and not has_retries_left(job.context["ti"]) and not job.store.superseded():
        cancel(job, batch_ids)
        fate = f"Cancelled: {number} (cancel_on_timeout=True)."
    raise AirflowTaskTimeout(f"execution_timeout passed. {fate}")
