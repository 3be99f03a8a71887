"""What `GroqCreateBatchOperator` does when its task runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from airflow_provider_groq import telemetry
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.batches.identity import Claim, check_metadata
from airflow_provider_groq.batches.options import check_options, default_timeout
from airflow_provider_groq.batches.outcome import describe, duration, problem, results_pending, warning
from airflow_provider_groq.batches.rendered import SKIPPED, check_id
from airflow_provider_groq.exceptions import GroqBatchError, GroqBatchResultsPendingError, GroqBatchTimeoutError
from airflow_provider_groq.hooks.errors import fail_for_good
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.operators import waiting
from airflow_provider_groq.operators.deleting import delete_files
from airflow_provider_groq.operators.models import check_models
from airflow_provider_groq.storage.inputs import open_input
from airflow_provider_groq.submission.kill import Guard
from airflow_provider_groq.submission.state_store import StateStore
from airflow_provider_groq.submission.submit import Submission
from airflow_provider_groq.submission.tries import current_try

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_groq.operators.batch import GroqCreateBatchOperator


def execute(operator: GroqCreateBatchOperator, context: Context) -> str:
    """Create the batch, or resume the one of an earlier try, and wait for it."""
    with fail_for_good(), GroqHook(operator.groq_conn_id) as hook:
        operator.check_inputs(hint=f" {SKIPPED}")
        if operator.input_file_id:
            check_id("input_file_id", operator.input_file_id)
        check_options(
            endpoint=operator.endpoint, completion_window=operator.completion_window, metadata=operator.metadata
        )
        check_metadata(operator.metadata)
        store = StateStore(context)
        guard = Guard(
            context,
            hook.get_conn().settings,
            superseded=store.superseded,
            cancel_on_kill=operator.cancel_on_kill,
            cancel_on_timeout=operator.cancel_on_timeout,
            reattach=operator.reattach,
        )
        with waiting.guarded_by(operator, guard):
            batch = _batch(operator, context, hook, store, guard)
            if not operator.wait_for_completion:
                return batch.id
            end_time = time.time() + _timeout(operator)
            return cast("str", waiting.wait(operator, context, hook, batch, guard=guard, end_time=end_time))


def finish(operator: GroqCreateBatchOperator, context: Context, end: WaitEnd) -> str:
    """End the task as its batch has ended."""
    fate = ""
    if end.reason == "timeout":
        end, fate = waiting.last_poll(operator, context, end, cancel=operator.cancel_on_timeout)
    reasons = ""
    with GroqHook(operator.groq_conn_id) as hook:
        if end.batch:
            operator.lineage.note_batch(end.batch)
            if not results_pending(end.batch):  # else the next try tells it
                telemetry.ended(operator.groq_conn_id, end.batch)
            reasons = hook.failure_reasons(end.batch)
        wrong = problem(end, fail_on_partial_error=operator.fail_on_partial_error, reasons=reasons)
        if end.batch and operator.delete_files and not _is_input_needed(operator, wrong):
            delete_files(hook, end.batch.input_file_id)
    if isinstance(wrong, GroqBatchTimeoutError):
        raise GroqBatchTimeoutError(f"{wrong} {fate}", batch_id=end.batch_id)
    if wrong is not None:
        raise wrong
    if end.batch and (said := warning(end.batch, reasons)):
        operator.log.warning(said)
    return end.batch_id


def _is_input_needed(operator: GroqCreateBatchOperator, wrong: GroqBatchError | None) -> bool:
    """Whether another try needs the input file: it was not uploaded here, or its name may mark the batch to resume."""
    return wrong is not None and (bool(operator.input_file_id) or isinstance(wrong, GroqBatchResultsPendingError))


def _batch(
    operator: GroqCreateBatchOperator, context: Context, hook: GroqHook, store: StateStore, guard: Guard
) -> Batch:
    """The batch to wait for."""
    this = current_try(context, reattach=operator.reattach)
    given = operator.input_path if operator.requests is None else operator.requests
    with open_input(
        hook, given, file_id=operator.input_file_id, endpoint=operator.endpoint, stem=operator.task_id
    ) as source:
        operator.lineage.note_input(operator.input_path, source.lines, source.bytes, source.first_lines)
        claim = Claim(this.identity, source.digest)
        submission = Submission(hook, [claim], journal=store, guard=guard, first_try=this.first, since=this.since)
        batch = submission.find().get(claim) if operator.reattach else None
        if batch is not None:
            age = f", {duration(max(0.0, time.time() - batch.created_at))} ago" if batch.created_at else ""
            operator.log.info("An earlier try created this task's batch%s. %s", age, describe(batch))
            waiting.make_known(operator, context, batch, guard, what="Resuming")
            return batch
        check_models(operator, hook, {"line": source.first_lines})
        made = submission.create(
            {claim: source},
            endpoint=operator.endpoint,
            completion_window=operator.completion_window,
            metadata=operator.metadata,
        )
        batch = made[claim]
    waiting.make_known(operator, context, batch, guard, what="Created")
    return batch


def _timeout(operator: GroqCreateBatchOperator) -> float:
    if operator.timeout is not None:
        return operator.timeout
    return default_timeout(operator.completion_window)
