"""What `GroqDownloadBatchResultsOperator` does when its task runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_groq import telemetry
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches import polling
from airflow_provider_groq.batches.outcome import batch_problem, describe, results_pending, warning
from airflow_provider_groq.batches.rendered import check_id
from airflow_provider_groq.exceptions import (
    GroqBatchFailedError,
    GroqBatchNotEndedError,
    GroqBatchResultsPendingError,
)
from airflow_provider_groq.hooks.errors import fail_for_good, retry_not_found
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.operators import outlets
from airflow_provider_groq.operators.deleting import delete_files
from airflow_provider_groq.storage.landing import Landed, land, record, recorded
from airflow_provider_groq.storage.paths import check_writable

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

    from airflow_provider_groq.operators.batch import GroqDownloadBatchResultsOperator


def execute(operator: GroqDownloadBatchResultsOperator, context: Context) -> dict[str, Any]:
    """Land the results, and return the manifest."""
    operator.linked_batch_id = operator.batch_id
    with fail_for_good(), GroqHook(operator.groq_conn_id) as hook:
        check_id("batch_id", operator.batch_id)
        # Before Groq is asked for anything, so that a path of no use is known at once.
        folder = check_writable("output_path", operator.output_path)
        outlets.check(operator, folder)
        landed = recorded(folder, operator.batch_id)
        if landed is None:
            landed = _land(operator, context, hook, folder)
        else:
            operator.lineage.note_ids([operator.batch_id], status=landed.manifest["status"])
            operator.log.info("An earlier try already landed the results of batch %s.", operator.batch_id)
        operator.lineage.note_download(landed.manifest, operator.output_path)
        operator.lineage.note_storage(folder)
        outlets.announce(operator, context, landed.manifest, folder, partitions=outlets.partitions_of(operator))
        if operator.delete_files:
            delete_files(hook, *landed.file_ids)
        return landed.manifest


def _land(
    operator: GroqDownloadBatchResultsOperator, context: Context, hook: GroqHook, folder: ObjectStoragePath
) -> Landed:
    """Land the results; if Groq's files are to be deleted, record that first."""
    batch = _ended(hook, operator.batch_id)
    operator.lineage.note_batch(batch)
    reasons = hook.failure_reasons(batch)
    wrong = batch_problem(batch, reasons=reasons)
    nothing_to_land = not (batch.output_file_id or batch.error_file_id) and isinstance(wrong, GroqBatchFailedError)
    if wrong and (nothing_to_land or isinstance(wrong, GroqBatchResultsPendingError)):
        # To land a failed batch once more does not help, whatever it failed for.
        wrong.retryable = not nothing_to_land
        raise wrong
    with telemetry.span(telemetry.LAND, operator.groq_conn_id, batch_id=batch.id):
        ti: Any = context["ti"]
        run, task = (ti.dag_id, ti.run_id), (ti.task_id, ti.map_index)
        landed = land(hook, batch, operator.output_path, run=run, task=task)
    if operator.delete_files:
        record(landed, folder)
    manifest = landed.manifest
    telemetry.landed(operator.groq_conn_id, manifest["requests"])
    telemetry.tokens(operator.groq_conn_id, manifest["tokens"])
    rows = ", ".join(f"{count:,} {name}" for name, count in manifest["requests"].items() if count)
    operator.log.info("Landed the results of batch %s under %s: %s.", batch.id, operator.output_path, rows)
    if said := str(wrong or "") or warning(batch, reasons):
        operator.log.warning(said)
    unreadable, missing = manifest["lines"]["unreadable"], manifest["requests"]["missing"]
    if unreadable or missing:
        operator.log.warning(
            "Batch %s: %s lines of its files cannot be read, and %s requests have no line.",
            batch.id,
            f"{unreadable:,}",
            f"{missing:,}",
        )
    return landed


def _ended(hook: GroqHook, batch_id: str) -> Batch:
    """The batch, which must have ended; if its result files are not there yet, they are waited for."""
    batch = retry_not_found(hook.get_batch, batch_id)
    if not batch.terminal:
        raise GroqBatchNotEndedError(
            f"{describe(batch)} Its results exist only after it has ended: wait for it first, "
            "for example with GroqBatchSensor.",
            batch_id=batch.id,
        )
    if not results_pending(batch):
        return batch
    end = hook.wait_for_batch(batch_id, end_time=time.time() + 2 * polling.RESULTS_GRACE)
    return end.batch or batch
