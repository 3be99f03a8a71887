"""What `GroqCancelBatchOperator` does when its task runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.batches.outcome import describe, problem
from airflow_provider_groq.batches.rendered import check_id
from airflow_provider_groq.exceptions import GroqAPIError
from airflow_provider_groq.hooks.errors import fail_for_good, retry_not_found
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.operators import waiting
from airflow_provider_groq.submission.kill import Guard

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_groq.operators.batch import GroqCancelBatchOperator


def execute(operator: GroqCancelBatchOperator, context: Context) -> str:
    """Cancel the batch, and wait for its end if asked."""
    with fail_for_good(), GroqHook(operator.groq_conn_id) as hook:
        guard = Guard(context, hook.get_conn().settings)
        with waiting.guarded_by(operator, guard):
            batch = _cancel(operator, hook)
            what = "Cancelling" if batch.status == BatchStatus.CANCELLING else "Found"
            waiting.make_known(operator, context, batch, guard, what=what)
            operator.log.info(describe(batch))
            if batch.terminal or not operator.wait_for_completion:
                return batch.id
            end_time = time.time() + operator.timeout
            return cast("str", waiting.wait(operator, context, hook, batch, guard=guard, end_time=end_time))


def finish(operator: GroqCancelBatchOperator, end: WaitEnd) -> str:
    """End the task: however the batch has ended, it no longer runs."""
    if end.batch:
        operator.lineage.note_batch(end.batch)
    if end.reason != "terminal" and (wrong := problem(end)):
        raise wrong
    return end.batch_id


def _cancel(operator: GroqCancelBatchOperator, hook: GroqHook) -> Batch:
    batch = retry_not_found(hook.get_batch, check_id("batch_id", operator.batch_id))
    if batch.terminal or batch.status == BatchStatus.CANCELLING:
        operator.log.info("Batch %s is already %s; nothing to cancel.", batch.id, batch.status)
        return batch
    try:
        return hook.cancel_batch(batch.id)
    except GroqAPIError:
        # It may have ended, or been cancelled, since it was asked for.
        batch = hook.get_batch(batch.id)
        if not batch.terminal and batch.status != BatchStatus.CANCELLING:
            raise
        return batch
